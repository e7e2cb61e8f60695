"""Ensembles: recipes of several systems, whose probabilities are averaged with weights."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import yaml

from asc_cli import workflow
from asc_cli.core.code import Code
from asc_cli.core.errors import AscError
from asc_cli.core.plugins import recipe_names
from asc_cli.evaluation import complexity, predictions
from asc_cli.frontend import disk
from asc_cli.inference import logits, segments
from asc_cli.inference.mean import evaluate_mean
from asc_cli.recipe import ensemble, seeds
from asc_cli.recipe import load as recipes
from asc_cli.recipe.systems import Ensemble
from asc_cli.registry import archive, models, runs
from asc_cli.training.distillation import TeacherLogits
from tests.conftest import SMALL, Asc, Once, minimal_card
from tests.test_workflow import killed_when

RATE = 22_050
KEYS = "".join(
    f"{section}: {{{', '.join(f'{k}: {v}' for k, v in values.items())}}}\n"
    for section, values in (
        ("training", {"epochs": 2, "batch_size": 32}),
        ("model", {"n_hidden": 8, "classifier_hidden": 8}),
    )
)
PAIR = "dataset: toy\nsystems:\n- {recipe: small, weight: 3}\n- {recipe: toy_mfcc_gmm}\n"


def written(folder: Path, text: str = PAIR) -> Path:
    """Return the file of an ensemble, with a small recipe beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "small.yaml").write_text(f"extends: toy_lstm\n{KEYS}", encoding="utf-8")
    path = folder / "pair.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def trained_pair(once: Once, toy_root: Path) -> Path:
    """A home with pair@1 and its systems, small@1 and toy_mfcc_gmm@1: two folds."""

    def make(home: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ASC_HOME", str(home))
            workflow.train(written(home / "recipes"), data=toy_root, folds=[1, 2], jobs=1)

    return once("ensemble", make)


@pytest.fixture
def pair(trained_pair: Path, home: Path) -> Path:
    shutil.copytree(trained_pair, home, dirs_exist_ok=True)
    return home


@pytest.fixture
def recordings(toy_root: Path) -> list[Path]:
    return sorted(toy_root.rglob("*.wav"))[:3]


def scenes(path: Path, **options: object) -> np.ndarray:
    [prediction] = workflow.predict([path], jobs=1, **options)  # type: ignore[arg-type]
    return np.array([*prediction.scenes.values()])


# -- recipes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in recipe_names() if n.endswith("_best")])
def test_a_shipped_ensemble_is_described_and_resolves_to_itself(name: str, tmp_path: Path) -> None:
    loaded = ensemble.load(name)
    assert isinstance(loaded, Ensemble) and loaded.settings["description"]
    (tmp_path / f"{name}.yaml").write_text(loaded.yaml())
    again = ensemble.load(tmp_path / f"{name}.yaml")
    assert isinstance(again, Ensemble) and again.settings == loaded.settings
    assert again.signature("a", "b") == loaded.signature("a", "b")
    assert [s.recipe.signature() for s in again.systems] == [
        recipes.load(s.name).signature() for s in loaded.systems
    ]


def test_the_signature_is_of_runs_and_weights(tmp_path: Path) -> None:
    first = ensemble.load(written(tmp_path))
    other = ensemble.load(tmp_path / "pair.yaml", ["systems.1.weight=2"])
    assert isinstance(first, Ensemble) and isinstance(other, Ensemble)
    assert first.weights == [3, 1] and other.weights == [3, 2]
    assert first.signature("a", "b") != other.signature("a", "b") != other.signature("a", "c")


def test_what_is_set_for_all_systems_is_set_for_each(tmp_path: Path) -> None:
    [loaded] = seeds.load(written(tmp_path), [4], ["exclude=[a.wav]"])
    assert isinstance(loaded, Ensemble) and loaded.seed == 4 and loaded.exclude == ("a.wav",)
    alone = recipes.load("toy_mfcc_gmm", ["exclude=[a.wav]", "training.seed=4"])
    assert loaded.systems[1].recipe.settings == alone.settings


SYSTEMS = "dataset: toy\nsystems:\n- {recipe: toy_lstm}\n- "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SYSTEMS + "{recipe: toy_lstn}", r"pair\.yaml:4: systems\.1\.recipe: unknown recipe"),
        (SYSTEMS + "{recipe: toy_lstm}", r"pair\.yaml:4: systems\.1: toy_lstm is there more than"),
        (SYSTEMS + "{recipe: same}", r":4: systems\.1: same has the same settings as toy_lstm"),
        (SYSTEMS + "{recipe: toy_best}", r":4: systems\.1\.recipe: toy_best is an ensemble itself"),
        (SYSTEMS + "{recipe: esc10_lstm}", r":4: systems\.1: esc10_lstm is for esc10, the ensem"),
        (SYSTEMS + "{recipe: yt8m_toy_lstm}", r":4: systems\.1: yt8m_toy_lstm labels videos"),
        (SYSTEMS + "{recipe: some}", r":4: systems\.1: some leaves out other files"),
        (
            SYSTEMS + "{recipe: f1}",
            r":4: systems\.1: f1 has the headline metric accuracy .*toy_lstm has fold_class",
        ),
        (SYSTEMS + "{recipe: toy_ta, weight: 0}", r":4: systems\.1\.weight = 0: .*greater than 0"),
        (SYSTEMS + "{recipe: toy_ta, weight: .nan}", r":4: systems\.1\.weight = nan: input should"),
        (SYSTEMS + "{recipe: toy_ta, weight: .inf}", r":4: systems\.1\.weight = inf: .* finite"),
        (SYSTEMS + "{recipe: toy_ta, weight: '1'}", r":4: systems\.1\.weight = '1': .* number"),
        (SYSTEMS + "{recipe: toy_ta, weight: true}", r":4: systems\.1\.weight = True: .* number"),
        (SYSTEMS + "{weight: 1}", r":4: systems\.1\.recipe is missing"),
        (SYSTEMS + "{recipe: 3}", r":4: systems\.1\.recipe: a recipe's name or file was expected"),
        (
            SYSTEMS + "{recipe: toy_ta, wieght: 1}",
            r":4: unknown key in systems 'wieght'; did you m",
        ),
        (SYSTEMS + "{recipe: toy_ta, name: a}", r":4: .*leave name: a away"),
        (SYSTEMS + "{recipe: {dataset: toy}}", r":4: systems\.1\.recipe: settings in place of a"),
        ("dataset: toy\nsystems: [{recipe: toy_ta}]\n", r":2: systems: 2 or more were expected"),
        ("dataset: toy\nsystems: []\n", r":2: systems: 2 or more were expected"),
        ("systems: [{recipe: toy_ta}, {recipe: toy_sa}]\n", r":1: dataset is missing"),
        (PAIR + "model: {name: lstm}\n", r":5: model: no key of an ensemble, which has descript"),
        (PAIR + "training: {epochs: 3}\n", r":5: training\.epochs: no key of an ensemble, which"),
    ],
)
def test_systems_that_cannot_be_averaged_are_refused_at_their_line(
    text: str, message: str, tmp_path: Path
) -> None:
    path = written(tmp_path, text)
    (tmp_path / "same.yaml").write_text("extends: toy_lstm\ndescription: another\n")
    (tmp_path / "some.yaml").write_text("extends: toy_lstm\nexclude: [a.wav]\n")
    (tmp_path / "f1.yaml").write_text("extends: toy_ta\nevaluation: {headline: accuracy}\n")
    with pytest.raises(AscError, match=message):
        ensemble.load(path)


