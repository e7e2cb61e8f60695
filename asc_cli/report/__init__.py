"""Results → what a person or a program reads. Each part is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asc_cli import catalog

if TYPE_CHECKING:
    from asc_cli.report.features import extractions
    from asc_cli.report.live import Live
    from asc_cli.report.output import show
    from asc_cli.report.predictions import Predictions
    from asc_cli.report.recipes import recipe, recipes, recipes_of
    from asc_cli.report.run_tables import run, runs
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
    "extractions": "features",
    "run": "run_tables",
    "runs": "run_tables",
    "recipe": "recipes",
    "recipes": "recipes",
    "recipes_of": "recipes",
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
    "extractions",
    "model",
    "models",
    "recipe",
    "recipes",
    "recipes_of",
    "run",
    "runs",
    "show",
    "training",
]

__getattr__ = catalog.lazy(__name__, {name: HOMES.get(name, "tables") for name in __all__})
