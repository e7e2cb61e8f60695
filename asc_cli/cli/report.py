"""asc report: a run as one HTML page, or several side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from asc_cli.cli import _completion
from asc_cli.cli._options import Jobs, Json, Others


def command(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Runs: folders or names, or a recipe's name for its newest finished one.",
            metavar="RUN…",
            autocompletion=_completion.runs,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The page to write (default: report.html in the run's folder; "
            "for several runs: ./report.html).",
            show_default=False,
        ),
    ] = None,
    unknown: Others = None,
    faithfulness: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Try explanations on so many test recordings of the run: remove what they rank "
            "highest, and as much at random. About 100 predictions of each.",
            show_default="as measured before, if it was",
        ),
    ] = None,
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Write a run as one self-contained HTML page; or several runs side by side.

    asc train writes report.html by itself. Audio is linked, not copied.

    Example: **asc report esc10_lstm**

    Example: **asc report dcase_lstm dcase_ta_sa --output both.html**

    Example: **asc report toy_lstm --unknown office**

    Example: **asc report esc10_ta_sa --faithfulness 200**
    """
    from asc_cli import report, workflow
    from asc_cli.cli import _progress

    with _progress.counting("recordings") as progress:
        path = workflow.report(runs, output, unknown, faithfulness, jobs, progress)
    report.show({"report": str(path), "runs": runs}, lambda result: result["report"], as_json)
