"""What `asc tune --try` may draw: the values of a list, or numbers of a range."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from asc_cli.core.errors import AscError

OPENING, CLOSING = "[{(", "]})"
DIGITS = 4  # of a number that is drawn
LOGARITHMIC = ":log"


@dataclass(frozen=True)
class Values:
    """The values of a list, as they were written."""

    values: tuple[str, ...]

    def examples(self) -> tuple[str, ...]:
        """Values that show whether a recipe takes them."""
        return self.values

    def __str__(self) -> str:
        return ", ".join(self.values)


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included.

    Attributes:
        low: The smallest.
        high: The largest.
        integer: Whether they are whole numbers.
        log: Whether they are drawn evenly on a logarithmic scale.
    """

    low: float
    high: float
    integer: bool
    log: bool

    def examples(self) -> tuple[str, ...]:
        """Values that show whether a recipe takes them."""
        return self.text(self.low), self.text(self.high)

    def text(self, number: float) -> str:
        """Return a number as it stands in a recipe."""
        return str(int(number)) if self.integer else f"{number:.{DIGITS}g}"

    def __str__(self) -> str:
        return f"{self.text(self.low)} to {self.text(self.high)}"


Space = Mapping[str, Values | Range]


def read(text: str) -> tuple[str, Values | Range]:
    """Read "key=value,value", "key=low..high" or "key=low..high:log".

    A comma within brackets separates no values.

    Returns:
        The key, and what may be drawn for it.

    Raises:
        AscError: It has another form, or a range is none.
    """
    key, equals, listed = text.partition("=")
    key = ".".join(part.strip() for part in key.split("."))
    values = [value.strip() for value in _split(listed)]
    if not equals or not key or not all(values):
        raise AscError(f"--try {text}: KEY=VALUE,VALUE was expected, as in model.n_hidden=64,128")
    if len(values) == 1 and ".." in values[0]:
        return key, _range(text, values[0])
    return key, Values(tuple(values))


def grid(space: Space) -> list[dict[str, str]]:
    """Return every combination of listed values; the first key's values change slowest.

    Raises:
        AscError: One key has a range.
    """
    lists = []
    for key, drawn in space.items():
        if isinstance(drawn, Range):
            raise AscError(
                f"--try {key}: a range needs --trials N, the number of candidates that are drawn "
                "for each fold, as in --trials 30; or list its values"
            )
        lists.append(drawn.values)
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*lists)]


def _range(text: str, listed: str) -> Range:
    numbers, is_log = listed.removesuffix(LOGARITHMIC), listed.endswith(LOGARITHMIC)
    low, _, high = numbers.partition("..")
    try:
        ends = float(low), float(high)
    except ValueError:
        raise AscError(
            f"--try {text}: a range is LOW..HIGH or LOW..HIGH:log, as in "
            "training.learning_rate=1e-4..1e-2:log"
        ) from None
    if not 0 <= abs(ends[0]) < float("inf") or not ends[0] < ends[1] < float("inf"):
        raise AscError(f"--try {text}: the first number must be below the second, both finite")
    if is_log and ends[0] <= 0:
        raise AscError(f"--try {text}: on a logarithmic scale, numbers above 0 were expected")
    integer = all(end.strip().lstrip("+-").isdecimal() for end in (low, high))
    return Range(*ends, integer, is_log)


def _split(text: str) -> list[str]:
    """Split at commas that are in no brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in OPENING) - (character in CLOSING)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts
