"""The whole pipeline of videos: made, trained, killed, evaluated, labelled; damage is reported."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from asc_cli import workflow
from asc_cli.core import atomic
from asc_cli.core import paths as homes
from asc_cli.core.errors import AscError
from asc_cli.datasets import yt8m, yt8m_toy
from asc_cli.datasets._yt8m import records
from asc_cli.recipe import load as recipe
from asc_cli.registry import models
from asc_cli.video import metrics
from asc_cli.video.predict import LabelledVideo
from tests.conftest import ROOT, Asc, command, write
from tests.test_export import registered

pytest.importorskip("tfrecord", reason="the extra `yt8m` is not installed")

FRAMES = 10
SMALL = (
    f"stream.max_frames={FRAMES}",
    "stream.checkpoint_every=160",
    "stream.buffer=64",
    "model.n_hidden=32",
    "training.epochs=3",
    "training.learning_rate=0.01",
)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1500 short videos whose events are easily told from noise."""
    root = tmp_path_factory.mktemp("yt8m") / "yt8m_toy"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yt8m_toy, "LOUDNESS", 40.0)
        yt8m_toy.make(root, videos=1500, frames=FRAMES)
    return root


def small(name: str = "yt8m_toy_lstm", *more: str) -> recipe.Recipe:
    return recipe.load(name, [*SMALL, *more])


def options(*more: str) -> list[str]:
    return [word for text in (*SMALL, *more) for word in ("--set", text)]


def by_frequency(root: Path) -> float:
    """GAP of predicting every label as often as it is trained on."""
    layout = yt8m.Layout(rgb=24, audio=8, n_labels=yt8m_toy.N_LABELS, max_frames=FRAMES)
    parts = {
        part: [v.labels for v in yt8m.Stream(yt8m.shards(root, part), layout, yt8m.Order())]
        for part in ("train", "validate")
    }
    counts = np.zeros((1, yt8m_toy.N_LABELS))
    for labels in parts["train"]:
        counts[0, list(labels)] += 1 / len(parts["train"])
    scores = metrics.Streaming()
    for labels in parts["validate"]:
        scores.add(counts, [labels])
    return scores.result()["gap"]


@pytest.mark.campaign
@pytest.mark.parametrize("name", ["lstm", "ta", "sa", "ta_sa"])
def test_all_four_recipes_learn_what_came_when(name: str, shards: Path):
    reported: list[dict[str, Any]] = []
    done = workflow.train(small(f"yt8m_toy_{name}"), data=shards, epoch_done=reported.append)
    frequency = by_frequency(shards)
    assert done.metrics["gap"] > 2 * frequency and done.metrics["gap"] > 0.55  # order-blind: 0.5
    assert [row["epoch"] for row in reported] == [1, 2, 3] and reported == done.metrics["epochs"]
    assert done.metrics["epoch"] == max(reported, key=lambda row: row["gap"])["epoch"]
    again = workflow.train(small(f"yt8m_toy_{name}"), data=shards)
    assert (again.run, again.model) == (done.run, done.model)