def test_systems_with_other_code_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder / "plugins" / "models").mkdir(parents=True)
        (tmp_path / folder / "plugins" / "models" / "mine.py").write_text(
            "from torch import nn\n\n\ndef build(n_bands: int, n_scenes: int) -> nn.Module:\n"
            f"    return nn.Linear(n_bands, n_scenes)  # {folder}\n" + f"\n\n{folder} = 1\n"
        )
        recipe = "dataset: toy\nfeatures: {name: log_mel}\nmodel: {name: mine}\n"
        recipe += f"training: {{epochs: {1 + ord(folder)}}}\n"
        (tmp_path / folder / f"{folder}.yaml").write_text(recipe)
    path = written(tmp_path, "dataset: toy\nsystems: [{recipe: a/a.yaml}, {recipe: b/b.yaml}]\n")
    with pytest.raises(AscError, match=r"systems\.1: b has other code of models/mine\.py than a"):
        ensemble.load(path)


def test_commands_for_one_system_refuse_an_ensemble(asc: Asc) -> None:
    done = asc("tune", "toy_best", "--try", "training.epochs=1,2")
    assert done.returncode == 1 and "toy_best: is an ensemble" in done.stderr
    with pytest.raises(AscError, match="name one of those that it lists under systems"):
        recipes.load("toy_best")


