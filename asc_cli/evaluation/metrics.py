"""Metrics: one function each, arrays in, floats out, and the table METRICS at the end.

C scenes, n recordings. A confusion matrix has a row per true scene and a column per guess.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.core.plugins import INSTALLED, Catalog, unknown

LOG_FLOOR = 1e-15
BINS = 15  # of confidence


def confusion(labels: np.ndarray, guesses: np.ndarray, C: int) -> np.ndarray:  # -> (C, C)
    """Return counts: rows are labels, columns guesses."""
    return np.bincount(labels * C + guesses, minlength=C * C).reshape(C, C)


def accuracy(matrix: np.ndarray) -> float:
    return float(np.trace(matrix) / matrix.sum())


def recall(matrix: np.ndarray) -> np.ndarray:  # (C, C) -> (C,)
    """Return the accuracy of each scene; NaN for a scene that is not tested."""
    return ratio(np.diag(matrix), matrix.sum(axis=1))


def macro_accuracy(matrix: np.ndarray) -> float:
    """Return the mean over the tested scenes."""
    return float(np.nanmean(recall(matrix)))


def precision(matrix: np.ndarray) -> np.ndarray:  # (C, C) -> (C,)
    """Return the share of right guesses of each scene; NaN for a scene never guessed."""
    return ratio(np.diag(matrix), matrix.sum(axis=0))


def f1(matrix: np.ndarray) -> np.ndarray:  # (C, C) -> (C,)
    """Return 2 · right / (labelled + guessed); NaN for a scene neither tested nor guessed."""
    return ratio(2 * np.diag(matrix), matrix.sum(axis=0) + matrix.sum(axis=1))


def macro_f1(matrix: np.ndarray) -> float:
    """Return the mean over the tested scenes."""
    return float(f1(matrix)[matrix.sum(axis=1) > 0].mean())


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:  # (n, C), (n,)
    """Return the mean of −ln p(label); rows are scaled to sum to 1 first."""
    p = np.clip(probabilities, LOG_FLOOR, 1.0)
    p = p / p.sum(axis=1, keepdims=True)
    return float(-np.log(p[np.arange(len(labels)), labels]).mean())


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return numerator / denominator, NaN where the denominator is 0."""
    return np.divide(
        numerator, denominator, out=np.full(len(denominator), np.nan), where=denominator > 0
    )


@dataclass(frozen=True)
class Bin:
    """Recordings whose most probable scene has a probability in one range.

    Attributes:
        low: Lower edge of the range, not included.
        high: Upper edge, included.
        recordings: How many there are.
        confidence: Their mean probability of the most probable scene.
        accuracy: Share of them that is right.
    """

    low: float
    high: float
    recordings: int
    confidence: float
    accuracy: float

    def to_dict(self) -> dict[str, Any]:
        """Return the bin with its edges as `from` and `to`.

        Returns:
            As in JSON.
        """
        return {
            "from": self.low,
            "to": self.high,
            "recordings": self.recordings,
            "confidence": self.confidence,
            "accuracy": self.accuracy,
        }


def reliability(probabilities: np.ndarray, right: np.ndarray) -> list[Bin]:
    """Return the filled bins of confidence, from probabilities (n, C) and right (n,) bool."""
    confidence = probabilities.max(axis=1)  # (n,)
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    return [
        Bin(
            low=b / BINS,
            high=(b + 1) / BINS,
            recordings=int(inside.sum()),
            confidence=float(confidence[inside].mean()),
            accuracy=float(right[inside].mean()),
        )
        for b in range(BINS)
        if (inside := bins == b).any()
    ]


def expected_calibration_error(bins: list[Bin]) -> float:
    """Σ_b n_b/n |accuracy_b − confidence_b|, from the bins of `reliability`."""
    gaps = [b.recordings * abs(b.accuracy - b.confidence) for b in bins]
    return float(sum(gaps) / sum(b.recordings for b in bins))


def mean_of_cells(recalls: np.ndarray) -> float:  # (folds, C) NaN: not tested
    """Return the mean over all cells of the fold × scene matrix."""
    return float(np.nanmean(recalls))


def ece(probabilities: np.ndarray, right: np.ndarray) -> float:  # (n, C), (n,) bool
    """Return the expected calibration error over equal bins of confidence."""
    return expected_calibration_error(reliability(probabilities, right))


