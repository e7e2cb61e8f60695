"""Many files: nothing lost, nothing twice, the same answers however they are given."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from asc_cli import workflow
from asc_cli.core import paths
from asc_cli.core.errors import AscError
from asc_cli.inference import predict, segments, types
from asc_cli.inference.journal import Journal, stamp
from asc_cli.inference.level import CLIPPED
from asc_cli.inference.types import Segment
from tests.conftest import ROOT, Asc, Program, command, write
from tests.test_export import registered

RATE = 22_050


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """60 recordings of different lengths, 5 of them bad."""
    registered("m", "model.attention=[temporal]")
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * RATE)
    for i in range(55):
        write(tmp_path / "many" / f"{i:02d}.wav", noise[i * 100 : RATE + i * 700], RATE)
    for i in range(5):
        (tmp_path / "many" / f"bad{i}.wav").write_bytes(b"RIFF" * i)
    return tmp_path / "many"


def rows_of(text: str) -> dict[str, dict]:
    rows = [json.loads(line) for line in text.splitlines()]
    assert len({row["file"] for row in rows}) == len(rows)
    return {row["file"]: row for row in rows}


def scenes(row: dict) -> list[float]:
    return list(row["scenes"].values())


@pytest.mark.campaign
def test_killed_and_started_again_it_has_every_line_once(folder: Path, asc: Asc, tmp_path: Path):
    arguments = ("predict", folder, "--json", "--jobs", 2, "--csv", tmp_path / "all.csv")
    with (tmp_path / "first").open("w") as out:
        first = subprocess.Popen(
            command(*arguments),
            stdout=out,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            start_new_session=True,
        )
        while first.poll() is None and not (tmp_path / "first").read_text().count("\n"):
            time.sleep(0.05)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    again = asc(*arguments)
    assert again.returncode == 3 and "were predicted before" in again.stderr
    rows = rows_of(again.stdout)
    assert len(rows) == 60 and sum("error" in row for row in rows.values()) == 5
    with (tmp_path / "all.csv").open(newline="") as source:
        table = list(csv.DictReader(source))
    assert sorted(row["file"] for row in table) == sorted(rows)
    assert not list((paths.home() / "predictions").glob("*")), "a finished run leaves no journal"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="names of descriptors")
def test_the_csv_is_on_the_disk_before_the_journal_goes(
    folder: Path, asc: Asc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    monkeypatch.setenv("ASC_FSYNC", "1")
    monkeypatch.setattr(os, "fsync", lambda fd: events.append(os.readlink(f"/proc/self/fd/{fd}")))
    monkeypatch.setattr(Journal, "finish", lambda journal: events.append("the end"))
    files = sorted(folder.glob("0*.wav"))[:2]
    assert asc("predict", *files, "--jobs", 1, "--csv", tmp_path / "two.csv").returncode == 0
    assert events[-2:] == [str(tmp_path / "two.csv"), "the end"]


def test_the_last_chunks_are_small_and_large_files_go_first():
    sizes = {Path(f"{i:03d}"): 1 << 20 for i in range(500)}
    chunks = list(predict._chunks(sizes, 2))
    assert [path for chunk in chunks for path in chunk] == list(sizes)
    lengths = [len(chunk) for chunk in chunks]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] == predict.CHUNK_FILES and lengths[-4:] == [1] * 4
    day = Path("day")
    assert next(predict._chunks({**sizes, day: 1 << 30}, 2)) == (day,)
    assert [*predict._chunks({**sizes, day: 1 << 30}, 1)][-1] == (day,)


@pytest.mark.campaign
def test_one_answer_alone_in_a_batch_in_any_number_of_processes(folder: Path, tmp_path: Path):
    together = {p.file: p for p in workflow.predict(sorted(folder.iterdir()), jobs=2)}
    for path in (folder / "00.wav", folder / "54.wav"):
        [alone] = workflow.predict([path])
        flac = tmp_path / "a.flac"
        soundfile.write(flac, *soundfile.read(path))
        [other] = workflow.predict([flac])
        for output in (alone, other):
            np.testing.assert_allclose(
                list(output.scenes.values()), list(together[str(path)].scenes.values()), atol=1e-6
            )


def test_a_list_and_sound_on_stdin(folder: Path, asc: Asc):
    path = folder / "07.wav"
    done = asc("predict", "--files-from", "-", "--json", input=f"{path}\n")
    raw = asc("predict", "-", "--json", input=path.read_bytes())
    [of_list], [of_sound] = rows_of(done.stdout).values(), rows_of(raw.stdout).values()
    assert of_sound["file"] == "-"
    np.testing.assert_allclose(scenes(of_list), scenes(of_sound), atol=1e-6)


@pytest.mark.campaign
def test_names_of_any_bytes(folder: Path, asc: Asc, program: Program, tmp_path: Path):
    odd = tmp_path / "odd"
    odd.mkdir()
    try:
        (odd / os.fsdecode(b"bad\xff.wav")).write_bytes((folder / "07.wav").read_bytes())
    except OSError:
        pytest.skip("this file system keeps names in UTF-8")
    (odd / "two\nlines.wav").write_bytes((folder / "07.wav").read_bytes())
    done = program("predict", odd, "--json", "--csv", tmp_path / "odd.csv")
    assert done.returncode == 0, done.stderr
    names = {f"{odd}/bad\udcff.wav", f"{odd}/two\nlines.wav"}
    assert set(rows_of(done.stdout)) == names
    with (tmp_path / "odd.csv").open(newline="", encoding="utf-8") as source:
        assert {row["file"] for row in csv.DictReader(source)} == {
            f"{odd}/bad\\udcff.wav",
            f"{odd}/two\nlines.wav",
        }
    shown = asc("predict", odd, "--top", 1)
    *lines, model = shown.stdout.splitlines()
    assert (
        model.startswith("model: ")
        and len(lines) == 3
        and "two\\nlines.wav" in "".join(shown.stdout.split())
    )
    checked = program("datasets", "check", "table", "--data", tmp_path)
    assert checked.returncode == 1 and "bad\\udcff.wav" in "".join(checked.stdout.split())
    assert asc("features", "--dataset", "table", "--data", tmp_path).returncode == 3


@pytest.mark.campaign
def test_a_pipe_does_not_hang_it(folder: Path, asc: Asc, tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.wav")
    done = asc("predict", tmp_path / "pipe.wav", folder / "07.wav")
    assert done.returncode == 3 and "pipe.wav: is not a regular file" in done.stderr
    output = subprocess.run(
        command("predict", "/dev/stdin", "--json"),
        input=(folder / "07.wav").read_bytes(),
        capture_output=True,
        cwd=ROOT,
    )
    assert output.returncode == 0 and b'"file": "-"' in output.stdout


def test_an_empty_folder_is_reported(folder: Path, asc: Asc, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    done = asc("predict", tmp_path / "empty")
    assert done.returncode == 3
    assert (
        "empty: is a folder; a file was expected, or a folder that holds wav, flac" in done.stderr
    )


def test_no_inputs_give_a_usage_hint(asc: Asc):
    done = asc("predict")
    assert done.returncode == 1 and "--files-from LIST was expected" in done.stderr


def test_a_timeline_has_sounds_at_their_time(tmp_path: Path):
    registered("m")
    rng = np.random.default_rng(0)
    loud, soft = rng.normal(0, 0.3, 5 * RATE), rng.normal(0, 0.001, 5 * RATE)
    both = write(tmp_path / "both.wav", np.concatenate([loud, soft]), RATE, subtype="FLOAT")
    [output] = workflow.predict([both], timeline_s=5)
    assert output.timeline is not None
    for part, samples in zip(output.timeline, (loud, soft), strict=True):
        [alone] = workflow.predict([write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")])
        assert part.scene == alone.scene
        assert part.scenes[part.scene] == pytest.approx(alone.scenes[part.scene], abs=0.1)
    assert output.duration_s == 10 and output.timeline[-1].end_s == 10


@pytest.mark.parametrize(("n_frames", "shortest"), [(200, 1.996), (46, 0.459)])
def test_stretches_are_as_long_as_clips_of_frames(tmp_path: Path, n_frames: int, shortest: float):
    registered("m", f"clips.length_frames={n_frames}")
    path = write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 7 * RATE), RATE)
    with pytest.raises(AscError, match=f"timeline {shortest / 2} s: at least {shortest} s"):
        list(workflow.predict([path], timeline_s=shortest / 2))
    [output] = workflow.predict([path], timeline_s=shortest)
    assert output.timeline is not None and len(output.timeline) == int(7 / shortest)
    assert all(sum(part.scenes.values()) == pytest.approx(1) for part in output.timeline)


def test_a_stretch_without_a_clip_belongs_to_the_next(tmp_path: Path):
    model = SimpleNamespace(aggregate="mean", feature=SimpleNamespace(sample_rate=10))
    counts, sums = [1, 0, 2], [np.array(p) for p in ([0.8, 0.2], [0.0, 0.0], [0.5, 1.5])]
    accumulator = segments.SegmentAccumulator(
        tmp_path,
        model,
        SimpleNamespace(timeline_s=2.0, embeddings=False),
        samples=65,
        clips=3,
        sums=sums,
        counts=counts,
    )
    done = segments.average([accumulator], [1.0])
    assert done.ends_s.tolist() == [2.0, 6.5]
    np.testing.assert_allclose(done.segments, [[0.8, 0.2], [0.25, 0.75]])


def test_stretches_of_one_scene_are_merged():
    def part(start: float, end: float, scene: str, p: float) -> Segment:
        return Segment(start, end, scene, p, {"bus": p, "park": 1 - p})

    merged = types.merge_segments(
        [part(0, 10, "bus", 0.6), part(10, 15, "bus", 0.9), part(15, 20, "park", 0.2)]
    )
    assert [(m.start_s, m.end_s, m.scene) for m in merged] == [(0, 15, "bus"), (15, 20, "park")]
    assert merged[0].probability == pytest.approx(0.7)


def test_settings_that_cannot_be(tmp_path: Path):
    registered("m")
    path = write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    with pytest.raises(AscError, match=r"timeline 0.5 s: at least 1.0 s, the length of the clips"):
        list(workflow.predict([path], timeline_s=0.5))
    with pytest.raises(AscError, match="threshold 2: a probability from 0 to 1"):
        list(workflow.predict([path], threshold=2))
    with pytest.raises(AscError, match="--jobs 0: at least 1"):
        list(workflow.predict([path], jobs=0))


def test_below_the_threshold_it_is_unsure_everywhere(folder: Path, asc: Asc, tmp_path: Path):
    path = folder / "54.wav"
    written = ("--csv", tmp_path / "a.csv", "--audacity", tmp_path / "a.txt")
    done = asc("predict", path, "--threshold", 1, "--timeline", 1, *written, "--json")
    [row] = rows_of(done.stdout).values()
    assert row["scene"] == "unsure" and {p["scene"] for p in row["segments"]} == {"unsure"}
    [first, *_] = csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text()))
    columns = "file start end scene probability bus park tram model settings error"
    assert " ".join(first) == columns
    assert first["scene"] == "unsure" and first["settings"] == "timeline_s=1.0 threshold=1.0"
    start, end, label = (tmp_path / "a.txt").read_text().rstrip("\n").split("\t")
    assert (float(start), float(end)) == (0, pytest.approx(row["duration_s"], abs=1e-3))
    assert label.startswith("unsure ")


def test_embeddings_are_of_each_recording(folder: Path, tmp_path: Path, asc: Asc):
    done = asc("predict", folder / "00.wav", folder / "01.wav", "--embeddings", tmp_path / "e.npz")
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "e.npz", allow_pickle=False) as stored:
        assert stored["embeddings"].shape == (2, 16)  # 2 members of 8 hidden units
        assert [Path(name).name for name in stored["files"]] == ["00.wav", "01.wav"]
        assert str(stored["model"]) == "m@1"
        assert np.abs(stored["embeddings"]).max() > 0


def test_a_journal_forgets_changed_files_and_torn_lines(tmp_path: Path):
    a, b = (write(tmp_path / name, np.zeros(100), RATE) for name in ("a.wav", "b.wav"))
    journal = Journal("key")
    journal.add([(a, stamp(a), {"error": "1"}), (b, stamp(b), {"error": "2"})])
    with journal.file.open("a") as out:
        out.write('{"path": "c.wav", "sta')
    again = Journal("key")
    again.add([(a, stamp(a), {"error": "3"}), (tmp_path / "none", None, {"error": "4"})])
    assert {path: output["error"] for path, (_, output) in again.read().items()} == {a: "3", b: "2"}
    write(b, np.zeros(200), RATE)
    assert again.read()[b][0] != stamp(b)
    again.finish()
    assert again.read() == {} and Journal("other").file != again.file


def test_lines_without_their_checksum_are_predicted_again(tmp_path: Path):
    """Those of version 0.1, which had no inode either; and lines that were changed."""
    path = write(tmp_path / "a.wav", np.zeros(100), RATE)
    journal = Journal("key")
    journal.add([(path, stamp(path), {"probabilities": [0.25, 0.75]})])
    [line] = journal.file.read_text().splitlines()
    assert journal.read() == {path: (stamp(path), {"probabilities": [0.25, 0.75]})}
    size, mtime, ctime, inode = stamp(path)
    assert (size, inode) == (path.stat().st_size, path.stat().st_ino)
    old = {"path": str(path), "stamp": [size, mtime, ctime], "said": {"whole": [1.0]}}
    for damaged in (json.dumps(old), line.replace("0.75", "0.76"), "null", "[]", '{"said": {}}'):
        journal.file.write_text(damaged + "\n")
        assert journal.read() == {}


def test_listening_to_a_pipe_predicts_what_predict_does(folder: Path, asc: Asc):
    samples, _ = soundfile.read(folder / "54.wav", dtype="int16")
    timing = ("--rate", RATE, "--window", 60, "--every", 0.5)
    done = asc("listen", "-", *timing, "--json", input=samples.tobytes())
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) >= 2, done.stderr
    [output] = workflow.predict([folder / "54.wav"])
    np.testing.assert_allclose(scenes(rows[-1]), list(output.scenes.values()), atol=1e-5)


def test_listening_warns_of_a_muted_and_of_a_loud_input(folder: Path, asc: Asc):
    def listened(samples: np.ndarray, *options: str):
        return asc("listen", "-", "--rate", RATE, *options, input=samples.astype("<i2").tobytes())

    n = 4 * RATE
    silent = listened(np.zeros(n))
    assert silent.returncode == 0 and silent.stderr.count("the sound is silent: is the") == 1
    assert "-120.0 dB" in silent.stdout and "▯▯▯▯▯▯▯▯▯▯" in silent.stdout
    loud = listened(np.random.default_rng(0).choice([-32_768, 32_767], n), "--json")
    rows = [json.loads(line) for line in loud.stdout.splitlines()]
    assert len(rows) > 1 and {row["warning"] for row in rows} == {CLIPPED} and not loud.stderr
    assert {(row["level_db"], row["peak_db"]) for row in rows} == {(0.0, 0.0)}
    fair = listened(np.random.default_rng(0).normal(0, 1_000, n), "--json")
    assert {json.loads(line)["warning"] for line in fair.stdout.splitlines()} == {None}


def test_listening_stores_nothing_but_what_is_asked_for(folder: Path, asc: Asc, tmp_path: Path):
    sound = np.random.default_rng(0).normal(0, 1_000, 3 * RATE).astype("<i2")
    asc("models", "check", "m")  # makes the model's graph
    before = files_below(tmp_path)
    path = tmp_path / "evening.wav"
    done = asc("listen", "-", "--rate", RATE, input=sound.tobytes())
    assert done.returncode == 0 and files_below(tmp_path) == before
    done = asc("listen", "-", "--rate", RATE, "--record", path, input=sound.tobytes())
    assert done.returncode == 0 and files_below(tmp_path) == before | {path}
    np.testing.assert_array_equal(soundfile.read(path, dtype="int16")[0], sound)


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_listening_to_nothing_is_an_error(folder: Path, asc: Asc):
    done = asc("listen", "-", input=b"")
    assert done.returncode == 1 and "asc: the sound: is 0.000 s long" in done.stderr


def test_listening_with_invalid_options(asc: Asc):
    registered("m")
    with pytest.raises(AscError, match=r"listen: a window of 0.1 s every 1.0 s; at least"):
        next(workflow.listen([], RATE, window_s=0.1))
    done = asc("listen", "clip.wav")
    assert done.returncode == 1 and "for a file use asc predict" in done.stderr
