"""asc predict with a model of videos: the labels of each video in shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from asc_cli.core.errors import AscError


def label(
    named: list[str],
    model: str | None,
    top: int,
    csv: Path | None,
    jobs: int | None,
    as_json: bool,
    given: dict[str, Any],
) -> None:
    """Print the labels of videos, and write them to `csv`; exit with 3 if records are damaged.

    given: options that are of scenes in recordings, and their values; None: not given.
    """
    from asc_cli import workflow
    from asc_cli.audio import inputs
    from asc_cli.datasets.yt8m import Fault
    from asc_cli.video import report as videos

    for option, value in given.items():
        if value is not None:
            raise AscError(f"{option}: of scenes in recordings; this model labels whole videos")
    if inputs.STDIN in named:
        raise AscError("predict -: this model takes shards of videos, which are not read on stdin")
    failed, found = 0, inputs.find(named)
    inputs.require_no_overwrite({"--csv": csv}, found)
    with videos.predictions(csv, as_json) as add:
        for row in workflow.label(found, model=model, top=top, jobs=jobs):
            failed += isinstance(row, Fault)
            add(row.to_dict())
    if failed:
        raise typer.Exit(3)
