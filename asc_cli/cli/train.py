"""asc train: fit, score and register a recipe's model."""

from __future__ import annotations

from typing import Annotated

import typer

from asc_cli.cli import _completion
from asc_cli.cli._options import Data, Folds, Jobs, Json, Set, Subset


def command(
    recipe: Annotated[
        str,
        typer.Argument(
            help="A recipe's name or file, see `asc recipes list`.",
            autocompletion=_completion.recipes,
        ),
    ],
    data: Data = None,
    folds: Folds = None,
    set: Set = None,
    subset: Subset = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Fit a recipe on all folds of its protocol, score it and register the model.

    Missing features are computed first. The same command again resumes where it stopped, with
    bit-identical results, or returns at once when the run is finished. --jobs folds are fitted at
    once, one processor per fold; the result does not depend on how many. A dataset of shards
    (YouTube-8M) has no folds: --jobs processes prefetch them, and if records are damaged, the exit
    code is 3.

    Example: **asc train toy_lstm**

    Example: **asc train recipes/dcase_ta_sa.yaml --data ~/TUT-2016 --set training.epochs=5**

    Example: **asc train recipes/yt8m_ta_sa.yaml --data ~/yt8m --jobs 4**
    """
    from asc_cli import report, workflow
    from asc_cli.cli import _progress
    from asc_cli.cli._options import numbers
    from asc_cli.core.kind import VIDEOS, kind_of
    from asc_cli.recipe import load as recipes
    from asc_cli.video import report as videos

    chosen = recipes.load(
        recipe, [*(set or []), *(f"subset={n}" for n in [subset] if n is not None)]
    )
    with _progress.training() as (extracting, packing, fitting):
        done = workflow.train(
            chosen,
            data=data,
            folds=numbers(folds),
            device=device,
            jobs=jobs,
            extracting=extracting,
            packing=packing,
            fitting=fitting,
            epoch_done=lambda row: _progress.note(videos.epoch(row)),
        )
    streamed = kind_of(chosen.settings) == VIDEOS
    report.show(done.to_dict(), videos.training if streamed else report.training, as_json)
    if streamed and done.metrics["failed"]:
        raise typer.Exit(3)
