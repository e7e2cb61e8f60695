"""A curve in a line of text."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int) -> str:
    """Return values as blocks, from the smallest ▁ to the largest █; all the same: ▁.

    More values than `width` are averaged in as many groups of neighbours.
    """
    n = min(width, len(values))
    edges = [i * len(values) // n for i in range(n + 1)] if n else []
    means = [sum(values[a:b]) / (b - a) for a, b in itertools.pairwise(edges)]
    low, high = min(means, default=0.0), max(means, default=0.0)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((value - low) * scale)] for value in means)
