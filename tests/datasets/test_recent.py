"""DCASE 2013, CAS 2023, CochlScene: trees of their shape match, faults are found, recipes train."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from asc_cli import workflow
from asc_cli.core.errors import AscError
from asc_cli.datasets import cas2023, cochlscene, dcase2013, tut2018_mobile
from asc_cli.protocol import audit
from asc_cli.recipe import load as recipe
from asc_cli.registry.runs import fold_folder
from tests.conftest import SMALL, Asc, Once
from tests.datasets import recent


def checked(module: ModuleType, root: Path) -> list[tuple[str, str]]:
    findings = audit.audit(module.DATASET, module.read(root), root)
    return [(finding.check, finding.where) for finding in findings if finding.broken]


def test_dcase2013_matches_and_its_folds_go_by_the_numbers(tmp_path: Path):
    root = recent.make_dcase2013(tmp_path)
    assert checked(dcase2013, root) == []
    tested = {name[-6:-4] for name in dcase2013.read(root).splits[4].test}
    assert tested == {"09", "10"}
    (root / "scenes_stereo").rename(root / "elsewhere")
    for path in (root / "elsewhere").iterdir():
        path.rename(root / path.name)
    assert checked(dcase2013, root) == []  # unpacked without its folder


def test_faults_of_dcase2013(tmp_path: Path):
    folder = recent.make_dcase2013(tmp_path) / "scenes_stereo"
    (folder / "bus10.wav").rename(folder / "buss10.wav")
    assert ("unknown label", "scenes_stereo/buss10.wav") in checked(dcase2013, tmp_path)
    (folder / "buss10.wav").unlink()
    assert {("counts", "recordings"), ("counts", "scene bus"), ("counts", "fold 5")} <= {
        *checked(dcase2013, tmp_path)
    }
    (folder / "bus1.wav").touch()
    with pytest.raises(AscError, match=r"bus1\.wav: the name is not <scene><two digits>"):
        dcase2013.read(tmp_path)
    with pytest.raises(AscError, match=r"no recordings such as bus01\.wav here; asc datasets down"):
        dcase2013.read(tmp_path / "scenes_stereo/nothing")


@pytest.fixture(scope="module")
def cas(once: Once) -> Path:
    return once("cas2023", lambda folder: recent.make_cas2023(folder))


def test_cas2023_matches_with_its_unlabelled_part(cas: Path):
    assert checked(cas2023, cas) == []
    listing = cas2023.read(cas)
    assert (len(listing.recordings), len(listing.unlabelled)) == (1740, 6960)
    assert not {*listing.unlabelled} & {file for s in listing.splits for file in s.train + s.test}
    sessions = {r.file: r.group for r in listing.recordings}
    assert sessions[listing.recordings[0].file] == "Xi'an-2023-05-01 00:00:00"
    for split in listing.splits:  # a session is on one side, every scene on both
        sides = [{sessions[file] for file in part} for part in (split.train, split.test)]
        assert not sides[0] & sides[1]
        scenes = Counter(listing.by_file()[file].label for file in split.test)
        assert len(scenes) == 10 and max(scenes.values()) - min(scenes.values()) <= 10


def changed(cas: Path, root: Path, old: str, new: str) -> Path:
    """A copy of the list alone, with one change."""
    text = (cas / cas2023.METADATA).read_text()
    assert old in text
    recent.write(root / cas2023.METADATA, text.replace(old, new, 1).encode())
    return root


def test_faults_of_cas2023(cas: Path, tmp_path: Path):
    def found(old: str, new: str) -> set[str]:
        listing = cas2023.read(changed(cas, tmp_path, old, new))
        return {f"{f.check}: {f.what}" for f in audit.audit(cas2023.DATASET, listing, cas)}

    assert any("label 'Buss'" in what for what in found(",Bus\n", ",Buss\n"))
    assert {
        "counts: 1739 where 1740 were published",
        "counts: 6961 where 6960 were published",
    } <= found(",Bus\n", ",\n")
    first, second = (f"{i:032x}{i + 1}_{i + 1}" for i in (0, 1))
    assert any(
        what.startswith("listed twice: ICME2024_GC_ASC_dev/") for what in found(first, second)
    )
    assert "missing file: listed, but missing" in found(first, "ff_1")
    unlabelled = f"{1740:032x}1_1"
    assert "missing file: listed, but missing" in found(unlabelled, "ff_1")
    with pytest.raises(AscError, match="no column location and no column record_time in its head"):
        cas2023.read(changed(cas, tmp_path, "location,record_time,", ""))
    with pytest.raises(AscError, match=r"APSIPA2025_GC_ASC_dev_metadata\.csv: this list of the"):
        cas2023.read(tmp_path / "nothing")


def test_cochlscene_matches_and_its_users_are_its_groups(once: Once):
    root = once("cochlscene", lambda folder: recent.make_cochlscene(folder, users=200))
    assert checked(cochlscene, root) == []
    listing = cochlscene.read(root)
    assert listing.recordings[0].group == "user0000"
    split = listing.splits[0]
    assert (len(split.train), len(split.test)) == (180 * 13, 20 * 13)
    assert len(split.validation) == 20 * 13 and {*split.validation} < {*split.train}
    assert cochlscene.read(root / "CochlScene").splits[0].test[0].startswith("Test/Bus/Bus_user")


def test_faults_of_cochlscene(tmp_path: Path):
    root = recent.make_cochlscene(tmp_path, users=10) / "CochlScene"
    bus = next((root / "Test/Bus").iterdir())
    leak = root / f"Train/Bus/{bus.stem[:-3]}999.wav"
    leak.touch()
    assert checked(cochlscene, root) == [("leak by group", "fold 1")]
    leak.unlink()
    user = next((root / "Val/Bus").iterdir())
    leak = root / f"Train/Bus/{user.stem[:-3]}999.wav"
    leak.touch()
    assert checked(cochlscene, root) == [("leak by group", "fold 1 validation")]
    leak.unlink()
    bus.rename(bus.parent / bus.name.replace("Bus", "Cafe"))
    moved = f"Test/Bus/{bus.name.replace('Bus', 'Cafe')}"
    assert checked(cochlscene, root) == [("labels differ", moved)]
    (root / "Val/Bus").rename(root / "Val/Boat")
    assert "unknown label" in {check for check, _ in checked(cochlscene, root)}
    (root / "Val/Boat/x.wav").touch()
    with pytest.raises(AscError, match=r"x\.wav: the name is not <scene>_<user>_<recording>_<pie"):
        cochlscene.read(root)
    with pytest.raises(AscError, match=r"Train: no recordings such as Bus/Bus_user0419"):
        cochlscene.read(root / "Test")


def noise(scene: str) -> bytes:
    """A second of noise of a scene's own level, never the same."""
    noise.count = count = getattr(noise, "count", 0) + 1  # type: ignore[attr-defined]
    rng = np.random.default_rng(count)
    file = io.BytesIO()
    level = 0.01 * (1 + sum(map(ord, scene)) % 20)
    soundfile.write(file, rng.normal(0, level, 24_000), 22_050, format="WAV")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("dcase2013", lambda root: recent.make_dcase2013(root, noise, each=4)),
        ("cas2023", lambda root: recent.make_cas2023(root, noise, labelled=100, unlabelled=5)),
        ("cochlscene", lambda root: recent.make_cochlscene(root, noise, users=10)),
    ],
)
def test_one_epoch_of_its_recipe(tmp_path: Path, name: str, make):
    root = make(tmp_path / name)
    loaded = recipe.load(f"{name}_lstm", [*SMALL, "training.epochs=1"])
    trained = workflow.train(loaded, data=root, folds=[1], jobs=1)
    assert trained.metrics["headline"] == HEADLINES.get(name, "accuracy")
    for row in trained.metrics["published"]:  # of other recordings than the folds test
        assert any("theirs was tested on the " in reason for reason in row["why_not"])