def test_different_data_of_systems_is_refused(tmp_path: Path) -> None:
    for name, base, data in (("one", "toy_ta", "a"), ("two", "toy_sa", "b")):
        (tmp_path / f"{name}.yaml").write_text(f"extends: {base}\ndata: {data}\n")
    path = written(tmp_path, "dataset: toy\nsystems: [{recipe: one}, {recipe: two}]\n")
    with pytest.raises(AscError, match=r"its systems have different data \(one has .*/a, two"):
        workflow.train(path)


# -- the run --------------------------------------------------------------------------------------


def test_the_run_is_the_weighted_mean_of_its_systems_runs(pair: Path, toy_root: Path) -> None:
    folder = runs.find_run("pair")
    own = predictions.read(folder / "predictions.csv")
    parts = [
        predictions.read(runs.find_run(n) / "predictions.csv") for n in ("small", "toy_mfcc_gmm")
    ]
    assert own.files == parts[0].files == parts[1].files
    by_hand = (3 * parts[0].probabilities + 1 * parts[1].probabilities) / 4
    np.testing.assert_allclose(own.probabilities, by_hand, rtol=0, atol=1e-15)
    metrics = json.loads((folder / "metrics.json").read_text())
    mean = evaluate_mean(["small", "toy_mfcc_gmm"], [3, 1]).to_dict()
    assert metrics["log_loss"] == pytest.approx(mean["log_loss"], abs=1e-12)
    assert metrics["conditions"]["seed"] == 0 and metrics["conditions"]["recipe"] is None
    assert [n.partition("-")[0] for n in metrics["conditions"]["averaged"]] == [
        "small",
        "toy_mfcc_gmm",
    ]
    assert metrics["remarks"][-1]["code"] == "weights"
    assert any("(weight 3)" in text for text in metrics["conditions"]["summary"])
    assert (folder / "report.html").exists()


def test_what_is_finished_is_not_trained_again(pair: Path, toy_root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in pair.glob("runs/*/**/*") if path.is_file()}
    done = workflow.train(pair / "recipes" / "pair.yaml", data=toy_root, folds=[1, 2], jobs=1)
    assert done.model == "pair@1" and before == {path: path.stat().st_mtime_ns for path in before}
    assert len(models.models()) == 3
    # with other weights, the systems' runs are used again
    other = ensemble.load(pair / "recipes" / "pair.yaml", ["systems.0.weight=1"])
    again = workflow.train(other, data=toy_root, folds=[1, 2], jobs=1)
    assert again.model == "pair@2" and again.run != done.run
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_a_damaged_file_of_predictions_is_averaged_again(pair: Path, toy_root: Path) -> None:
    path = runs.find_run("pair") / "predictions.csv"
    contents = path.read_bytes()
    path.write_bytes(contents[:-20])
    workflow.train(pair / "recipes" / "pair.yaml", data=toy_root, folds=[1, 2], jobs=1)
    assert path.read_bytes() == contents


# -- the model ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fold", [None, 1])
def test_the_model_s_answer_is_the_weighted_mean(
    fold: int | None, pair: Path, recordings: list[Path]
) -> None:
    for path in recordings:
        parts = [scenes(path, model=n, fold=fold) for n in ("small", "toy_mfcc_gmm")]
        own = scenes(path, model="pair", fold=fold)
        np.testing.assert_allclose(own, (3 * parts[0] + parts[1]) / 4, rtol=0, atol=1e-12)
    samples, rate = soundfile.read(recordings[0], dtype="float32")
    loaded = workflow.load_model("pair", fold=fold)
    in_memory = [*loaded.predict(samples, rate).scenes.values()]
    np.testing.assert_allclose(in_memory, scenes(recordings[0], model="pair", fold=fold), atol=1e-7)


