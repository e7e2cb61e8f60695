"""asc tune: choose a recipe's settings without the test folds."""

from __future__ import annotations

from typing import Annotated

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
    tries: Annotated[
        list[str] | None,
        typer.Option(
            "--try",
            help="Values of a key to choose from: --try model.n_hidden=64,128. Repeatable: every "
            "combination is tried. With --trials also a range: LOW..HIGH, or LOW..HIGH:log.",
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            help="Draw this many candidates for each fold, guided by its inner scores, instead of "
            "trying every combination (extra tune: Optuna)."
        ),
    ] = None,
    data: Data = None,
    folds: Folds = None,
    set: Set = None,
    subset: Subset = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    jobs: Jobs = None,
    cluster: Cluster = None,
    as_json: Json = False,
) -> None:
    """Choose settings for each fold without its test part; train and score the folds with them.

    Where test folds are disjoint and cover the dataset (TUT 2016, ESC-10), each pair of folds is
    left out once: the score on one judges the settings for the other. Where they overlap, or there
    are fewer than three, a fifth of each fold's training part is held out and judges, by group
    where groups are known. The same command again resumes; more values use the inner trainings
    that there are.

    Example: **asc tune esc10_lstm --try model.n_hidden=64,128**

    Example: **asc tune esc10_lstm --try training.learning_rate=1e-3,3e-4 --try training.l2=0,1e-4**

    Example: **asc tune esc10_lstm --try model.n_hidden=64,128 --cluster tcp://10.0.0.5:8786**

    Example: **asc tune esc10_lstm --try training.learning_rate=1e-4..1e-2:log --trials 20**
    """
    from asc_cli import report, workflow
    from asc_cli.cli import _progress
    from asc_cli.cli._options import numbers, on_cluster

    overrides = [*(set or []), *(f"subset={n}" for n in [subset] if n is not None)]
    reporting = _progress.tuning()
    with on_cluster(cluster, jobs), reporting as (extracting, packing, judging, fitting):
        done = workflow.tune(
            recipe,
            tries or [],
            overrides,
            trials,
            data=data,
            folds=numbers(folds),
            device=device,
            jobs=jobs,
            extracting=extracting,
            packing=packing,
            judging=judging,
            fitting=fitting,
        )
    settings = [word for text in (*overrides, *done.for_use) for word in ("--set", text)]
    where = ["--data", str(data)] if data else []
    result = {**done.to_dict(), "command": ["asc", "train", recipe, *where, *settings]}
    report.show(result, report.tuning, as_json)
