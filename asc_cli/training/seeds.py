"""Runs that differ in their seed alone: mean and standard deviation of their figures."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from asc_cli.training.result import Training


@dataclass(frozen=True)
class SeedTrainings:
    """Finished runs of one recipe with several seeds.

    Attributes:
        seeds: The seeds.
        trainings: The run of each.
    """

    seeds: tuple[int | None, ...]
    trainings: tuple[Training, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc train --seeds --json` prints.

        Returns:
            The runs, each as `asc train --json` prints it and with its seed; mean and standard
            deviation over runs of each figure. That of a single run is None.
        """
        rows = [
            {"seed": seed, **training.to_dict()}
            for seed, training in zip(self.seeds, self.trainings, strict=True)
        ]
        return {
            "runs": rows,
            "headline": rows[0]["headline"],
            "mean": _over(rows, statistics.fmean),
            "standard_deviation": _over(rows, _deviation),
        }


def _over(
    rows: list[dict[str, Any]], function: Callable[[list[float]], float | None]
) -> dict[str, float | None]:
    """Return a function of each figure that is a number in every run."""
    names = [key for key, value in rows[0].items() if isinstance(value, float)]
    names = [name for name in names if name != "wall_seconds"]
    values = {name: [row.get(name) for row in rows] for name in names}
    return {
        name: function([float(v) for v in column if v is not None])
        for name, column in values.items()
        if None not in column
    }


def _deviation(values: list[float]) -> float | None:
    """Return the sample standard deviation, √(Σ (x − mean)² / (n − 1))."""
    return statistics.stdev(values) if len(values) > 1 else None
