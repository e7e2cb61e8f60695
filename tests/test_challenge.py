"""asc predict --dataset --format dcase: the files that challenges take, column by column."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pytest

from asc_cli import report, workflow
from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.datasets import Unlabelled, cas2023
from asc_cli.protocol.evaluation_set import open_evaluation_set
from asc_cli.recipe import load as recipe
from asc_cli.report.writers import challenge
from tests.conftest import SMALL, Asc, Once
from tests.datasets import recent
from tests.datasets.test_recent import noise

# the fields that the validators of DCASE 2020 and 2024 require, in their order
FIELDS = (
    *("filename", "scene_label", "airport", "bus", "metro", "metro_station", "park"),
    *("public_square", "shopping_mall", "street_pedestrian", "street_traffic", "tram"),
)
WITH_PROBABILITIES = ("tau2020_mobile", "tau2022_mobile")
LABELS_ALONE = ("tut2016", "tut2018", "tut2018_mobile", "tau2019")


def written(name: str) -> str:
    """What is written for two recordings of a dataset whose second scene is likeliest."""
    dataset = plugins.load("datasets", name).DATASET
    form = dataset.challenge
    share = {scene: 0.5 / (len(dataset.labels) - 1) for scene in dataset.labels}
    row = {"scene": dataset.labels[1], "scenes": {**share, dataset.labels[1]: 0.5}}
    names = {"/eval/audio/1.wav": "audio/1.wav", "/eval/audio/0.wav": "audio/0.wav"}
    made = report.Form(names, dataset.labels, form.header, form.probabilities, form.delimiter)
    return challenge.text(made, dict.fromkeys(reversed(names), row))


@pytest.mark.parametrize("name", LABELS_ALONE)
def test_until_2019_a_row_is_a_name_and_a_label(name: str):
    """As the example of DCASE 2016 (audio/178.wav<TAB>residential_street), no header."""
    label = plugins.load("datasets", name).DATASET.labels[1]
    assert written(name) == f"audio/1.wav\t{label}\naudio/0.wav\t{label}\n"


@pytest.mark.parametrize("name", WITH_PROBABILITIES)
def test_from_2020_on_there_is_a_header_and_a_probability_for_each_scene(name: str):
    share = repr(0.5 / 9)
    values = [share, "0.5", *[share] * 8]
    rows = [["audio/1.wav", "bus", *values], ["audio/0.wav", "bus", *values]]
    assert written(name) == "".join("\t".join(row) + "\n" for row in [[*FIELDS], *rows])


def test_of_icme_2024_the_list_itself_is_filled_in(tmp_path: Path):
    names = [f"{i:032x}{i + 1}_1" for i in range(2)]
    text = "".join(f"{line}\n" for line in ("filename,scene_label", *(f"{n}," for n in names)))
    recent.write(tmp_path / cas2023.EVALUATION_LIST, text.encode())
    for name in names:
        recent.write(tmp_path / f"ICME2024_GC_ASC_eval/{name}.wav", b"")
    opened = open_evaluation_set("cas2023", tmp_path)
    assert [each.name for each in opened.recordings] == names
    expected = "filename,scene_label\naudio/1.wav,Airport\naudio/0.wav,Airport\n"
    assert written("cas2023") == expected


def evaluation_set(root: Path, n: int = 4, list_name: str = "fold1_test.csv") -> Path:
    """audio/0.wav and so on, listed from the last to the first; of every device in turn."""
    rows = [f"audio/{i}.wav\t{'ab'[i % 2]}" for i in reversed(range(n))]
    for i in range(n):
        recent.write(root / f"audio/{i}.wav", noise(f"scene {i}"))
    if list_name.endswith(".csv"):
        rows = ["filename\tdevice_id", *rows]
    else:
        rows = [row.partition("\t")[0] for row in rows]
    recent.write(root / "evaluation_setup" / list_name, "\r\n".join(rows).encode())
    return root


@pytest.fixture
def phones(once: Once, monkeypatch: pytest.MonkeyPatch) -> str:
    """A home with a model of the ten scenes, whose members for the devices a and b differ."""

    def make(home: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ASC_HOME", str(home))
            root = recent.make_tau(home / "tree", noise, ["a", "b"])
            sets = [*SMALL, "training.epochs=1", "fine_tune.epochs=1"]
            workflow.train(recipe.load("tau2020_mobile_lstm", sets), data=root, jobs=1)

    monkeypatch.setenv("ASC_HOME", str(once("challenge", make)))
    return "tau2020_mobile_lstm"


def validated(text: str, names: list[str]) -> dict[str, list[float]]:
    """Check a file as the validators of DCASE 2020 and 2024 do; return its probabilities."""
    rows = list(csv.reader(io.StringIO(text), delimiter="\t"))
    assert tuple(rows[0]) == FIELDS
    assert [row[0] for row in rows[1:]] == names
    for row in rows[1:]:
        assert len(row) == len(FIELDS) and row[1] in FIELDS[2:]
        assert max(map(float, row[2:])) == float(row[FIELDS.index(row[1])])
        assert sum(map(float, row[2:])) == pytest.approx(1)
    return {row[0]: [*map(float, row[2:])] for row in rows[1:]}


def test_the_file_is_in_the_lists_order_and_members_answer_by_device(
    tmp_path: Path, asc: Asc, phones: str
):
    root = evaluation_set(tmp_path / "evaluation", 6)
    file = tmp_path / "sub/Our_LAB_task1a_1.output.csv"
    words = ("predict", "--dataset", "tau2020_mobile", "--data", root, "--model", phones)
    done = asc(*words, "--format", "dcase", "--csv", file, "--jobs", 1)
    assert done.returncode == 0, done.stderr
    assert "6 recordings" in done.stdout
    names = [f"audio/{i}.wav" for i in reversed(range(6))]
    shares = validated(file.read_bytes().decode(), names)
    for i in (0, 1):  # the member of its own device, as --recording-device chooses it
        (row,) = workflow.predict(root / f"audio/{i}.wav", model=phones, device="ab"[i])
        assert shares[f"audio/{i}.wav"] == pytest.approx(list(row.scenes.values()), abs=1e-6)
    plain = asc(*words, "--json", "--recording-device", "a")
    assert plain.stdout.count('"file"') == 6


def test_lists_of_2016_to_2018_are_names_alone(tmp_path: Path, asc: Asc, phones: str):
    root = evaluation_set(tmp_path / "evaluation", 2, "test.txt")
    file = tmp_path / "task1_results.txt"
    words = ("predict", "--dataset", "tut2018", "--data", root, "--model", phones)
    assert asc(*words, "--format", "dcase", "--csv", file).returncode == 0
    lines = [line.split("\t") for line in file.read_text().splitlines()]
    assert [name for name, _ in lines] == ["audio/1.wav", "audio/0.wav"]
    assert {label for _, label in lines} <= {*FIELDS[2:]}


def test_a_file_that_lacks_a_recording_is_not_written(tmp_path: Path, asc: Asc, phones: str):
    root = evaluation_set(tmp_path / "evaluation")
    (root / "audio/2.wav").write_bytes(b"no audio")
    file = tmp_path / "out.csv"
    words = ("predict", "--dataset", "tau2020_mobile", "--data", root, "--model", phones)
    done = asc(*words, "--format", "dcase", "--csv", file)
    assert done.returncode == 1 and not file.exists()
    assert "the challenge's file needs all recordings, and 1 of 4 cannot be predicted" in " ".join(
        done.stderr.split()
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--format", "dcase"), "--format dcase: only with --dataset"),
        (("--data", "."), "--data: only with --dataset"),
        (("--dataset", "tau2019", "--format", "xml"), "--format xml: csv or dcase was expected"),
        (("--dataset", "tau2019", "--format", "dcase"), "--csv with the file to write was exp"),
        (
            ("--dataset", "tau2019", "--format", "dcase", "--csv", "x.csv", "--threshold", "0.5"),
            "--threshold: not with --format dcase",
        ),
        (("--dataset", "tau2019"), "no folder .*of the evaluation set of DCASE 2019 Task 1A"),
        (("--dataset", "tut2017"), "asc has the form of no challenge's file for it"),
        (("--dataset", "tau2o19"), "did you mean tau2019"),
    ],
)
def test_options_that_do_not_belong_together(asc: Asc, words: tuple[str, ...], message: str):
    with pytest.raises(AscError, match=message):
        raise AscError(" ".join(asc("predict", *words).stderr.split()))


def test_names_beside_the_list_and_models_of_other_scenes_are_refused(
    tmp_path: Path, asc: Asc, phones: str
):
    root = evaluation_set(tmp_path / "evaluation", 2, "test.txt")
    words = ("predict", "--data", root, "--model", phones, "--dataset")
    assert "its list names the recordings" in asc(*words, "tut2018", root / "audio/0.wav").stderr
    more = ("--format", "dcase", "--csv", tmp_path / "x.csv")
    done = asc(*words, "tut2016", *more)
    assert "has other scenes than tut2016; its scenes: airport, bus" in " ".join(
        done.stderr.split()
    )


def test_sets_that_are_not_whole_are_refused(tmp_path: Path):
    root = evaluation_set(tmp_path / "evaluation")
    opened = open_evaluation_set("tau2022_mobile", root)
    assert opened.recordings[0] == Unlabelled("audio/3.wav", "audio/3.wav", "b")
    os.unlink(root / "audio/1.wav")
    with pytest.raises(AscError, match=r"1 of 4 listed recordings are missing, the first: audio/1"):
        open_evaluation_set("tau2022_mobile", root)
    path = root / "evaluation_setup/fold1_test.csv"
    path.write_text("filename\naudio/0.wav\naudio/0.wav\n")
    with pytest.raises(AscError, match=r"its list names audio/0\.wav 2 times"):
        open_evaluation_set("tau2022_mobile", root)
    path.write_text("filename\n")
    with pytest.raises(AscError, match="its list names no recordings"):
        open_evaluation_set("tau2022_mobile", root)
    (path.parent / "fold1_train.csv").touch()
    with pytest.raises(AscError, match=r"holds a development set \(fold1_train\.csv\)"):
        open_evaluation_set("tau2022_mobile", root)
    with pytest.raises(AscError, match=r"fold1_test\.csv: this list of the dataset is missing"):
        open_evaluation_set("tau2022_mobile", tmp_path)


def test_every_challenge_has_a_reader_and_says_where_its_form_was_read():
    for name in plugins.names("datasets"):
        module = plugins.load("datasets", name)
        assert (module.DATASET.challenge is None) == (not hasattr(module, "read_evaluation")), name
        assert module.DATASET.challenge is None or module.DATASET.challenge.form_read
