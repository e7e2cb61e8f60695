"""Published results beside those of a run, and whether the two compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asc_cli.datasets import Baseline, Dataset
from asc_cli.evaluation.conditions import Conditions
from asc_cli.evaluation.scores import Published
from asc_cli.recipe import ensemble
from asc_cli.report.console.table import figure, percent, titles


def published(
    settings: Mapping[str, Any], dataset: Dataset, metrics: dict[str, Any], own: Conditions
) -> list[Published]:
    """Return the published results of the recipe and the dataset, each beside the run's.

    settings: The recipe's. own: The conditions of the run's metrics.
    """
    rows, title = [], titles(metrics)[metrics["headline"]]
    if paper := settings.get("paper"):
        rows.append(
            Published(
                metric=paper["metric"],
                figure=f"error {paper['error']:g} %",
                ours=f"error {percent(metrics['error'])}, of {title}",
                source=paper["source"],
                why_not=tuple(unlike_paper(settings, own)),
            )
        )
    for baseline in dataset.baselines:
        if (baseline.subset or 100) != (settings.get("subset") or 100):
            continue
        name, group = baseline.metric, baseline.devices
        own_figures = metrics["device_groups"].get(group) if group else metrics
        if own_figures is None:  # a fold without these devices
            continue
        rows.append(
            Published(
                metric=titles(metrics)[name] + (f", devices {group}" if group else ""),
                figure=figure(name, baseline.value),
                ours=figure(name, own_figures[name]),
                source=baseline.source,
                why_not=(*own.unlike_protocol(), *_other_test(baseline)),
            )
        )
    return rows


def _other_test(baseline: Baseline) -> list[str]:
    return [f"theirs was tested on {baseline.tested_on}"] if baseline.tested_on else []


def unlike_paper(settings: Mapping[str, Any], own: Conditions) -> list[str]:
    """Return in what a run differs from the system whose published figure the recipe quotes.

    A recipe that extends a shipped one and quotes another figure than that describes another
    system: then its settings are no difference.
    """
    paper = settings.get("paper")
    quotes_shipped = (
        own.recipe is not None and ensemble.load(own.recipe).settings.get("paper") == paper
    )
    return [*own.unlike_protocol(), *(own.unlike_recipe() if quotes_shipped else [])]