@pytest.fixture(scope="module")
def first(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a model of one epoch."""
    folder = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASC_HOME", str(folder))
        workflow.train(small("yt8m_toy_lstm", "training.epochs=1"), data=shards)
    return folder


@pytest.fixture
def trained(first: Path, shards: Path, home: Path) -> workflow.Training:
    shutil.copytree(first, home)
    return workflow.train(small("yt8m_toy_lstm", "training.epochs=1"), data=shards)


# -- kill -9 ----------------------------------------------------------------------------------


def checkpoints(run: Path) -> set[int]:
    """The inode of the checkpoint that is there; another one with every checkpoint."""
    path = run / "fold01/checkpoint.safetensors"
    return {path.stat().st_ino} if path.exists() else set()


def epochs(run: Path) -> int:
    path = run / "fold01/history.csv"
    return path.read_text().count("\n") - 1 if path.exists() else 0


def killed(run: Path, words: list[str]) -> None:
    """Start training, and kill it after the first checkpoint of its second epoch."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(words, cwd=ROOT, stdout=quiet, stderr=quiet) as child:
        while child.poll() is None and epochs(run) < 1:
            time.sleep(0.005)
        seen = checkpoints(run)
        while child.poll() is None and checkpoints(run) == seen:
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL


@pytest.mark.campaign
def test_killed_in_the_middle_of_an_epoch_it_ends_with_the_same_bits(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    expected = small("yt8m_toy_ta_sa")
    full = workflow.train(expected, data=shards)
    monkeypatch.setenv("ASC_HOME", str(tmp_path / "killed"))
    run = homes.runs() / full.run.name
    killed(run, command("train", "yt8m_toy_ta_sa", "--data", shards, *options()))
    with safe_open(run / "fold01/checkpoint.safetensors", framework="pt") as file:
        assert 0 < json.loads(file.metadata()["state"])["in_epoch"] < 1200
    again = workflow.train(expected, data=shards, jobs=2)  # and read ahead by other processes
    for name in ("fold01/model.safetensors", "fold01/best.safetensors"):
        assert (again.run / name).read_bytes() == (full.run / name).read_bytes()
    timeless = [[{**row, "seconds": 0} for row in it.metrics["epochs"]] for it in (full, again)]
    assert timeless[0] == timeless[1]


# -- the commands -----------------------------------------------------------------------------


def test_train_evaluate_and_predict_from_the_command_line(shards: Path, asc: Asc, tmp_path: Path):
    done = asc("train", "yt8m_toy_sa", "--data", shards, *options("training.epochs=2"))
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["epoch 1", "epoch 2"]
    assert "best" in done.stdout and "GAP@20" in done.stdout
    of_run = json.loads(asc("evaluate", "yt8m_toy_sa", "--json").stdout)
    assert [row["epoch"] for row in of_run["epochs"]] == [1, 2]
    of_model = json.loads(
        asc("evaluate", "yt8m_toy_sa", "--dataset", "yt8m_toy", "--data", shards, "--json").stdout
    )
    assert of_model["gap"] == pytest.approx(of_run["gap"], abs=1e-9)
    assert (of_model["videos"], of_model["positives"]) == (300, 900)
    output = asc("predict", shards / "validate00.tfrecord", "--csv", tmp_path / "labels.csv")
    assert (output.returncode, output.stdout) == (0, ""), output.stderr
    rows = list(csv.reader((tmp_path / "labels.csv").read_text().splitlines()))
    assert rows[0] == ["VideoId", "LabelConfidencePairs"] and len(rows) == 251
    words = rows[1][1].split(" ")
    labels, confidences = [int(w) for w in words[::2]], [float(w) for w in words[1::2]]
    assert len(labels) == 20 and sorted(confidences, reverse=True) == confidences
    assert rows[1][0] == "validate00-0000"


def test_labels_are_those_of_the_evaluation(shards: Path, trained: workflow.Training):
    """The competition's rows, scored with the shards' own labels, have the run's GAP."""
    paths = yt8m.shards(shards, "validate")
    layout = yt8m.Layout(rgb=24, audio=8, n_labels=yt8m_toy.N_LABELS, max_frames=FRAMES)
    truth = {v.id: v.labels for v in yt8m.Stream(paths, layout, yt8m.Order())}
    scores = metrics.Streaming()
    for row in workflow.label(paths):
        assert isinstance(row, LabelledVideo)
        pairs = np.array(row.labels)
        scores.add_best(pairs[None, :, 0].astype(int), pairs[None, :, 1], [truth[row.video]])
    assert scores.result()["gap"] == pytest.approx(trained.metrics["gap"], abs=1e-9)


def test_a_model_of_videos_in_the_registry(trained: workflow.Training, asc: Asc):
    assert "yt8m_toy_lstm@1" in asc("models", "list").stdout
    shown = json.loads(asc("models", "show", "yt8m_toy_lstm", "--json").stdout)
    assert shown["complexity"]["parameters"] > 1000 and len(shown["labels"]) == 20
    card = (models.find("yt8m_toy_lstm").folder / "README.md").read_text()
    assert "asc predict --model yt8m_toy_lstm@1 shard.tfrecord" in card and "0 to 19" in card
    listed = asc("recipes", "list", "--json")
    assert listed.returncode == 0 and "yt8m_ta_sa" in listed.stdout


def test_damaged_weights_are_reported(trained: workflow.Training, shards: Path):
    path = models.find("yt8m_toy_lstm").member(1)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(AscError, match=r"fold01.safetensors is damaged: it differs"):
        list(workflow.label([shards / "validate00.tfrecord"]))


def test_shards_and_recordings_are_not_mixed_up(
    trained: workflow.Training, asc: Asc, shards: Path, tmp_path: Path, toy_root: Path
):
    clip = write(tmp_path / "clip.wav", np.zeros(30_000))
    done = asc("predict", clip, shards / "validate01.tfrecord")
    assert done.returncode == 3 and done.stdout.count("\n") == 51
    assert f"{clip}: model yt8m_toy_lstm@1 takes shards of videos' features" in done.stderr
    scenes = registered("scenes")
    with pytest.raises(AscError, match="yt8m_toy_lstm@1 labels videos: it takes shards of their"):
        list(workflow.predict([clip], model="yt8m_toy_lstm"))
    with pytest.raises(AscError, match="model scenes@1 takes recordings, not shards of videos'"):
        list(workflow.label([shards / "validate00.tfrecord"], model=scenes))
    [output] = workflow.predict([shards / "validate00.tfrecord"], model=scenes)
    assert output.error == (
        "is a shard of videos' features, not audio; name a model of videos with --model"
    )
    with pytest.raises(AscError, match="labels videos: it takes shards"):
        workflow.evaluate("yt8m_toy_lstm", dataset="toy", data=toy_root)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("train", "yt8m_toy_lstm", "--folds", "1"), "is a stream of shards, without folds"),
        (("train", "yt8m_toy_lstm"), "dataset yt8m_toy: nothing at .* asc datasets make yt8m-toy"),
        (("predict", "a.tfrecord", "--timeline", "5"), "--timeline: only for recordings"),
        (("predict", "a.tfrecord", "--fold", "1"), "--fold: only for recordings"),
        (("predict", "a.tfrecord", "--csv", "a.tfrecord"), "a recording would be written over"),
        (("predict", "-"), "takes shards of videos, which are not read on stdin"),
        (("report", "yt8m_toy_lstm"), "of videos with many labels, not of scenes; asc evaluate"),
        (
            ("evaluate", "yt8m_toy_lstm", "--dataset", "yt8m_toy", "--folds", "1"),
            "it has no folds and no subsets, and takes no file",
        ),
        (("features", "--dataset", "yt8m_toy"), "the shards of yt8m_toy hold features already"),
        (("evaluate", "yt8m_toy_lstm", "--folds", "1"), "is of a stream of shards, without folds"),
        (("predict", "a.tfrecord", "--csv", "/dev/null/a.csv"), "--csv .*: cannot be written"),
        (("datasets", "check", "yt8m_toy", "--data", "."), "shards of videos' features, not rec"),
        (("export", "yt8m_toy_lstm", "--format", "onnx"), "labels videos: it takes shards"),
        (("datasets", "make", "toys"), "only toy and yt8m-toy can be made, not 'toys'"),
        (("datasets", "make", "yt8m-toy", "--lists", "."), "--lists: only for toy, from TUT 2016"),
    ],
)
def test_options_not_for_videos_are_refused(
    words: tuple[str, ...], what: str, trained: workflow.Training, asc: Asc
):
    done = asc(*words)
    with pytest.raises(AssertionError, match=what):
        raise AssertionError(done.stderr)
    assert done.returncode == 1


