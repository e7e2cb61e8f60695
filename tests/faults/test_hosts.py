"""One run in a home that several hosts share: names, clocks and temporary folders differ."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, command, settings
from tests.faults.test_kills import run_files

# A process of another host: its name and its clock are its own; locks lapse sooner, for the test.
HOST = """
import socket, sys, time
name, hours = sys.argv[1], float(sys.argv[2])
socket.gethostname = lambda: name
clock, clock_ns = time.time, time.time_ns
time.time = lambda: clock() + 3600 * hours
time.time_ns = lambda: clock_ns() + round(3600e9 * hours)
from asc_cli.core import locks
locks.SILENT_SECONDS = 3.0
sys.argv = ["asc", *sys.argv[3:]]
from asc_cli.cli import main
main()
"""
HOSTS = {"first": 0.0, "second": 1.0, "third": -1.0}  # hours that its clock is ahead


def start(host: str, folder: Path, *words: object) -> subprocess.Popen[bytes]:
    """Start a command on a host, with the home in the folder; with one worker, this process."""
    temporary = folder / f"tmp-{host}"
    temporary.mkdir(exist_ok=True)
    with (folder / f"{host}.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", HOST, host, str(HOSTS[host]), *map(str, words), "--jobs", "1"],
            cwd=ROOT,
            env={**os.environ, "ASC_HOME": str(folder / "home"), "TMPDIR": str(temporary)},
            stdout=log,
            stderr=log,
        )


def ended(processes: dict[str, subprocess.Popen[bytes]], folder: Path) -> None:
    for host, process in processes.items():
        code = process.wait(180)
        text = (folder / f"{host}.txt").read_text()
        assert code == 0 and "Traceback" not in text, f"{host}: {code}: {text}"


def require_one_run_as_of_one_process(folder: Path, words: list[object]) -> None:
    """One run, one model with all folds, the bits of a single process, no lock left."""
    [_] = folder.glob("home/models/*/*/card.yaml")
    [metrics] = folder.glob("home/runs/*/metrics.json")
    assert len(json.loads(metrics.read_text())["folds"]) == 4
    assert not list(folder.rglob(".lock*"))
    alone = folder.parent / "alone"
    alone.mkdir()
    done = subprocess.run(
        command(*words, "--jobs", 1),
        cwd=ROOT,
        env={**os.environ, "ASC_HOME": str(alone / "home")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert run_files(folder) == run_files(alone)


@pytest.mark.campaign
def test_hosts_that_fit_different_folds_make_one_run(toy_root: Path, tmp_path: Path):
    folder = tmp_path / "hosts"
    folder.mkdir()
    words = ["train", "toy_lstm", "--data", toy_root, *settings("training.epochs=20")]
    parts = {"first": "1", "second": "2", "third": "3-4"}
    ended({h: start(h, folder, *words, "--folds", k, "--part") for h, k in parts.items()}, folder)
    texts = [(folder / f"{host}.txt").read_text() for host in HOSTS]
    scored = [text for text in texts if "model  toy_lstm@1" in text]
    assert scored, texts
    assert all(text in scored or "waits for" in text for text in texts)
    require_one_run_as_of_one_process(folder, words)


@pytest.mark.campaign
def test_the_folds_of_a_host_that_is_killed_are_fitted_by_the_others(
    toy_root: Path, tmp_path: Path
):
    folder = tmp_path / "hosts"
    folder.mkdir()
    words = ["train", "toy_lstm", "--data", toy_root, *settings("training.epochs=60")]
    processes = {host: start(host, folder, *words) for host in HOSTS}
    deadline = time.monotonic() + 120
    held: list[Path] = []
    while not held:
        assert time.monotonic() < deadline and processes["second"].poll() is None
        time.sleep(0.01)
        for path in folder.glob("home/runs/*/fold*/.lock-holder.json"):
            text = path.read_text() if path.exists() else ""
            fitting = (path.parent / "progress.json").exists()
            if f'"process": {processes["second"].pid},' in text and fitting:
                held.append(path.parent)
    second = processes.pop("second")
    second.send_signal(signal.SIGKILL)
    second.wait()
    ended(processes, folder)
    assert (held[0] / "predictions.csv").exists()
    require_one_run_as_of_one_process(folder, words)


@pytest.mark.campaign
def test_the_part_of_a_host_that_is_killed_is_fitted_by_the_same_command(
    toy_root: Path, tmp_path: Path
):
    folder = tmp_path / "hosts"
    folder.mkdir()
    words = ["train", "toy_lstm", "--data", toy_root, *settings("training.epochs=60")]
    second = start("second", folder, *words, "--folds", "2", "--part")
    deadline = time.monotonic() + 120
    while not list(folder.glob("home/runs/*/fold02/progress.json")):
        assert time.monotonic() < deadline and second.poll() is None
        time.sleep(0.01)
    second.send_signal(signal.SIGKILL)
    second.wait()
    ended({"first": start("first", folder, *words, "--folds", "1,3,4", "--part")}, folder)
    assert "fold 2: being fitted by process" in (folder / "first.txt").read_text()
    time.sleep(4)  # its lock is silent for long enough
    ended({"third": start("third", folder, *words, "--folds", "2", "--part")}, folder)
    assert "model  toy_lstm@1" in (folder / "third.txt").read_text()
    require_one_run_as_of_one_process(folder, words)