def test_timelines_and_live_sound_are_averaged_too(pair: Path, recordings: list[Path]) -> None:
    samples, rate = soundfile.read(recordings[0], dtype="float32")
    sound = np.tile(samples, 4)
    names = ("small", "toy_mfcc_gmm", "pair")
    both = []
    for name in names:
        timeline = workflow.load_model(name).predict(sound, rate, timeline_s=1.5).timeline
        assert timeline is not None
        *_, last = workflow.listen([sound], rate, model=name, window_s=2.0)
        both.append(([[*s.scenes.values()] for s in timeline], [*last.scenes.values()]))
    first, second, own = (np.array(each[0]) for each in both)
    np.testing.assert_allclose(own, (3 * first + second) / 4, rtol=0, atol=1e-12)
    live = [np.array(each[1]) for each in both]
    np.testing.assert_allclose(live[2], (3 * live[0] + live[1]) / 4, rtol=0, atol=1e-12)


def test_segments_without_a_clip_of_one_system_are_joined_for_all(tmp_path: Path) -> None:
    def sums(counts: list[int], *values: list[float]) -> segments.SegmentAccumulator:
        model = SimpleNamespace(aggregate="mean", feature=SimpleNamespace(sample_rate=10))
        request = SimpleNamespace(timeline_s=2.0, embeddings=False)
        rows = [np.array(v) for v in values]
        return segments.SegmentAccumulator(
            tmp_path,
            model,
            request,
            85,
            sum(counts),
            None,
            rows,
            counts,  # type: ignore[arg-type]
        )

    one = sums([1, 1, 2, 1], [1.0, 0.0], [0.0, 1.0], [2.0, 0.0], [0.0, 1.0])
    other = sums([1, 0, 1], [0.5, 0.5], [0.0, 0.0], [1.0, 0.0])
    done = segments.average([one, other], [1, 1])
    assert not isinstance(done, AscError)
    assert done.ends_s.tolist() == [2.0, 8.5]
    np.testing.assert_allclose(done.segments, [[0.75, 0.25], [0.75, 0.25]])
    apart = segments.average(
        [sums([1, 0, 1], [1, 0], [0, 0], [0, 1]), sums([0, 1], [0, 0], [0, 1])], [1, 1]
    )
    np.testing.assert_allclose(apart.segments, [[0.25, 0.75]])


def test_each_fold_is_judged_by_its_own_members(pair: Path, toy_root: Path, asc: Asc) -> None:
    done = json.loads(
        asc("evaluate", "pair@1", "--dataset", "toy", "--data", toy_root, "--json").stdout
    )
    metrics = json.loads((runs.find_run("pair") / "metrics.json").read_text())
    assert done["recordings"] == metrics["recordings"] == 30
    assert done["log_loss"] == pytest.approx(metrics["log_loss"], abs=1e-6)
    assert done["remarks"][-1]["code"] == "own-folds"
    listed = [(f.digest, f.folds) for f in models.find("pair").training_files()]
    assert listed == [(f.digest, f.folds) for f in models.find("small").training_files()]


def test_a_recording_of_its_training_is_refused_elsewhere(
    pair: Path, recordings: list[Path], tmp_path: Path, asc: Asc
) -> None:
    label = models.find("pair").card["labels"][0]
    shutil.copy(recordings[0], tmp_path / "copy.wav")
    table = tmp_path / "mine.csv"
    table.write_text(f"file,label\ncopy.wav,{label}\n")
    done = asc("evaluate", "pair", "--data", table)
    assert done.returncode == 1 and "was trained or tested on 1 of these 1" in done.stderr


