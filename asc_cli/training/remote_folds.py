"""Fitted folds that homes share over the remote, so that another home need not fit them.

    runs/<recipe>-<signature>/fold01-<SHA-256 of the zip>.zip
    tuning/<recipe>-<signature>/…                the same of the inner trainings of `asc tune`

A run's name is a hash of all that its folds depend on, so a fold of that name is the fold that
would be fitted here. Those who may write to the remote can put another one there: what arrives must
be of this run and fold, predict the fold's test recordings, and hold weights of its network; that
its numbers are those of a training nobody can tell.
"""

from __future__ import annotations

import os
import re
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, wait
from pathlib import Path

from asc_cli import models
from asc_cli.core import archives, atomic, checksums, json_text, locks
from asc_cli.core.errors import AscError
from asc_cli.core.remote import Remote, configured, in_background, in_threads
from asc_cli.core.terminal import note
from asc_cli.evaluation import predictions
from asc_cli.inference import unknown_file
from asc_cli.registry import members, run_files, runs
from asc_cli.training import fine_tuning, history, optim, unknown
from asc_cli.training.task import Task

WEIGHTS, ORIGIN, VALIDATION = "model.safetensors", "origin.json", "validation.json"
REQUIRED = {WEIGHTS, run_files.PREDICTIONS, run_files.PREDICTIONS + atomic.SIDECAR}
UNFINISHED = {optim.CHECKPOINT, optim.BEST, "progress.json"}  # of a training that had begun
TABLES = "|".join(map(re.escape, (run_files.PREDICTIONS, fine_tuning.GENERAL, history.FILE)))
FILES = "|".join(map(re.escape, (WEIGHTS, VALIDATION, unknown.FILE, run_files.UNKNOWN)))
MEMBER = re.compile(
    rf"({TABLES})(\.sha256)?|{FILES}|device[0-9]{{2,}}/{re.escape(history.FILE)}(\.sha256)?"
)
OBJECT = re.compile(r"fold([0-9]{2,9})-([0-9a-f]{64})\.zip")
MAX_UNPACKED_BYTES = 4 << 30
MAX_EXPANSION = 20  # how much larger than the zip a fold may be: weights do not shrink
COMPUTED_ON = ("packages", "python", "platform", "processor", "device")  # of environment.json
QUIET_S = 5.0  # of waiting for the last folds, after which it is said


def fetch(tasks: Iterable[Task]) -> None:
    """Put into place what the remote has of these folds, none of which is finished.

    A fold that another process fits is left to that process. One that differs from its checksum, or
    is not a fold of this run, is named on stderr and not used.
    """
    remote = configured()
    if remote is None:
        return
    of_run: dict[Path, list[Task]] = defaultdict(list)
    for task in tasks:
        of_run[task.folder.parent].append(task)
    for run, own in of_run.items():
        fetched: list[int] = []
        if not runs.is_of_0_1(run):
            with remote.optional():
                _fetch(remote, run, own, fetched)
        if fetched:
            note(f"asc: {_listed(sorted(fetched))} of {run.name} came from {remote.address}")


