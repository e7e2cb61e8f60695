"""Scores that can be trusted: no leak in a fold, the conditions beside the figure, remarks."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from asc_cli import workflow
from asc_cli.audio import hashing
from asc_cli.core import atomic, plugins
from asc_cli.core.errors import AscError
from asc_cli.datasets import Recording
from asc_cli.evaluation import conditions, intervals, scoring
from asc_cli.evaluation.conditions import Conditions, FoldConditions
from asc_cli.evaluation.predictions import Predictions
from asc_cli.frontend import index
from asc_cli.protocol import holdout
from asc_cli.protocol.fingerprint import fingerprint, fingerprint_0_1
from asc_cli.protocol.source import open_source
from asc_cli.recipe import load as recipe
from asc_cli.recipe.changes import changes
from asc_cli.registry import models
from asc_cli.training import run as run_of_folds
from tests.conftest import SMALL, Asc, Once

RATE = 8_000
SETTINGS = ("dataset=table", "features.sample_rate=8000", "clips.length_s=0.2")


def small(*more: str) -> recipe.Recipe:
    return recipe.load("toy_lstm", [*SMALL, *SETTINGS, "training.epochs=1", *more])


def noise(seed: int, n: int = 4_000) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(n)).astype("f4")


def write_table(folder: Path) -> Path:
    """12 recordings of 2 scenes, 2 folds, 3 devices; fold 1 has 0 to 5."""
    folder.mkdir()
    rows = ["filename,label,fold,device"]
    for n in range(12):
        soundfile.write(folder / f"r{n}x.wav", noise(n), RATE, subtype="PCM_16")
        rows.append(f"r{n}x.wav,{'bus' if n % 2 else 'park'},{1 + n // 6},{'abc'[n % 3]}")
    path = folder / "t.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_table(tmp_path / "own")


@pytest.fixture(scope="session")
def trained_home(once: Once) -> Path:
    """A home with toy_lstm@1 of both folds of the table, and the table."""

    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ASC_HOME", str(folder / "home"))
            train(write_table(folder / "own"))

    return once("own-table", make)


@pytest.fixture
def trained(trained_home: Path, tmp_path: Path, home: Path) -> Path:
    """A copy of both; the table."""
    shutil.copytree(trained_home / "home", home, dirs_exist_ok=True)
    return shutil.copytree(trained_home / "own", tmp_path / "own") / "t.csv"


def train(table: Path, *more: str, folds: list[int] | None = None) -> workflow.Training:
    return workflow.train(small(*more), data=table, folds=folds, jobs=1)


def with_a_byte(path: Path, copy: Path) -> None:
    copy.write_bytes(path.read_bytes() + b"\0")


def with_a_chunk(path: Path, copy: Path) -> None:
    contents = path.read_bytes() + b"LIST\x0a\0\0\0INFOabcdef"
    copy.write_bytes(contents[:4] + (len(contents) - 8).to_bytes(4, "little") + contents[8:])


def as_flac(path: Path, copy: Path) -> None:
    soundfile.write(copy, soundfile.read(path, dtype="int16")[0], RATE, format="FLAC")


def as_float(path: Path, copy: Path) -> None:
    soundfile.write(copy, soundfile.read(path, dtype="f4")[0], RATE, "FLOAT", format="WAV")


def in_stereo(path: Path, copy: Path) -> None:
    samples = soundfile.read(path, dtype="int16")[0]
    soundfile.write(copy, np.stack([samples, samples], axis=1), RATE, format="WAV")


def at_another_rate(path: Path, copy: Path) -> None:
    soundfile.write(copy, soundfile.read(path, dtype="int16")[0], RATE + 1, format="WAV")


DISGUISES = [
    shutil.copyfile,
    with_a_byte,
    with_a_chunk,
    as_flac,
    as_float,
    in_stereo,
    at_another_rate,
    lambda path, copy: copy.symlink_to(path),
    lambda path, copy: os.link(path, copy),
]


@pytest.mark.parametrize("disguise", DISGUISES)
def test_equal_sound_on_both_sides_of_a_fold_is_refused(
    table: Path, disguise: Callable[[Path, Path], object]
) -> None:
    first, other = table.parent / "r0x.wav", table.parent / "r9x.wav"
    other.unlink()
    disguise(first, other)
    with pytest.raises(AscError, match="fold 1 would train on 1 of its test recordings: r0x.wav"):
        train(table)


def test_the_index_keeps_the_hash_of_the_samples(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Computed with the features, and equal to that of the file by itself."""
    monkeypatch.setattr(index, "RACY_NS", 0)
    workflow.extract(small(), data=table, jobs=1)
    for name, entry in index.read(table.parent).items():
        assert entry.audio_digest == hashing.content(table.parent / name)


