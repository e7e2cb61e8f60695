"""Files between the client's home and workers with homes of their own."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asc_cli.core import atomic, homes, worker
from asc_cli.core.homes import File
from asc_cli.core.session import FOLDER, Outcome, Report, Session

if TYPE_CHECKING:
    from distributed import Client

SECONDS = 0.3  # between looks at the workers
REST = 10  # times as long as a snapshot took, until the next from the same worker
EMPTY_SECONDS = 60.0  # without any worker, until the command ends
SHOWN = ("progress.json", "history.csv", "history.csv.sha256")  # of a task that runs
LOST = (OSError, TimeoutError, KeyError, ValueError)  # what Dask raises where a worker is lost


@dataclass
class Exchange:
    """Gives tasks their inputs, and stores what they write.

    Attributes:
        client: Dask's.
        session: Of the command.
        home: The client's.
        fault: Why the exchange has ended the work; "" where it has not.
    """

    client: Client
    session: Session
    home: Path
    fault: str = ""
    _digests: dict[tuple[Path, homes.Stamp], str] = field(default_factory=dict)
    _resting: dict[str, float] = field(default_factory=dict)  # address → until when
    _reached: dict[int, tuple[str, ...]] = field(default_factory=dict)
    _finished: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)  # of what tasks resume from

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Serve the workers from another thread while the block runs."""
        done = threading.Event()
        thread = threading.Thread(target=self._serve, args=(done,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(timeout=2)

    def store(self, outcome: Outcome) -> bool:
        """Put what a task has written into the home; False where its worker is lost before."""
        try:
            self._put(outcome)
        except _Lost:
            return False
        with self._lock:
            self._finished.add(outcome.number)
            for live in outcome.live:
                shutil.rmtree(self._resumable(live), ignore_errors=True)
        return True

    def reached(self, number: int) -> object:
        """Return what changes when a task that runs gets further, beyond what it would do again."""
        return self._reached.get(number)

    def _put(self, outcome: Outcome) -> None:
        """Write files in the order in which the task wrote them; those of a new folder at once, for
        some folders are complete or useless."""
        address, folder = outcome.worker, str(outcome.process)
        for parent, group in groupby(outcome.files, lambda file: Path(file.path).parent):
            own, target = [*group], self.home / parent
            sync = homes.is_live(own[0].path)
            if not target.exists():
                with _temporary(target) as new:
                    for file in own:
                        self._write(file, address, folder, new / Path(file.path).name)
                    if sync:
                        atomic.sync_tree(new)
                    with contextlib.suppress(OSError):  # another process was quicker
                        new.rename(target)
                        continue
            for file in own:
                with atomic.replacing(self.home / file.path, sync) as path:
                    self._write(file, address, folder, path)
        if fetched := [file.path for file in outcome.files if file.contents is None]:
            self._on(address, worker.drop, self.session.token, folder, fetched)

    # -- in the other thread ----------------------------------------------------------------------

    def _serve(self, done: threading.Event) -> None:
        token, busy = self.session.token, time.monotonic()  # busy: when there was a worker
        while not done.wait(SECONDS) and self.client.status == "running":
            resting = [a for a, until in self._resting.items() if until > time.monotonic()]
            try:
                reports = self.client.run(worker.report, token, resting, on_error="ignore")
            except LOST:
                reports = {}
            busy = time.monotonic() if reports else busy
            if time.monotonic() - busy > EMPTY_SECONDS:
                self.fault = (
                    f"there was no worker for {EMPTY_SECONDS:.0f} s; start some, and run the same "
                    "command again"
                )
                self.client.close()
                return
            for address, report in reports.items():
                with contextlib.suppress(_Lost):  # Dask gives its task to another
                    if report.wanted:
                        self._send(address, report)
                    elif report.live:
                        self._keep(address, report)

    def _send(self, address: str, report: Report) -> None:
        """Send what a task asks for and its worker lacks."""
        files = [each for path in report.wanted for each in self._files(path)]
        sources = {file.sha256: source for file, source in files}
        token = self.session.token
        for digest in self._on(address, worker.lacking, token, [*sources]):
            n_bytes = sources[digest].stat().st_size
            with sources[digest].open("rb") as opened:
                for offset in range(0, max(1, n_bytes), homes.PIECE_BYTES):
                    piece = opened.read(homes.PIECE_BYTES)
                    self._on(address, worker.receive, token, digest, offset, piece, n_bytes)
        self._on(address, worker.begin, report.number, [file for file, _ in files])

    def _files(self, path: str) -> Iterator[tuple[File, Path]]:
        """Yield the files of a path of the home, and where each is. What a task would resume from
        is where `_keep` puts it, or else where a task of this machine leaves it."""
        root = self._resumable("") if self._resumable(path).is_dir() else self.home
        for name, stamp in homes.stamps(root, (path,)).items():
            source = root / name
            if (source, stamp) not in self._digests:
                self._digests[source, stamp] = homes.sha256(source)
            yield File(name, stamp.n_bytes, self._digests[source, stamp]), source

    def _keep(self, address: str, report: Report) -> None:
        """Keep a snapshot of what a task would resume from, and show how far the task is."""
        started, folder = time.monotonic(), f"{report.process}-live"
        for live in report.folders:
            target = self._resumable(live)
            with _temporary(target) as new:
                for file in report.live:
                    if file.path.startswith(f"{live}/"):
                        self._write(file, address, folder, new / file.path[len(live) + 1 :])
                with self._lock:
                    if report.number in self._finished:
                        return
                    shutil.rmtree(target, ignore_errors=True)
                    new.rename(target)
                    for name in filter(lambda name: (target / name).exists(), SHOWN):
                        with atomic.replacing(self.home / live / name, sync=False) as path:
                            shutil.copyfile(target / name, path)
        steps = (f for f in report.live if Path(f.path).name not in SHOWN)
        self._reached[report.number] = tuple(file.sha256 for file in steps)
        self._resting[address] = time.monotonic() + REST * (time.monotonic() - started)

    def _resumable(self, path: str) -> Path:
        return self.home / FOLDER / path

    def _write(self, file: File, address: str, folder: str, target: Path) -> None:
        """Write a file that a worker has, and check it."""
        target.parent.mkdir(parents=True, exist_ok=True)
        token = self.session.token
        with target.open("wb") as out:
            if file.contents is not None:
                out.write(file.contents)
            while out.tell() < file.n_bytes:
                piece = self._on(address, worker.read, token, folder, file.path, out.tell())
                if not piece:
                    break
                out.write(piece)
        if homes.sha256(target) != file.sha256:
            raise _Lost(f"{file.path} of worker {address} arrived damaged")

    def _on(self, address: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function on a worker, beside its task. Raises _Lost where the worker is lost."""
        try:
            return self.client.run(function, *arguments, workers=[address])[address]
        except LOST as fault:
            raise _Lost(str(fault)) from fault


class _Lost(Exception):
    """A worker is lost, or a file that it had."""


@contextlib.contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside a folder; what is left of it in the end is removed."""
    new = target.parent / f".tmp-{uuid.uuid4().hex}"
    new.mkdir(parents=True)
    try:
        yield new
    finally:
        shutil.rmtree(new, ignore_errors=True)
