"""asc predict with a model of videos: the labels of each video in shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from asc_cli.core.errors import AscError


def label(
    input_names: list[str],
    model: str | None,
    top: int,
    csv: Path | None,
    jobs: int | None,
    as_json: bool,
    scene_options: dict[str, Any],
) -> None:
    """Print the labels of videos, and write them to `csv`; exit with 3 if records are damaged.

    scene_options: options that are only for recordings, and their values; None: not set.
    """
    from asc_cli import workflow
    from asc_cli.audio import inputs
    from asc_cli.datasets.yt8m import Fault
    from asc_cli.video import report as videos

    for option, value in scene_options.items():
        if value is not None:
            raise AscError(f"{option}: only for recordings; this model labels videos")
    if inputs.STDIN in input_names:
        raise AscError("predict -: this model takes shards of videos, which are not read on stdin")
    failed, shards = 0, inputs.find(input_names)
    inputs.require_no_overwrite({"--csv": csv}, shards)
    with videos.predictions(csv, as_json) as add:
        for row in workflow.label(shards, model=model, top=top, jobs=jobs):
            failed += isinstance(row, Fault)
            add(row.to_dict())
    if failed:
        raise typer.Exit(3)
