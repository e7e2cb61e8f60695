"""The exceptions that users are meant to see."""

from __future__ import annotations

from pathlib import Path


class AscError(Exception):
    """An error that the user can fix: one line with what, where, what was expected, the remedy.

    The command line prints it on stderr and exits 1.
    """


class FileFault(AscError):
    """An error in one file. The other files are processed; the command ends with exit 3."""

    def __init__(self, path: Path | str, reason: str):
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason

    def __reduce__(self) -> tuple:  # worker processes pickle these
        return FileFault, (self.path, self.reason)
