"""Published results beside those of a run, and whether the two compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asc_cli.datasets import Dataset
from asc_cli.evaluation import literature
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
    rows, names = [], titles(metrics)
    if (paper := settings.get("paper")) and paper.get("error") is not None:
        rows.append(
            Published(
                metric=paper["metric"],
                figure=f"error {paper['error']:g} %",
                ours=f"error {percent(metrics['error'])}, of {names[metrics['headline']]}",
                source=paper["source"],
                why_not=tuple(unlike_paper(settings, own)),
            )
        )
    unlike = tuple(own.unlike_protocol())
    outside = own.outside_data and (
        f"ours learned from other data ({', '.join(own.outside_data)})",
    )
    for row in literature.of_dataset(dataset, settings.get("subset")):
        figures = metrics["device_groups"].get(row.devices, {}) if row.devices else metrics
        if row.metric in figures:
            rows.append(
                Published(
                    metric=names[row.metric] + (f", devices {row.devices}" * bool(row.devices)),
                    figure=row.figure,
                    ours=figure(row.metric, figures[row.metric]),
                    source=row.words(),
                    why_not=unlike,
                    reservations=(*row.reservations(), *(() if row.outside_data else outside)),
                )
            )
    return rows


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
