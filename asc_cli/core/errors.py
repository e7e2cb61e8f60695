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


MAX_LINE = 2_000  # characters of a line that is printed


def escaped(text: str) -> str:
    """Return text from outside as a terminal may show it: control characters are written out.

    Line breaks stay, as messages of several lines have them; long lines lose their middle.
    """
    shown = "".join(c if c == "\n" or c.isprintable() else ascii(c)[1:-1] for c in text)
    if len(shown) <= MAX_LINE:
        return shown
    return "\n".join(_shortened(line) for line in shown.split("\n"))


def _shortened(line: str) -> str:
    half = MAX_LINE // 2
    return line if len(line) <= MAX_LINE else f"{line[:half]} … {line[-half:]}"
