"""The exceptions that users are meant to see."""

from __future__ import annotations

import errno
import os
from pathlib import Path


class AscError(Exception):
    """An error that the user can fix.

    Its text says what is wrong, where, what was expected and what to do. The command line prints
    it on stderr and exits 1.
    """


class DamagedFile(AscError, ValueError):
    """A file of asc's own that cannot be read. Code that can do without it catches ValueError."""


class FileFault(AscError):
    """An error in one file. The other files are processed; the command ends with exit code 3.

    Attributes:
        path: The file.
        reason: What is wrong with it.
    """

    def __init__(self, path: Path | str, reason: str):
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason

    def __reduce__(self) -> tuple:  # worker processes pickle these
        return FileFault, (self.path, self.reason)


NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
NOT_PERMITTED = (errno.EACCES, errno.EPERM, errno.EROFS)


def refusal(fault: OSError, where: object = None) -> str:
    """Return what the system refuses in a sentence: its own reason, and what to do about it.

    Args:
        fault: What Python raised.
        where: The place, if the error names none.
    """
    place = fault.filename if fault.filename is not None else where
    reason = fault.strerror or str(fault)
    remedy = ""
    if fault.errno == errno.ENOTDIR and place is not None:
        path = Path(os.fsdecode(str(place)))
        place = next((p for p in (*reversed(path.parents), path) if p.is_file()), path)
        remedy = "; a folder was expected"
    elif fault.errno in NO_ROOM:
        remedy = "; make room, and run the same command again"
    elif fault.errno in NOT_PERMITTED:
        remedy = "; may asc read and write there?"
    return f"{os.fsdecode(place) if isinstance(place, bytes) else place}: {reason}{remedy}"


NO_MEMORY = (
    "there is not enough memory; try fewer workers (--jobs 1), close other programs, or raise the "
    "limit (ulimit -v)"
)
OUT_OF_MEMORY = (  # what libraries say of it, in errors of other kinds
    "failed to map segment",
    "cannot allocate memory",
    "can't allocate memory",
    "not enough memory",
    "unable to allocate",
    "std::bad_alloc",
)
UNLOADED = ("shared object", "dlopen", "dll load failed")


def resource_fault(fault: BaseException) -> str | None:
    """Return what lacks in words, where an error means too little memory, or a library that could
    not be loaded; None for any other error."""
    chain: list[BaseException] = []
    current: BaseException | None = fault
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    texts = [str(each).lower() for each in chain]
    if any(isinstance(each, MemoryError) or _errno(each) == errno.ENOMEM for each in chain):
        return NO_MEMORY
    if any(sign in text for text in texts for sign in OUT_OF_MEMORY):
        return NO_MEMORY
    is_library = isinstance(fault, (ImportError, OSError)) and _errno(fault) is None
    if is_library and any(sign in text for text in texts for sign in UNLOADED):
        return (
            f"a library cannot be loaded ({str(fault).splitlines()[0][:300]}). Is there enough "
            "memory (ulimit -v)? If there is, install asc again"
        )
    return None


def _errno(fault: BaseException) -> int | None:
    return fault.errno if isinstance(fault, OSError) else None


def first_line(fault: BaseException) -> str:
    """Return the first line of another library's error, without its full stop."""
    lines = str(fault).strip().splitlines()
    return lines[0].rstrip(".:")[:300] if lines else type(fault).__name__
