"""asc evaluate: the metrics of a finished run."""

from __future__ import annotations

from typing import Annotated

import typer

from asc_cli.cli._options import Json


def command(
    run: Annotated[
        str, typer.Argument(help="A run's folder or name, or a recipe's for its newest run.")
    ],
    as_json: Json = False,
) -> None:
    """Score a run from its predictions: every metric by name, per fold and per scene.

    Example: **asc evaluate toy_lstm**

    Example: **asc evaluate toy_lstm --json**
    """
    from asc_cli import report, workflow

    report.show(workflow.evaluate(run), report.evaluation, as_json)
