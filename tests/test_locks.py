"""Locks: one holder at a time, who holds it, and what lapses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from asc_cli.core import locks

HOLD = """
import sys, time
from pathlib import Path
from asc_cli.core import locks
with locks.locked(Path(sys.argv[1]), "it is being done"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path: Path):
    """Another process that holds the lock of the folder."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lock_has_one_holder_who_is_named(tmp_path: Path, other: subprocess.Popen):
    with pytest.raises(locks.Locked) as refused, locks.locked(tmp_path, "fold 2 is being fitted"):
        raise AssertionError("held twice")
    text = str(refused.value)
    who = f"process {other.pid} on {os.uname().nodename} since 20"
    assert text.startswith(f"fold 2 is being fitted by {who}")


def test_the_lock_of_a_killed_process_lapses_at_once(tmp_path: Path, other: subprocess.Popen):
    other.send_signal(signal.SIGKILL)
    other.wait()
    with locks.locked(tmp_path, "it is being done") as lock:
        locks.require_held(lock, "it")
    assert not any(tmp_path.iterdir())


@pytest.mark.campaign
def test_the_lock_of_another_host_lapses_when_it_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(locks, "SILENT_SECONDS", 2.0)
    with locks.locked(tmp_path, "it is being done"):
        marker = (tmp_path / locks.LOCK).read_bytes()
    text = marker.decode().replace(os.uname().nodename, "elsewhere")
    assert text != marker.decode()
    (tmp_path / locks.LOCK).write_text(text)
    os.chmod(tmp_path / locks.LOCK, 0o644)
    with pytest.raises(locks.Locked), locks.locked(tmp_path, "touched a moment ago"):
        raise AssertionError("held twice")
    os.utime(tmp_path / locks.LOCK, (1e9, 1e9))
    with locks.locked(tmp_path, "silent since 2001"):
        assert json.loads((tmp_path / locks.HOLDER).read_text())["process"] == os.getpid()


def test_a_holder_that_lost_its_lock_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(locks, "SILENT_SECONDS", 0.3)
    with locks.locked(tmp_path, "it is being done") as lock:
        (tmp_path / locks.LOCK).unlink()
        (tmp_path / locks.LOCK).write_text("another's")
        while lock.compromise is None:
            pass
        with pytest.raises(locks.AscError, match="fold 1: this process was silent for more than"):
            locks.require_held(lock, "fold 1")
    assert (tmp_path / locks.LOCK).exists(), "the other's lock was removed"
