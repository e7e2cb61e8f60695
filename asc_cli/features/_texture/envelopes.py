"""The group `envelopes` (1440): sound-texture statistics, after McDermott & Simoncelli 2011."""

from __future__ import annotations

import numpy as np

from asc_cli.features._texture.sums import (
    LOG_FLOOR,
    Correlations,
    Differences,
    Modulation,
    Moments,
)

WINDOW, N_MODULATIONS = 512, 10
EXPONENT = 0.15  # of power: 0.3 of amplitude, the ear's compression


class Envelopes:
    """Of 32 compressed envelopes at 5 ms: logarithm of mean and of variation, skew, kurtosis,
    correlations between bands of the envelope and of its Δ, modulations of each band."""

    def __init__(self, n_bands: int):
        self.bands, self.difference = Moments(n_bands), Differences()
        self.together, self.changing = Correlations(n_bands), Correlations(n_bands)
        self.modulation = Modulation(n_bands, WINDOW, N_MODULATIONS)

    def add(self, power: np.ndarray) -> None:  # (t, M)
        envelope = power.astype(np.float64) ** EXPONENT
        self.bands.add(envelope)
        self.together.add(envelope)
        self.changing.add(self.difference.of(envelope))
        self.modulation.add(envelope)

    def result(self) -> np.ndarray:
        mean, deviation, skew, kurtosis = self.bands.central()
        level = np.log(mean + LOG_FLOOR)
        relative = self.modulation.means() / (mean + LOG_FLOOR) ** 2
        return np.concatenate(
            [
                level - level.mean(),
                np.log(deviation / (mean + LOG_FLOOR) + LOG_FLOOR),
                skew,
                kurtosis,
                self.together.pairs(),
                self.changing.pairs(),
                np.log(relative + LOG_FLOOR).ravel(),
            ]
        )
