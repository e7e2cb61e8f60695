"""Intervals of 95 %: Wald's, as the challenge prints it, and a bootstrap over groups.

    Wald         a ± 1.96 √(a (1 − a) / n)          n distinct tested recordings
    bootstrap    2.5 and 97.5 % of the headline over draws of whole groups (Efron's percentiles)

Recordings of one place are right or wrong together, so they are drawn together: an interval over
single recordings would be too narrow. A recording without a group is its own. Where each group is
tested in one fold, each fold draws as many groups as it has; where folds test the same recordings
again (LITIS), one draw serves all folds, because they are no independent samples.

Where every recording is right, or every one wrong, all draws are the same and both intervals have
no width, which would say that the score is certain. Then the exact interval of Clopper and Pearson
(Biometrika 26, 1934) is given too, of n groups of which all are right: (0.025^(1/n), 1). At these
ends it is safe where others are too short (Brown, Cai, DasGupta: Interval estimation for a binomial
proportion, Statistical Science 16, 2001), and groups count, not recordings, as in the bootstrap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from asc_cli.evaluation.metrics import Metric, as_metric
from asc_cli.evaluation.predictions import Predictions

BOOTSTRAPS = 2000
ALPHA = 0.05
Z_95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution


def wald(share: float, n: int) -> tuple[float, float]:
    """Return share ± 1.96 √(share (1 − share) / n), clipped to [0, 1]."""
    half = Z_95 * np.sqrt(share * (1 - share) / n)
    return max(0.0, float(share - half)), min(1.0, float(share + half))


@dataclass(frozen=True)
class Intervals:
    """Intervals of 95 % of the headline metric.

    Attributes:
        metric: The headline's name.
        wald: Lower and upper end, from the normal distribution.
        bootstrap: Lower and upper end, from draws of whole groups.
        bootstrap_over: What was drawn: "groups", or "recordings" where no groups are known.
        groups: How many there are to draw from.
        bootstraps: How many draws there were.
        exact: Lower and upper end of the exact interval where all recordings are right, or all
            wrong, so that the others have no width; else None.
    """

    metric: str
    wald: tuple[float, float]
    bootstrap: tuple[float, float]
    bootstrap_over: str
    groups: int
    bootstraps: int
    exact: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes.

        Returns:
            As in JSON.
        """
        exact = None if self.exact is None else [*self.exact]
        return {
            **asdict(self),
            "wald": [*self.wald],
            "bootstrap": [*self.bootstrap],
            "exact": exact,
        }


def intervals(p: Predictions, value: float, headline: str | Metric) -> Intervals:
    """Compute both intervals of the headline metric, which has the given value."""
    right, n_groups = p.guesses == p.labels, len(set(_names(p)))
    return Intervals(
        metric=as_metric(headline).name,
        wald=wald(value, len(set(p.files))),
        bootstrap=bootstrap(p, headline),
        bootstrap_over="groups" if any(p.groups) else "recordings",
        groups=n_groups,
        bootstraps=BOOTSTRAPS,
        exact=exact(bool(right[0]), n_groups) if right.all() or not right.any() else None,
    )


def exact(all_right: bool, n: int) -> tuple[float, float]:
    """Return the interval of Clopper and Pearson of n trials that all have one outcome."""
    end = float((ALPHA / 2) ** (1 / n))
    return (end, 1.0) if all_right else (0.0, 1 - end)


def bootstrap(p: Predictions, headline: str | Metric) -> tuple[float, float]:
    """Return percentiles of the headline over draws of groups."""
    return percentiles(draws(p, headline))


def percentiles(values: np.ndarray) -> tuple[float, float]:
    """Return the middle 95 % of bootstrapped values."""
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def draws(p: Predictions, headline: str | Metric) -> np.ndarray:  # -> (BOOTSTRAPS,)
    """Return the headline over draws of groups, with replacement.

    The draws are the same for two sets of predictions with the same rows: their differences are
    paired.
    """
    folds, strata, _ = _counts_and_strata(p)
    return np.array(
        [
            _headline([(times @ right, times @ tested) for right, tested in folds], headline)
            for times in _drawn(strata)
        ]
    )


