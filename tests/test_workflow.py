"""The whole pipeline on made-up scenes: scored, registered, resumable, the same bits every time."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asc_cli import workflow
from asc_cli.core.errors import AscError
from asc_cli.evaluation import predictions
from asc_cli.frontend import pack
from asc_cli.recipe import load as recipe
from asc_cli.registry import models
from tests.conftest import ROOT, SMALL, Asc, Program, command, settings, tone, write

KILLS, ALL_KILLS = 4, 40  # of a round in the campaign, and of a whole one


def small(*more: str) -> recipe.Recipe:
    return recipe.load("toy_lstm", [*SMALL, *more])


def test_the_compilation_of_kernels_is_progress(home: Path, toy_root: Path, monkeypatch) -> None:
    """Of the fold whose first step needs them."""
    rows: list[dict] = []

    def compile_kernels(network: object, report: Callable[[int, int], None]) -> None:
        report(0, 2)
        for _ in range(100):  # until somebody has looked
            if any("kernels" in row for row in rows):
                break
            time.sleep(0.05)

    monkeypatch.setattr("asc_cli.models.compile_kernels", compile_kernels)
    workflow.train(
        small(), data=toy_root, folds=[1], jobs=1, fitting=lambda folds: rows.extend(folds.values())
    )
    expected = {"compiled": 0, "kernels": 2, "curves": {}}
    assert next(row for row in rows if "kernels" in row) == expected


def result(run: Path) -> dict[str, bytes]:
    """What a run says, bit for bit: predictions and weights of every fold."""
    files = [*run.glob("fold*/predictions.csv"), *run.glob("fold*/model.safetensors")]
    return {str(path.relative_to(run)): path.read_bytes() for path in sorted(files)}


@pytest.fixture(scope="module")
def reference(toy_root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """An uninterrupted run, one worker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASC_HOME", str(tmp_path_factory.mktemp("home")))
        done = workflow.train(small(), data=toy_root, jobs=1)
        return result(done.run)


@pytest.mark.campaign
def test_the_whole_pipeline(toy_root: Path, reference: dict[str, bytes]):
    seen: list[dict] = []
    done = workflow.train(small(), data=toy_root, jobs=2, fitting=seen.append)
    assert len(reference) == 8
    assert result(done.run) == reference  # two workers, the same bits
    written = {path.name for path in done.run.iterdir()}
    files = {"recipe.yaml", "environment.json", "predictions.csv", "metrics.json", "report.html"}
    files |= {"recipe.yaml.sha256", "predictions.csv.sha256"}
    assert written == files | {f"fold0{k}" for k in (1, 2, 3, 4)}
    assert [fold["fold"] for fold in done.metrics["folds"]] == [1, 2, 3, 4]
    output = predictions.read(done.run / "predictions.csv")
    assert len(output) == 60 and all(output.groups)
    np.testing.assert_allclose(output.probabilities.sum(axis=1), 1)
    scored = workflow.evaluate(done.run)
    assert scored["accuracy"] == done.metrics["accuracy"]
    assert workflow.evaluate("toy_lstm")["run"] == str(done.run)
    model = models.find()
    assert model.id == done.model == "toy_lstm@1"
    assert model.card["recipe"] == small().settings


def test_the_same_recipe_again_answers_at_once(toy_root: Path):
    first = workflow.train(small(), data=toy_root, folds=[1])
    again = workflow.train(small(), data=toy_root, folds=[1])
    assert (again.run, again.model) == (first.run, first.model)
    assert len(models.models()) == 1
    assert workflow.train(small("training.seed=1"), data=toy_root, folds=[1]).run != first.run


@pytest.mark.campaign
def test_more_folds_keep_those_that_are_done(toy_root: Path, reference: dict[str, bytes]):
    first = workflow.train(small(), data=toy_root, folds=[2])
    stamp = (first.run / "fold02/model.safetensors").stat().st_mtime_ns
    full = workflow.train(small(), data=toy_root)
    assert result(full.run) == reference
    assert (full.run / "fold02/model.safetensors").stat().st_mtime_ns == stamp


