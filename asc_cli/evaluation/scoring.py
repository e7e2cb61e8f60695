"""Compute all metrics of predictions, and intervals.

Conventions. C scenes, n tested recordings. A fold's figures are computed on the fold; "mean over
folds" weighs folds equally; "pooled" puts all folds' recordings together. A scene that a fold
does not test is left out of that fold's macro averages, and reported.

    accuracy               right / all, mean over folds                      (LITIS, ESC)
    macro_accuracy         mean over scenes of right / all of the scene, mean over folds
    fold_class_accuracy    mean over all cells of the fold × scene matrix    (DCASE 2016)
    pooled_accuracy        right / all over the recordings of all folds
    pooled_macro_accuracy  mean over scenes of right / all of the scene, all folds together
    macro_f1               mean over scenes of 2PR/(P + R), mean over folds
    log_loss               mean of −ln p(label), p cut to [1e-15, 1], pooled
    ece                    Σ_b n_b/n |accuracy_b − confidence_b|, 15 equal bins, pooled

Mesaros et al., DCASE 2016 use the class-wise accuracy of the fold × scene matrix.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from asc_cli.evaluation import metrics
from asc_cli.evaluation.conditions import Conditions
from asc_cli.evaluation.intervals import intervals
from asc_cli.evaluation.predictions import Predictions
from asc_cli.evaluation.remarks import Facts, remarks
from asc_cli.evaluation.scores import (
    DeviceScores,
    FoldScores,
    SceneScores,
    Scores,
    SubsetScores,
)


def score(
    predictions: Predictions,
    headline: str | metrics.Metric = "accuracy",
    seen_devices: Mapping[int, frozenset[str]] | None = None,
    conditions: Conditions | None = None,
) -> Scores:
    """Compute all metrics of a set of predictions.

    Args:
        predictions: Of n tested recordings.
        headline: The metric whose complement is `error`, one of METRICS with a definition.
        seen_devices: Per fold, the recording devices that are trained on; the others are unseen.
        conditions: What was trained and tested, where that is known.

    Returns:
        The metrics; log loss and calibration are None for predictions that are labels alone.
    """
    p, metric = predictions, metrics.as_metric(headline)
    C = len(p.scenes)
    numbers = sorted(set(p.folds.tolist()))
    matrices = {
        k: metrics.confusion(p.labels[p.folds == k], p.guesses[p.folds == k], C) for k in numbers
    }
    pooled = metrics.confusion(p.labels, p.guesses, C)
    recalls = np.array([metrics.recall(matrices[k]) for k in numbers])  # (folds, C) NaN: no test
    folds = tuple(fold_scores(p, k, matrices[k]) for k in numbers)
    values = {m.name: _value(m, p, [*matrices.values()]) for m in metrics.METRICS}
    is_listed = metric.name in values
    heading = values.setdefault(metric.name, metric.of([*matrices.values()]))
    assert heading is not None  # a metric with a definition follows from labels alone
    devices, groups = device_scores(p, seen_devices)
    spread = intervals(p, heading, metric)
    return Scores(
        recordings=len(p),
        metrics=values,
        headline=metric.name,
        title_from_outside=None if is_listed else metric.title,
        aggregation=metric.definition,
        error=1 - heading,
        intervals=spread,
        folds=folds,
        scenes=scene_scores(p, recalls, pooled),
        confusion=pooled.tolist(),
        reliability=()
        if p.hard
        else tuple(metrics.reliability(p.probabilities, p.guesses == p.labels)),
        devices=devices,
        device_groups=groups,
        remarks=remarks(Facts(p, folds, spread, conditions)),
        conditions=conditions,
    )


def _value(metric: metrics.Metric, p: Predictions, matrices: list[np.ndarray]) -> float | None:
    if metric.scope not in ("probabilities", "confidence"):
        return metric.of(matrices)
    if p.hard:
        return None
    truth = p.labels if metric.scope == "probabilities" else p.guesses == p.labels
    return metric.function(p.probabilities, truth)


def fold_scores(p: Predictions, fold: int, matrix: np.ndarray) -> FoldScores:
    """Metrics of one fold, whose confusion matrix is (C, C)."""
    inside = p.folds == fold
    return FoldScores(
        fold=fold,
        recordings=int(inside.sum()),
        accuracy=metrics.accuracy(matrix),
        macro_accuracy=metrics.macro_accuracy(matrix),
        macro_f1=metrics.macro_f1(matrix),
        log_loss=log_loss(p, inside),
        absent=[p.scenes[i] for i in np.flatnonzero(matrix.sum(axis=1) == 0)],
    )


def scene_scores(p: Predictions, recalls: np.ndarray, pooled: np.ndarray) -> dict[str, SceneScores]:
    """Per scene, from recalls (folds, C) and the confusion matrix of all folds (C, C)."""
    precisions, f1s = metrics.precision(pooled), metrics.f1(pooled)
    return {
        scene: SceneScores(
            recordings=int(pooled[i].sum()),
            accuracy=_number(recalls[~np.isnan(recalls[:, i]), i].mean())
            if pooled[i].sum()
            else None,
            precision=_number(precisions[i]),
            f1=_number(f1s[i]),
        )
        for i, scene in enumerate(p.scenes)
    }


def device_scores(
    p: Predictions, seen_devices: Mapping[int, frozenset[str]] | None
) -> tuple[dict[str, DeviceScores], dict[str, SubsetScores]]:
    """Return scores of each recording device, and of seen and unseen ones, pooled over folds.

    Both are empty where devices are unknown; `seen` is None where the training part is unknown.
    """
    devices = np.array(p.devices)
    known_devices = sorted(set(p.devices) - {""})
    if not seen_devices:
        return {d: DeviceScores(_subset(p, devices == d), None) for d in known_devices}, {}
    pairs = zip(p.devices, p.folds.tolist(), strict=True)
    seen = np.array([device in seen_devices[fold] for device, fold in pairs])
    rows = {
        d: DeviceScores(_subset(p, devices == d), bool(seen[devices == d].all()))
        for d in known_devices
    }
    parts = {"seen": (devices != "") & seen, "unseen": (devices != "") & ~seen}
    groups = {name: _subset(p, inside) for name, inside in parts.items() if inside.any()}
    return rows, groups if len(known_devices) > 1 else {}


def log_loss(p: Predictions, inside: np.ndarray) -> float | None:
    return None if p.hard else metrics.log_loss(p.probabilities[inside], p.labels[inside])


def _subset(p: Predictions, inside: np.ndarray) -> SubsetScores:
    matrix = metrics.confusion(p.labels[inside], p.guesses[inside], len(p.scenes))
    return SubsetScores(
        recordings=int(inside.sum()),
        accuracy=metrics.accuracy(matrix),
        macro_accuracy=metrics.macro_accuracy(matrix),
        log_loss=log_loss(p, inside),
    )


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
