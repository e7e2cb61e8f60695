"""asc train: fit, score and register a recipe's model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from asc_cli.cli import _completion
from asc_cli.cli._options import Cluster, Data, Folds, Jobs, Json, Set, Subset


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
    seeds: Annotated[
        str | None,
        typer.Option(
            help="A run per seed, as in 0-4 or 1,3, and the mean of their figures.",
            show_default="the recipe's",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    jobs: Jobs = None,
    cluster: Cluster = None,
    tensorboard: Annotated[
        bool,
        typer.Option("--tensorboard", help="Write TensorBoard's event files into the run."),
    ] = False,
    tensorboard_to: Annotated[
        Path | None,
        typer.Option(help="Write them to RUN/fold01 and so on in this folder.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Fit a recipe on all folds of its protocol, score it and register the model.

    Missing features are computed first. The same command again resumes where it stopped, with
    bit-identical results, or returns at once when the run is finished. --jobs folds are fitted at
    once, one processor per fold; the result does not depend on how many. A dataset of shards
    (YouTube-8M) has no folds: --jobs processes prefetch them, and if records are damaged, the exit
    code is 3. With --seeds, each run is the one that --set training.seed=N alone trains, and the
    mean and the standard deviation over runs are shown. With --tensorboard (extra tensorboard),
    loss, accuracy and learning rate of each epoch are in event files: tensorboard --logdir RUN.
    Of an ensemble, each system is trained as by its own recipe, and what is finished is used; then
    the weighted mean of what they predict is scored, and registered as one model.

    Example: **asc train toy_lstm**

    Example: **asc train esc10_lstm --seeds 0-4**

    Example: **asc train esc10_lstm --cluster tcp://10.0.0.5:8786**

    Example: **asc train toy_best**

    Example: **asc train recipes/dcase_ta_sa.yaml --data ~/TUT-2016 --set training.epochs=5**

    Example: **asc train recipes/yt8m_ta_sa.yaml --data ~/yt8m --jobs 4**
    """
    from asc_cli import report, workflow
    from asc_cli.cli import _progress
    from asc_cli.cli._options import numbers, on_cluster
    from asc_cli.core import paths
    from asc_cli.core.kind import VIDEOS, kind_of
    from asc_cli.recipe import ensemble as recipes
    from asc_cli.recipe import seeds as several
    from asc_cli.video import report as videos

    overrides = [*(set or []), *(f"subset={n}" for n in [subset] if n is not None)]
    with on_cluster(cluster, jobs), _progress.training() as (extracting, packing, fitting):
        options: dict[str, Any] = dict(
            data=data,
            folds=numbers(folds),
            device=device,
            jobs=jobs,
            extracting=extracting,
            packing=packing,
            fitting=fitting,
            tensorboard=tensorboard_to or (paths.runs() if tensorboard else None),
            epoch_done=lambda row: _progress.note(videos.epoch(row)),
            note=_progress.note,
        )
        if (chosen_seeds := numbers(seeds, "--seeds")) is not None:
            chosen = several.load(recipe, chosen_seeds, overrides)
            done = workflow.train_seeds(
                chosen, lambda seed: _progress.note(f"seed {seed}"), **options
            )
            result, shown, trainings = done.to_dict(), report.seeds, done.trainings
        else:
            chosen = [recipes.load(recipe, overrides)]
            trainings = (workflow.train(chosen[0], **options),)
            streamed = kind_of(chosen[0].settings) == VIDEOS
            result = trainings[0].to_dict()
            shown = videos.training if streamed else report.training
    report.show(result, shown, as_json)
    if any(training.metrics.get("failed") for training in trainings):
        raise typer.Exit(3)