def test_the_published_validation_part_is_held_out(tmp_path: Path):
    root = recent.make_cochlscene(tmp_path / "set", noise, users=10)
    loaded = recipe.load("cochlscene_lstm", [*SMALL, "training.epochs=1"])
    run = workflow.train(loaded, data=root, jobs=1).run
    held_out = json.loads((fold_folder(run, 1) / "validation.json").read_text())["files"]
    assert sorted(held_out) == sorted(cochlscene.read(root).splits[0].validation)
    with pytest.raises(AscError, match="by: published, but dcase2013 publishes no validation part"):
        own = recipe.load("dcase2013_lstm", [*SMALL, "validation={by: published}"])
        workflow.train(
            own, data=recent.make_dcase2013(tmp_path / "2013", noise, 4), folds=[1], jobs=1
        )


HEADLINES = {"cas2023": "macro_accuracy"}


def test_the_check_counts_recordings_without_a_label(asc: Asc, cas: Path):
    done = asc("datasets", "check", "cas2023", "--data", cas)
    assert "1740 recordings, and 6960 without a label; folds (train/test): 1" in done.stdout
    shown = " ".join(asc("datasets", "show", "cas2023").stdout.split())
    assert "6960 more without a label" in shown and "; tested on the evaluation set" in shown
    shown = " ".join(asc("datasets", "show", "tut2018_mobile").stdout.split())
    assert "macro accuracy, devices b, c 45.6 %" in shown


