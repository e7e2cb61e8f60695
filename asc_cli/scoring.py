"""Scores and labels → metrics, each with its name, and intervals.

Conventions. C scenes, n tested recordings. A fold's figures are computed on the fold; "mean over
folds" weighs folds equally; "pooled" puts all folds' recordings together. A scene that a fold
does not test is left out of that fold's macro averages, and reported.

    accuracy             right / all, mean over folds                      (LITIS, ESC)
    macro_accuracy       mean over scenes of right / all of the scene, mean over folds
    fold_class_accuracy  mean over all cells of the fold × scene matrix    (DCASE 2016)
    pooled_accuracy      right / all over the recordings of all folds
    macro_f1             mean over scenes of 2PR/(P + R), mean over folds
    log_loss             mean of −ln p(label), p cut to [1e-15, 1], pooled
    ece                  Σ_b n_b/n |accuracy_b − confidence_b|, 15 equal bins, pooled
                         (Guo et al., arXiv:1706.04599)

Mesaros et al., DCASE 2016 use the class-wise accuracy of the fold × scene matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from asc_cli.predictions import Predictions

LOG_FLOOR = 1e-15
ECE_BINS = 15
BOOTSTRAPS = 2000
Z_95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution


def score(predictions: Predictions, headline: str = "accuracy") -> dict[str, Any]:
    """All metrics of a set of predictions, as JSON-ready values in [0, 1] (log_loss in nats).

    headline: the metric whose complement is `error`, one of the keys above.
    """
    p = predictions
    C = len(p.scenes)
    guesses = p.probabilities.argmax(axis=1)
    numbers = sorted(set(p.folds.tolist()))
    matrices = {k: confusion(p.labels[p.folds == k], guesses[p.folds == k], C) for k in numbers}
    pooled = confusion(p.labels, guesses, C)
    recalls = np.array([recall(matrices[k]) for k in numbers])  # (folds, C), NaN: not tested
    folds = [fold_metrics(p, k, matrices[k]) for k in numbers]
    metrics: dict[str, Any] = {
        "recordings": len(p),
        "accuracy": mean_of(folds, "accuracy"),
        "macro_accuracy": mean_of(folds, "macro_accuracy"),
        "fold_class_accuracy": float(np.nanmean(recalls)),
        "pooled_accuracy": accuracy(pooled),
        "macro_f1": mean_of(folds, "macro_f1"),
        "log_loss": log_loss(p.probabilities, p.labels),
        "ece": expected_calibration_error(p.probabilities, p.labels),
    }
    metrics["headline"] = headline
    metrics["error"] = 1 - metrics[headline]
    metrics["intervals"] = intervals(p, guesses, metrics[headline], headline)
    metrics["folds"] = folds
    metrics["scenes"] = scene_metrics(p, recalls, pooled)
    metrics["confusion"] = pooled.tolist()
    metrics["devices"] = device_metrics(p, guesses)
    return metrics


def fold_metrics(p: Predictions, fold: int, matrix: np.ndarray) -> dict[str, Any]:
    inside = p.folds == fold
    absent = [p.scenes[i] for i in np.flatnonzero(matrix.sum(axis=1) == 0)]
    return {
        "fold": fold,
        "recordings": int(inside.sum()),
        "accuracy": accuracy(matrix),
        "macro_accuracy": float(np.nanmean(recall(matrix))),
        "macro_f1": macro_f1(matrix),
        "log_loss": log_loss(p.probabilities[inside], p.labels[inside]),
        "absent": absent,
    }


def scene_metrics(p: Predictions, recalls: np.ndarray, pooled: np.ndarray) -> dict[str, Any]:
    """Per scene: recordings, accuracy (mean over the folds that test it), pooled precision, F1."""
    precisions, f1s = precision(pooled), f1(pooled)
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


def device_metrics(p: Predictions, guesses: np.ndarray) -> dict[str, Any]:
    """Per recording device, pooled over folds; empty where devices are not known."""
    devices = np.array(p.devices)
    return {
        device: {
            "recordings": int((devices == device).sum()),
            "accuracy": float((guesses == p.labels)[devices == device].mean()),
        }
        for device in sorted(set(p.devices) - {""})
    }


# -- arrays in, figures out -----------------------------------------------------------------


def confusion(labels: np.ndarray, guesses: np.ndarray, C: int) -> np.ndarray:  # -> (C, C)
    """Counts: rows are labels, columns guesses."""
    return np.bincount(labels * C + guesses, minlength=C * C).reshape(C, C)


def accuracy(matrix: np.ndarray) -> float:
    return float(np.trace(matrix) / matrix.sum())


def recall(matrix: np.ndarray) -> np.ndarray:  # (C, C) -> (C,)
    """Accuracy of each scene; NaN for one that is not tested."""
    return _ratio(np.diag(matrix), matrix.sum(axis=1))


def precision(matrix: np.ndarray) -> np.ndarray:  # (C, C) -> (C,)
    """Share of right guesses of each scene; NaN for one never guessed."""
    return _ratio(np.diag(matrix), matrix.sum(axis=0))


def f1(matrix: np.ndarray) -> np.ndarray:  # (C, C) -> (C,)
    """2 · right / (labelled + guessed); NaN for a scene neither tested nor guessed."""
    return _ratio(2 * np.diag(matrix), matrix.sum(axis=0) + matrix.sum(axis=1))


def macro_f1(matrix: np.ndarray) -> float:
    """Mean over the tested scenes."""
    return float(f1(matrix)[matrix.sum(axis=1) > 0].mean())


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean of −ln p(label); rows are scaled to sum to 1 first."""
    p = np.clip(probabilities, LOG_FLOOR, 1.0)
    p = p / p.sum(axis=1, keepdims=True)
    return float(-np.log(p[np.arange(len(labels)), labels]).mean())


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Σ_b n_b/n |accuracy_b − confidence_b| over ECE_BINS equal bins of the top probability."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.clip(np.ceil(confidence * ECE_BINS).astype(int) - 1, 0, ECE_BINS - 1)
    gap = np.bincount(bins, weights=right.astype(float) - confidence, minlength=ECE_BINS)
    return float(np.abs(gap).sum() / len(labels))


