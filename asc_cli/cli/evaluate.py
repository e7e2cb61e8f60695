"""asc evaluate: metrics of a run, of a model on a dataset, or of a file of predictions."""

from __future__ import annotations

from typing import Annotated

import typer

from asc_cli.cli import _completion
from asc_cli.cli._options import Data, Folds, Jobs, Json, Subset


def command(
    what: Annotated[
        str,
        typer.Argument(
            help="A run's folder or name, or a recipe's name: its newest finished run. With "
            "--dataset or --data: a model NAME or NAME@VERSION, or a CSV of predictions.",
            metavar="RUN|MODEL|FILE.csv",
            autocompletion=_completion.runs_and_models,
        ),
    ],
    dataset: Annotated[
        str | None,
        typer.Option(
            help="The dataset that a model or predictions are tested on.",
            autocompletion=_completion.datasets,
        ),
    ] = None,
    data: Data = None,
    subset: Subset = None,
    folds: Folds = None,
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Score predictions: every metric by name, with intervals, per fold, scene and device.

    Predictions are a CSV with a column file and a column per scene, or file and label. They are
    refused when a tested recording is missing, duplicate or unknown, when probabilities do not sum
    to 1, or when a label is not a scene of the dataset. A model's recordings are predicted by
    members that were not trained on them. A model of videos is tested on the validation part's
    shards, every damaged record is named, and the exit code is then 3; for its run, each epoch is
    printed.

    Example: **asc evaluate toy_lstm**

    Example: **asc evaluate esc10_lstm@1 --dataset esc10**

    Example: **asc evaluate yt8m_ta_sa --dataset yt8m --data ~/yt8m**

    Example: **asc evaluate theirs.csv --dataset tut2016 --json**
    """
    from asc_cli import report, workflow
    from asc_cli.cli import _progress
    from asc_cli.cli._options import numbers
    from asc_cli.video import report as videos
    from asc_cli.video.predict import VideoEvaluation

    with _progress.counting("recordings") as progress:
        result = workflow.evaluate(
            what,
            dataset=dataset,
            data=data,
            subset=subset,
            folds=numbers(folds),
            jobs=jobs,
            progress=progress,
        )
    if isinstance(result, VideoEvaluation):
        report.show(result.to_dict(), videos.evaluation, as_json)
        if result.failed:
            raise typer.Exit(3)
    else:
        report.show(result.to_dict(), report.evaluation, as_json)