@pytest.mark.campaign
def test_damaged_records_are_named_counted_and_exit_3(shards: Path, tmp_path: Path, asc: Asc):
    root = tmp_path / "shards"
    shutil.copytree(shards, root)
    hurt = {}
    for name in ("train01.tfrecord", "validate00.tfrecord"):
        offsets = [record.offset for record in records.records(root / name)]
        hurt[root / name] = offsets[3]
        full = bytearray((root / name).read_bytes())
        full[offsets[3] + 50] ^= 1
        (root / name).write_bytes(full)
    done = asc("train", "yt8m_toy_lstm", "--data", root, "--json", *options("training.epochs=2"))
    assert done.returncode == 3, done.stderr
    result = json.loads(done.stdout)
    assert {(row["file"], row["offset"]) for row in result["failed"]} == {
        (str(path), offset) for path, offset in hurt.items()
    } and len(result["failed"]) == 2
    assert (result["epochs"][0]["examples"], result["videos"]) == (1199, 299)
    assert all(row["error"] == "its data do not match their checksum" for row in result["failed"])
    reported = asc("predict", root / "validate00.tfrecord", "--json")
    rows = [json.loads(line) for line in reported.stdout.splitlines()]
    assert reported.returncode == 3 and len(rows) == 250
    [fault] = [row for row in rows if "error" in row]
    assert fault["offset"] == hurt[root / "validate00.tfrecord"]
    again = asc("evaluate", "yt8m_toy_lstm", "--dataset", "yt8m_toy", "--data", root)
    assert again.returncode == 3 and "1 damaged record(s), left out" in again.stdout


