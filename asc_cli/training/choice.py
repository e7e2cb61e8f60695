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
    """

    method: str
    metric: str
    candidates: tuple[Mapping[str, str], ...]
    scores: tuple[InnerScore, ...]
    chosen: Mapping[int, int]
    for_use: int

    def to_dict(self) -> dict[str, Any]:
        """Return what choice.json holds.

        Returns:
            As in JSON, with the mean inner score of each candidate for each fold under `means`.
        """
        table = means(self.scores)
        return {
            "method": self.method,
            "metric": self.metric,
            "candidates": [
                {
                    "candidate": number,
                    "values": dict(values),
                    "means": {str(fold): table[number][fold] for fold in self.chosen},
                    "mean": statistics.fmean(table[number].values()),
                    "chosen_for": [f for f, best in self.chosen.items() if best == number],
                }
                for number, values in enumerate(self.candidates, start=1)
            ],
            "chosen": {str(fold): number for fold, number in self.chosen.items()},
            "for_use": self.for_use,
            "scores": [vars(score) for score in self.scores],
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


def choose(
    method: str, metric: str, candidates: Sequence[Mapping[str, str]], scores: Sequence[InnerScore]
) -> Choice:
    """Return the best candidate for each fold by the mean of its inner scores for that fold."""
    table = means(scores)
    folds = sorted({row.fold for row in scores})

    def best(values: Mapping[int, float]) -> int:
        return min(values, key=lambda candidate: (-values[candidate], candidate))

    chosen = {fold: best({c: row[fold] for c, row in table.items()}) for fold in folds}
    overall = best({c: statistics.fmean(row.values()) for c, row in table.items()})
    return Choice(method, metric, tuple(candidates), tuple(scores), chosen, overall)


def read(run: Path) -> Mapping[str, Any] | None:
    """Return what a run's choice.json holds; None of a run whose settings were not chosen.

    Raises:
        DamagedFile: It differs from its checksum, or lacks something.
    """
    try:
        return dict(atomic.read_json(run / FILE, candidates=list, chosen=dict, scores=list))
    except FileNotFoundError:
        return None