def test_removing_systems_and_runs_breaks_nothing(pair: Path, recordings: list[Path]) -> None:
    before = [scenes(path, model="pair") for path in recordings]
    shutil.rmtree(pair / "runs")
    for name in ("small", "toy_mfcc_gmm"):
        models.remove(name)
    assert [model.id for model in models.models()] == ["pair@1"]
    np.testing.assert_array_equal([scenes(path, model="pair") for path in recordings], before)
    assert scenes(recordings[0], model="pair@1/toy_mfcc_gmm").shape == (15,)


def test_an_archive_answers_the_same_in_another_home(
    pair: Path, recordings: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asc: Asc
) -> None:
    before = scenes(recordings[0], model="pair")
    system = scenes(recordings[0], model="pair@1/small")
    assert asc("models", "export", "pair", tmp_path / "pair.zip").returncode == 0
    archive.export("pair@1/small", tmp_path / "small.zip")
    monkeypatch.setenv("ASC_HOME", str(tmp_path / "elsewhere"))
    assert asc("models", "import", tmp_path / "pair.zip").returncode == 0
    assert asc("models", "import", tmp_path / "small.zip").returncode == 0
    np.testing.assert_array_equal(scenes(recordings[0], model="pair@1"), before)
    np.testing.assert_array_equal(scenes(recordings[0], model="small@1"), system)
    assert not models.find("pair").remarks()
    damaged = models.find("pair").folder / "system02" / "fold01.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    with pytest.raises(AscError, match=r"system02/fold01\.safetensors is damaged"):
        archive.export("pair", tmp_path / "again.zip")
    with pytest.raises(AscError, match=r"system02/fold01\.safetensors is damaged"):
        workflow.load_model("pair")


@pytest.mark.parametrize("left_out", ["system02/fold01.safetensors", "system01/card.yaml"])
def test_an_archive_that_lacks_a_part_is_refused(left_out: str, pair: Path, tmp_path: Path) -> None:
    archive.export("pair", tmp_path / "pair.zip")
    with (
        zipfile.ZipFile(tmp_path / "pair.zip") as full,
        zipfile.ZipFile(tmp_path / "b.zip", "w") as b,
    ):
        for name in full.namelist():
            if name != left_out:
                b.writestr(name, full.read(name))
    with pytest.raises(AscError, match=f"{left_out} (is damaged|are? not in it)"):
        archive.import_file(tmp_path / "b.zip")


def test_code_of_a_system_needs_trust(tmp_path: Path, two_folds: Path, home: Path) -> None:
    shutil.copytree(two_folds, home, dirs_exist_ok=True)
    source = "def build(n_bands: int, n_scenes: int): ...\n"
    mine = Code("models", "mine", "here", (("models/mine.py", source),))
    weights = {1: models.find("toy_lstm").member(1)}
    parts = [
        models.register(name, {**minimal_card(), "code": [mine.described()]}, weights, code=[mine])
        for name in ("one", "two")
    ]
    systems = [{"name": part.card["name"], "weight": 1.0, "recipe": {}} for part in parts]
    card = {key: value for key, value in minimal_card().items() if key != "feature"} | {
        "recipe": {"dataset": "toy", "systems": systems},
        "folds": [1],
    }
    models.register("both", card, {}, systems=parts)
    assert [code.name for code in models.catalog(models.find("both")).code] == ["mine"]
    archive.export("both", tmp_path / "both.zip")
    with pytest.raises(AscError, match=r"contains code .*system01/plugins/models/mine\.py"):
        archive.import_file(tmp_path / "both.zip")
    shown: list[str] = []
    archive.import_file(tmp_path / "both.zip", True, shown.append)
    files = ", ".join(f"system{number}/plugins/models/mine.py" for number in ("01", "02"))
    assert shown == [f"# {files}\n{source}"]


