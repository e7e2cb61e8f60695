"""A scheduler and three workers with homes of their own, as processes: the bits of a local run,
also while workers are killed; what is lost is said, and the same command resumes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import asc_cli
from tests import markdown
from tests.conftest import ROOT, command, settings

pytestmark = pytest.mark.campaign
KILL_SECONDS = 10


@dataclass
class Processes:
    """A scheduler and workers."""

    folder: Path
    port: int
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    scheduler: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def start(self, name: str, *arguments: object, **variables: object) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{name}-{time.monotonic()}.log").open("wb")
        others = {key: str(value) for key, value in variables.items()}
        words = [sys.executable, "-m", "distributed.cli", *map(str, arguments), "--no-dashboard"]
        words[2:4] = [f"distributed.cli.dask_{arguments[0]}"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **others}
        with log:
            return subprocess.Popen(words, stdout=log, stderr=log, env=environment, cwd=self.folder)

    def start_scheduler(self) -> None:
        host = ("--host", "127.0.0.1", "--port", self.port)
        self.scheduler = self.start("scheduler", "scheduler", *host)

    def start_worker(self, number: int, **variables: object) -> None:
        home = self.folder / f"home{number}"
        local = ("--local-directory", self.folder / f"local{number}")
        arguments = ("worker", self.address, "--nthreads", 1, *local)
        self.workers.append(self.start(f"worker{number}", *arguments, ASC_HOME=home, **variables))

    def kill_one(self, number: int) -> bool:
        """End a worker's process as the system does; the process that watches it starts another."""
        parent = self.workers[number % len(self.workers)].pid
        rows = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True)
        for row in rows.stdout.splitlines():
            process, above, words = row.split(None, 2)
            if int(above) == parent and "spawn_main" in words:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGKILL)
                return True
        return False

    def end(self) -> None:
        for process in (*self.workers, *([self.scheduler] if self.scheduler else [])):
            process.terminate()
        for process in (*self.workers, *([self.scheduler] if self.scheduler else [])):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(tmp_path, free_port())
    processes.start_scheduler()
    for number in range(3):
        processes.start_worker(number)
    try:
        yield processes
    finally:
        processes.end()


def asc(home: Path, *words: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "ASC_HOME": str(home)}
    return subprocess.Popen(
        command(*words),
        text=True,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # a job of a shell has none
    )


def done(home: Path, *words: object) -> str:
    process = asc(home, *words)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def bits(home: Path, *patterns: str) -> dict[str, str]:
    """Path in a home → SHA-256, of the files that hold results."""
    files = (path for pattern in patterns for path in home.glob(pattern))
    return {
        path.relative_to(home).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


FEATURES = "features/*/**/*.npy"
FOLDS = ("runs/*/fold*/model.safetensors", "runs/*/fold*/predictions.csv", "runs/*/predictions.csv")


@pytest.mark.parametrize("killed", [False, True], ids=["quiet", "killed"])
def test_features_and_folds_have_the_bits_of_a_local_run(
    killed: bool, three: Processes, toy_root: Path, tmp_path: Path
) -> None:
    words = [
        "train",
        "toy_lstm",
        "--data",
        toy_root,
        *settings("training.epochs=4"),
        "--folds",
        "1,2",
    ]
    done(tmp_path / "here", *words, "--jobs", 1)
    ended = threading.Event()

    def kill() -> None:
        number = 0
        while not ended.wait(KILL_SECONDS / 4):  # a training this small lasts for less than 10 s
            number += three.kill_one(number)

    thread = threading.Thread(target=kill)
    if killed:
        thread.start()
    try:
        done(tmp_path / "client", *words, "--cluster", three.address)
    finally:
        ended.set()
        if killed:
            thread.join()
    here = bits(tmp_path / "here", FEATURES, *FOLDS)
    assert len(here) >= 5 and bits(tmp_path / "client", FEATURES, *FOLDS) == here
    assert not [*(tmp_path / "client/cluster").rglob("*.*")]
    if not killed:
        for number in range(3):
            assert not [*(tmp_path / f"home{number}").rglob("*.npy")], "inputs stay on the worker"


def test_predictions_are_those_of_this_machine(
    three: Processes, two_folds: Path, toy_root: Path, tmp_path: Path
) -> None:
    home = tmp_path / "client"
    shutil.copytree(two_folds, home)
    words = ["predict", toy_root, "--model", "toy_lstm", "--json"]
    here = sorted(done(tmp_path / "client", *words, "--jobs", 1).splitlines())
    assert len(here) == 60
    assert sorted(done(home, *words, "--cluster", three.address).splitlines()) == here
    words = ["evaluate", "toy_lstm@1", "--dataset", "toy", "--data", toy_root, "--folds", "1,2"]
    assert done(home, *words, "--cluster", three.address) == done(home, *words, "--jobs", 1)


def test_code_of_plug_ins_is_sent_along(three: Processes, toy_root: Path, tmp_path: Path) -> None:
    """A feature, a model and an augmentation in a folder beside the recipe."""
    markdown.write(markdown.blocks(ROOT / "docs" / "howto" / "own-code.md"), tmp_path / "own")
    recipe = tmp_path / "own" / "rooms.yaml"
    recipe.write_text(recipe.read_text().replace("dataset: rooms\ndata: rooms\n", "dataset: toy\n"))
    words = ["train", recipe, "--data", toy_root, "--set", "training.epochs=2", "--folds", 1]
    done(tmp_path / "here", *words, "--jobs", 1)
    done(tmp_path / "client", *words, "--cluster", three.address)
    here = bits(tmp_path / "here", FEATURES, *FOLDS)
    assert len(here) >= 3 and bits(tmp_path / "client", FEATURES, *FOLDS) == here


def test_a_scheduler_that_is_killed_is_named_and_the_same_command_resumes(
    three: Processes, toy_root: Path, tmp_path: Path
) -> None:
    home, more = tmp_path / "client", settings("training.epochs=400")
    words = ["train", "toy_lstm", "--data", toy_root, *more, "--folds", "1,2"]
    process = asc(home, *words, "--cluster", three.address)
    wait_for(lambda: [*home.glob("cluster/runs/*/fold*/checkpoint.safetensors")])
    assert three.scheduler is not None
    three.scheduler.kill()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.count("connection to the Dask scheduler is lost")) == (1, 1)
    assert "Traceback" not in err and "same command resumes" in err
    three.end()
    again = Processes(tmp_path, free_port())
    again.start_scheduler()
    again.start_worker(7)
    try:
        kept = max(epochs(home))
        process = asc(home, *words, "--cluster", again.address)
        wait_for(lambda: max(epochs(home), default=0) > kept)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    finally:
        again.end()
    assert min(epochs(home)) >= 1


