"""What runs on a worker of a cluster: a task at a time, in the client's home or in one of its own.

A worker that has the client's probe file in its own $ASC_HOME shares the client's home, and works
in it. Any other makes homes in `$ASC_HOME/cluster/<session>`:

    inputs/<SHA-256>    what the client sent, once for all workers of this $ASC_HOME
    <process>/          the home of a worker process: inputs as links; what a task writes is
                        returned to the client and removed
    <process>-live/     a snapshot of what a running task would resume from

Paths of a home are pickled relative to it, so a task means the same place in each home. Those that
a task names (a pack, a model, its fold's folder) are its inputs.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import shutil
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asc_cli.core import homes, paths
from asc_cli.core.errors import AscError
from asc_cli.core.homes import File
from asc_cli.core.session import (
    FOLDER,
    Outcome,
    Report,
    Session,
    Work,
    refusal,
    versions,
)

WATCH_SECONDS = 0.5  # between looks whether a task is still wanted
TRIES = 20  # to take a snapshot while nothing is written


@dataclass
class _Running:
    number: int
    base: Path  # $ASC_HOME
    session: Path  # this session's folder in it
    root: Path  # the home that the task works in
    live: tuple[str, ...]
    wanted: tuple[str, ...] = ()
    inputs: tuple[File, ...] = ()
    began: bool = False  # its inputs are in place
    ready: threading.Event = field(default_factory=threading.Event)
    stamps: dict[str, homes.Stamp] = field(default_factory=dict)  # of the last snapshot


class Stopped(BaseException):
    """The task is not wanted any more: its client was stopped, or is gone."""


_running: _Running | None = None
_received: set[tuple[str, str]] = set()  # session and path of what is here and never changes


def run(session: Session, work: Work) -> Outcome:
    """Run a task; return its result or its AscError, and the files that the client is to store."""
    from distributed import get_worker

    worker = get_worker()
    logging.getLogger("distributed.worker").addFilter(_is_remark)
    base = paths.home()
    shared = (base / session.probe).exists()
    own = base / FOLDER / session.token
    root = base if shared else own / str(os.getpid())
    live = () if shared else tuple(n for n in work.named if homes.is_live(n))
    running = _Running(work.number, base, own, root, live)
    returned: dict[str, Any] = {}
    with _working(running, worker):
        installed = versions()
        if different := [k for k, v in session.versions.items() if installed.get(k) != v]:
            returned["fault"] = refusal(worker.address, session.versions, installed, different)
        else:
            if not shared:
                _take_inputs(running, work.named)
                running.stamps, running.began = homes.stamps(root, live), True
            before = {} if shared else homes.stamps(root)
            returned = _returned(work, root, worker.address)
            if not shared:
                returned["files"] = homes.written(root, before)
    return Outcome(work.number, worker.address, os.getpid(), live=live, **returned)


def _is_remark(record: logging.LogRecord) -> bool:
    """Return whether a line of a worker's log is more than that the client looks at its task."""
    return not str(record.msg).startswith("Run out-of-band function")


def _returned(work: Work, root: Path, address: str) -> dict[str, Any]:
    try:
        if lacking := next((p for p in work.recordings if not os.path.exists(p)), None):
            raise AscError(
                f"worker {address} on {socket.gethostname()} cannot read {lacking}: each worker "
                "reads recordings at the same path as this command; mount their folder there"
            )
        function, task = homes.unpickled(work.payload, root)
        return {"value": homes.pickled(function(*task), root).contents}
    except AscError as fault:
        return {"fault": str(fault).replace(str(root), homes.CLIENT)}


# -- called by the client while a task runs -------------------------------------------------------


def report(token: str, resting: Sequence[str], dask_worker: Any) -> Report:
    """Return what this worker does for a session, and a snapshot if the task has written; none for
    a worker that rests."""
    running = _running
    if running is None or running.session.name != token or running.root == running.base:
        return Report()
    if running.wanted:
        return Report(running.number, os.getpid(), running.wanted)
    rests = dask_worker.address in resting or not running.began
    live = () if rests else _snapshot(running)
    return Report(running.number, os.getpid(), folders=running.live, live=live)