def of_mean(
    values: np.ndarray, folds: np.ndarray, groups: Sequence[str]
) -> tuple[float, float]:  # (n,) each
    """Return percentiles of the mean of recordings' values over draws of groups: within folds, or
    from all where a fold has one group alone, whose draws would not differ."""
    number = {name: g for g, name in enumerate(dict.fromkeys(groups))}
    rows = np.array([number[name] for name in groups])
    totals = np.bincount(rows, values, minlength=len(number))
    sizes = np.bincount(rows, minlength=len(number))
    strata = _strata(folds, rows, len(number))
    if min(map(len, strata)) < 2:
        strata = [np.arange(len(number))]
    means = [(times @ totals) / (times @ sizes) for times in _drawn(strata)]
    return percentiles(np.array(means))


def _drawn(strata: Sequence[np.ndarray]) -> Iterator[np.ndarray]:  # each (groups,)
    """Yield how many times each group is drawn, BOOTSTRAPS times."""
    rng = np.random.default_rng(0)
    for _ in range(BOOTSTRAPS):
        times = np.zeros(sum(map(len, strata)))
        for groups in strata:
            drawn = rng.integers(len(groups), size=len(groups))
            times[groups] = np.bincount(drawn, minlength=len(groups))
        yield times


def value(p: Predictions, headline: str | Metric) -> float:
    """Return the headline itself: every group counted once."""
    folds, _, _ = _counts_and_strata(p)
    return _headline([(right.sum(axis=0), tested.sum(axis=0)) for right, tested in folds], headline)


def _counts_and_strata(
    p: Predictions,
) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[np.ndarray], int]:
    """Return counts per group of each fold, the strata to draw in, the number of groups."""
    names = _names(p)
    number = {name: g for g, name in enumerate(dict.fromkeys(names))}
    rows = np.array([number[name] for name in names])  # (n,) the group of each row
    folds = [_counts(p, rows, fold, len(number)) for fold in sorted(set(p.folds.tolist()))]
    return folds, _strata(p.folds, rows, len(number)), len(number)


def _names(p: Predictions) -> list[str]:
    return [group or file for group, file in zip(p.groups, p.files, strict=True)]


def _strata(folds: np.ndarray, rows: np.ndarray, n_groups: int) -> list[np.ndarray]:
    """Return the strata: each fold's groups, or all groups when folds share some."""
    per_fold = [np.unique(rows[folds == fold]) for fold in np.unique(folds)]
    shared = sum(map(len, per_fold)) > n_groups
    return [np.arange(n_groups)] if shared else per_fold


def _counts(
    p: Predictions, rows: np.ndarray, fold: int, n_groups: int
) -> tuple[np.ndarray, np.ndarray]:  # (groups, C) each
    """Return per group and scene the correct and the tested recordings of the fold."""
    inside = p.folds == fold
    tested, right = np.zeros((2, n_groups, len(p.scenes)))
    np.add.at(tested, (rows[inside], p.labels[inside]), 1)
    np.add.at(right, (rows[inside], p.labels[inside]), (p.guesses == p.labels)[inside])
    return right, tested


def _headline(counts: list[tuple[np.ndarray, np.ndarray]], headline: str | Metric) -> float:
    """Return the metric from (right, tested) per scene (C,) of each fold."""
    matrices = [_confusion(right, tested) for right, tested in counts if tested.sum()]
    return as_metric(headline).of(matrices)


def _confusion(right: np.ndarray, tested: np.ndarray) -> np.ndarray:  # (C,), (C,) -> (C, C)
    """Return a matrix with these counts; the headline does not depend on the wrong scene."""
    matrix = np.diag(right)
    matrix[np.arange(len(right)), np.arange(len(right)) - 1] += tested - right
    return matrix