def test_faults_of_tut2018_mobile(tmp_path: Path):
    root = recent.make_tau(tmp_path, recent.nothing, ["a", "b", "c"], lists="txt")
    lists = root / "evaluation_setup"
    train = (lists / "fold1_train.txt").read_text()
    tested = (lists / "fold1_evaluate.txt").read_text().splitlines()[0]

    def faults(text: str) -> set[str]:
        (lists / "fold1_train.txt").write_text(text)
        return {check for check, _ in checked(tut2018_mobile, root)} - {"counts"}

    assert faults(train) == set()
    assert faults(f"{train}\n{tested}") == {"leak by file", "leak by group"}
    first = train.splitlines()[0]
    assert faults(f"{train}\n{first}") == {"listed twice"}
    assert faults(train.replace("\tairport", "\tbus", 1)) == {"labels differ"}
    meta = (root / "meta.csv").read_text()
    (root / "meta.csv").write_text(meta.replace("\tairport\t", "\tharbour\t", 1))
    assert faults(train) == {"unknown label", "labels differ"}
    (root / "meta.csv").write_text(meta)
    (root / first.partition("\t")[0]).unlink()
    assert faults(train) == {"missing file"}


def test_mobile_sets_are_scored_by_device_groups_and_cities(tmp_path: Path, asc: Asc):
    root = recent.make_tau(tmp_path / "tree", noise, ["a", "b", "c"], lists="txt")
    assert {check for check, _ in checked(tut2018_mobile, root)} == {"counts"}
    loaded = recipe.load("tut2018_mobile_lstm", [*SMALL, "training.epochs=1"])
    trained = workflow.train(loaded, data=root, jobs=1)
    metrics = trained.metrics
    assert metrics["device_groups"].keys() == {"seen", "b, c"}
    assert metrics["device_groups"]["b, c"]["recordings"] == 40
    assert {name: row["seen"] for name, row in metrics["cities"].items()} == {
        "lyon": True,
        "milan": False,
    }
    assert metrics["city_groups"]["unseen"]["recordings"] == 30
    (baseline,) = metrics["published"]
    assert baseline["metric"].endswith(", devices b, c") and baseline["theirs"] == "45.6 %"
    assert baseline["ours"] == f"{100 * metrics['device_groups']['b, c']['macro_accuracy']:.1f} %"
    evaluated = asc("evaluate", trained.run)
    assert "all b, c" in evaluated.stdout and "unseen in training" in evaluated.stdout
    again = workflow.evaluate(trained.run).to_dict()
    for key in ("device_groups", "cities", "city_groups", "scenes"):
        assert again[key] == metrics[key]
    page = workflow.report([trained.run]).read_text()
    for text in ('id="cities"', "all unseen</th><td>unseen", "all b, c</th><td></td>"):
        assert text in page