class Upload:
    """Fitted folds on their way to the remote, if there is one, while others are being fitted."""

    def __init__(self) -> None:
        self._running: list[Future[None]] = []

    def add(self, task: Task) -> None:
        """Send a fold that is finished."""
        remote = configured()
        if remote is not None and not remote.read_only and not runs.is_of_0_1(task.folder.parent):
            self._running.append(in_background(_put, remote, task.folder, task.fold))

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait until all have arrived; not after an error, such as Ctrl-C."""
        if kind is None:
            if wait(self._running, QUIET_S).not_done:
                note("asc: folds are being sent to the remote; Ctrl-C leaves out the rest")
            for sent in self._running:
                sent.result()  # raises what is no matter of the remote


def _put(remote: Remote, folder: Path, fold: int) -> None:
    """Send a fold, unless it is damaged: scoring will say so."""
    with tempfile.TemporaryDirectory(prefix=".tmp-", dir=folder.parent) as temporary:
        file = Path(temporary) / "fold.zip"
        try:
            members.require_intact(folder / WEIGHTS)
            predictions.read(folder / run_files.PREDICTIONS)
        except AscError:
            return
        _pack(folder, fold, file)
        with remote.optional():
            name = f"{folder.name}-{checksums.of_bytes(file.read_bytes())}.zip"
            remote.upload(file, f"{_place(folder.parent)}/{name}")


def _pack(folder: Path, fold: int, file: Path) -> None:
    environment = run_files.environment(folder.parent)
    origin = {"run": folder.parent.name, "fold": fold} | {
        key: environment[key] for key in COMPUTED_ON if key in environment
    }
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if MEMBER.fullmatch(name) and path.is_file():
                archives.add(archive, path, name)
        text = json_text.dumps(checksums.added(origin), indent=2, ascii=False) + "\n"
        archive.writestr(zipfile.ZipInfo(ORIGIN), text)


def _fetch(remote: Remote, run: Path, tasks: list[Task], fetched: list[int]) -> None:
    """Put the folds into place, and their numbers into `fetched`."""
    names: dict[int, list[str]] = defaultdict(list)
    for name in remote.names(_place(run)):
        if match := OBJECT.fullmatch(name):
            names[int(match[1])].append(name)
    pending = [(task, names[task.fold]) for task in tasks if names[task.fold]]
    if not pending:
        return
    with tempfile.TemporaryDirectory(prefix=".tmp-", dir=run) as temporary:

        def download(of_fold: tuple[Task, list[str]]) -> bool:
            name = of_fold[1][0]
            return remote.download(f"{_place(run)}/{name}", Path(temporary) / name)

        while pending:
            for (task, [name, *_]), exists in zip(
                pending, in_threads(download, pending), strict=True
            ):
                if exists and _use(remote, Path(temporary) / name, task):
                    fetched.append(task.fold)
            pending = [(t, rest) for t, [_, *rest] in pending if t.fold not in fetched and rest]


def _use(remote: Remote, file: Path, task: Task) -> bool:
    """Put a fold into place; return whether it is one that can be used."""
    unpacked = file.with_suffix("")
    try:
        _unpack(file, unpacked)
        _require_fold(unpacked, task)
    except AscError as fault:
        place = f"{_place(task.folder.parent)}/{file.name}"
        reason = str(fault).replace(f"{unpacked}{os.sep}", "").replace(f"{file}: ", "")
        note(f"asc: remote {remote.address}: {place} is not used: {' '.join(reason.split())}")
        return False
    try:
        with locks.locked(task.folder, f"fold {task.fold} is being fitted") as lock:
            if (task.folder / run_files.PREDICTIONS).exists():
                return False
            locks.require_held(lock, f"fold {task.fold}")
            _move(unpacked, task.folder)
            return True
    except locks.Locked:  # the other process finishes it
        return False


def _unpack(file: Path, into: Path) -> None:
    """Unpack a fold. Raises AscError for anything else, of which nothing is left."""
    match = OBJECT.fullmatch(file.name)
    if match is None or checksums.of_bytes(file.read_bytes()) != match[2]:
        raise AscError(f"{file}: differs from the checksum in its name")

    def check(contents: list[archives.Member]) -> None:
        if sum(member.size for member in contents) > MAX_UNPACKED_BYTES:
            raise AscError(f"{file}: unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB")
        for member in contents:
            if member.name != ORIGIN and not MEMBER.fullmatch(member.name):
                raise AscError(f"{file}: holds {member.name!r:.300}, which no fold holds")

    into.mkdir()
    archives.unpack(file, into, check=check, max_expansion=MAX_EXPANSION)


def _require_fold(folder: Path, task: Task) -> None:
    """Raise AscError unless a folder holds this fold, finished, as far as can be told."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    required = {*REQUIRED, ORIGIN} | set(_required_by_recipe(task))
    if missing := sorted(required - names):
        raise AscError(f"lacks {', '.join(missing)}")
    origin = atomic.read_json(folder / ORIGIN, run=str, fold=int)
    if (origin["run"], origin["fold"]) != (task.folder.parent.name, task.fold):
        raise AscError(f"holds fold {origin['fold']} of the run {origin['run']!r:.100}")
    rows = predictions.read(folder / run_files.PREDICTIONS)
    files = tuple(recording.file for recording, _ in task.test)
    if (rows.scenes, rows.files) != (task.labels, files) or (rows.folds != task.fold).any():
        raise AscError("its predictions are not of this fold's test recordings")
    _require_weights(folder / WEIGHTS, task)
    if (folder / unknown.FILE).exists():
        unknown_file.load(folder / unknown.FILE)


def _required_by_recipe(task: Task) -> Iterator[str]:
    if task.recipe.validation:
        yield VALIDATION
    if task.recipe.evaluation.unknown:
        yield from (unknown.FILE, run_files.UNKNOWN)


def _require_weights(path: Path, task: Task) -> None:
    """Raise AscError unless a file holds weights of the recipe's network."""
    own, n_bands = task.recipe, task.feature.n_bands

    def build(_: members.Arrays) -> object:
        return models.build(own.model, n_bands, len(task.labels), own.catalog)

    _, arrays = members.load(path, build)
    for device in arrays.devices:
        members.load(path, build, device)


def _move(source: Path, folder: Path) -> None:
    """Move the files of a fold to their places, predictions.csv last: it marks a finished fold."""
    atomic.sync_tree(source)
    for path in [*folder.rglob("*")]:
        name = path.relative_to(folder).as_posix()
        if path.is_file() and (path.name in UNFINISHED or MEMBER.fullmatch(name)):
            path.unlink()
    files = [path for path in source.rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: path == source / run_files.PREDICTIONS):
        target = folder / path.relative_to(source)
        target.parent.mkdir(exist_ok=True)
        os.replace(path, target)
    atomic.sync_file(folder)


def _place(run: Path) -> str:
    """Return a run's folder on the remote: `runs` or `tuning`, and its name."""
    return f"{run.parent.name}/{run.name}"


def _listed(folds: list[int]) -> str:
    """Return "fold 3", "folds 1, 3" or, of many in a row, "folds 1 to 5"."""
    if len(folds) == 1:
        return f"fold {folds[0]}"
    if len(folds) > 2 and folds == [*range(folds[0], folds[-1] + 1)]:
        return f"folds {folds[0]} to {folds[-1]}"
    return f"folds {', '.join(map(str, folds))}"
