"""asc datasets split: from a folder or a list without folds to a CSV that training takes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asc_cli.core import atomic
from asc_cli.core.errors import AscError
from asc_cli.datasets import table
from asc_cli.frontend import split as splitting
from asc_cli.frontend.split import split_recordings
from asc_cli.training import random_split
from tests.conftest import Asc, write

RATE = 8_000


def sound(seed: int, hz: float, seconds: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    return (0.1 * rng.normal(size=n) * np.sin(hz * np.arange(n) / RATE)).astype("f4")


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Two scenes of three places of two recordings."""
    for s, scene in enumerate(("bus", "park")):
        for p, place in enumerate(("east", "north", "west")):
            for take in (1, 2):
                samples = sound(100 * s + 10 * p + take, 500 * (s + 1))
                write(tmp_path / "scenes" / scene / f"{place}_{take}.wav", samples, RATE)
    return tmp_path / "scenes"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_becomes_a_csv_that_the_audit_accepts(asc: Asc, scenes: Path) -> None:
    done = asc("datasets", "split", scenes, "--folds", 3)
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert "Groups from name: how the names begin, as 'bus/east' of 'east_1.wav'" in text
    assert "One group, for example: bus/east_1.wav, bus/east_2.wav" in text
    assert "12 recordings; folds (train/test): 8/4, 8/4, 8/4" in text
    assert "The copy matches the protocol." in text
    assert "asc train own_quick --data" in text
    written = rows(scenes.parent / "recordings.csv")
    assert written[0] == {
        "filename": "scenes/bus/east_1.wav",
        "label": "bus",
        "fold": written[0]["fold"],
        "group": "bus/east",
    }
    assert {(r["label"], r["fold"]) for r in written} == {
        (scene, str(fold)) for scene in ("bus", "park") for fold in (1, 2, 3)
    }


def test_planted_copies_are_in_the_fold_of_their_originals(asc: Asc, scenes: Path) -> None:
    x = sound(1, 300, 4)
    write(scenes / "bus" / "east_3.wav", x, RATE)
    write(scenes / "bus" / "north_3.flac", 0.5 * x[5000:], RATE)
    write(scenes / "park" / "west_3.wav", sound(222, 50), RATE)
    write(scenes / "park" / "north_4.flac", soundfile.read(scenes / "park" / "west_3.wav")[0], RATE)
    done = asc("datasets", "split", scenes, "--folds", 2, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {(p["first"], p["second"], p["kind"]) for p in result["pairs"]} == {
        ("bus/east_3.wav", "bus/north_3.flac", "overlap"),
        ("park/north_4.flac", "park/west_3.wav", "identical"),
    }
    assert not any(finding["broken"] for finding in result["audit"]["findings"])
    fold = {
        Path(r["filename"]).name: r["fold"]
        for r in rows(Path(result["output"]))
        if r["label"] == "bus"
    }
    assert (
        len({fold[name] for name in ("east_1.wav", "east_3.wav", "north_1.wav", "north_3.flac")})
        == 1
    )
    assert result["scenes"]["bus"] == {"bus/east": 6, "bus/west": 2}


def test_training_without_folds_names_the_command(asc: Asc, scenes: Path) -> None:
    folder = scenes.rename(scenes.parent / "my scenes")
    done = asc("train", "own_quick", "--data", folder)
    assert done.returncode == 1
    assert f"asc datasets split '{folder}'" in done.stderr


def test_a_list_is_read_with_its_groups_and_devices(asc: Asc, scenes: Path) -> None:
    files = sorted(p.relative_to(scenes.parent).as_posix() for p in scenes.rglob("*.wav"))
    lines = [f"{f},{f.split('/')[1]},{f[-7]},phone" for f in files]
    (scenes.parent / "list.csv").write_text("\n".join(["filename,label,group,device", *lines]))
    divided = split_recordings(scenes.parent / "list.csv", folds=2)
    assert divided.rule == "list"
    assert {r["device"] for r in rows(divided.output)} == {"phone"}
    done = asc("datasets", "split", divided.output)
    assert done.returncode == 1 and "has folds already; train on it as it is" in done.stderr


def test_an_existing_file_is_replaced_only_when_told(scenes: Path) -> None:
    target = scenes.parent / "recordings.csv"
    target.write_text("mine")
    with pytest.raises(AscError, match="exists already; give another name by --output, or --over"):
        split_recordings(scenes, folds=2)
    assert target.read_text() == "mine"
    split_recordings(scenes, folds=2, overwrite=True)
    assert len(rows(target)) == 12
    plain = scenes.parent / "list.csv"
    plain.write_text("filename,label\nscenes/bus/east_1.wav,bus\n")
    with pytest.raises(AscError, match="is the list that is read; give another name"):
        split_recordings(plain, plain, overwrite=True)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("out.wav", "a name that ends in .csv was expected"),
        ("elsewhere/o.csv", "relative to its folder"),
    ],
)
def test_where_the_csv_may_be(scenes: Path, output: str, message: str) -> None:
    with pytest.raises(AscError, match=message):
        split_recordings(scenes, scenes.parent / output, folds=2)


