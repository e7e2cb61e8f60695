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
    log_loss               mean of −ln p(label), p cut to [1e-15, 1], pooled; also of each scene
    ece                    Σ_b n_b/n |accuracy_b − confidence_b|, 15 equal bins, pooled

Mesaros et al., DCASE 2016 use the class-wise accuracy of the fold × scene matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from asc_cli.datasets import Dataset
from asc_cli.evaluation import metrics
from asc_cli.evaluation.conditions import Conditions
from asc_cli.evaluation.intervals import intervals
from asc_cli.evaluation.parts import DeviceScores, FoldScores, SceneScores, SubsetScores
from asc_cli.evaluation.predictions import Predictions
from asc_cli.evaluation.remarks import Facts, remarks
from asc_cli.evaluation.scores import Scores

Seen = Mapping[int, frozenset[str]]  # fold → devices, or cities, that it is trained on


def score(
    predictions: Predictions,
    headline: str | metrics.Metric = "accuracy",
    seen_devices: Seen | None = None,
    conditions: Conditions | None = None,
    dataset: Dataset | None = None,
    seen_cities: Seen | None = None,
) -> Scores:
    """Compute all metrics of a set of predictions.

    Args:
        predictions: Of n tested recordings.
        headline: The metric whose complement is `error`, one of METRICS with a definition.
        seen_devices: Per fold, the recording devices that are trained on; the others are unseen.
        conditions: What was trained and tested, where that is known.
        dataset: Whose recordings these are: the groups of devices that its organisers report, and
            whether cities can be told; None: there are neither.
        seen_cities: Per fold, the cities that are trained on; the others are unseen.

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
    devices, groups = subset_scores(p, p.devices, seen_devices)
    if dataset and len(devices) > 1:
        groups |= published_groups(p, dataset)
    cities, city_groups = subset_scores(p, cities_of(p, dataset), seen_cities)
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
        cities=cities,
        city_groups=city_groups,
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
            log_loss=log_loss(p, p.labels == i) if pooled[i].sum() else None,
        )
        for i, scene in enumerate(p.scenes)
    }


def subset_scores(
    p: Predictions, names: Sequence[str], seen_names: Seen | None
) -> tuple[dict[str, DeviceScores], dict[str, SubsetScores]]:
    """Return scores of each recording device, or city, and of seen and unseen ones, pooled over
    folds.

    names: of each row; "": not known. Both are empty where no name is known; `seen` is None where
    the training part is unknown.
    """
    of_row = np.array(names)
    present = sorted(set(names) - {""})
    if not seen_names:
        return {n: DeviceScores(_subset(p, of_row == n), None) for n in present}, {}
    pairs = zip(names, p.folds.tolist(), strict=True)
    seen = np.array([name in seen_names[fold] for name, fold in pairs])
    rows = {
        n: DeviceScores(_subset(p, of_row == n), bool(seen[of_row == n].all())) for n in present
    }
    parts = {"seen": (of_row != "") & seen, "unseen": (of_row != "") & ~seen}
    groups = {name: _subset(p, inside) for name, inside in parts.items() if inside.any()}
    return rows, groups if len(present) > 1 else {}


def published_groups(p: Predictions, dataset: Dataset) -> dict[str, SubsetScores]:
    """Return scores of the groups of devices that the organisers report, pooled over folds."""
    inside = {name: np.isin(p.devices, devices) for name, devices in dataset.device_groups}
    return {name: _subset(p, rows) for name, rows in inside.items() if rows.any()}


def cities_of(p: Predictions, dataset: Dataset | None) -> tuple[str, ...]:
    """Return the city of each row; "" where it is not known."""
    return tuple(dataset.city(group) if dataset else "" for group in p.groups)


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
