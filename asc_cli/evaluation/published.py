"""Published results beside those of a run."""

from __future__ import annotations

from typing import Any

from asc_cli.datasets import Dataset
from asc_cli.recipe.load import Recipe
from asc_cli.report.console.table import figure, percent, titles


def published(recipe: Recipe, dataset: Dataset, metrics: dict[str, Any]) -> list[dict[str, str]]:
    """Return the published results of the recipe and the dataset, each beside the run's."""
    rows, title = [], titles(metrics)[metrics["headline"]]
    if recipe.paper:
        rows.append(
            {
                "metric": recipe.paper.metric,
                "theirs": f"error {recipe.paper.error:g} %",
                "ours": f"error {percent(metrics['error'])}, of {title}",
                "source": recipe.paper.source,
            }
        )
    for baseline in dataset.baselines:
        if (baseline.subset or 100) != (recipe.subset or 100):
            continue
        name = baseline.metric
        rows.append(
            {
                "metric": titles(metrics)[name],
                "theirs": figure(name, baseline.value),
                "ours": figure(name, metrics[name]),
                "source": baseline.source,
            }
        )
    return rows