def test_an_index_without_hashes_of_samples_is_completed(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "RACY_NS", 0)
    workflow.extract(small(), data=table, jobs=1)
    rows = {
        name: index.Entry(*list(vars(entry).values())[:6])
        for name, entry in index.read(table.parent).items()
    }
    assert len(rows) == 12
    index.append(table.parent, rows)
    again = workflow.extract(small(), data=table, jobs=1)
    assert (again.computed, again.reused) == (0, 12)
    assert all(entry.audio_digest for entry in index.read(table.parent).values())
    assert len(set(again.audio_digests.values())) == 12


@pytest.mark.parametrize(
    "name",
    ["/etc/x.wav", "../x.wav", "a/../../x.wav", "..", "C:\\x.wav", "c:/x.wav", "\\\\host\\x"],
)
def test_names_outside_the_folder_are_refused(table: Path, name: str) -> None:
    table.write_text(table.read_text() + f"{name},bus,2,a\n")
    with pytest.raises(AscError, match=r"t\.csv:14: .* is not in the folder that names are"):
        open_source("table", table)


@pytest.mark.parametrize("name", ["d/../r0x.wav", "././r0x.wav", ".\\r0x.wav", "./d//../r0x.wav"])
def test_a_file_has_one_spelling(table: Path, name: str) -> None:
    table.write_text(table.read_text() + f"{name},park,2,a\n")
    with pytest.raises(AscError, match="r0x.wav is (listed 2 times|in train and in test)"):
        train(table)


def test_equal_sounds_are_held_out_together() -> None:
    rows = [Recording(f"{n}.wav", "park", f"g{n}") for n in range(20)]
    plain = holdout.split(rows, 0.4, "group", (0, 1))
    audio = [str(n) for n in range(20)]
    assert holdout.split(rows, 0.4, "group", (0, 1), audio) == plain
    pair = plain[0][0], plain[1][0]  # on either side
    audio[pair[0]] = audio[pair[1]]
    for by in ("group", "recording"):
        for seed in range(20):
            fitted, _ = holdout.split(rows, 0.4, by, (seed, 1), audio)
            assert (pair[0] in fitted) == (pair[1] in fitted)


# -- asc evaluate MODEL ---------------------------------------------------------------------------


@pytest.mark.campaign
def test_a_model_is_not_scored_on_audio_that_its_member_was_trained_on(trained: Path) -> None:
    """The same lists, but each fold's files hold what the other fold's held."""
    again = workflow.evaluate("toy_lstm", data=trained, jobs=1)
    assert again["remarks"][-1]["code"] == "own-folds"
    folder = trained.parent
    for n in range(6):
        one, two = folder / f"r{n}x.wav", folder / f"r{n + 6}x.wav"
        one.rename(folder / "t")
        as_flac(two, one)
        shutil.move(folder / "t", two)
    with pytest.raises(AscError, match="member of fold 1 was trained on 6 of the 6 recordings"):
        workflow.evaluate("toy_lstm", data=trained, jobs=1)


def test_other_files_with_the_same_sound_are_no_leak(trained: Path) -> None:
    before = workflow.evaluate("toy_lstm")
    for path in trained.parent.glob("*.wav"):
        as_flac(path, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)
    again = workflow.evaluate("toy_lstm", data=trained, jobs=1)
    assert again["remarks"][-1]["code"] == "own-folds-other-audio"
    assert again["accuracy"] == pytest.approx(before["accuracy"])


