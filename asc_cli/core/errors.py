"""The exceptions that users are meant to see."""

from __future__ import annotations

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
