"""Results → what a person or a program reads. Each part is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asc_cli.core import plugins as catalog

if TYPE_CHECKING:
    from asc_cli.report.console.live import Live
    from asc_cli.report.console.output import show
    from asc_cli.report.console.recipes import recipe, recipes
    from asc_cli.report.console.tables import (
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
    from asc_cli.report.writers.predictions import Predictions

HOMES = {
    "Live": "console.live",
    "Predictions": "writers.predictions",
    "recipe": "console.recipes",
    "recipes": "console.recipes",
    "show": "console.output",
}  # else: console.tables
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

__getattr__ = catalog.lazy(
    __name__, {name: f"asc_cli.report.{HOMES.get(name, 'console.tables')}" for name in __all__}
)