def test_an_ensemble_teaches_with_its_mean(pair: Path, toy_root: Path) -> None:
    student = recipes.load("toy_sa", [*SMALL, "distil.teachers=[pair]"])
    done = workflow.train(student, data=toy_root, folds=[1], jobs=1)
    [remark] = [r["text"] for r in done.metrics["remarks"] if r["code"] == "distilled"]
    assert "fold 1 by the member of fold 1 of pair@1" in remark
    systems = models.find("pair").systems()
    stored = [logits.stored_logits(system, 1) for system in systems]
    digests = [file.digest for file in systems[0].training_files() if 1 in (file.folds or ())]
    one = TeacherLogits("pair@1", tuple(stored), tuple(range(15)), models.find("pair").weights)
    first, second = (np.exp(each.load(digests).astype(float)) for each in stored)
    first, second = (p / p.sum(axis=1, keepdims=True) for p in (first, second))
    [mean] = np.exp(one.load(digests))
    np.testing.assert_allclose(mean, (3 * first + second) / 4, atol=1e-6)
    assert not [row for row in disk.disk().unused if "model" in row.reason]
    other = recipes.load("toy_ta", [*SMALL, "distil.teachers=[pair]"])
    with pytest.raises(AscError, match="the teacher pair@1 has no member that was not trained on"):
        workflow.train(other, data=toy_root, folds=[3], jobs=1)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"systems": []}, "recipe.systems has none"),
        ({"systems": 3}, "recipe.systems is no list"),
        ({"systems": [{"name": "a", "weight": 1}] * 2}, "two of one name"),
        ({"systems": [{"name": "a", "weight": 0}]}, "a weight of 0, which is no number above 0"),
        ({"systems": [{"name": "a", "weight": True}]}, "a weight of True, which is no number"),
        ({"systems": [{"weight": 1}]}, "recipe.systems has an entry without name"),
        ({"systems": [{"name": "a", "weight": 1}], "stream": {"a": 1}}, "both systems and stream"),
    ],
)
def test_a_card_of_no_ensemble_is_refused(
    changed: dict[str, object], message: str, pair: Path
) -> None:
    path = models.find("pair").folder / "card.yaml"
    card = yaml.safe_load(path.read_text())
    del card["checksum"]
    path.write_text(yaml.safe_dump({**card, "recipe": {"dataset": "toy", **changed}}))
    with pytest.raises(AscError, match=message):
        models.read_card(path.parent)


def test_a_system_that_is_not_the_card_s_is_refused(pair: Path) -> None:
    path = models.find("pair").folder / "card.yaml"
    card = yaml.safe_load(path.read_text())
    del card["checksum"]
    for changed, message in (
        ({"labels": card["labels"][::-1]}, "its system small has other labels than its card"),
        (
            {"recipe": {"dataset": "toy", "systems": [{"name": "a", "weight": 1}]}},
            "of its system a",
        ),
    ):
        path.write_text(yaml.safe_dump({**card, **changed}))
        with pytest.raises(AscError, match=message):
            workflow.load_model("pair")


# -- what an ensemble has not ---------------------------------------------------------------------


def test_what_an_ensemble_has_not_is_refused_with_its_systems_names(
    pair: Path, recordings: list[Path], tmp_path: Path, asc: Asc
) -> None:
    names = "name one of them: pair@1/small, pair@1/toy_mfcc_gmm"
    clip = str(recordings[0])
    for words in (
        ("predict", clip, "--explain", tmp_path / "a.png"),
        ("predict", clip, "--embeddings", tmp_path / "e.npz"),
        ("export", "pair", "--format", "onnx"),
        ("export", "pair", "--format", "hub"),
    ):
        done = asc(*words)
        assert done.returncode == 1 and names in done.stderr, words
    done = asc("predict", clip, "--model", "pair@1/small", "--embeddings", tmp_path / "e.npz")
    assert done.returncode == 0, done.stderr
    for words in (("use", "pair/small"), ("remove", "pair@1/small")):
        done = asc("models", *words)
        assert done.returncode == 1 and "is a part of pair@1" in done.stderr
    with pytest.raises(AscError, match=r"pair@1: unknown system 'smal'; did you mean small"):
        models.find("pair/smal")
    with pytest.raises(AscError, match="model small@1 is no ensemble"):
        models.find("small/small")


def test_costs_are_the_sums_of_the_systems(pair: Path) -> None:
    own, *parts = (workflow.costs(models.find(n)) for n in ("pair", "small", "toy_mfcc_gmm"))
    assert own.parameters == sum(part.parameters for part in parts) and own.members == 2
    assert own.bytes["int8"] == sum(part.bytes["int8"] for part in parts)
    none = complexity.together([parts[0], complexity.Costs(1, parts[0].bytes, None, None)])
    assert none.macs_per_second is None
    if all(part.macs_per_second for part in parts):
        assert own.macs_per_second == sum(part.macs_per_second or 0 for part in parts)


