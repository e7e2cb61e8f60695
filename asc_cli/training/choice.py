"""The choice of settings by inner scores: per fold, and one over all folds for use."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asc_cli.core import atomic

FILE = "choice.json"


@dataclass(frozen=True)
class InnerScore:
    """A score of one candidate by one inner training.

    Attributes:
        candidate: The candidate's number, from 1.
        training: The inner training's number.
        fold: The fold that settings are chosen for.
        on: What was predicted: "fold 2", or "held-out recordings".
        recordings: How many.
        score: The headline metric on them, from 0 to 1.
    """

    candidate: int
    training: int
    fold: int
    on: str
    recordings: int
    score: float


@dataclass(frozen=True)
class Choice:
    """Which settings were chosen, and by which scores.

    Attributes:
        method: pairs or validation, as `protocol.inner` describes them.
        metric: The metric of the inner scores.
        candidates: Per candidate, key → value; they are numbered from 1.
        scores: Every inner score.
        chosen: Fold → number of the candidate that is best for it; of equals, the first.
        for_use: The candidate that is best over all these folds: what to train for use. Its score
            on these folds is no estimate, because all of them chose it.
        for_use_scores: The inner scores that chose it, where candidates were drawn for each fold
            by itself: of those that are best for one fold, for all folds. Else empty.
        trials: How many candidates were drawn for each fold; None: all combinations were tried.
    """

    method: str
    metric: str
    candidates: tuple[Mapping[str, str], ...]
    scores: tuple[InnerScore, ...]
    chosen: Mapping[int, int]
    for_use: int
    for_use_scores: tuple[InnerScore, ...] = ()
    trials: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what choice.json holds.

        Returns:
            As in JSON, with the mean inner score of each candidate for each fold under `means`.
        """
        table, overall = means(self.scores), means(self.for_use_scores or self.scores)
        drawn = {
            "trials": self.trials,
            "for_use_scores": [vars(score) for score in self.for_use_scores],
        }
        return {
            "method": self.method,
            "metric": self.metric,
            "candidates": [
                {
                    "candidate": number,
                    "values": dict(values),
                    "means": {str(fold): table[number].get(fold) for fold in self.chosen},
                    "mean": _mean(overall.get(number, {}), self.chosen),
                    "chosen_for": [f for f, best in self.chosen.items() if best == number],
                }
                for number, values in enumerate(self.candidates, start=1)
            ],
            "chosen": {str(fold): number for fold, number in self.chosen.items()},
            "for_use": self.for_use,
            "scores": [vars(score) for score in self.scores],
            **(drawn if self.trials is not None else {}),
        }


def means(scores: Sequence[InnerScore]) -> dict[int, dict[int, float]]:
    """Return candidate → fold → mean of its inner scores."""
    grouped: dict[int, dict[int, list[float]]] = {}
    for row in scores:
        grouped.setdefault(row.candidate, {}).setdefault(row.fold, []).append(row.score)
    return {
        candidate: {fold: statistics.fmean(values) for fold, values in sorted(folds.items())}
        for candidate, folds in sorted(grouped.items())
    }


def best_of_folds(scores: Sequence[InnerScore]) -> dict[int, int]:
    """Return fold → the candidate with the best mean inner score for it; of equals, the first."""
    table = means(scores)
    folds = sorted({row.fold for row in scores})
    return {
        fold: _best({number: row[fold] for number, row in table.items() if fold in row})
        for fold in folds
    }


def choose(
    method: str,
    metric: str,
    candidates: Sequence[Mapping[str, str]],
    scores: Sequence[InnerScore],
    for_use: Sequence[InnerScore] | None = None,
    trials: int | None = None,
) -> Choice:
    """Return the best candidate for each fold by the mean of its inner scores for that fold.

    for_use: The scores that choose one candidate over all folds; None: the same scores. trials: As
    in Choice.
    """
    overall = {
        number: statistics.fmean(row.values()) for number, row in means(for_use or scores).items()
    }
    return Choice(
        method,
        metric,
        tuple(candidates),
        tuple(scores),
        best_of_folds(scores),
        _best(overall),
        tuple(for_use or ()) if trials is not None else (),
        trials,
    )


def _best(values: Mapping[int, float]) -> int:
    return min(values, key=lambda candidate: (-values[candidate], candidate))


def _mean(row: Mapping[int, float], folds: Mapping[int, int]) -> float | None:
    """Return the mean over folds; None of a candidate that was not judged for all of them."""
    return statistics.fmean(row.values()) if len(row) == len(folds) else None


def read(run: Path) -> Mapping[str, Any] | None:
    """Return what a run's choice.json holds; None of a run whose settings were not chosen.

    Raises:
        DamagedFile: It differs from its checksum, or lacks something.
    """
    try:
        return dict(atomic.read_json(run / FILE, candidates=list, chosen=dict, scores=list))
    except FileNotFoundError:
        return None
