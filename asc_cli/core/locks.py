"""Locks of folders, so that two processes do not do the same work twice.

A lock is a file that its holder touches every few seconds (filelock's SoftFileLease), so it works
on folders that several hosts share. The lock of a process that has ended lapses at once on its own
host. That of a process on another host lapses when it was not touched for SILENT_SECONDS; as the
clocks of two hosts differ, a process that wants it looks for that long whether it is touched.
Beside it, a second file says who holds it.
"""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import SoftFileLease, Timeout

from asc_cli.core import atomic
from asc_cli.core.errors import AscError

SILENT_SECONDS = 60.0  # a holder that is silent for longer has lost its lock
BRIEFLY_SECONDS = 1.0  # enough to find that a process of this host has ended
LOCK, HOLDER = ".lock", ".lock-holder.json"


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock.

    Attributes:
        host: Its computer's name.
        process: Its number there.
        since: When it took the lock: date and time with the offset from UTC.
    """

    host: str
    process: int
    since: str

    def __str__(self) -> str:
        return f"process {self.process} on {self.host} since {self.since}"


class Locked(AscError):
    """Another process holds the lock."""


@contextlib.contextmanager
def locked(folder: Path, work: str, wait_s: float = 0.0) -> Iterator[SoftFileLease]:
    """Hold the lock of a folder while the block runs.

    Args:
        folder: Is created if it is missing.
        work: What is done there, for the message: "fold 3 is being fitted".
        wait_s: Seconds to wait for another process to end.

    Yields:
        The lock, for `require_held`.

    Raises:
        Locked: Another process holds it; the text says which and since when.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lease = SoftFileLease(folder / LOCK, lease_duration=SILENT_SECONDS, thread_local=False)
    silent = SILENT_SECONDS + 10 if _is_silent(folder) else BRIEFLY_SECONDS
    try:
        lease.acquire(timeout=max(wait_s, silent), poll_interval=0.2)
    except Timeout:
        raise Locked(f"{work} by {holder(folder) or 'another process'}") from None
    try:
        now = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        atomic.write_json(
            folder / HOLDER,
            {"host": platform.node(), "process": os.getpid(), "since": now},
            sync=False,
        )
        yield lease
    finally:
        if lease.compromise is None:
            (folder / HOLDER).unlink(missing_ok=True)
        lease.release()


def require_held(lease: SoftFileLease, work: str) -> None:
    """Raise AscError if another process has taken the lock: this one was silent for too long."""
    if lease.compromise is not None:
        raise AscError(
            f"{work}: this process was silent for more than {SILENT_SECONDS:.0f} s (was it, or its "
            "computer, suspended?), and another may have taken over; run the same command again"
        )


def _is_silent(folder: Path) -> bool:
    """Return whether a lock was not touched for long, by the clock of the folder's disk."""
    try:
        touched = (folder / LOCK).stat().st_mtime
        return atomic.disk_time(folder) - touched > SILENT_SECONDS
    except FileNotFoundError:
        return False


def holder(folder: Path) -> Holder | None:
    """Return who holds the lock of a folder; None where nobody says so."""
    with contextlib.suppress(OSError, ValueError, AscError):
        row = atomic.read_json(folder / HOLDER, host=str, process=int, since=str)
        return Holder(row["host"], row["process"], row["since"])
    return None