@dataclass(frozen=True)
class Metric:
    """A line of METRICS. C scenes, n recordings.

    Attributes:
        name: Its key in metrics.json.
        function: Arrays in, one figure out.
        scope: What `function` takes:
            "fold", the confusion matrix (C, C) of a fold, and the mean over folds counts;
            "pooled", the confusion matrix of all folds together;
            "cells", the recall of each fold and scene (folds, C), NaN where it is not tested;
            "probabilities", probabilities (n, C) and labels (n,), pooled;
            "confidence", probabilities (n, C) and which guesses are right (n,) bool, pooled.
            The last two are None for predictions that are labels alone.
        title: Its name in tables and pages, printed as it stands.
        share: Whether it is from 0 to 1 and printed in per cent.
        definition: How it is computed, in words, of a metric that may head a report; else "".
            Such a metric must follow from the right and the tested recordings of each scene
            alone, which the bootstrap draws.
    """

    name: str
    function: Callable[..., float]
    scope: str
    title: str
    share: bool = True
    definition: str = ""

    def of(self, matrices: Sequence[np.ndarray]) -> float:
        """Compute the metric from confusion matrices.

        Args:
            matrices: (C, C) of each fold; rows are labels, columns guesses.

        Returns:
            The metric, of one whose scope is "fold", "pooled" or "cells".
        """
        if self.scope == "fold":
            return float(np.mean([self.function(matrix) for matrix in matrices]))
        if self.scope == "cells":
            return self.function(np.array([recall(matrix) for matrix in matrices]))
        return self.function(np.sum(matrices, axis=0))


METRICS = (
    Metric(
        "accuracy",
        accuracy,
        "fold",
        title="accuracy (mean over folds)",
        definition="right / all of each fold, then the mean over folds; folds are not pooled",
    ),
    Metric(
        "macro_accuracy",
        macro_accuracy,
        "fold",
        title="macro accuracy (mean over scenes, then folds)",
        definition="right / all of each scene, their mean in each fold, then the mean over folds; "
        "folds are not pooled",
    ),
    Metric(
        "fold_class_accuracy",
        mean_of_cells,
        "cells",
        title="fold × class accuracy (mean over the matrix)",
        definition="right / all of each scene in each fold, then the mean over all cells of that "
        "fold × scene matrix",
    ),
    Metric(
        "pooled_accuracy",
        accuracy,
        "pooled",
        title="pooled accuracy (all folds together)",
        definition="right / all over the recordings of all folds together",
    ),
    Metric(
        "pooled_macro_accuracy",
        macro_accuracy,
        "pooled",
        title="pooled macro accuracy (mean over scenes, all folds together)",
    ),
    Metric("macro_f1", macro_f1, "fold", title="macro F1 (mean over folds)"),
    Metric("log_loss", log_loss, "probabilities", title="log loss (nats, pooled)", share=False),
    Metric("ece", ece, "confidence", title="expected calibration error (15 bins)", share=False),
)
BY_NAME = {metric.name: metric for metric in METRICS}


def named(name: str, catalog: Catalog = INSTALLED) -> Metric:
    """Return a metric that can head a report: one of METRICS, or the METRIC of a plug-in.

    Args:
        name: Its name.
        catalog: Where a metric that is not in METRICS is looked up.

    Returns:
        The metric.

    Raises:
        AscError: There is none, or a plug-in's is no Metric or cannot head a report.
    """
    if name in BY_NAME:
        return BY_NAME[name]
    if name not in catalog.names("metrics"):
        raise AscError(unknown("metric", name, [*BY_NAME, *catalog.names("metrics")]))
    metric = getattr(catalog.load("metrics", name), "METRIC", None)
    if not isinstance(metric, Metric) or metric.name != name:
        raise AscError(f"metrics/{name}.py: METRIC = Metric({name!r}, …) was expected")
    if metric.scope not in ("fold", "pooled", "cells"):
        raise AscError(
            f"metrics/{name}.py: a metric that heads a report has the scope fold, pooled or cells, "
            f"not {metric.scope}: its interval is drawn from counts of right and tested recordings"
        )
    return metric


def as_metric(headline: str | Metric) -> Metric:
    """Return a metric of METRICS by its name, or the metric itself."""
    return BY_NAME[headline] if isinstance(headline, str) else headline
