"""Progress of a fit, reported at intervals for a progress bar."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

REPORT_SECONDS = 0.5


@dataclass(frozen=True)
class Progress:
    """Progress of a fit, for a progress bar."""

    epoch: int
    epochs: int
    share: float  # of all its work, from 0 to 1
    loss: float
    clips_per_s: float


@dataclass(frozen=True)
class Compilation:
    """What is reported in place of `Progress` while kernels are compiled, once on a machine."""

    compiled: int
    kernels: int


class ProgressReporter:
    """Calls `report` at most every REPORT_SECONDS."""

    def __init__(self, epochs: int, report: Callable[[Progress], None]):
        self.epochs, self.report = epochs, report
        self.last, self.pending = time.monotonic(), 0

    def update(self, epoch: int, share: float, loss: float, n_clips: int) -> None:
        """Count `n_clips` more; `share` of this epoch is done."""
        self.pending += n_clips
        now = time.monotonic()
        if now - self.last < REPORT_SECONDS:
            return
        speed = self.pending / (now - self.last)
        done = (epoch - 1 + share) / self.epochs
        self.report(Progress(epoch, self.epochs, done, loss, speed))
        self.last, self.pending = now, 0
