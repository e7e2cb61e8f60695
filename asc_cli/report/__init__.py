"""Results as tables, JSON, HTML pages, figures and files. Each name is imported on first access."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asc_cli.core import plugins

if TYPE_CHECKING:
    from asc_cli.report.console.datasets import audit, dataset, datasets
    from asc_cli.report.console.evaluation import comparison, evaluation, extraction, training
    from asc_cli.report.console.features import extractions
    from asc_cli.report.console.live import Live
    from asc_cli.report.console.models import exported, model, models
    from asc_cli.report.console.output import show
    from asc_cli.report.console.recipes import recipe, recipes, recipes_of
    from asc_cli.report.console.runs import run, runs
    from asc_cli.report.writers.predictions import Predictions

MODULES = {
    "console.datasets": ("audit", "dataset", "datasets"),
    "console.evaluation": ("comparison", "evaluation", "extraction", "training"),
    "console.features": ("extractions",),
    "console.live": ("Live",),
    "console.models": ("exported", "model", "models"),
    "console.output": ("show",),
    "console.recipes": ("recipe", "recipes", "recipes_of"),
    "console.runs": ("run", "runs"),
    "writers.predictions": ("Predictions",),
}
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

__getattr__ = plugins.lazy(
    __name__, {n: f"asc_cli.report.{module}" for module, names in MODULES.items() for n in names}
)
