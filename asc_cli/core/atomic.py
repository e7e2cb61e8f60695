"""Atomic files: written under a temporary name, then renamed, so never half-written."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asc_cli.core.errors import DamagedFile

UNWRITABLE = "backslashreplace"  # bytes of a file's name that are no UTF-8; JSON reads them again


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it onto `path` when the block ends well.

    Any number of processes and machines may replace the same path at once: each has its own
    temporary name, and the last rename wins. A killed process leaves at most a `.tmp-` file,
    which nothing reads. An OSError that names no file, such as a full disk's, names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".tmp-{uuid.uuid4().hex}{path.suffix}"
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as fault:
        if fault.filename is not None:
            raise
        raise OSError(fault.errno or errno.EIO, fault.strerror or str(fault), str(path)) from fault
    except Exception as fault:  # libraries that write themselves raise errors of their own
        if os.strerror(errno.ENOSPC) not in str(fault):
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from fault
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", errors=UNWRITABLE, newline="\n") as out,
    ):
        out.write(text)


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        FileNotFoundError: There is no such file.
        DamagedFile: It is no JSON; it is also a ValueError.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as fault:
        raise DamagedFile(
            f"{path}: is damaged ({fault}); remove it, and run the command that wrote it again"
        ) from fault