def test_a_model_of_0_1_is_scored_on_its_own_audio_alone(trained: Path) -> None:
    model = models.find("toy_lstm")
    digests = [recording.digest for recording in model.training_files()]
    (model.folder / "training_files.txt").unlink()
    (model.folder / "heard.txt").write_text("".join(f"{digest}\n" for digest in digests))
    card = {k: v for k, v in model.card.items() if k not in ("files", "conditions", "checksum")}
    source = open_source("table", trained)
    files = workflow.extract(small(), data=trained, jobs=1).digests
    new, old = (make(source.listing, files) for make in (fingerprint, fingerprint_0_1))
    assert new != old and card["dataset"]["fingerprint"] == new
    card["dataset"] = {**card["dataset"], "fingerprint": old}
    (model.folder / "card.yaml").write_text(yaml.safe_dump(card))
    assert workflow.evaluate("toy_lstm", data=trained, jobs=1)["remarks"][-1]["code"] == "own-folds"
    with_a_byte(trained.parent / "r0x.wav", trained.parent / "t")
    (trained.parent / "t").replace(trained.parent / "r0x.wav")
    with pytest.raises(AscError, match="which member was trained on which of it is not recorded"):
        workflow.evaluate("toy_lstm", data=trained, jobs=1)


@pytest.mark.parametrize("disguise", DISGUISES)
def test_training_audio_in_another_file_is_no_test(
    trained: Path, tmp_path: Path, disguise: Callable[[Path, Path], object]
) -> None:
    disguise(trained.parent / "r7x.wav", tmp_path / "new.wav")
    (tmp_path / "new.csv").write_text("filename,label\nnew.wav,bus\n")
    with pytest.raises(AscError, match="was trained or tested on 1 of these 1 recordings"):
        workflow.evaluate("toy_lstm", data=tmp_path / "new.csv", jobs=1)


def test_a_submission_is_refused_where_the_index_knows_of_a_leak(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"r{n}x.wav,bus\n" for n in range(12))
    (tmp_path / "theirs.csv").write_text(f"file,label\n{rows}")
    scored = workflow.evaluate(tmp_path / "theirs.csv", data=table)
    assert "audio-not-compared" in [remark["code"] for remark in scored["remarks"]]
    monkeypatch.setattr(index, "RACY_NS", 0)
    workflow.extract(small(), data=table, jobs=1)
    scored = workflow.evaluate(tmp_path / "theirs.csv", data=table)
    assert "audio-not-compared" not in [remark["code"] for remark in scored["remarks"]]
    as_flac(table.parent / "r0x.wav", table.parent / "r9x.wav")
    workflow.extract(small(), data=table, jobs=1)
    with pytest.raises(AscError, match="r0x.wav holds the same audio as r9x.wav"):
        workflow.evaluate(tmp_path / "theirs.csv", data=table)


# -- the fingerprint ------------------------------------------------------------------------------


def test_another_device_is_another_run(trained: Path) -> None:
    first = train(trained)
    assert first.model == "toy_lstm@1"  # trained before
    trained.write_text(trained.read_text().replace(",a\n", ",other\n"))
    second = train(trained)
    assert second.run != first.run and "other" in second.metrics["devices"]


def test_a_run_of_0_1_goes_on_unless_its_devices_differ(trained: Path) -> None:
    """0.1 did not count devices: its run is found by the old fingerprint."""
    done = train(trained)
    chosen, extraction = small(), workflow.extract(small(), data=trained, jobs=1)
    old = fingerprint_0_1(extraction.source.listing, extraction.digests)
    name = f"toy_lstm-{chosen.signature(old, extraction.feature.key, code=False)}"
    run = done.run.rename(done.run.with_name(name))
    environment = atomic.read_json(run / "environment.json")
    for key in ("code", "lists_fingerprint", "dataset_fingerprint_0_1"):
        del environment[key]
    atomic.write_json(run / "environment.json", {**environment, "dataset_fingerprint": old})
    assert run_of_folds.run_of(chosen, extraction) == run
    trained.write_text(trained.read_text().replace(",a\n", ",other\n"))
    again = workflow.extract(small(), data=trained, jobs=1)
    assert run_of_folds.run_of(chosen, again) != run


# -- conditions -----------------------------------------------------------------------------------

FULL = Conditions(
    "rooms",
    tuple(FoldConditions(k, 20, 80, None, 20, 80) for k in (1, 2, 3, 4, 5)),
    5,
    recipe="esc10_lstm",
    seed=0,
    fingerprint="x",
    lists="y",
    audio_compared=True,
)


