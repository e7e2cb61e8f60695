"""The group `spectrum` (1394): how the log-mel bands are distributed, and how they vary."""

from __future__ import annotations

import numpy as np

from asc_cli.features._texture.sums import (
    LOG_FLOOR,
    Correlations,
    Differences,
    Histogram,
    Modulation,
    Moments,
    region_means,
)

N_CEPSTRA, N_REGIONS, WINDOW, N_MODULATIONS = 24, 10, 256, 10
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
RANGE = (-25.0, 15.0, 1 / 32)  # of logarithms, and the step of their histogram


class Spectrum:
    """Per band mean, deviation, skew, kurtosis, percentiles, |Δ|, deviation of Δ, mean weighted by
    energy; of 24 cepstra deviations and correlations; modulations of 10 regions; 10 numbers of the
    energy. All less the mean over bands and time: none but the length depends on the level."""

    def __init__(self, n_bands: int):
        import scipy.fft

        self.bands, self.histogram = Moments(n_bands), Histogram(n_bands, *RANGE)
        self.changes, self.change = Moments(n_bands), Differences()
        self.weighted, self.weight = np.zeros(n_bands), 0.0
        self.cosines = scipy.fft.dct(np.eye(n_bands), axis=1, norm="ortho")[:, 1 : N_CEPSTRA + 1]
        self.cepstra, self.cepstral_changes = Moments(N_CEPSTRA), Moments(N_CEPSTRA)
        self.correlations, self.cepstral_change = Correlations(N_CEPSTRA), Differences()
        self.modulation = Modulation(N_REGIONS, WINDOW, N_MODULATIONS)
        self.energy, self.energies = Moments(1), Histogram(1, *RANGE)
        self.energy_change, self.energy_changes, self.flatness = Differences(), 0.0, Moments(1)

    def add(self, log_mel: np.ndarray) -> None:  # (t, M)
        self.bands.add(log_mel)
        self.histogram.add(log_mel)
        self.changes.add(np.abs(self.change.of(log_mel)))
        power = np.exp(log_mel.astype(np.float64))
        weight = power.mean(axis=1)  # (t,)
        self.weighted += weight @ log_mel
        self.weight += weight.sum()
        cepstra = log_mel @ self.cosines
        self.cepstra.add(cepstra)
        self.cepstral_changes.add(self.cepstral_change.of(cepstra))
        self.correlations.add(cepstra)
        self.modulation.add(region_means(log_mel, N_REGIONS))
        energy = np.log(weight)[:, None]
        self.energy.add(energy)
        self.energies.add(energy)
        self.energy_changes += np.abs(self.energy_change.of(energy)).sum()
        self.flatness.add(log_mel.mean(axis=1, keepdims=True) - energy)

    def result(self) -> np.ndarray:
        mean, deviation, skew, kurtosis = self.bands.central()
        centre = mean.mean()
        absolute, square, *_ = self.changes.raw()  # of |Δ|, whose square is that of Δ
        energy, *energy_shape = self.energy.central()
        ends = self.energies.percentiles((0.05, 0.5, 0.95)) - energy
        flatness, flatness_deviation, *_ = self.flatness.central()
        return np.concatenate(
            [
                mean - centre,
                deviation,
                skew,
                kurtosis,
                (self.histogram.percentiles(SHARES) - centre).ravel(),
                absolute,
                np.sqrt(square),
                self.weighted / self.weight - centre,
                self.cepstra.central()[1],
                self.cepstral_changes.central()[1],
                self.correlations.pairs(),
                np.log(self.modulation.means() + LOG_FLOOR).ravel(),
                [np.log(self.bands.count)],
                *energy_shape,
                ends.ravel(),
                [self.energy_changes / self.bands.count],
                flatness,
                flatness_deviation,
            ]
        )
