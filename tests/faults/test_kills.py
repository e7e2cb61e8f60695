"""Commands ended at random moments: nothing goes on, and the same command ends in the same bits."""

from __future__ import annotations

import csv
import hashlib
import json
import operator
import os
import random
import shutil
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.conftest import ROOT, command, settings
from tests.test_workflow import arrays

ROUNDS, ALL_ROUNDS = 7, 105  # in the campaign, and of a whole one
ORPHAN_SECONDS = 5.0
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Job:
    """A command that is ended: what it is, and what it has done when it was not."""

    words: Callable[[Path], list[object]]  # of its folder
    outcome: Callable[[Path], object]  # of its folder
    codes: tuple[int, ...] = (0,)  # 1 where it had done everything when it was ended
    same: Callable[[object, object], bool] = operator.eq  # of two outcomes


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run_files(folder: Path) -> dict[str, str]:
    files = [
        *folder.glob("home/runs/*/fold*/predictions.csv"),
        *folder.glob("home/runs/*/fold*/model.safetensors"),
        *folder.glob("home/runs/*/predictions.csv"),
    ]
    return {str(path.relative_to(folder)): digest(path) for path in files}


def answers(folder: Path) -> dict[str, list[str]]:
    """Of `asc predict --csv`: file → the other columns."""
    with (folder / "out.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    files = [row[0] for row in rows]
    assert len(files) == len(set(files)), "a file stands there twice"
    return {row[0]: row[1:] for row in rows}


def same_answers(first: object, second: object) -> bool:
    """Which files share a batch differs after a resumption: so may the last digits."""
    assert isinstance(first, dict) and isinstance(second, dict)
    return first.keys() == second.keys() and all(
        a == b or abs(float(a) - float(b)) < 1e-6
        for file in first
        for a, b in zip(first[file], second[file], strict=True)
    )


def contents(archive: Path) -> dict[str, str]:
    with zipfile.ZipFile(archive) as opened:
        return {n: hashlib.sha256(opened.read(n)).hexdigest() for n in opened.namelist()}


def weights(folder: Path) -> set[str]:
    """Of every registered model."""
    return {
        ",".join(digest(path) for path in sorted(card.parent.glob("fold*.safetensors")))
        for card in folder.glob("home/models/[!.]*/[0-9]*/card.yaml")
    }


@pytest.fixture(scope="module")
def jobs(toy_root: Path, two_folds: Path, tmp_path_factory: pytest.TempPathFactory):
    """The jobs, and an archive of the model for one of them."""
    archive = tmp_path_factory.mktemp("archive") / "model.zip"
    done = subprocess.run(
        command("models", "export", "toy_lstm", archive),
        cwd=ROOT,
        env={**os.environ, "ASC_HOME": str(two_folds)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    audio = sorted(toy_root.rglob("*.wav"))
    data = ("--data", toy_root)
    return {
        "features": Job(
            lambda f: [
                *("features", "--recipe", "toy_lstm", "--set", "features.n_mels=16"),
                *(*data, "--jobs", "2"),
            ],
            lambda f: arrays(f / "home"),
        ),
        "train": Job(
            lambda f: [
                *("train", "toy_lstm", *data, "--jobs", "2"),
                *settings("training.seed=1", "training.epochs=3"),
            ],
            run_files,
        ),
        "predict": Job(
            lambda f: ["predict", *audio, "--csv", f / "out.csv", "--jobs", "2"],
            answers,
            same=same_answers,
        ),
        "evaluate": Job(
            lambda f: ["evaluate", "toy_lstm@1", "--dataset", "toy", *data],
            lambda f: weights(f),
        ),
        "export": Job(
            lambda f: ["models", "export", "toy_lstm", f / "m.zip"],
            lambda f: contents(f / "m.zip"),
        ),
        "import": Job(lambda f: ["models", "import", archive], weights),
        "remove": Job(lambda f: ["models", "remove", "toy_lstm@1"], weights, codes=(0, 1)),
    }


def processes_of(session: int) -> list[str]:
    """The processes of a session that still run: the command's, its workers'."""
    alive = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except OSError:  # it ended a moment ago
            continue
        state, _, _, its_session = rest.split()[:4]
        if int(its_session) == session and state not in "ZX":
            alive.append(f"{name}) {state}")
    return alive


def start(job: Job, folder: Path) -> subprocess.Popen:
    environment = {**os.environ, "ASC_HOME": str(folder / "home")}
    environment.pop("LOKY_MAX_CPU_COUNT", None)
    log = (folder / "log.txt").open("a")
    with log:
        return subprocess.Popen(
            command(*job.words(folder)),
            cwd=ROOT,
            env=environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )


def copied(home: Path, folder: Path) -> Path:
    folder.mkdir()
    shutil.copytree(home, folder / "home", symlinks=True)
    return folder


@pytest.mark.campaign
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for orphans in /proc")
def test_commands_that_are_ended_leave_no_process_and_the_same_bits(
    jobs: dict[str, Job], two_folds: Path, tmp_path: Path, whole: bool, seed: int
):
    rng = random.Random(seed)
    expected: dict[str, tuple[object, float]] = {}
    for n in range(ALL_ROUNDS if whole else ROUNDS):
        name = list(jobs)[n % len(jobs)]
        job = jobs[name]
        if name not in expected:  # undisturbed, and how long it takes
            folder = copied(two_folds, tmp_path / f"whole-{name}")
            started = time.monotonic()
            assert start(job, folder).wait() == 0, (folder / "log.txt").read_text()
            expected[name] = job.outcome(folder), time.monotonic() - started
        outcome, seconds = expected[name]
        number, after_s = rng.choice(SIGNALS), rng.uniform(0, seconds)
        folder = copied(two_folds, tmp_path / f"{n}")
        what = f"round {n} of seed {seed}: {name}, {number.name} after {after_s:.2f} s"
        process = start(job, folder)
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
        process.wait(60)
        deadline = time.monotonic() + ORPHAN_SECONDS
        while (left := processes_of(process.pid)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not left, f"{what}: still running: {left}"
        assert "Traceback" not in (folder / "log.txt").read_text(), what
        if number != signal.SIGKILL:
            assert not list(folder.rglob(".tmp-*")), what
        code = start(job, folder).wait(120)
        assert code in job.codes, f"{what}: {(folder / 'log.txt').read_text()}"
        assert job.same(job.outcome(folder), outcome), what
        shutil.rmtree(folder)


@pytest.mark.campaign
def test_workers_that_are_killed_are_named_and_the_same_command_goes_on(
    jobs: dict[str, Job], two_folds: Path, tmp_path: Path
):
    short, folder = jobs["train"], copied(two_folds, tmp_path / "first")
    job = replace(short, words=lambda f: [*short.words(f), "--set", "training.epochs=60"])
    process = start(job, folder)
    deadline = time.monotonic() + 60
    while not list(folder.glob("home/runs/*/fold*/progress.json")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    workers = [
        int(p.parent.name)
        for p in Path("/proc").glob("[0-9]*/cmdline")
        if "popen_loky" in p.read_text(errors="replace") and session_of(p.parent) == process.pid
    ]
    os.kill(workers[0], signal.SIGKILL)
    assert process.wait(60) == 1
    log = (folder / "log.txt").read_text()
    assert "a worker process was ended from outside" in log and "Traceback" not in log
    assert start(job, folder).wait(120) == 0
    other = copied(two_folds, tmp_path / "second")
    assert start(job, other).wait(120) == 0
    assert run_files(folder) == run_files(other)


def session_of(process: Path) -> int:
    return int((process / "stat").read_text().rpartition(")")[2].split()[3])


@pytest.mark.campaign
def test_two_at_once_share_the_folds_and_register_one_model(
    jobs: dict[str, Job], two_folds: Path, tmp_path: Path
):
    job, folder = jobs["train"], copied(two_folds, tmp_path / "both")
    both = [start(job, folder) for _ in range(3)]
    codes = [process.wait(300) for process in both]
    assert codes == [0, 0, 0], (folder / "log.txt").read_text()
    runs = [p for p in folder.glob("home/runs/*/metrics.json") if "seed: 1" in settings_of(p)]
    [metrics] = [json.loads(path.read_text()) for path in runs]
    assert metrics["model"] == "toy_lstm@2"
    assert sorted(p.name for p in folder.glob("home/models/toy_lstm/[0-9]*")) == ["1", "2"]
    assert not list(folder.rglob(".lock*"))
    other = copied(two_folds, tmp_path / "alone")
    assert start(job, other).wait(120) == 0
    assert run_files(folder) == run_files(other)


def settings_of(metrics: Path) -> str:
    return (metrics.parent / "recipe.yaml").read_text()
