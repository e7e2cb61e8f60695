"""Results → what a person or a program reads."""

from asc_cli.report.output import Predictions, show
from asc_cli.report.tables import (
    audit,
    comparison,
    dataset,
    datasets,
    evaluation,
    extraction,
    model,
    models,
    recipes,
    training,
)

__all__ = [
    "Predictions",
    "audit",
    "comparison",
    "dataset",
    "datasets",
    "evaluation",
    "extraction",
    "model",
    "models",
    "recipes",
    "show",
    "training",
]