@pytest.mark.campaign
def test_changed_audio_is_another_run(toy_root: Path, tmp_path: Path):
    copy = tmp_path / "toy"
    shutil.copytree(toy_root, copy)
    first = workflow.train(small(), data=copy, folds=[1])
    path = next((copy / "audio").iterdir())
    write(path, tone(440, 1.2, 44_100), 44_100)
    assert workflow.train(small(), data=copy, folds=[1]).run != first.run


def test_a_bad_file_stops_training_by_name_unless_it_is_excluded(toy_root: Path, tmp_path: Path):
    copy = tmp_path / "toy"
    shutil.copytree(toy_root, copy)
    name = sorted((copy / "audio").iterdir())[0].name
    (copy / "audio" / name).write_bytes(b"")
    with pytest.raises(
        AscError, match=rf"(?s)toy: 1 file\(s\) have no features; .*{name}: is empty"
    ):
        workflow.train(small(), data=copy)
    done = workflow.train(small(f"exclude=[audio/{name}]"), data=copy, folds=[1])
    assert f"audio/{name}" not in predictions.read(done.run / "predictions.csv").files
    with pytest.raises(AscError, match="exclude: unknown file 'audio/none.wav'"):
        workflow.train(small("exclude=[audio/none.wav]"), data=copy)