def test_ctrl_c_leaves_no_half_csv(scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic, "sync_file", stop)
    with pytest.raises(KeyboardInterrupt):
        split_recordings(scenes, folds=2)
    assert [path.name for path in scenes.parent.iterdir()] == ["scenes"]


def test_an_unreadable_file_is_left_out_and_named(asc: Asc, scenes: Path) -> None:
    (scenes / "bus" / "bad_1.wav").write_bytes(b"no audio")
    done = asc("datasets", "split", scenes, "--folds", 2)
    assert done.returncode == 3
    assert "Left out: bus/bad_1.wav: is not audio" in " ".join(done.stdout.split())
    assert len(rows(scenes.parent / "recordings.csv")) == 12
    for path in scenes.rglob("*.wav"):
        path.write_bytes(b"no audio")
    with pytest.raises(AscError, match="no recording can be read; the first: bus/bad_1.wav"):
        split_recordings(scenes, overwrite=True)


def test_folders_that_cannot_be_divided(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(AscError, match="no sub-folder here holds audio"):
        split_recordings(tmp_path / "empty")
    write(tmp_path / "one" / "bus" / "a.wav", sound(1, 1), RATE)
    write(tmp_path / "one" / "bus" / "b.wav", sound(2, 1), RATE)
    with pytest.raises(AscError, match="all recordings are 'bus': there is nothing to classify"):
        split_recordings(tmp_path / "one")
    write(tmp_path / "one" / "park" / "c.wav", sound(3, 1), RATE)
    with pytest.raises(AscError, match=r"scene 'park' \('park/c.wav'\): a single group"):
        split_recordings(tmp_path / "one", folds=2)
    (tmp_path / "twice.csv").write_text("filename,label\na.wav,bus\na.wav,bus\n")
    with pytest.raises(AscError, match="a.wav is listed twice; list it once"):
        split_recordings(tmp_path / "twice.csv")
    assert not list(tmp_path.glob("recordings.csv"))


def test_groups_that_only_copies_join_are_said_to_be(tmp_path: Path) -> None:
    for n, scene in enumerate(("bus", "bus", "park", "park")):
        write(tmp_path / scene / f"place{n}_1.wav", sound(n // 2 * 2 + n % 2 * n, 300, 2), RATE)
    write(tmp_path / "bus" / "place0_2.wav", sound(7, 300, 2), RATE)
    write(tmp_path / "bus" / "place1_2.flac", sound(7, 300, 2)[RATE // 2 :], RATE)
    message = (
        r"single group.* 1 pair\(s\) of recordings hold the same sound, such as bus/place0_2.wav"
    )
    with pytest.raises(AscError, match=message):
        split_recordings(tmp_path, tmp_path / "o.csv", folds=2, group_from=r"(place\d)")


def test_names_that_tell_nothing_have_a_warning(asc: Asc, tmp_path: Path) -> None:
    for n, scene in enumerate(("bus", "park") * 2):
        write(tmp_path / scene / f"ZOOM{n:04}.wav", sound(n, 1), RATE)
    done = asc("datasets", "split", tmp_path, "--folds", 2, "--output", tmp_path / "o.csv")
    assert "a place may be in training and in test" in " ".join(done.stdout.split())
    assert {r["group"] for r in rows(tmp_path / "o.csv")} == {""}


HOSTILE = ["=cmd|x", "-1", "@a", "a b", "été", "日本", 'q"', "com,ma", "a;b", "[red]", "'=x"]


def test_hostile_names_are_read_as_they_are(scenes: Path) -> None:
    for n, name in enumerate(HOSTILE):
        for take in (1, 2):
            write(scenes / name / f"{name}{take}.wav", sound(1000 + 2 * n + take, 1), RATE)
    divided = split_recordings(scenes, scenes / "=list.csv", folds=2, group_from="none")
    listing = table.read(divided.output)
    assert {r.label for r in listing.recordings} == {"bus", "park", *HOSTILE}
    assert all((scenes / r.file).is_file() for r in listing.recordings)
    text = divided.output.read_text(encoding="utf-8")
    assert not any(line.startswith(("=", "-", "@")) for line in text.splitlines())


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a\nb.wav", "has a line break"),
        ("a\\b.wav", "has a backslash"),
        (b"\xff.wav".decode("utf-8", "surrogateescape"), "is no UTF-8"),
    ],
)
def test_names_that_a_csv_cannot_hold(scenes: Path, name: str, reason: str) -> None:
    (scenes / "bus" / name).write_bytes((scenes / "bus" / "east_1.wav").read_bytes())
    with pytest.raises(AscError, match=f"its name {reason}, which a CSV cannot hold; rename it"):
        split_recordings(scenes, folds=2)


def test_what_random_splits_hide(asc: Asc, tmp_path: Path) -> None:
    """Places that sound alike within and unlike between scenes: only a leak recognises them."""
    rng = np.random.default_rng(0)
    for place in range(12):
        colour = np.interp(np.arange(16_001), np.geomspace(50, 16_000, 9), rng.uniform(-2, 2, 9))
        for take in range(4):
            spectrum = np.fft.rfft(rng.normal(size=32_000)) * 10.0**colour
            samples = np.fft.irfft(spectrum).astype("f4")
            file = tmp_path / ("bus", "park")[place % 2] / f"place{place}_{take}.wav"
            write(file, 0.1 * samples / samples.std(), 32_000)
    arguments = ("--folds", 3, "--output", tmp_path / "o.csv", "--compare-random", "--json")
    result = json.loads(asc("datasets", "split", tmp_path, *arguments).stdout)["random"]
    assert result["recordings"] == 48 and result["draws"] == random_split.DRAWS
    assert result["gain"] == pytest.approx(result["random"] - result["grouped"])
    assert result["random"] > 0.8 > result["grouped"] + 0.2
    low, high = result["gain_interval"]
    assert 0 < low < result["gain"] < high


def test_the_first_line_of_the_result_is_of_the_library(scenes: Path) -> None:
    divided = split_recordings(scenes, folds=2, seed=1)
    assert divided.to_dict()["output"] == str(scenes.parent / splitting.NAME)
    assert divided.folds == 2 and divided.remarks == ()


@pytest.mark.parametrize(
    "recipe", ["own_quick", pytest.param("own_resnet", marks=pytest.mark.campaign), "own_ta_sa"]
)
def test_the_recipes_for_recordings_of_ones_own(asc: Asc, scenes: Path, recipe: str) -> None:
    assert recipe in asc("recipes", "list", "--dataset", "table").stdout
    divided = split_recordings(scenes, folds=2)
    small = {
        "own_quick": (),
        "own_resnet": ("model.n_channels=[4,8]", "model.halve=[1]"),
        "own_ta_sa": ("model.n_hidden=8", "model.classifier_hidden=8"),
    }[recipe]
    sets = [word for text in ("training.epochs=1", *small) for word in ("--set", text)]
    done = asc("train", recipe, "--data", divided.output, "--jobs", 1, *sets)
    assert done.returncode == 0, done.stderr
    assert f"{recipe}@1" in done.stdout
