"""Atomic files: written under a temporary name, then renamed, so never half-written.

Where a power cut must not cost the file either, it and its folder are forced onto the disk (fsync)
before and after the rename. `ASC_FSYNC=0` turns that off.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asc_cli.core import checksums, json_text
from asc_cli.core.errors import DamagedFile

UNWRITABLE = "backslashreplace"  # bytes of a file's name that are no UTF-8; JSON reads them again
NO_FSYNC = (errno.EINVAL, errno.ENOTSUP)  # of a folder, on file systems that cannot do it
SIDECAR = ".sha256"


@contextlib.contextmanager
def replacing(path: Path, sync: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it onto `path` when the block ends well.

    Any number of processes and machines may replace the same path at once: each has its own
    temporary name, and the last rename wins. A killed process leaves at most a `.tmp-` file,
    which nothing reads. An OSError that names no file, such as a full disk's, names `path`.

    Args:
        path: The file to write.
        sync: Whether it must outlast a power cut. What can be computed again need not.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".tmp-{uuid.uuid4().hex}{path.suffix}"
    try:
        with naming(path):
            yield temporary
            if sync:
                sync_file(temporary)
            os.replace(temporary, path)
            if sync:
                sync_file(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an OSError in the block that names no file, such as a full disk's, name this one."""
    try:
        yield
    except OSError as fault:
        if fault.filename is not None:
            raise
        raise OSError(fault.errno or errno.EIO, fault.strerror or str(fault), str(path)) from fault
    except Exception as fault:  # libraries that write themselves raise errors of their own
        if os.strerror(errno.ENOSPC) not in str(fault):
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from fault


def syncs() -> bool:
    """Return whether files are forced onto the disk: they are, unless ASC_FSYNC is 0."""
    return os.environ.get("ASC_FSYNC") != "0"


def sync_file(path: Path) -> None:
    """Force a file, or the names in a folder, onto the disk."""
    if not syncs() or (os.name == "nt" and path.is_dir()):  # Windows opens no folders
        return
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as fault:
        if fault.errno not in NO_FSYNC or not path.is_dir():
            raise
    finally:
        os.close(descriptor)


def disk_time(folder: Path) -> float:
    """Return the time of a folder's disk, in seconds since 1970.

    A disk that several hosts share has the clock of its server, and a host's own may differ. A file
    without a name is written for it, after which a host also sees what others changed there.
    """
    with tempfile.TemporaryFile(dir=folder) as probe:
        return os.fstat(probe.fileno()).st_mtime


def sync_tree(folder: Path) -> None:
    """Force all files of a folder onto the disk, with their names."""
    if syncs():
        for path in sorted(folder.rglob("*")):
            sync_file(path)
        sync_file(folder)


def write_text(path: Path, text: str, sync: bool = True) -> None:
    with (
        replacing(path, sync) as temporary,
        temporary.open("w", encoding="utf-8", errors=UNWRITABLE, newline="\n") as out,
    ):
        out.write(text)


def write_json(path: Path, value: Any, checksum: bool = True, sync: bool = True) -> None:
    """Write JSON, a mapping with its checksum.

    Args:
        path: The file.
        value: What to write.
        checksum: Whether a mapping has one: not where other programs read the file.
        sync: As in `replacing`.
    """
    if checksum and isinstance(value, dict):
        value = checksums.added(json.loads(json_text.dumps(value)))  # as it will be read
    write_text(path, json_text.dumps(value, indent=2, ascii=False) + "\n", sync)


def read_json(path: Path, **types: type | tuple[type, ...]) -> Any:
    """Return what a JSON file holds, a mapping without its checksum.

    Args:
        path: The file.
        types: Keys that it must have, and the type of each. With any, it must be a mapping.

    Raises:
        FileNotFoundError: There is no such file.
        DamagedFile: It is no JSON, holds anything else, or differs from its checksum; it is also
            a ValueError.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as fault:
        raise _damaged(path, str(fault)) from fault
    if isinstance(value, dict):
        if not checksums.is_intact(value):
            raise _damaged(path, "it differs from its checksum")
        value.pop(checksums.KEY, None)
    elif types:
        raise _damaged(path, "it holds no keys")
    for key, kind in types.items():
        if key not in value:
            raise _damaged(path, f"it lacks {key}")
        if not isinstance(value[key], kind) or (value[key] is True and kind is not bool):
            raise _damaged(path, f"its {key} is {value[key]!r}"[:100])
    return value


def write_checked(path: Path, contents: bytes, sync: bool = True) -> None:
    """Write a file, and its checksum beside it.

    Until all is written there is no checksum, so that a kill at any moment leaves a file that is
    read.
    """
    sidecar = path.with_name(path.name + SIDECAR)
    sidecar.unlink(missing_ok=True)
    with replacing(path, sync) as temporary:
        temporary.write_bytes(contents)
    write_text(sidecar, checksums.beside(path.name, contents), sync)


def read_checked(path: Path) -> bytes:
    """Return the contents of a file that `write_checked` wrote.

    Raises:
        OSError: It cannot be read.
        DamagedFile: It differs from the checksum beside it.
    """
    contents = path.read_bytes()
    sidecar = path.with_name(path.name + SIDECAR)
    with contextlib.suppress(FileNotFoundError):
        if not checksums.fits_beside(sidecar.read_bytes(), contents):
            raise DamagedFile(
                f"{path}: is damaged (it differs from {sidecar.name}); remove it, and run the "
                f"command that wrote it again. If you changed it yourself, remove {sidecar.name}"
            )
    return contents


def _damaged(path: Path, reason: str) -> DamagedFile:
    return DamagedFile(
        f"{path}: is damaged ({reason}); remove it, and run the command that wrote it again"
    )
