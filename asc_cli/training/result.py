"""What a training returns: its run, its model, its metrics; or what is left of the run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

# what `asc train --json` prints of metrics.json: of recordings, of videos, of both
FIGURES = ("folds", "accuracy", "macro_accuracy", "fold_class_accuracy", "macro_f1", "log_loss")
VIDEO_FIGURES = ("epochs", "epoch", "gap", "hit_at_1", "perr", "videos", "positives", "examples")
ALL_FIGURES = (
    *("headline", "aggregation", "error", "intervals", "failed"),
    *("conditions", "published", "remarks"),
)


@dataclass(frozen=True, repr=False)
class Training:
    """A finished run; `repr()` is one line.

    Attributes:
        run: Its folder.
        model: Its model in the registry, NAME@VERSION; "" of a run of `tune`, which has none.
        metrics: What metrics.json holds, shares from 0 to 1; `metrics["headline"]` names the
            metric whose complement is `metrics["error"]`.
        wall_seconds: Of this call: near 0 when the run was finished already.
    """

    run: Path
    model: str
    metrics: dict[str, Any]
    wall_seconds: float

    def __repr__(self) -> str:
        metric = self.metrics.get("headline")
        value = f", {metric.replace('_', ' ')} {100 * self.metrics[metric]:.1f} %" if metric else ""
        return f"Training({self.run.name}: {self.model or 'no model'}{value})"

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc train --json` prints.

        Returns:
            The run, the model, the figures without those of single recordings, the wall time.
        """
        keys: tuple[str, ...] = (*FIGURES, *VIDEO_FIGURES, *ALL_FIGURES)
        if outside := self.metrics.get("metric_from_outside"):
            keys = (*keys, outside["name"], "metric_from_outside")
        figures = {key: self.metrics[key] for key in keys if key in self.metrics}
        wall = round(self.wall_seconds, 3)
        return {"run": str(self.run), "model": self.model, **figures, "wall_seconds": wall}


@dataclass(frozen=True)
class Unfinished:
    """A fold of a run that is not finished.

    Attributes:
        run: The run's name.
        fold: The fold.
        holder: The process that fits it; "" if none does.
    """

    run: str
    fold: int
    holder: str

    def __str__(self) -> str:
        state = f"being fitted by {self.holder}" if self.holder else "not being fitted"
        return f"fold {self.fold} of run {self.run}: {state}"


@dataclass(frozen=True)
class Part:
    """What `train_part` returns while folds of the run are not finished.

    Attributes:
        folds: The folds of this call that are finished.
        unfinished: All folds of the run, or of an ensemble's runs, that are not.
        wall_seconds: Of this call.
    """

    folds: tuple[int, ...]
    unfinished: tuple[Unfinished, ...]
    wall_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc train --part --json` prints.

        Returns:
            The finished folds of this call, a row for each fold that is not, the wall time.
        """
        rows = [vars(each) for each in self.unfinished]
        wall = round(self.wall_seconds, 3)
        return {"folds": list(self.folds), "unfinished": rows, "wall_seconds": wall}
