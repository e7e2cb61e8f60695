"""Faults of the file system, at the N-th call: an error, or the end of the process.

A command runs in a copy of this process whose calls on the files of one folder are counted. The
N-th of them fails. So each N = 1, 2, … tests another moment, until a command ends before its N-th
call.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import pickle
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CALLS = ("replace", "rename", "fsync", "stat", "unlink", "mkdir", "rmdir", "listdir", "utime")
KINDS = ("ENOSPC", "EIO", "EINTR", "EACCES", "death")
DEATH = 137  # exit status of a process that the fault ended


@dataclass(frozen=True)
class Ended:
    """How a command ended under a fault."""

    code: int
    output: str  # on both streams
    calls: int  # on the folder's files
    where: str  # the call that failed; "" where none did


class Counter:
    """Counts calls on the files of a folder; the N-th one fails."""

    def __init__(self, folder: Path, n: int, kind: str) -> None:
        self.folder, self.n, self.kind = os.fspath(folder), n, kind
        self.calls, self.where = 0, ""

    def call(self, name: str, path: Any) -> None:
        if isinstance(path, int) or not self._inside(path):
            return
        self.calls += 1
        if self.calls != self.n:
            return
        self.where = f"{name}({os.fspath(path)!r})"
        if self.kind == "death":
            os._exit(DEATH)
        number = getattr(errno, self.kind)
        raise OSError(number, os.strerror(number), os.fspath(path))

    def _inside(self, path: Any) -> bool:
        try:
            text = os.fsdecode(path)
        except TypeError:
            return False
        return os.path.abspath(text).startswith(self.folder)

    def install(self) -> None:
        """Replace the functions of this process; there is no way back."""
        for name in CALLS:
            setattr(os, name, self._counted(name, getattr(os, name)))
        opened = io.open

        def open_(file: Any, mode: str = "r", *args: Any, **more: Any) -> Any:
            self.call(f"open {mode}", file)
            result = opened(file, mode, *args, **more)
            if set(mode) & set("wax+") and not isinstance(file, int) and self._inside(file):
                return Written(result, self, file)
            return result

        builtins.open = io.open = open_  # type: ignore[assignment]

    def _counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(path: Any, *args: Any, **more: Any) -> Any:
            self.call(name, path)
            return function(path, *args, **more)

        return counted


class Written:
    """A file that is written, each write counted."""

    def __init__(self, file: Any, counter: Counter, path: Any) -> None:
        self._file, self._counter, self._path = file, counter, path

    def write(self, data: Any) -> int:
        self._counter.call("write", self._path)
        return self._file.write(data)

    def __enter__(self) -> Written:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Any:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def run(words: Sequence[object], folder: Path, n: int = 0, kind: str = "EIO") -> Ended:
    """Run a command in a copy of this process, its n-th call on the folder's files failing.

    Args:
        words: Of the command line.
        folder: Whose files are counted.
        n: Which call fails, from 1; 0: none.
        kind: One of KINDS.
    """
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        _in_child([str(word) for word in words], Counter(folder, n, kind), writable)
    os.close(writable)
    with open(readable, "rb") as pipe:
        contents = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) == DEATH:
        return Ended(DEATH, "", n, "death")
    assert contents, f"the copy of the process ended with {status}"
    return pickle.loads(contents)


def _in_child(words: list[str], counter: Counter, writable: int) -> None:
    from typer.testing import CliRunner

    from asc_cli.cli import application

    try:
        app = application()
        counter.install()
        done = CliRunner().invoke(app, words)
        text = done.output
        if done.exc_info and not isinstance(done.exception, (SystemExit, type(None))):
            text += "".join(traceback.format_exception(*done.exc_info))
        ended = Ended(done.exit_code, text, counter.calls, counter.where)
        counter.n = -1
        with os.fdopen(writable, "wb") as out:
            out.write(pickle.dumps(ended))
    finally:
        os._exit(0)
