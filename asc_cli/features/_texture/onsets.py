"""The group `onsets` (304): sudden rises of 40 bands at 5 ms, and how they repeat."""

from __future__ import annotations

import numpy as np

from asc_cli.features._texture.sums import (
    LOG_FLOOR,
    SMALLEST,
    Differences,
    Histogram,
    Modulation,
    Moments,
    region_means,
)

N_REGIONS, WINDOW, N_MODULATIONS, N_ONSET_REGIONS = 8, 512, 12, 3
RANGE = (-12.0, 12.0, 1 / 64)
LAGS = np.round(np.geomspace(3, 300, 16)).astype(int)  # frames: 15 ms to 1.5 s


class Onsets:
    """Per band mean rise, 95th and 99th percentile of Δ, its kurtosis; modulations up to 100 Hz of
    8 regions; autocorrelation of the rises of 3 regions at 16 lags."""

    def __init__(self, n_bands: int):
        self.difference = Differences()
        self.rises, self.changes = Moments(n_bands), Moments(n_bands)
        self.histogram = Histogram(n_bands, *RANGE)
        self.modulation = Modulation(N_REGIONS, WINDOW, N_MODULATIONS)
        self.onsets = Moments(N_ONSET_REGIONS)
        self.past = np.zeros((0, N_ONSET_REGIONS))
        self.products = np.zeros((len(LAGS), N_ONSET_REGIONS))
        self.counts = np.zeros((len(LAGS), 1))

    def add(self, log_mel: np.ndarray) -> None:  # (t, M)
        self.modulation.add(region_means(log_mel, N_REGIONS))
        change = self.difference.of(log_mel)
        rise = np.maximum(change, 0)
        self.rises.add(rise)
        self.changes.add(change)
        self.histogram.add(change)
        onset = region_means(rise.astype(np.float64), N_ONSET_REGIONS)
        self.onsets.add(onset)
        joined = np.concatenate([self.past, onset])
        for row, lag in enumerate(LAGS):
            first = max(len(self.past) - lag, 0)  # of the earlier one of a pair
            earlier = joined[first : max(len(joined) - lag, 0)]
            later = joined[first + lag :]
            self.products[row] += (earlier * later).sum(axis=0)
            self.counts[row] += len(later)
        self.past = joined[-LAGS[-1] :]

    def result(self) -> np.ndarray:
        mean, deviation, *_ = self.onsets.central()
        variance = np.where(deviation**2 > SMALLEST, deviation**2, np.inf)
        covariance = self.products / np.maximum(self.counts, 1) - mean**2
        covariance = np.where(self.counts > 0, covariance, 0.0)
        return np.concatenate(
            [
                self.rises.raw()[0],
                self.histogram.percentiles((0.95, 0.99)).ravel(),
                self.changes.central()[3],
                np.log(self.modulation.means() + LOG_FLOOR).ravel(),
                (covariance / variance).ravel(),
            ]
        )