def test_missing_folds_and_devices(toy_root: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(AscError, match="--folds: there is no fold 7; there are 1 to 4"):
        workflow.train(small(), data=toy_root, folds=[7])
    with pytest.raises(AscError, match="--device tpu: auto, cpu, cuda or mps was expected"):
        workflow.train(small(), data=toy_root, device="tpu")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(AscError, match="--device cuda: torch sees no GPU here; use --device cpu"):
        workflow.train(small(), data=toy_root, device="cuda")
    with pytest.raises(AscError, match="dataset toy: nothing at .*. asc datasets make toy"):
        workflow.train(small(), data=toy_root / "elsewhere")
    with pytest.raises(AscError, match="--jobs 0: at least 1 was expected"):
        workflow.train(small(), data=toy_root, jobs=0)


@pytest.mark.campaign
def test_missing_runs(toy_root: Path):
    with pytest.raises(AscError, match="run toy_lstm: no runs in .*; train one with asc train"):
        workflow.evaluate("toy_lstm")
    done = workflow.train(small(), data=toy_root, folds=[1])
    with pytest.raises(AscError, match="unknown run 'toy_lstn'; did you mean toy_lstm\\?"):
        workflow.evaluate("toy_lstn")
    (done.run / "metrics.json").unlink()
    with pytest.raises(AscError, match="not finished; the same asc train command resumes it"):
        workflow.evaluate(done.run)


# -- kills --------------------------------------------------------------------------------------


def changed_ns(home: Path) -> int:
    """When anything in a home changed last."""
    last = 0
    for path in home.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a temporary name, renamed since
            last = max(last, path.stat().st_mtime_ns)
    return last


def killed(arguments: list[str], home: Path, after_s: float) -> bool:
    """Start a command; kill -9 it and its workers a while after it began to write.

    False if it was done before.
    """
    before = changed_ns(home)
    process = subprocess.Popen(
        arguments,
        cwd=ROOT,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while changed_ns(home) == before and process.poll() is None:
        time.sleep(0.01)
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def killed_when(there: Callable[[], object], work: Callable[[], object]) -> None:
    """Do the work in a copy of this process; kill -9 it once something is there."""
    worker = multiprocessing.get_context("fork").Process(target=work)
    worker.start()
    deadline = time.monotonic() + 120
    while not there():
        assert time.monotonic() < deadline and worker.is_alive()
        time.sleep(0.002)
    worker.kill()
    worker.join()
    assert worker.exitcode == -signal.SIGKILL


@pytest.mark.campaign
def test_training_killed_after_a_checkpoint_ends_with_the_same_bits(
    toy_root: Path, reference: dict[str, bytes], home: Path
):
    killed_when(
        lambda: list(home.glob("runs/*/fold02/checkpoint.safetensors")),
        lambda: workflow.train(small(), data=toy_root, jobs=1),
    )
    stored = {path: path.stat().st_mtime_ns for path in home.glob("runs/*/fold01/*")}
    done = workflow.train(small(), data=toy_root, jobs=1)
    assert result(done.run) == reference
    assert stored and {path: path.stat().st_mtime_ns for path in stored} == stored


@pytest.mark.campaign
def test_training_killed_at_random_moments_ends_with_the_same_bits(
    toy_root: Path, reference: dict[str, bytes], program: Program, home: Path, whole: bool
):
    arguments = command("train", "toy_lstm", "--data", toy_root, *settings())
    rng, kills = random.Random(0), ALL_KILLS if whole else KILLS
    assert any([killed(arguments, home, rng.uniform(0, 1.5)) for _ in range(kills)])
    done = program("train", "toy_lstm", "--data", toy_root, "--json", *settings())
    assert done.returncode == 0, done.stderr
    assert result(Path(json.loads(done.stdout)["run"])) == reference


def arrays(home: Path) -> dict[str, bytes]:
    """Every stored array by its recording's digest, whichever file it is in."""
    results = {p.parent.name + p.stem: p.read_bytes() for p in home.glob("features/*/??/*.npy")}
    for folder in home.glob("features/*/short/[!.]*"):
        short = pack.load(folder)
        results |= {digest: short.recording(row).tobytes() for digest, row in short.row_of.items()}
    return results


def test_features_killed_with_some_stored_are_completed(toy_root: Path, asc: Asc, home: Path):
    words = ("features", "--recipe", "toy_lstm", "--data", toy_root)
    killed_when(lambda: changed_ns(home), lambda: asc(*words))
    report = json.loads(asc(*words, "--json").stdout)
    assert report["computed"] + report["reused"] == 60 and not report["failed"]
    resumed = arrays(home)
    shutil.rmtree(home / "features")
    asc(*words)
    assert arrays(home) == resumed and len(resumed) == 60


@pytest.mark.campaign
def test_features_killed_at_random_moments_are_completed(
    toy_root: Path, asc: Asc, home: Path, whole: bool
):
    arguments = command("features", "--recipe", "toy_lstm", "--data", toy_root, "--jobs", "2")
    rng, kills = random.Random(1), ALL_KILLS if whole else KILLS
    assert any([killed(arguments, home, rng.uniform(0, 0.3)) for _ in range(kills)])
    done = asc("features", "--recipe", "toy_lstm", "--data", toy_root, "--json")
    report = json.loads(done.stdout)
    assert report["computed"] + report["reused"] == 60 and not report["failed"]
    resumed = arrays(home)
    shutil.rmtree(home / "features")
    asc("features", "--recipe", "toy_lstm", "--data", toy_root)
    assert arrays(home) == resumed and len(resumed) == 60


@pytest.mark.campaign
def test_two_at_once_fill_one_store(toy_root: Path, home: Path):
    arguments = command("features", "--recipe", "toy_lstm", "--data", toy_root, "--json")
    both = [
        subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    reports = [json.loads(process.communicate(timeout=120)[0]) for process in both]
    assert all(process.returncode == 0 for process in both)
    assert all(r["computed"] + r["reused"] == 60 for r in reports)
    assert len(arrays(home)) == 60
    assert not list(home.rglob(".tmp-*"))


@pytest.mark.campaign
def test_ctrl_c_leaves_everything_resumable(toy_root: Path, home: Path):
    arguments = command("train", "toy_lstm", "--data", toy_root, "--set", "training.epochs=200")
    process = subprocess.Popen(
        arguments,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a shell's background jobs, and what they start, ignore Ctrl-C; a person's command does not
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not list(home.glob("runs/*/fold*/checkpoint.safetensors")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    stderr = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "asc: stopped; the same command resumes from here" in stderr
    assert "Traceback" not in stderr
