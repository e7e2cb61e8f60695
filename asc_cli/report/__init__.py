"""Results as tables, JSON, HTML pages, figures and files. Each name is imported on first access."""

# ruff: noqa: F401  (what is imported for type checkers is what the package exports)
from __future__ import annotations

from typing import TYPE_CHECKING

from asc_cli.core import exports

if TYPE_CHECKING:
    from asc_cli.report.console.bundle import bundle
    from asc_cli.report.console.datasets import audit, dataset, datasets
    from asc_cli.report.console.evaluation import comparison, evaluation, training
    from asc_cli.report.console.features import extraction, extractions
    from asc_cli.report.console.literature import literature
    from asc_cli.report.console.live import Live
    from asc_cli.report.console.models import checked_model, exported, model, models
    from asc_cli.report.console.output import show
    from asc_cli.report.console.recipes import recipe, recipes, recipes_of
    from asc_cli.report.console.runs import part, run, runs
    from asc_cli.report.console.seeds import seeds
    from asc_cli.report.console.split import split
    from asc_cli.report.console.tuning import tuning
    from asc_cli.report.writers.challenge import Form
    from asc_cli.report.writers.predictions import Predictions

NAMES = exports.names(__file__)
__all__ = [*NAMES]
__getattr__ = exports.lazy(__name__, NAMES)
