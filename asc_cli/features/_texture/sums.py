"""Statistics of columns that arrive in parts: sums alone are kept, whatever their length.

M columns, t rows of a part.
"""

from __future__ import annotations

import numpy as np

SMALLEST = 1e-12  # variance below which a column counts as constant
LOG_FLOOR = 1e-6


class Moments:
    """Mean, deviation, skew and kurtosis of M columns."""

    def __init__(self, n_columns: int):
        self.count = 0
        self.sums = np.zeros((4, n_columns))

    def add(self, x: np.ndarray) -> None:  # (t, M)
        x = x.astype(np.float64)
        square = x * x
        self.count += len(x)
        self.sums += [x.sum(0), square.sum(0), (square * x).sum(0), (square * square).sum(0)]

    def raw(self) -> np.ndarray:  # -> (4, M)
        """Return E x, E x², E x³ and E x⁴."""
        return self.sums / max(self.count, 1)

    def central(self) -> tuple[np.ndarray, ...]:  # -> four of (M,)
        """Return mean, deviation, skew and kurtosis less 3; 0 for the last two of a constant."""
        m, m2, m3, m4 = self.raw()
        variance = np.maximum(m2 - m * m, 0)
        spread = np.where(variance > SMALLEST, variance, 1.0)
        third = m3 - 3 * m * m2 + 2 * m**3
        fourth = m4 - 4 * m * m3 + 6 * m * m * m2 - 3 * m**4
        varies = variance > SMALLEST
        skew = np.where(varies, third / spread**1.5, 0.0)
        return m, np.sqrt(variance), skew, np.where(varies, fourth / spread**2 - 3, 0.0)


class Histogram:
    """Percentiles of M columns, exact to a step; values outside count as the ends."""

    def __init__(self, n_columns: int, low: float, high: float, step: float):
        self.low, self.step, self.n_bins = low, step, round((high - low) / step)
        self.counts = np.zeros((n_columns, self.n_bins), np.int64)

    def add(self, x: np.ndarray) -> None:  # (t, M)
        bins = np.clip((x - self.low) / self.step, 0, self.n_bins - 1).astype(np.int64)
        flat = (bins + np.arange(x.shape[1]) * self.n_bins).ravel()
        self.counts += np.bincount(flat, minlength=self.counts.size).reshape(self.counts.shape)

    def percentiles(self, shares: tuple[float, ...]) -> np.ndarray:  # -> (len(shares), M)
        """Return the value below which each share of the rows is, linear inside a bin."""
        below = np.cumsum(self.counts, axis=1)
        total = np.maximum(below[:, -1:], 1)
        rows = np.arange(len(below))
        values = []
        for share in shares:
            wanted = share * total
            at = (below < wanted).sum(axis=1).clip(max=self.n_bins - 1)
            count = np.maximum(self.counts[rows, at], 1)
            inside = (wanted[:, 0] - below[rows, at]) / count + 1
            values.append(self.low + self.step * (at + inside.clip(0, 1)))
        return np.array(values)


class Correlations:
    """Correlations between every two of M columns."""

    def __init__(self, n_columns: int):
        self.count = 0
        self.sums = np.zeros(n_columns)
        self.products = np.zeros((n_columns, n_columns))

    def add(self, x: np.ndarray) -> None:  # (t, M)
        x = x.astype(np.float64)
        self.count += len(x)
        self.sums += x.sum(axis=0)
        self.products += x.T @ x

    def pairs(self) -> np.ndarray:  # -> (M (M - 1) / 2,)
        mean = self.sums / max(self.count, 1)
        covariance = self.products / max(self.count, 1) - np.outer(mean, mean)
        variance = np.diag(covariance)
        spread = np.sqrt(np.where(variance > SMALLEST, variance, np.inf))
        return (covariance / np.outer(spread, spread))[np.triu_indices(len(mean), 1)].clip(-1, 1)


class Differences:
    """Differences of each row from the one before, also from part to part."""

    def __init__(self) -> None:
        self.last: np.ndarray | None = None

    def of(self, x: np.ndarray) -> np.ndarray:  # (t, M) -> (t, M), (t - 1, M) of the first part
        joined = x if self.last is None else np.concatenate([self.last, x])
        self.last = x[-1:] if len(x) else self.last
        return np.diff(joined, axis=0)


class Modulation:
    """Mean power of M columns' fluctuations in bands of modulation frequency.

    Windows of `window` rows, half of which the next repeats, less their mean, under a Hann window;
    a recording shorter than one is filled up with zeros. Bands are even in log frequency.
    """

    def __init__(self, n_columns: int, window: int, n_bands: int):
        self.window, self.count = window, 0
        self.buffer = np.zeros((0, n_columns))
        edges = np.round(np.geomspace(1, window // 2 + 1, n_bands + 1)).astype(int)
        self.starts, self.widths = edges[:-1], np.diff(edges)
        self.power = np.zeros((n_bands, n_columns))
        self.hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)[:, None]

    def add(self, x: np.ndarray) -> None:  # (t, M)
        self.buffer = np.concatenate([self.buffer, x])
        while len(self.buffer) >= self.window:
            self._add_window(self.buffer[: self.window])
            self.buffer = self.buffer[self.window // 2 :]

    def means(self) -> np.ndarray:  # -> (n_bands, M)
        if not self.count:
            self._add_window(self.buffer)
        return self.power / self.count

    def _add_window(self, x: np.ndarray) -> None:
        fluctuation = (x - x.mean(axis=0)) * self.hann[: len(x)]
        power = np.abs(np.fft.rfft(fluctuation, self.window, axis=0)) ** 2 / self.window
        self.power += np.add.reduceat(power, self.starts, axis=0) / self.widths[:, None]
        self.count += 1


def regions(n_columns: int, n_regions: int) -> np.ndarray:  # -> (n_regions,)
    """Return where each region of neighbouring columns begins."""
    return np.arange(n_regions) * n_columns // n_regions


def region_means(x: np.ndarray, n_regions: int) -> np.ndarray:  # (t, M) -> (t, n_regions)
    starts = regions(x.shape[1], n_regions)
    return np.add.reduceat(x, starts, axis=1) / np.diff([*starts, x.shape[1]])
