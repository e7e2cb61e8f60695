"""Two systems on the same recordings: is the difference more than chance?

    difference     second − first, in the headline metric
    interval       95 % of the difference over draws of whole groups, the same draws for both
    mcnemar        exact test of the recordings that only one system has right: under no
                   difference they fall to either side like a fair coin   (McNemar 1947)
    corrected_t    for folds that test the same recordings again, whose differences d_j are no
                   independent samples:

                   t = mean(d) / √((1/k + n_test/n_train) · var(d)),  k − 1 degrees of freedom

                   (Nadeau, Bengio: Inference for the generalization error. Machine Learning 52,
                   2003, 239-281)

Folds that share no recording get McNemar's test; folds that do, the t-test.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.evaluation import metrics
from asc_cli.evaluation.conditions import Conditions
from asc_cli.evaluation.intervals import Intervals, draws, percentiles, value
from asc_cli.evaluation.predictions import Predictions


@dataclass(frozen=True)
class McNemar:
    """McNemar's exact test.

    Attributes:
        only_first: Recordings that only the first system has right.
        only_second: Those that only the second has right.
        p: Two-sided.
    """

    only_first: int
    only_second: int
    p: float


@dataclass(frozen=True)
class CorrectedT:
    """The corrected resampled t-test over folds.

    Attributes:
        t: The statistic; None where all folds differ by the same.
        df: Degrees of freedom.
        p: Two-sided.
    """

    t: float | None
    df: int
    p: float


@dataclass(frozen=True)
class Difference:
    """The gain of the second of two systems over the first.

    Attributes:
        difference: Second − first, in the headline metric.
        interval: Lower and upper end of its 95 % interval.
        mcnemar: The test where folds share no recording; else None.
        corrected_t: The test where folds share recordings; else None.
    """

    difference: float
    interval: tuple[float, float]
    mcnemar: McNemar | None
    corrected_t: CorrectedT | None

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes.

        Returns:
            As in JSON.
        """
        return {**asdict(self), "interval": [*self.interval]}


@dataclass(frozen=True)
class CurvePoint:
    """A point of a training curve.

    Attributes:
        epoch: Its number, from 1.
        train_loss: Mean over the epoch, nats.
        test_accuracy: Of the test fold after the epoch; None where it was not measured.
    """

    epoch: int
    train_loss: float | None
    test_accuracy: float | None


@dataclass(frozen=True)
class ComparedRun:
    """One of the runs that are compared.

    Attributes:
        run: Its folder.
        name: The recipe's name.
        description: The recipe's description.
        seed: The recipe's seed; None of an ensemble whose systems have different ones.
        headline: The metric that heads its report.
        value: That metric's value.
        error: 1 − value.
        paper_error: The published error, per cent; None where none is given.
        not_comparable: In what the run differs from that of the published error.
        conditions: What was trained and tested.
        intervals: 95 % intervals of the headline.
        curve: A point for each epoch, averaged over the folds.
        against_first: Its gain over the first run; None of the first itself.
    """

    run: str
    name: str
    description: str
    seed: int | None
    headline: str
    value: float
    error: float
    paper_error: float | None
    not_comparable: list[str]
    conditions: Conditions
    intervals: Intervals
    curve: list[CurvePoint]
    against_first: Difference | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, without `against_first` if there is none.

        Returns:
            As in JSON.
        """
        gain = {"against_first": self.against_first.to_dict()} if self.against_first else {}
        others = {key: value for key, value in vars(self).items() if key != "against_first"}
        curve = [asdict(point) for point in self.curve]
        return {
            **others,
            "conditions": self.conditions.to_dict(),
            "intervals": self.intervals.to_dict(),
            "curve": curve,
            **gain,
        }


@dataclass(frozen=True)
class Comparison:
    """Several runs on the same recordings.

    Attributes:
        metric: The headline metric that they are compared in.
        runs: The runs, in the order that they were named in.
    """

    metric: str
    runs: tuple[ComparedRun, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc compare --json` prints.

        Returns:
            As in JSON.
        """
        return {"metric": self.metric, "runs": [run.to_dict() for run in self.runs]}


