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
from typing import Any

import numpy as np

from asc_cli.evaluation import metrics
from asc_cli.evaluation.intervals import intervals
from asc_cli.evaluation.predictions import Predictions


def score(
    predictions: Predictions,
    headline: str = "accuracy",
    seen_devices: Mapping[int, frozenset[str]] | None = None,
) -> dict[str, Any]:
    """Return all metrics of predictions, as JSON-ready values in [0, 1] (log_loss in nats).

    headline: the metric whose complement is `error`, one of METRICS with a definition.
    seen_devices: per fold, the recording devices in the training part; others are unseen. Log loss
    and calibration are None where only labels were submitted.
    """
    p = predictions
    C = len(p.scenes)
    numbers = sorted(set(p.folds.tolist()))
    matrices = {
        k: metrics.confusion(p.labels[p.folds == k], p.guesses[p.folds == k], C) for k in numbers
    }
    pooled = metrics.confusion(p.labels, p.guesses, C)
    recalls = np.array([metrics.recall(matrices[k]) for k in numbers])  # (folds, C) NaN: no test
    folds = [fold_metrics(p, k, matrices[k]) for k in numbers]
    bins = [] if p.hard else metrics.reliability(p.probabilities, p.guesses == p.labels)
    scores: dict[str, Any] = {"recordings": len(p)}
    scores |= {m.name: _value(m, p, [*matrices.values()]) for m in metrics.METRICS}
    scores["headline"] = headline
    scores["aggregation"] = metrics.BY_NAME[headline].definition
    scores["error"] = 1 - scores[headline]
    scores["intervals"] = intervals(p, scores[headline], headline)
    scores["folds"] = folds
    scores["scenes"] = scene_metrics(p, recalls, pooled)
    scores["confusion"] = pooled.tolist()
    scores["reliability"] = bins
    scores |= device_metrics(p, seen_devices)
    scores["remarks"] = remarks(p, folds)
    return scores


def _value(metric: metrics.Metric, p: Predictions, matrices: list[np.ndarray]) -> float | None:
    if metric.scope not in ("probabilities", "confidence"):
        return metric.of(matrices)
    if p.hard:
        return None
    truth = p.labels if metric.scope == "probabilities" else p.guesses == p.labels
    return metric.function(p.probabilities, truth)


def fold_metrics(p: Predictions, fold: int, matrix: np.ndarray) -> dict[str, Any]:
    inside = p.folds == fold
    absent = [p.scenes[i] for i in np.flatnonzero(matrix.sum(axis=1) == 0)]
    return {
        "fold": fold,
        "recordings": int(inside.sum()),
        "accuracy": metrics.accuracy(matrix),
        "macro_accuracy": metrics.macro_accuracy(matrix),
        "macro_f1": metrics.macro_f1(matrix),
        "log_loss": log_loss(p, inside),
        "absent": absent,
    }


def scene_metrics(p: Predictions, recalls: np.ndarray, pooled: np.ndarray) -> dict[str, Any]:
    """Return per scene its recordings, accuracy (mean over folds), pooled precision and F1."""
    precisions, f1s = metrics.precision(pooled), metrics.f1(pooled)
    return {
        scene: {
            "recordings": int(pooled[i].sum()),
            "accuracy": _number(recalls[~np.isnan(recalls[:, i]), i].mean())
            if pooled[i].sum()
            else None,
            "precision": _number(precisions[i]),
            "f1": _number(f1s[i]),
        }
        for i, scene in enumerate(p.scenes)
    }


def device_metrics(
    p: Predictions, seen_devices: Mapping[int, frozenset[str]] | None
) -> dict[str, Any]:
    """Return metrics per recording device, and of seen and unseen devices, pooled over folds.

    Both are empty where devices are unknown; `seen` is None where the training part is unknown.
    """
    devices = np.array(p.devices)
    known_devices = sorted(set(p.devices) - {""})
    if not seen_devices:
        rows = {device: {**_subset(p, devices == device), "seen": None} for device in known_devices}
        return {"devices": rows, "device_groups": {}}
    pairs = zip(p.devices, p.folds.tolist(), strict=True)
    seen = np.array([device in seen_devices[fold] for device, fold in pairs])
    rows = {
        device: {**_subset(p, devices == device), "seen": bool(seen[devices == device].all())}
        for device in known_devices
    }
    parts = {"seen": (devices != "") & seen, "unseen": (devices != "") & ~seen}
    groups = {name: _subset(p, inside) for name, inside in parts.items() if inside.any()}
    return {"devices": rows, "device_groups": groups if len(known_devices) > 1 else {}}


def remarks(p: Predictions, folds: list[dict[str, Any]]) -> list[str]:
    """Return remarks on the figures."""
    texts = [
        f"fold {fold['fold']} does not test {', '.join(fold['absent'])}: left out of its macro "
        "averages"
        for fold in folds
        if fold["absent"]
    ]
    if p.hard:
        texts.append("only labels were submitted: no log loss, no calibration")
    return texts


def log_loss(p: Predictions, inside: np.ndarray) -> float | None:
    return None if p.hard else metrics.log_loss(p.probabilities[inside], p.labels[inside])


def _subset(p: Predictions, inside: np.ndarray) -> dict[str, Any]:
    matrix = metrics.confusion(p.labels[inside], p.guesses[inside], len(p.scenes))
    return {
        "recordings": int(inside.sum()),
        "accuracy": metrics.accuracy(matrix),
        "macro_accuracy": metrics.macro_accuracy(matrix),
        "log_loss": log_loss(p, inside),
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
