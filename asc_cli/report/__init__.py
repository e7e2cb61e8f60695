"""Results → what a person or a program reads. Each part is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asc_cli import catalog

if TYPE_CHECKING:
    from asc_cli.report.live import Live
    from asc_cli.report.output import show
    from asc_cli.report.predictions import Predictions
    from asc_cli.report.recipes import recipe, recipes
    from asc_cli.report.tables import (
        audit,
        comparison,
        dataset,
        datasets,
        evaluation,
        exported,
        extraction,
        model,
        models,
        training,
    )

HOMES = {
    "Live": "live",
    "Predictions": "predictions",
    "recipe": "recipes",
    "recipes": "recipes",
    "show": "output",
}  # else: tables
__all__ = [
    "Live",
    "Predictions",
    "audit",
    "comparison",
    "dataset",
    "datasets",
    "evaluation",
    "exported",
    "extraction",
    "model",
    "models",
    "recipe",
    "recipes",
    "show",
    "training",
]

__getattr__ = catalog.lazy(__name__, {name: HOMES.get(name, "tables") for name in __all__})