def compare(
    first: Predictions,
    second: Predictions,
    headline: str | metrics.Metric,
    trained: Mapping[int, int],
) -> Difference:
    """Compare two systems on the same recordings.

    Args:
        first: Predictions of one system.
        second: Those of the other, in any order.
        headline: The metric to compare, one of METRICS with a definition.
        trained: Recordings that each fold was trained on.

    Returns:
        What the second gains over the first.

    Raises:
        AscError: They were not tested on the same recordings in the same folds.
    """
    second = aligned(first, second)
    a, b = draws(first, headline), draws(second, headline)
    per_fold = fold_values(second, headline) - fold_values(first, headline)  # (k,)
    once = len(set(first.files)) == len(first)
    return Difference(
        difference=value(second, headline) - value(first, headline),
        interval=percentiles(b - a),
        mcnemar=mcnemar(first, second) if once else None,
        corrected_t=None if once else corrected_t(per_fold, share_tested(first, trained)),
    )


def aligned(first: Predictions, second: Predictions) -> Predictions:
    """Return the second's rows in the first's order. Raises AscError if the rows differ."""
    row_of = {row: i for i, row in enumerate(_rows(second))}
    missing = [row for row in _rows(first) if row not in row_of]
    if missing or len(first) != len(second) or first.scenes != second.scenes:
        example = f"fold {missing[0][0]} of {missing[0][1]}" if missing else "other recordings"
        raise AscError(
            f"compare: not the same test recordings: {len(first)} and {len(second)} rows, "
            f"{example} in only one of the runs; compare runs of the same data and folds"
        )
    order = np.array([row_of[row] for row in _rows(first)])
    return dataclasses.replace(
        second,
        files=first.files,
        folds=first.folds,
        labels=first.labels,
        groups=first.groups,
        devices=first.devices,
        probabilities=second.probabilities[order],
    )


def fold_values(p: Predictions, headline: str | metrics.Metric) -> np.ndarray:  # -> (k,)
    """Return the headline metric of each fold."""
    metric, C = metrics.as_metric(headline), len(p.scenes)
    return np.array(
        [
            metric.of([metrics.confusion(p.labels[p.folds == k], p.guesses[p.folds == k], C)])
            for k in sorted(set(p.folds.tolist()))
        ]
    )


def mcnemar(first: Predictions, second: Predictions) -> McNemar:
    """Count recordings that only one system has right, and the exact two-sided p."""
    from scipy.stats import binomtest

    one, two = first.guesses == first.labels, second.guesses == second.labels
    only_first, only_second = int((one & ~two).sum()), int((two & ~one).sum())
    n = only_first + only_second
    p = binomtest(only_second, n, 0.5).pvalue if n else 1.0
    return McNemar(only_first, only_second, float(p))


def corrected_t(differences: np.ndarray, test_over_train: float) -> CorrectedT:
    """Apply the corrected resampled t-test to the folds' differences (k,); p is two-sided."""
    from scipy.stats import t as student

    k = len(differences)
    if k < 2:
        raise AscError("compare: the t-test over splits needs two splits or more")
    spread = np.sqrt((1 / k + test_over_train) * differences.var(ddof=1))
    mean = differences.mean()
    if spread == 0:
        return CorrectedT(None, k - 1, 1.0 if mean == 0 else 0.0)
    t = mean / spread
    return CorrectedT(float(t), k - 1, float(2 * student.sf(abs(t), k - 1)))


def share_tested(p: Predictions, trained: Mapping[int, int]) -> float:
    """Return n_test / n_train, averaged over the folds."""
    return float(
        np.mean([(p.folds == fold).sum() / trained[fold] for fold in set(p.folds.tolist())])
    )


def _rows(p: Predictions) -> list[tuple[int, str, int]]:
    return list(zip(p.folds.tolist(), p.files, p.labels.tolist(), strict=True))
