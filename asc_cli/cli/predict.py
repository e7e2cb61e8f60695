"""asc predict: the scenes of recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from asc_cli.cli._options import Model


def command(
    paths: Annotated[list[Path], typer.Argument(help="Recordings.", show_default=False)],
    model: Model = None,
    fold: Annotated[
        int | None, typer.Option(help="Use this fold's member alone, not the average.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many scenes to show for each.")] = 3,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, as they come.")
    ] = False,
) -> None:
    """Say where recordings were made.

    Any rate, depth, number of channels and length. Each bad file gets its reason, the others go
    on, and the exit code is 3.

    Example: **asc predict clip.wav**

    Example: **asc predict --json --model toy_lstm park.flac street.mp3**
    """
    from asc_cli import report, workflow
    from asc_cli.cli import _screen

    failed = False
    with report.Predictions(top, as_json) as out, _screen.counting("recordings") as progress:
        for done, prediction in enumerate(workflow.predict(paths, model=model, fold=fold), start=1):
            failed = failed or prediction.error is not None
            out.add(prediction.json())
            progress(done, len(paths))
    if failed:
        raise typer.Exit(3)