def lacking(token: str, digests: Sequence[str]) -> list[str]:
    """Return the SHA-256 of inputs that are not here."""
    folder = _session(token) / "inputs"
    return [digest for digest in digests if not (folder / digest).exists()]


def receive(token: str, digest: str, offset: int, piece: bytes, n_bytes: int) -> None:
    """Take a piece of an input; after the last one it is checked, and then it is here."""
    folder = _session(token) / "inputs"
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".tmp-{os.getpid()}-{digest}"
    with temporary.open("r+b" if offset else "wb") as out:
        out.seek(offset)
        out.write(piece)
    if offset + len(piece) >= n_bytes:
        if homes.sha256(temporary) != digest:
            raise AscError(f"{temporary}: arrived damaged; run the same command again")
        os.replace(temporary, folder / digest)


def begin(number: int, files: Sequence[File]) -> None:
    """Let the task that waits for its inputs begin: all of them are here."""
    if (running := _running) is not None and running.number == number:
        running.inputs, running.wanted = tuple(files), ()
        running.ready.set()


def read(token: str, folder: str, path: str, offset: int) -> bytes:
    """Return a piece of a file of this session."""
    with (_session(token) / folder / path).open("rb") as file:
        file.seek(offset)
        return file.read(homes.PIECE_BYTES)


def drop(token: str, folder: str, files: Sequence[str]) -> None:
    """Remove files that the client has fetched."""
    for path in files:
        (_session(token) / folder / path).unlink(missing_ok=True)


def end(token: str) -> None:
    """Remove what a session has left here."""
    shutil.rmtree(_session(token), ignore_errors=True)


def _session(token: str) -> Path:
    base = _running.base if _running is not None else paths.home()
    return base / FOLDER / token


# -- a task ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def _working(running: _Running, worker: Any) -> Iterator[None]:
    """Let $ASC_HOME be the task's home, and end the task when nobody waits for it."""
    global _running
    before, done = os.environ.get("ASC_HOME"), threading.Event()
    watch = threading.Thread(
        target=_stop_unwanted, args=(worker, worker.get_current_task(), done), daemon=True
    )
    try:
        running.root.mkdir(parents=True, exist_ok=True)
        os.environ["ASC_HOME"] = str(running.root)
        _running = running
        watch.start()
        yield
    except Stopped:
        _received.clear()
        if running.root != running.base:
            shutil.rmtree(running.root, ignore_errors=True)
        raise
    finally:
        done.set()
        _running = None
        if before is None:
            os.environ.pop("ASC_HOME", None)
        else:
            os.environ["ASC_HOME"] = before


def _stop_unwanted(worker: Any, key: str, done: threading.Event) -> None:
    """Raise Stopped in the task's thread once Dask has cancelled the task."""
    [thread] = [ident for ident, running in worker.active_threads.items() if running == key]
    while not done.wait(WATCH_SECONDS):
        state = worker.state.tasks.get(key)
        if state is None or state.state == "cancelled":
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread), ctypes.py_object(Stopped)
            )
            return


def _take_inputs(running: _Running, named: Sequence[str]) -> None:
    """Wait for the inputs that are not here, and link them into the task's home."""
    token = running.session.name
    needed = [
        path
        for path in named
        if homes.is_live(path)
        or (token, path) not in _received
        or not (running.root / path).exists()  # removed at the end of what ran before
    ]
    if not needed:
        return
    running.wanted = tuple(needed)
    while not running.ready.wait(WATCH_SECONDS):
        pass
    for path in filter(homes.is_live, needed):
        shutil.rmtree(running.root / path, ignore_errors=True)
    for file in running.inputs:
        homes.link(running.session / "inputs" / file.sha256, running.root / file.path)
    _received.update((token, path) for path in needed)


def _snapshot(running: _Running) -> tuple[File, ...]:
    """Return what the task would resume from, as it was at one moment; nothing where it has not
    changed."""
    folder = running.session / f"{os.getpid()}-live"
    for _ in range(TRIES):
        stamps = homes.stamps(running.root, running.live)
        if stamps == running.stamps:
            break
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):  # replaced in this moment
            for path in stamps:
                homes.link(running.root / path, folder / path)
            if stamps == homes.stamps(running.root, running.live):
                running.stamps = stamps
                return tuple(homes.described(folder, path) for path in stamps)
    return ()
