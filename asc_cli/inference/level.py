"""How loud live sound is, and whether that is a reason to doubt what is made of it.

level = 10 log10 (mean of x²)      dBFS: 0 dB is a square wave at full scale
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

FULL_SCALE = 0.999  # a sample from here on is clipped
CLIPPED_SHARE = 0.001  # of the samples, from which sound is called clipped
SILENT_PEAK = 10 ** (-70 / 20)  # the noise of an open microphone is above
LOWEST_DB = -120.0  # in place of −∞
SILENT = "the sound is silent: is the microphone muted, or another input chosen?"
CLIPPED = "the sound is clipped: the input is too loud"


@dataclass(frozen=True)
class Level:
    """The loudness of a part of live sound.

    Attributes:
        level_db: Root mean square, dBFS; -120 of digital silence.
        peak_db: The largest sample, dBFS.
        warning: That it is silent or clipped, in words; None for neither.
    """

    level_db: float
    peak_db: float
    warning: str | None


class Meter:
    """Measures blocks as they pass."""

    def __init__(self) -> None:
        self._restart()

    def _restart(self) -> None:
        self._squares, self._peak, self._clipped, self._n = 0.0, 0.0, 0, 0

    def measured(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield blocks, (n,) or (n, channels) each, as they are."""
        for block in blocks:
            if block.size:
                loud = np.abs(block)
                self._squares += float(np.square(loud, dtype=np.float64).sum())
                self._peak = max(self._peak, float(loud.max()))
                self._clipped += int((loud >= FULL_SCALE).sum())
                self._n += block.size
            yield block

    def read(self) -> Level:
        """Return the level of what has passed since the last call."""
        n = max(1, self._n)
        warning = None
        if self._peak < SILENT_PEAK:
            warning = SILENT
        elif self._clipped >= CLIPPED_SHARE * n:
            warning = CLIPPED
        level = Level(_decibels((self._squares / n) ** 0.5), _decibels(self._peak), warning)
        self._restart()
        return level


def _decibels(amplitude: float) -> float:
    return round(max(LOWEST_DB, 20 * math.log10(amplitude)) if amplitude else LOWEST_DB, 1)
