"""Text on a terminal: what comes from outside is shown, and never obeyed.

File names, labels, keys, the values of options and messages that hold them pass through `escaped`
or `one_line` before they are printed; the tables' console (report/console/output.py) does the same
with all that it draws. Control characters, direction marks and other characters that cannot be seen
are written out as in Python: \\x1b, \\u202e.
"""

from __future__ import annotations

import sys

MAX_LINE = 2_000  # characters of a line that is printed
CONTINUED = "  "  # in front of all but the first line of a message


def escaped(text: str) -> str:
    """Return text from outside as a terminal may show it: control characters are written out.

    Line breaks stay, as messages of several lines have them; long lines lose their middle.
    """
    if text.isprintable() and len(text) <= MAX_LINE:
        return text
    return "\n".join(_shortened(_visible(line)) for line in text.split("\n"))


def one_line(text: str) -> str:
    """Return a name as it is shown among others, a line each: line breaks are written out too."""
    return text if text.isprintable() else _visible(text)


def message(text: str) -> str:
    """Return a message whose further lines are indented: no name in it can begin a line."""
    first, *others = escaped(text).split("\n")
    return "\n".join([first, *(CONTINUED + line.removeprefix(CONTINUED) for line in others)])


def note(text: str) -> None:
    """Print a message on stderr."""
    print(message(text), file=sys.stderr, flush=True)


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _shortened(line: str) -> str:
    half = MAX_LINE // 2
    return line if len(line) <= MAX_LINE else f"{line[:half]} … {line[-half:]}"