def test_shards_that_do_not_match_the_recipe_are_reported(
    shards: Path, monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(AscError, match=r"no complete video .* has an rgb frame of 24 bytes; 23"):
        workflow.train(small("yt8m_toy_lstm", "stream.rgb=23"), data=tiny(shards))
    from asc_cli.video import predict

    monkeypatch.setattr(predict, "TOO_MANY", 5)
    with pytest.raises(AscError, match=r"5 damaged records; are these .* The first: .* at byte 0"):
        workflow.train(small("yt8m_toy_lstm", "stream.rgb=23"), data=shards)


def tiny(shards: Path) -> Path:
    """A home for 40 videos beside the shards."""
    root = shards.parent / "tiny"
    yt8m_toy.make(root, videos=40, frames=FRAMES)
    return root


def test_a_part_without_labels_cannot_be_scored(trained: workflow.Training, tmp_path: Path):
    import tfrecord

    writer = tfrecord.TFRecordWriter(str(tmp_path / "validate00.tfrecord"))
    frames = {"rgb": ([bytes(24)] * 3, "byte"), "audio": ([bytes(8)] * 3, "byte")}
    writer.write({"id": (b"a", "byte")}, frames)
    writer.close()
    with pytest.raises(AscError, match="none of 1 videos has a label"):
        workflow.evaluate("yt8m_toy_lstm", dataset="yt8m_toy", data=tmp_path)
    [row] = workflow.label([tmp_path / "validate00.tfrecord"], top=3)
    assert isinstance(row, LabelledVideo)
    assert row.video == "a" and len(row.labels) == 3


def test_other_shards_are_another_run(shards: Path, trained: workflow.Training, tmp_path: Path):
    other = tmp_path / "other"
    yt8m_toy.make(other, videos=40, frames=FRAMES, seed=1)
    again = workflow.train(small("yt8m_toy_lstm", "training.epochs=1"), data=other)
    assert again.run != trained.run and again.model == "yt8m_toy_lstm@2"
    assert atomic.read_json(again.run / "environment.json")["audio_root"] == str(other)


def test_video_level_shards_train_too(tmp_path: Path):
    import tfrecord

    rng = np.random.default_rng(0)
    for part, n in (("train", 200), ("validate", 50)):
        writer = tfrecord.TFRecordWriter(str(tmp_path / f"{part}0.tfrecord"))
        for i in range(n):
            x = rng.normal(size=6).astype(np.float32)
            writer.write(
                {
                    "id": (f"{part}{i}".encode(), "byte"),
                    "labels": ([int(x[0] > 0)], "int"),
                    "mean_rgb": (x[:4], "float"),
                    "mean_audio": (x[4:], "float"),
                }
            )
        writer.close()
    expected = small(
        "yt8m_toy_lstm",
        "stream.level=video",
        "stream.rgb=4",
        "stream.audio=2",
        "stream.n_labels=2",
        "training.epochs=4",
    )
    assert workflow.train(expected, data=tmp_path).metrics["hit_at_1"] > 0.8