def test_every_list_shows_it(pair: Path, toy_root: Path, asc: Asc, tmp_path: Path) -> None:
    row = next(
        r for r in json.loads(asc("models", "list", "--json").stdout) if r["model"] == "pair@1"
    )
    assert (row["dataset"], row["scenes"], row["folds"], row["default"]) == ("toy", 15, 2, True)
    listed = json.loads(asc("runs", "list", "--json").stdout)
    assert [r["folds"] for r in listed if r["recipe"] == "pair"] == [2]
    assert "mean of 2 runs" in asc("runs", "show", "pair").stdout
    shown = asc("models", "show", "pair").stdout
    assert "name: toy_mfcc_gmm" in shown and "format: 2" in shown
    readme = (models.find("pair").folder / "README.md").read_text()
    assert "each of 2 systems" in readme and "small (weight 3), toy_mfcc_gmm (weight 1)" in readme
    compared = asc("compare", "pair", "small", "toy_mfcc_gmm")
    assert compared.returncode == 0 and "pair" in compared.stdout
    page = tmp_path / "page.html"
    assert asc("report", "pair", "small", "--output", page).returncode == 0
    assert "systems.small.weight" in page.read_text()
    assert "small (weight 3)" in (runs.find_run("pair") / "report.html").read_text()
    assert asc("evaluate", "pair").returncode == 0
    shown = asc("recipes", "show", runs.find_run("pair") / "recipe.yaml").stdout
    assert "# models/gmm.py: asc, hash" in shown and "weight: 3.0" in shown


def test_shipped_ensembles_are_listed_with_their_systems(asc: Asc) -> None:
    rows = json.loads(asc("recipes", "list", "--json", "--dataset", "toy").stdout)
    row = next(row for row in rows if row["recipe"] == "toy_best")
    assert (row["feature"], row["model"]) == ("texture + mfcc", "svm + gmm")


# -- kills ----------------------------------------------------------------------------------------


@pytest.mark.campaign
def test_an_ensemble_killed_in_a_system_ends_with_the_same_bits(
    toy_root: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(
        tmp_path,
        PAIR.replace("weight: 3}", "weight: 3}").replace(
            "- {recipe: toy_mfcc_gmm}\n", "- {recipe: other}\n"
        ),
    )
    (tmp_path / "other.yaml").write_text("extends: small.yaml\ntraining: {epochs: 3}\n")
    files = ("predictions.csv", "fold01/model.safetensors", "fold02/model.safetensors")

    def train() -> dict[str, bytes]:
        done = workflow.train(path, data=toy_root, folds=[1, 2], jobs=1)
        folders = [done.run, *(runs.find_run(name) for name in ("small", "other"))]
        return {
            f"{folder.name}/{name}": (folder / name).read_bytes()
            for folder in folders
            for name in files
            if (folder / name).exists()
        }

    killed_when(lambda: list(home.glob("runs/other-*/fold02/checkpoint.safetensors")), train)
    small = {p: p.stat().st_mtime_ns for p in home.glob("runs/small-*/fold*/model.safetensors")}
    resumed = train()
    assert small and small == {p: p.stat().st_mtime_ns for p in small}
    monkeypatch.setenv("ASC_HOME", str(tmp_path / "undisturbed"))
    assert train() == resumed and len(resumed) == 7


def test_its_bundle_is_scored_again(pair: Path, toy_root: Path, tmp_path: Path) -> None:
    checked = workflow.evaluate_bundle(
        workflow.write_bundle("pair", tmp_path / "pair.zip"), toy_root, jobs=1
    )
    states = {check.check: check.result for check in checked.checks}
    assert (
        not checked.differs
        and checked.evaluation["accuracy"] == workflow.evaluate("pair")["accuracy"]
    )
    assert states["signature"] == states["code"] == states["figures"] == "verified"
