"""What a person names → recordings: files, folders, globs, lists, and sound on stdin."""

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

from asc_cli.audio import decode
from asc_cli.core.errors import AscError

STDIN = "-"
EXAMPLES = {"--csv": ".csv", "--audacity": ".txt", "--embeddings": ".npz", "--explain": ".png"}
KNOWN = {
    *decode.SUFFIXES,
    *decode.UNSUPPORTED_SUFFIXES,
    decode.SHARD,
}  # foreign ones too, each with its remedy


def find(named: Sequence[str]) -> list[Path]:
    """Files in the order they were named, none twice; a folder's, and its folders', sorted.

    A file that is not there is kept, and a folder without recordings: whoever reads it says so.
    Raises AscError for a pattern that matches nothing.
    """
    found: dict[Path, None] = {}
    for name in named:
        found.update(dict.fromkeys(_of(name)))
    return list(found)


def spare(outputs: dict[str, Path | None], found: Sequence[Path]) -> None:
    """Raise AscError if an output would be written over sound, or over what is to be heard."""
    inputs = {os.path.abspath(path) for path in found}
    for option, path in outputs.items():
        if path and (os.path.abspath(path) in inputs or path.suffix.lower() in KNOWN):
            raise AscError(
                f"{option} {path}: a recording would be written over; give a file to write, as in "
                f"{option} scenes{EXAMPLES[option]}"
            )


def listed(source: str) -> list[str]:
    """The lines of a list of files; `-` is stdin. Raises AscError if it cannot be read.

    NUL parts the names where there is one, as `find -print0` writes them.
    """
    try:
        text = sys.stdin.buffer.read() if source == STDIN else Path(source).read_bytes()
    except OSError as fault:
        raise AscError(f"--files-from {source}: cannot be read ({fault.strerror})") from fault
    if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise AscError(f"--files-from {source}: is UTF-16; a file a line, in UTF-8, was expected")
    text = text.removeprefix(codecs.BOM_UTF8)
    lines = text.split(b"\0") if b"\0" in text else text.splitlines()
    return [os.fsdecode(line) for line in lines if line.strip()]


@contextlib.contextmanager
def spooled(stdin: IO[bytes]) -> Iterator[Path]:
    """Sound on stdin as a file: decoders must seek, and memory stays bounded."""
    with tempfile.TemporaryDirectory(prefix="asc-") as folder:
        path = Path(folder) / "stdin"
        with path.open("wb") as file:
            shutil.copyfileobj(stdin, file, 1 << 20)
        yield path


def _of(name: str) -> Iterable[Path]:
    path = Path(name).expanduser()
    if path.is_dir():
        return sorted(_below(path)) or [path]
    if not os.path.lexists(path) and glob.has_magic(name):
        matched = sorted(glob.glob(str(path), recursive=True))
        if not matched:
            raise AscError(f"{name}: this pattern matches nothing")
        return [file for match in matched for file in _matched(Path(match))]
    return [path]


def _matched(path: Path) -> Iterable[Path]:
    return sorted(_below(path)) if path.is_dir() else [path]


def _below(folder: Path) -> Iterator[Path]:
    """Recordings under a folder. One that cannot be looked into is named like a file."""
    unreadable: list[str] = []
    for under, _, names in os.walk(folder, onerror=lambda fault: unreadable.append(fault.filename)):
        yield from (Path(under, name) for name in names if _is_recording(name))
    yield from map(Path, unreadable)


def _is_recording(name: str) -> bool:
    return Path(name).suffix.lower() in KNOWN and not name.startswith("._")  # "._": macOS's own