# -- intervals --------------------------------------------------------------------------------


def wald(share: float, n: int) -> tuple[float, float]:
    """share ± 1.96 √(share (1 − share) / n), as the DCASE challenge prints it."""
    half = Z_95 * np.sqrt(share * (1 - share) / n)
    return float(share - half), float(share + half)


def intervals(p: Predictions, guesses: np.ndarray, value: float, headline: str) -> dict[str, Any]:
    """95 % intervals of the headline: Wald over distinct recordings, bootstrap over groups."""
    n = len(set(p.files))
    low, high = bootstrap(p, guesses, headline)
    return {
        "metric": headline,
        "wald": [*wald(value, n)],
        "bootstrap": [low, high],
        "bootstrap_over": "groups" if any(p.groups) else "recordings",
        "bootstraps": BOOTSTRAPS,
    }


def bootstrap(p: Predictions, guesses: np.ndarray, headline: str) -> tuple[float, float]:
    """Percentile bootstrap (Efron) that draws whole groups, within folds, with replacement.

    Recordings of one place fall together, so they are drawn together: an interval over single
    recordings would be too narrow. A recording without a group is its own.
    """
    rng = np.random.default_rng(0)
    C = len(p.scenes)
    values = []
    folds = [_grouped_counts(p, guesses, fold, C) for fold in sorted(set(p.folds.tolist()))]
    for _ in range(BOOTSTRAPS):
        drawn = []
        for right, tested in folds:  # (groups, C) each
            times = np.bincount(rng.integers(len(right), size=len(right)), minlength=len(right))
            drawn.append((times @ right, times @ tested))  # (C,), (C,)
        values.append(_headline_of_counts(drawn, headline))
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def _grouped_counts(
    p: Predictions, guesses: np.ndarray, fold: int, C: int
) -> tuple[np.ndarray, np.ndarray]:
    """Per group and scene: recordings right, recordings tested; (groups, C) each."""
    inside = np.flatnonzero(p.folds == fold)
    names = [p.groups[i] or p.files[i] for i in inside]
    number = {name: g for g, name in enumerate(dict.fromkeys(names))}
    rows = np.array([number[name] for name in names])
    tested = np.zeros((len(number), C))
    right = np.zeros((len(number), C))
    np.add.at(tested, (rows, p.labels[inside]), 1)
    np.add.at(right, (rows, p.labels[inside]), guesses[inside] == p.labels[inside])
    return right, tested


def _headline_of_counts(drawn: list[tuple[np.ndarray, np.ndarray]], headline: str) -> float:
    if headline == "pooled_accuracy":
        return sum(right.sum() for right, _ in drawn) / sum(tested.sum() for _, tested in drawn)
    if headline == "accuracy":
        return float(np.mean([right.sum() / tested.sum() for right, tested in drawn]))
    recalls = np.array([_ratio(right, tested) for right, tested in drawn])  # (folds, C)
    if headline == "fold_class_accuracy":
        return float(np.nanmean(recalls))
    return float(np.mean(np.nanmean(recalls, axis=1)))


def mean_of(folds: list[dict[str, Any]], name: str) -> float:
    return float(np.mean([fold[name] for fold in folds]))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, NaN where whole is 0."""
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


# -- clip scores → recording scores ---------------------------------------------------------------

AGGREGATES = ("mean", "vote", "log_sum")


def contributions(logs: np.ndarray, aggregate: str) -> np.ndarray:  # (B, C) -> (B, C)
    """What each clip adds to its recording's score, by its log probabilities.

    mean: its probabilities. vote: 1 for its likeliest scene. log_sum: the logs as they are; a
    generative model's can be thousands of nats apart, which probabilities could not tell.
    """
    if aggregate == "vote":
        return np.eye(logs.shape[1])[logs.argmax(axis=1)]
    return logs if aggregate == "log_sum" else np.exp(logs)


def conclude(total: np.ndarray, n_clips: np.ndarray, aggregate: str) -> np.ndarray:
    """Sums of contributions (n, C) over n_clips (n,) clips each -> probabilities (n, C).

    mean and vote: the average. log_sum: the normalised product, softmax of the summed logs.
    """
    if aggregate != "log_sum":
        return total / n_clips[:, None]
    shifted = np.exp(total - total.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def recording_scores(
    logs: np.ndarray, owners: np.ndarray, n_recordings: int, aggregate: str
) -> np.ndarray:  # (B, C), (B,) -> (n, C)
    """Clips' log probabilities → recordings' probabilities; owners: the recording of each clip."""
    total = np.zeros((n_recordings, logs.shape[1]))
    np.add.at(total, owners, contributions(logs, aggregate))
    return conclude(total, np.bincount(owners, minlength=n_recordings), aggregate)
