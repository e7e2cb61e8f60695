"""Average the class probabilities of several runs, and score the average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from asc_cli.core.errors import AscError
from asc_cli.evaluation import predictions
from asc_cli.evaluation.conditions import Conditions, require_alike
from asc_cli.evaluation.scores import Evaluation, Remark
from asc_cli.inference.evaluate import RunPredictions, read_run


def evaluate_mean(
    runs: Sequence[str | Path],
    weights: Sequence[float] | None = None,
    folds: Sequence[int] | None = None,
) -> Evaluation:
    """Score the mean of the probabilities of runs on the same recordings and folds.

    Args:
        runs: Two or more folders, names, or recipes' names for their newest runs.
        weights: A weight above 0 for each run; all the same when None.
        folds: Score these folds alone, from 1; all when None.

    Returns:
        All metrics of the mean, shares from 0 to 1 and log loss in nats.

    Raises:
        AscError: There are fewer than two runs, one is there twice, they were not trained and
            tested on the same recordings, scenes and folds, they have different headline
            metrics, or the weights do not fit.
    """
    if len(runs) < 2:
        raise AscError("--mean: two runs or more were expected, as in asc evaluate RUN RUN --mean")
    read = [read_run(run, folds) for run in runs]
    weights = _checked(weights, [each.folder.name for each in read])
    mean = mean_of(read, weights, "--mean")
    first, own = read[0], mean.conditions
    scores = first.scores(mean.rows, own)
    scores = replace(scores, remarks=(*scores.remarks, *mean.remarks))
    return Evaluation(
        scores,
        published=first.published(scores, paper=None),
        runs=tuple(str(each.folder) for each in read),
        weights=tuple(weights),
    )


@dataclass(frozen=True)
class Mean:
    """Averaged predictions of runs, the conditions that they have in common, and remarks."""

    rows: predictions.Predictions
    conditions: Conditions
    remarks: tuple[Remark, ...]


def mean_of(read: Sequence[RunPredictions], weights: Sequence[float], command: str) -> Mean:
    """Return the weighted mean of the probabilities of runs.

    command: Begins the sentence where the runs were not trained and tested on the same recordings,
    scenes and folds, or have different headline metrics, which raises AscError.
    """
    require_alike(
        [(each.folder.name, each.conditions) for each in read],
        command,
        "only probabilities of the same recordings, by models of the same folds, can be averaged",
    )
    if len(headlines := {each.headline.name for each in read}) > 1:
        raise AscError(
            f"{command}: the runs have different headline metrics ({', '.join(sorted(headlines))})"
        )
    rows = predictions.average([each.rows for each in read], weights)
    return Mean(rows, _conditions(read, weights), _remarks(weights))


def _checked(weights: Sequence[float] | None, names: Sequence[str]) -> list[float]:
    """Return a weight for each run. Raises AscError where they do not fit, or a run is repeated."""
    if repeated := [name for name in names if names.count(name) > 1]:
        raise AscError(f"--mean: run {repeated[0]} is there more than once; --weights weighs runs")
    if weights is None:
        return [1.0] * len(names)
    if len(weights) != len(names) or not all(0 < weight < float("inf") for weight in weights):
        written = ",".join(f"{weight:g}" for weight in weights)
        raise AscError(
            f"--weights {written}: {len(names)} numbers above 0 were expected, one for each run"
        )
    return [*weights]


def _conditions(read: Sequence[RunPredictions], weights: Sequence[float]) -> Conditions:
    """Return the first run's conditions with the averaged runs in place of a recipe and a seed."""
    equal = len(set(weights)) == 1
    averaged = tuple(
        each.folder.name + ("" if equal else f" (weight {weight:g})")
        for each, weight in zip(read, weights, strict=True)
    )
    folds = []
    for rows in zip(*(each.conditions.folds for each in read), strict=True):
        validated = [fold.validated for fold in rows if fold.validated is not None]
        folds.append(replace(rows[0], validated=min(validated, default=None)))
    return replace(
        read[0].conditions,
        folds=tuple(folds),
        recipe=None,
        changed=(),
        seed=None,
        averaged=averaged,
        outside_data=tuple(
            dict.fromkeys(name for each in read for name in each.conditions.outside_data)
        ),
    )


def _remarks(weights: Sequence[float]) -> tuple[Remark, ...]:
    if len(set(weights)) == 1:
        return ()
    return (
        Remark(
            "weights",
            "the runs have different weights: if these were chosen by this score, it depends on "
            "the test folds",
        ),
    )
