"""Measure the complexity of a registered model."""

from __future__ import annotations

from dataclasses import replace

from asc_cli.evaluation import complexity
from asc_cli.evaluation.complexity import Costs
from asc_cli.inference import ensemble, evaluate
from asc_cli.recipe.schema import DEPLOYED_AT
from asc_cli.registry import models
from asc_cli.video import predict


def costs(model: models.Model, limit: str | None = None) -> Costs:
    """Measure a model's parameters, bytes and multiply-accumulates.

    Args:
        model: A registered model, as `registry.models.find` returns it.
        limit: A challenge's limit to compare with, such as dcase2024; None: no comparison.

    Returns:
        Figures of one member, how many members there are and, with a limit, whether one and all
        of them are within it.

    Raises:
        AscError: There is no such limit, or the model's files are damaged.
    """
    costs = (predict if ensemble.is_video_model(model) else evaluate).costs(model)
    if limit is None:
        return costs
    precision = model.card["recipe"].get("deployment_precision") or DEPLOYED_AT
    return replace(costs, limit=complexity.check_limit(costs, limit, precision))
