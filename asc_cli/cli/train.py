"""asc train: fit, score and register a recipe's model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from asc_cli.cli import _completion
from asc_cli.cli._options import Cluster, Data, Folds, Jobs, Json, Set, Subset
from asc_cli.core.errors import AscError


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
    part: Annotated[
        bool | None,
        typer.Option(
            "--part/--no-part",
            help="These folds are a part of the run: it is scored when all its folds are finished, "
            "by the command that finishes the last.",
            show_default="--part in an array of Slurm with --folds",
        ),
    ] = None,
    print_jobs: Annotated[
        bool,
        typer.Option(
            "--print-jobs", help="Print a command for each fold, to run on many machines; no more."
        ),
    ] = False,
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
    Several of these commands at once, on one machine or on many that share ASC_HOME, divide the
    folds among them and wait for the last one; with --part, none waits, and the last one scores.

    Example: **asc train toy_lstm**

    Example: **asc train esc10_lstm --seeds 0-4**

    Example: **asc train esc10_lstm --cluster tcp://10.0.0.5:8786**

    Example: **asc train toy_best**

    Example: **asc train esc10_lstm --seeds 0-4 --print-jobs**

    Example: **asc train recipes/dcase_ta_sa.yaml --data ~/TUT-2016 --set training.epochs=5**

    Example: **asc train recipes/yt8m_ta_sa.yaml --data ~/yt8m --jobs 4**
    """
    from asc_cli import report, workflow
    from asc_cli.cli import _jobs, _progress
    from asc_cli.cli._options import numbers, on_cluster
    from asc_cli.core import paths
    from asc_cli.core.kind import VIDEOS, kind_of
    from asc_cli.recipe import ensemble as recipes
    from asc_cli.recipe import seeds as several
    from asc_cli.video import report as videos

    overrides = [*(set or []), *(f"subset={n}" for n in [subset] if n is not None)]
    own_seeds, own_folds = numbers(seeds, "--seeds"), numbers(folds)
    if own_seeds is None:
        chosen = [recipes.load(recipe, overrides)]
    else:
        chosen = several.load(recipe, own_seeds, overrides)
    if print_jobs:
        if cluster is not None:
            raise AscError("--print-jobs: prints jobs for another scheduler; leave --cluster out")
        words = _jobs.words(recipe, data, overrides, device, jobs, tensorboard, tensorboard_to)
        lines = [*_jobs.lines(chosen, words, data, own_folds, own_seeds is not None)]
        report.show(lines, list, as_json)
        return
    streamed = kind_of(chosen[0].settings) == VIDEOS
    part = (_jobs.is_array() and own_folds is not None) if part is None else part
    if part and own_seeds is not None:
        raise AscError("--part is for one run: --set training.seed=N, in place of --seeds")
    trainings: tuple[Any, ...] = ()
    with on_cluster(cluster, jobs), _progress.training() as (extracting, packing, fitting):
        options: dict[str, Any] = dict(
            data=data,
            folds=own_folds,
            device=device,
            jobs=jobs,
            extracting=extracting,
            packing=packing,
            fitting=fitting,
            tensorboard=tensorboard_to or (paths.runs() if tensorboard else None),
            note=_progress.note,
        )
        if part and not streamed:
            done: Any = workflow.train_part(chosen[0], **options)
            shown = report.part if isinstance(done, workflow.Part) else report.training
        else:
            options["epoch_done"] = lambda row: _progress.note(videos.epoch(row))
            if own_seeds is not None:
                done = workflow.train_seeds(
                    chosen, lambda seed: _progress.note(f"seed {seed}"), **options
                )
                shown, trainings = report.seeds, done.trainings
            else:
                done = workflow.train(chosen[0], **options)
                shown, trainings = videos.training if streamed else report.training, (done,)
    report.show(done.to_dict(), shown, as_json)
    if any(training.metrics.get("failed") for training in trainings):
        raise typer.Exit(3)
