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
    bundle: Annotated[
        Path | None,
        typer.Option(
            "--bundle",
            help="Also write the run as one zip file that others can score again: recipe, "
            "predictions, figures, fingerprints of lists and audio, versions.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a run as one self-contained HTML page; or several runs side by side.

    asc train writes report.html by itself. Audio is linked, not copied.

    --bundle is for somebody who has no access to your machine: **asc evaluate run.zip** computes
    every figure again, and says what it could verify. It has no audio, no weights, no code and no
    folder of this machine; the names of the tested recordings are in it.

    Example: **asc report esc10_lstm**

    Example: **asc report dcase_lstm dcase_ta_sa --output both.html**

    Example: **asc report toy_lstm --unknown office**

    Example: **asc report esc10_ta_sa --faithfulness 200**

    Example: **asc report toy_lstm --bundle run.zip**
    """
    from asc_cli import report, workflow
    from asc_cli.cli import _progress
    from asc_cli.core.errors import AscError

    if bundle is not None and len(runs) > 1:
        raise AscError("--bundle: holds one run; write a bundle for each")
    with _progress.counting("recordings") as progress:
        path = workflow.report(runs, output, unknown, faithfulness, jobs, progress)
    result = {"report": str(path), "runs": runs}
    if bundle is not None:
        result["bundle"] = str(workflow.write_bundle(runs[0], bundle))
    report.show(result, lambda result: [*_paths(result)], as_json)


def _paths(result: dict[str, object]) -> list[str]:
    return [str(result[key]) for key in ("report", "bundle") if key in result]
