"""Resolve command-line inputs to audio files: files, folders, globs, lists, and stdin."""

from __future__ import annotations

import codecs
import contextlib
import glob
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from asc_cli.audio import decode, media
from asc_cli.core import paths
from asc_cli.core.errors import AscError

STDIN = "-"
EXAMPLES = {"--csv": ".csv", "--audacity": ".txt", "--embeddings": ".npz", "--explain": ".png"}
AUDIO_SUFFIXES = {
    *decode.SUFFIXES,
    *media.SUFFIXES,
    decode.SHARD,
}  # unsupported ones too: their error names a remedy


def find(names: Sequence[str]) -> list[Path]:
    """Return files in the order of their names, without duplicates; those of folders sorted.

    A missing file is kept, and so is a folder without recordings: reading it raises the error.
    Raises AscError for a pattern that matches nothing.
    """
    files: dict[Path, None] = {}
    for name in names:
        files.update(dict.fromkeys(_of(name)))
    return list(files)


def require_no_overwrite(outputs: dict[str, Path | None], paths: Sequence[Path]) -> None:
    """Raise AscError if an output would overwrite audio or an input."""
    inputs = {os.path.abspath(path) for path in paths}
    for option, path in outputs.items():
        if path and (os.path.abspath(path) in inputs or path.suffix.lower() in AUDIO_SUFFIXES):
            raise AscError(
                f"{option} {path}: a recording would be written over; give a file to write, as in "
                f"{option} scenes{EXAMPLES[option]}"
            )


def read_list(source: str) -> list[str]:
    """Read the lines of a list of files; `-` is stdin. Raises AscError if it cannot be read.

    NUL separates the names if there is one, as `find -print0` writes them.
    """
    try:
        text = sys.stdin.buffer.read() if source == STDIN else Path(source).read_bytes()
    except OSError as fault:
        raise AscError(f"--files-from {source}: cannot be read ({fault.strerror})") from fault
    if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise AscError(f"--files-from {source}: is UTF-16; a file per line, in UTF-8, was expected")
    text = text.removeprefix(codecs.BOM_UTF8)
    lines = text.split(b"\0") if b"\0" in text else text.splitlines()
    return [os.fsdecode(line) for line in lines if line.strip()]


@contextlib.contextmanager
def spooled(stdin: IO[bytes]) -> Iterator[Path]:
    """Yield audio on stdin as a temporary file, because decoders must seek."""
    with tempfile.TemporaryDirectory(prefix="asc-") as folder:
        path = Path(folder) / "stdin"
        with path.open("wb") as file:
            shutil.copyfileobj(stdin, file, 1 << 20)
        yield path


def _of(name: str) -> Iterable[Path]:
    path = Path(name) if os.path.lexists(name) else paths.expanded(name, "predict")
    if os.path.isdir(path):
        return sorted(_recordings_under(path)) or [path]
    if not os.path.lexists(path) and glob.has_magic(name):
        matched = sorted(glob.glob(str(path), recursive=True))
        if not matched:
            raise AscError(f"{name}: this pattern matches nothing")
        return [file for match in matched for file in _matched(Path(match))]
    return [path]


def _matched(path: Path) -> Iterable[Path]:
    return sorted(_recordings_under(path)) if os.path.isdir(path) else [path]


def _recordings_under(folder: Path) -> Iterator[Path]:
    """Yield recordings under a folder. An unreadable folder is yielded like a file."""
    unreadable: list[str] = []
    for parent, _, names in os.walk(folder, onerror=lambda e: unreadable.append(e.filename)):
        yield from (Path(parent, name) for name in names if _is_recording(name))
    yield from map(Path, unreadable)


def _is_recording(name: str) -> bool:
    hidden = name.startswith("._")  # macOS's own files
    return Path(name).suffix.lower() in AUDIO_SUFFIXES and not hidden