def test_full_conditions_are_the_protocol_s() -> None:
    assert FULL.unlike_protocol() == FULL.unlike_recipe() == FULL.unlike(FULL) == []
    assert FULL.summary() == ["all 5 folds", "settings of esc10_lstm", "seed 0"]
    assert conditions.read(json.loads(json.dumps(FULL.to_dict()))) == FULL


def test_what_is_missing_is_listed() -> None:
    from dataclasses import replace

    two = FULL.of_folds([1, 2, 5])
    assert two.unlike_protocol() == ["3 of 5 folds"]
    assert two.summary()[0] == "folds 1–2, 5 of 5"
    assert two.unlike(FULL) == ["other folds (1–2, 5, not 1–5)", "60 recordings tested, not 100"]
    excluded = replace(FULL, excluded=7, excluded_tested=2)
    assert (
        excluded.unlike_protocol()[0] == "7 recording(s) left out by exclude, 2 of them test ones"
    )
    fewer = replace(FULL, folds=(FoldConditions(1, 10, 40, None, 20, 80), *FULL.folds[1:]))
    assert fewer.unlike_protocol() == [
        "90 of 100 published test recordings",
        "40 of 80 published training recordings in a fold",
    ]
    assert replace(FULL, fingerprint="z").unlike(FULL) == ["other audio"]
    assert replace(FULL, fingerprint="z", lists="z").unlike(FULL) == ["other lists"]
    assert replace(FULL, dataset="b").unlike(FULL) == ["another dataset (b, not rooms)"]


def test_settings_that_differ_are_named() -> None:
    shipped = recipe.load("toy_lstm").settings
    own = recipe.load("toy_lstm", ["training.epochs=3", "training.seed=4", "exclude=[a]"])
    assert own.shipped == "toy_lstm"
    assert [(c.key, c.value, c.shipped) for c in changes(own.settings, shipped)] == [
        ("training.epochs", 3, 15)
    ]
    other = changes(recipe.load("esc10_dnn_mel").settings, recipe.load("esc10_lstm").settings)
    assert [c.key for c in other if c.key.startswith("model.")] == ["model.name"]


