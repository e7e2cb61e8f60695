"""asc compare: several runs side by side, with paired tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from asc_cli.cli import _completion
from asc_cli.cli._options import Json


def command(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Runs: folders, names, or recipes for their newest runs.",
            autocompletion=_completion.runs,
        ),
    ],
    curves: Annotated[
        Path | None,
        typer.Option(help="Draw the runs' training curves here (.png, .svg or .pdf)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare runs on the same recordings: the published error, the measured error, the difference.

    Every run is compared with the first: the difference with a bootstrap interval over groups, and
    McNemar's exact test; where splits overlap (LITIS), the corrected resampled t-test instead.

    Example: **asc compare toy_lstm toy_ta**

    Example: **asc compare dcase_lstm dcase_ta dcase_sa dcase_ta_sa --curves curves.png**
    """
    from asc_cli import report, workflow
    from asc_cli.report.figures import canvas

    if curves:
        canvas.require()
    compared = workflow.compare(runs).to_dict()
    if curves:
        from asc_cli.report.figures.curves import draw

        draw(compared, curves)
    report.show(compared, report.comparison, as_json)
