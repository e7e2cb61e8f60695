"""The exceptions that users are meant to see."""

from __future__ import annotations

from pathlib import Path


class AscError(Exception):
    """A mistake the user can mend: one line saying what, where, what was expected and the remedy.

    The command line prints it on stderr and exits 1.
    """


class FileFault(AscError):
    """What is wrong with one file. The others go on; the command ends with exit 3."""

    def __init__(self, path: Path | str, reason: str):
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason

    def __reduce__(self) -> tuple:  # worker processes send these home
        return FileFault, (self.path, self.reason)