def test_the_shipped_recipe_at_the_root_is_known(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: toy_ta\ntraining: {epochs: 1}\n")
    (tmp_path / "more.yaml").write_text("extends: mine\n")
    (tmp_path / "alone.yaml").write_text(recipe.load("toy_ta").yaml())
    names = ("mine", "more", "alone")
    shipped = [recipe.load(tmp_path / f"{name}.yaml").shipped for name in names]
    assert shipped == ["toy_ta", "toy_ta", None]


@pytest.mark.campaign
def test_a_paper_s_figure_does_not_compare_with_part_of_the_test(table: Path, asc: Asc) -> None:
    paper = "paper={error: 5, source: S, metric: M}"
    done = train(table, "exclude=[r1x.wav, r8x.wav]", paper, folds=[1])
    [row] = done.to_dict()["published"]
    assert not row["comparable"]
    assert row["why_not"] == [
        "1 of 2 folds",
        "2 recording(s) left out by exclude, 1 of them test ones",
    ]
    output = asc("evaluate", done.run).stdout
    assert "published: error 5 % (M; S); not comparable: 1 of 2 folds; 2 recording(s)" in output
    assert output.index("conditions: fold 1 of 2") < output.index("published:")
    codes = [remark["code"] for remark in done.to_dict()["remarks"]]
    assert codes[:2] == ["fewer-folds", "test-excluded"]
    page = (done.run / "report.html").read_text()
    assert "Not comparable" in page and "fold 1 of 2" in page


@pytest.mark.campaign
def test_settings_make_a_shipped_recipe_s_figure_incomparable(table: Path) -> None:
    figure = recipe.load("litis_lstm").settings["paper"]
    done = workflow.train(
        recipe.load("litis_lstm", [*SMALL, *SETTINGS, "training.epochs=1"]), data=table, jobs=1
    )
    [row] = done.metrics["published"]
    assert f"error {figure['error']:g} %" == row["theirs"]
    assert "dataset is table, not litis" in row["why_not"]
    assert "training.epochs is 1, not 100" in row["why_not"]
    [compared] = [r for r in workflow.compare([done.run, done.run]).runs][:1]
    assert compared.not_comparable == row["why_not"]


def test_some_folds_of_a_run_have_conditions_of_their_own(table: Path) -> None:
    done = train(table, "paper={error: 5, source: S, metric: M}")
    [row] = workflow.evaluate(done.run)["published"]
    assert row["comparable"]
    one = workflow.evaluate(done.run, folds=[2])
    assert [fold["fold"] for fold in one["conditions"]["folds"]] == [2]
    assert one["published"][0]["why_not"] == ["1 of 2 folds"]
    assert one["published"][0]["ours"] != row["ours"] or one["error"] == done.metrics["error"]


@pytest.mark.campaign
def test_runs_of_other_conditions_are_marked_side_by_side(table: Path, tmp_path: Path) -> None:
    whole, part = train(table), train(table, "training.seed=1", folds=[1])
    page = workflow.report([whole.run, part.run], tmp_path / "both.html").read_text()
    assert "is not comparable with" in page
    assert "other folds (1, not 1–2); 6 recordings tested, not 12" in page
    with pytest.raises(AscError, match=r"other folds \(1, not 1–2\); .* asc report"):
        workflow.compare([whole.run, part.run])


# -- remarks --------------------------------------------------------------------------------------


def predicted(
    files: list[str], probabilities: np.ndarray, labels: list[int] | None = None, **more: object
) -> Predictions:
    n = len(files)
    return Predictions(
        ("a", "b"),
        tuple(files),
        np.ones(n, int),
        np.array(labels or [i % 2 for i in range(n)]),
        ("",) * n,
        ("",) * n,
        probabilities,
        **more,  # type: ignore[arg-type]
    )


def codes(p: Predictions, known: Conditions | None = None) -> list[str]:
    return [remark.code for remark in scoring.score(p, conditions=known).remarks]


def mixed(n: int) -> np.ndarray:
    return np.array([[0.4, 0.6], [0.8, 0.2], [0.7, 0.3]] * n)[:n]


@pytest.mark.parametrize(
    ("pattern", "is_place"),
    [
        ("b{place:03}_{take}_{take}.wav", True),
        ("kitchen_house{place}_{take}.wav", True),
        ("x/paris-{place}-{take}-a.wav", False),  # one city
        ("bus_{n}.wav", False),
        ("recording{n}.wav", False),
        ("{n}.wav", False),
        ("fold{place}/bus-{n}.wav", False),
    ],
)
def test_names_that_look_like_places(pattern: str, is_place: bool) -> None:
    files = [pattern.format(place=n // 3, take=n % 3, n=n) for n in range(24)]
    assert ("places-in-names" in codes(predicted(files, mixed(24)))) == is_place


def test_remarks_on_probabilities() -> None:
    files = [f"{i}.wav" for i in range(6)]
    same = np.array([[0.3, 0.7]] * 6)
    assert "equal-probabilities" in codes(predicted(files, same))
    assert "equal-probabilities" not in codes(predicted(files, mixed(6)))
    tied = mixed(6)
    tied[2] = 0.5
    assert "equal-probabilities" in codes(predicted(files, tied))
    guesses = tied.argmax(axis=1)
    assert "equal-probabilities" not in codes(predicted(files, tied, submitted=guesses))


def test_remarks_on_conditions() -> None:
    from dataclasses import replace

    p = predicted([f"{i}.wav" for i in range(6)], mixed(6))
    assert codes(p, FULL) == []
    assert codes(p, FULL.of_folds([1])) == ["fewer-folds"]
    few = replace(FULL.folds[0], validated=6)
    assert codes(p, replace(FULL, folds=(few, *FULL.folds[1:]))) == ["few-validation-recordings"]
    assert codes(p, replace(FULL, excluded=3, excluded_tested=3)) == ["test-excluded"]
    assert codes(p, replace(FULL, audio_compared=False)) == ["audio-not-compared"]


def test_all_right_is_not_certain() -> None:
    """Of 10 groups that are all right, the exact interval: (0.025^(1/10), 1)."""
    p = predicted([f"{i}.wav" for i in range(10)], np.eye(2)[[i % 2 for i in range(10)]])
    scores = scoring.score(p)
    assert scores.intervals.bootstrap == (1.0, 1.0)
    assert scores.intervals.exact == pytest.approx((0.025**0.1, 1.0))
    assert intervals.exact(False, 10) == pytest.approx((0, 1 - 0.025**0.1))
    from scipy.stats import binomtest

    reference = binomtest(10, 10).proportion_ci(method="exact")
    assert scores.intervals.exact == pytest.approx((reference.low, reference.high))


def test_an_unfinished_run_does_not_hide_a_finished_one(trained: Path) -> None:
    done = train(trained)
    other = done.run.with_name("toy_lstm-unfinished")
    other.mkdir()
    shutil.copyfile(done.run / "recipe.yaml", other / "recipe.yaml")
    os.utime(other / "recipe.yaml", (4e9, 4e9))
    assert workflow.evaluate("toy_lstm")["run"] == str(done.run)


def test_the_same_sound_twice_in_a_test_part_is_remarked(table: Path) -> None:
    as_flac(table.parent / "r1x.wav", table.parent / "r3x.wav")
    done = train(table)
    assert done.metrics["conditions"]["repeated"] == 1
    again = workflow.evaluate(done.model, data=table, jobs=1)
    for remarks in (done.metrics["remarks"], again["remarks"]):
        assert "repeated-recordings" in [remark["code"] for remark in remarks]


# -- what newcomers met ---------------------------------------------------------------------------


def test_a_model_whose_code_is_gone_is_shown(trained: Path, asc: Asc) -> None:
    model = models.find("toy_lstm")
    row = {"kind": "models", "name": "gone", "hash": "0" * 12, "origin": "/elsewhere"}
    card = {k: v for k, v in model.card.items() if k != "checksum"}
    (model.folder / "card.yaml").write_text(yaml.safe_dump({**card, "code": [row]}))
    done = asc("models", "show", "toy_lstm")
    assert done.returncode == 0
    assert "labels:" in done.stdout and "complexity: not known" in done.stdout
    assert "needs models/gone.py, which is not in" in done.stderr
    assert json.loads(asc("models", "show", "toy_lstm", "--json").stdout)["complexity"] is None
    assert asc("models", "show", "toy_lstm", "--limit", "dcase2024").returncode == 1


def test_an_export_names_its_file(trained: Path, asc: Asc, tmp_path: Path) -> None:
    path = tmp_path / "toy.zip"
    assert asc("models", "export", "toy_lstm", path).stdout == f"toy_lstm@1 is in {path}\n"


def test_folders_of_plug_ins_that_are_none_are_named(
    asc: Asc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASC_PLUGINS", os.pathsep.join([str(tmp_path), str(tmp_path / "none")]))
    text = f"asc: ASC_PLUGINS lists {tmp_path / 'none'}, which is no folder; nothing is found there"
    assert asc("recipes", "list").stderr == f"{text}\n"


def test_a_plug_in_dataset_is_called_as_its_file(
    asc: Asc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "datasets").mkdir()
    text = (plugins.PACKAGE / "datasets" / "esc10.py").read_text()
    (tmp_path / "datasets" / "rooms.py").write_text(text)
    monkeypatch.setenv("ASC_PLUGINS", str(tmp_path))
    done = asc("datasets", "show", "rooms")
    assert "its dataset is called 'esc10'; the file's name was expected: 'rooms'" in done.stderr


def test_a_model_s_readme_and_a_run_s_facts_have_the_conditions(trained: Path, asc: Asc) -> None:
    readme = (models.find("toy_lstm").folder / "README.md").read_text()
    line = "Conditions: all 2 folds; settings of toy_lstm but dataset table (not toy)"
    assert line in readme and readme.index(line) < readme.index("| accuracy |")
    assert "settings of toy_lstm but" in asc("runs", "show", "toy_lstm").stdout


def test_a_card_without_a_dataset_is_one_of_another(trained: Path) -> None:
    """As an imported card may be: then no member is taken for one that was not trained on it."""
    model = models.find("toy_lstm")
    card = {k: v for k, v in model.card.items() if k not in ("checksum", "dataset", "conditions")}
    card["recipe"] = {k: v for k, v in card["recipe"].items() if k not in ("exclude", "subset")}
    (model.folder / "card.yaml").write_text(yaml.safe_dump(card))
    with pytest.raises(AscError, match="was trained or tested on 12 of these 12 recordings"):
        workflow.evaluate("toy_lstm", data=trained, jobs=1)
