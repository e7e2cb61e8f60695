"""The made-up data set is whole, well-formed and repeatable. Short recordings: sound is not it."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asc_cli.core.errors import AscError
from asc_cli.datasets import toy
from asc_cli.datasets._synthetic import scenes as _toy_scenes

SECONDS = 0.1
FOLDS = (1, 2, 3, 4)


def rows(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text().splitlines()]


def audio(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (root / "audio").iterdir()}


def location(path: str) -> str:
    return Path(path).name.split("_")[0]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy") / "data"
    toy.make(folder, recordings=125, seconds=SECONDS)
    return folder


def test_the_layout_is_that_of_tut2016_and_nothing_is_left_over(root: Path) -> None:
    lists = [f"fold{k}_{part}.txt" for k in FOLDS for part in ("train", "test", "evaluate")]
    names = {path.name for path in root.iterdir()}
    assert names == {"audio", "evaluation_setup", "meta.txt", "error.txt", "toy.json"}
    assert {path.name for path in (root / "evaluation_setup").iterdir()} == set(lists)
    assert not any(path.name.endswith(".tmp") for path in root.rglob("*"))
    assert not any(b"\r" in path.read_bytes() for path in root.rglob("*.txt"))


def test_meta_lists_every_file_once_and_spreads_the_scenes_evenly(root: Path) -> None:
    meta = rows(root / "meta.txt")
    assert sorted(path for path, _ in meta) == sorted(f"audio/{name}" for name in audio(root))
    assert len({path for path, _ in meta}) == 125
    counts = Counter(scene for _, scene in meta)
    assert set(counts) == set(toy.SCENES) and set(counts.values()) == {8, 9}


def test_names_are_location_start_end_and_a_location_has_one_scene(root: Path) -> None:
    scenes: dict[str, set[str]] = {}
    for path, scene in rows(root / "meta.txt"):
        place, start, end = Path(path).stem.split("_")
        assert place[0] in "ab" and place[1:].isdigit() and int(end) == int(start) + 30
        scenes.setdefault(place, set()).add(scene)
    assert all(len(results) == 1 for results in scenes.values())


def test_the_format_is_that_of_tut2016(root: Path) -> None:
    for path in (root / "audio").iterdir():
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.frames) == (44_100, 2, 4410)
        assert (info.format, info.subtype) == ("WAV", "PCM_24")


@pytest.mark.parametrize("fold", FOLDS)
def test_a_fold_shares_no_location_and_has_every_scene_on_both_sides(root: Path, fold: int) -> None:
    setup = root / "evaluation_setup"
    train, evaluate = (
        rows(setup / f"fold{fold}_train.txt"),
        rows(setup / f"fold{fold}_evaluate.txt"),
    )
    tests = (setup / f"fold{fold}_test.txt").read_text().splitlines()
    assert tests == [path for path, _ in evaluate]
    assert sorted(train + evaluate) == sorted(rows(root / "meta.txt"))
    assert not {location(path) for path, _ in train} & {location(path) for path in tests}
    for side in (train, evaluate):
        counts = Counter(scene for _, scene in side)
        assert set(counts) == set(toy.SCENES)
        assert max(counts.values()) - min(counts.values()) <= 1


def test_every_recording_is_tested_in_exactly_one_fold(root: Path) -> None:
    setup = root / "evaluation_setup"
    tested = [p for k in FOLDS for p in (setup / f"fold{k}_test.txt").read_text().splitlines()]
    assert sorted(tested) == sorted(path for path, _ in rows(root / "meta.txt"))


def test_the_full_set_has_the_size_of_the_real_one() -> None:
    clips = toy._plan(1170)
    assert set(Counter(clip.scene for clip in clips).values()) == {78}
    assert all(abs(count - 292) <= 8 for count in Counter(clip.fold for clip in clips).values())
    assert len({clip.path for clip in clips}) == 1170


def test_the_same_call_writes_the_same_bytes_and_a_larger_set_changes_none(
    root: Path, tmp_path: Path
) -> None:
    toy.make(tmp_path / "fewer", recordings=60, seconds=SECONDS)
    toy.make(tmp_path / "again", recordings=60, seconds=SECONDS)
    assert audio(tmp_path / "fewer") == audio(tmp_path / "again")
    assert audio(tmp_path / "fewer").items() <= audio(root).items()


def test_another_seed_is_another_sound(root: Path, tmp_path: Path) -> None:
    toy.make(tmp_path / "other", recordings=60, seconds=SECONDS, seed=1)
    assert not set(audio(tmp_path / "other").values()) & set(audio(root).values())


@pytest.mark.parametrize("scene", toy.SCENES)
def test_a_recording_is_finite_audible_below_full_scale_and_of_any_length(scene: str) -> None:
    for n in (441, 44_101):
        samples = _toy_scenes.record(scene, "a001", "a001_0_30", n, seed=0)
        assert samples.shape == (n, 2) and np.isfinite(samples).all()
        assert np.abs(samples).max() < 1
        assert np.sqrt(np.mean(samples[: n // 4] ** 2)) > 1e-4


def test_an_interrupted_make_resumes(tmp_path: Path) -> None:
    root = tmp_path / "data"

    def stop(done: int, total: int) -> None:
        assert total == 60
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        toy.make(root, recordings=60, seconds=SECONDS, progress=stop)
    assert len(audio(root)) == 20 and not (root / "meta.txt").exists()
    before = {path: path.stat().st_mtime_ns for path in (root / "audio").iterdir()}
    broken = next(iter(before))
    full = broken.read_bytes()
    broken.write_bytes(full[:100])
    toy.make(root, recordings=60, seconds=SECONDS)
    assert len(audio(root)) == 60 and broken.read_bytes() == full
    assert all(path.stat().st_mtime_ns == then for path, then in before.items() if path != broken)


def test_published_lists_are_copied_and_their_files_written(tmp_path: Path) -> None:
    lists, root = tmp_path / "lists", tmp_path / "data"
    (lists / "evaluation_setup").mkdir(parents=True)
    meta = b"audio/b010_0_30.wav\tbeach\r\naudio\\a001_60_90.wav\tcafe/restaurant\r\n"
    (lists / "meta.txt").write_bytes(meta)
    (lists / "evaluation_setup" / "fold1_test.txt").write_bytes(b"audio/b010_0_30.wav\n")
    (lists / "error.txt").write_bytes(b"audio/b010_0_30.wav\t0.5\t1.0\tnoise\n")
    toy.make(root, lists=lists, seconds=SECONDS)
    assert set(audio(root)) == {"b010_0_30.wav", "a001_60_90.wav"}
    for name in ("meta.txt", "error.txt", "evaluation_setup/fold1_test.txt"):
        assert (root / name).read_bytes() == (lists / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"recordings": 59}, "recordings is 59; toy scenes need 60 or more"),
        ({"seconds": 0.0}, "seconds is 0.0; a toy recording needs 0.01 or more"),
        ({"seconds": float("nan")}, "seconds is nan"),
        ({"lists": Path("nowhere")}, "meta.txt is missing; give the folder"),
    ],
)
def test_invalid_arguments_are_reported(
    tmp_path: Path, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(AscError, match=message):
        toy.make(tmp_path / "data", **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ("audio/a_0_30.wav\tbeach\naudio/b_0_30.wav\tbeech\n", "line 2: no scene 'beech'; known"),
        ("../a_0_30.wav\tbeach\n", "meta.txt:1: '../a_0_30.wav' is not in the folder"),
        ("audio/a_0_30.wav\tbeach\n", "evaluation_setup has no fold"),
    ],
)
def test_faulty_lists_are_refused(tmp_path: Path, meta: str, message: str) -> None:
    (tmp_path / "meta.txt").write_text(meta)
    with pytest.raises(AscError, match=message):
        toy.make(tmp_path / "data", lists=tmp_path, seconds=SECONDS)


def test_other_data_is_never_written_over(root: Path, tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    with pytest.raises(AscError, match="holds audio, which was not generated here"):
        toy.make(tmp_path, recordings=60, seconds=SECONDS)
    with pytest.raises(AscError, match='holds toy scenes of .*"seed": 0.*not .*"seed": 1'):
        toy.make(root, recordings=60, seconds=SECONDS, seed=1)