def test_a_worker_of_another_version_is_refused(
    three: Processes, toy_root: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(ROOT / "asc_cli", other / "asc_cli")
    text = (other / "asc_cli/__init__.py").read_text()
    version = f'__version__ = "{asc_cli.__version__}"'
    assert version in text
    (other / "asc_cli/__init__.py").write_text(text.replace(version, '__version__ = "0.0.9"'))
    three.start_worker(9, PYTHONPATH=other)
    words = ["features", "--recipe", "toy_lstm", "--data", toy_root, "--cluster", three.address]
    wait_for(lambda: "refused" in failed(tmp_path / "client", *words), 40)
    err = failed(tmp_path / "client", *words)
    assert f"has asc 0.0.9 instead of {asc_cli.__version__}" in err and "worker tcp://" in err
    assert err.count("\n") == 1


def test_ctrl_c_cancels_what_runs(three: Processes, toy_root: Path, tmp_path: Path) -> None:
    home = tmp_path / "client"
    words = ["train", "toy_lstm", "--data", toy_root, *settings("training.epochs=4000")]
    process = asc(home, *words, "--cluster", three.address)
    wait_for(lambda: [*home.glob("cluster/runs/*/fold*/checkpoint.safetensors")])
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err.count("the same command resumes")) == (130, 1)
    wait_for(lambda: not [p for n in range(3) for p in (tmp_path / f"home{n}").rglob("*.npy")], 15)
    time.sleep(1)
    assert not [p for n in range(3) for p in (tmp_path / f"home{n}").rglob("checkpoint*")]


def test_workers_of_this_machine_share_its_home(toy_root: Path, tmp_path: Path) -> None:
    words = ["features", "--recipe", "toy_lstm", "--data", toy_root]
    done(tmp_path / "client", *words, "--cluster", "local:2")
    done(tmp_path / "here", *words, "--jobs", 1)
    assert bits(tmp_path / "client", FEATURES) == bits(tmp_path / "here", FEATURES) != {}


def failed(home: Path, *words: object) -> str:
    return asc(home, *words).communicate(timeout=60)[1]


def epochs(home: Path) -> list[int]:
    """Epochs so far, of each fold that is not finished."""
    files = home.glob("cluster/runs/*/fold*/history.csv")
    return [len(path.read_text().splitlines()) - 1 for path in files if path.exists()]


def wait_for(condition: object, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < until, "nothing has happened"
        time.sleep(0.2)
