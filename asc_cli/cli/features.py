"""asc features: fill the feature store."""

from __future__ import annotations

from typing import Annotated

import typer

from asc_cli.cli import _completion
from asc_cli.cli._options import Data, Jobs, Json, Set, Subset
from asc_cli.core.errors import AscError

PAPERS = {"features": {"name": "log_mel"}, "model": {"name": "lstm"}}  # what --recipe replaces


def command(
    dataset: Annotated[
        str | None,
        typer.Option(
            help="A dataset's name, see `asc datasets list`.", autocompletion=_completion.datasets
        ),
    ] = None,
    data: Data = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Take feature and dataset from this recipe.", autocompletion=_completion.recipes
        ),
    ] = None,
    set: Set = None,
    subset: Subset = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read all audio and all stored arrays again.")
    ] = False,
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Compute the features of a dataset's recordings, once.

    What is in the store already is not computed again; a changed recording, parameter or feature
    is. Several of these may run at once. The feature is log_mel as in the paper, unless a recipe
    or --set says otherwise. A bad file is named and the others go on (exit 3).

    Example: **asc features --dataset litis**

    Example: **asc features --dataset esc10 --data ~/ESC-10 --set features.n_mels=128**
    """
    from asc_cli import report, workflow
    from asc_cli.cli import _progress
    from asc_cli.core.kind import VIDEOS, kind_of_dataset
    from asc_cli.recipe import load as recipes

    if recipe is None and dataset is None and data is None:
        raise AscError("features: --dataset NAME, --data PATH or --recipe RECIPE was expected")
    if dataset is not None and kind_of_dataset(dataset) == VIDEOS:
        raise AscError(f"features: the shards of {dataset} hold features already; train on them")
    overrides = [*(set or []), *(f"subset={n}" for n in [subset] if n is not None)]
    if recipe is None:
        chosen = recipes.from_settings(
            "features", {**PAPERS, "dataset": dataset or "table"}, overrides
        )
    else:
        chosen = recipes.load(recipe, [*overrides, *([f"dataset={dataset}"] if dataset else [])])
    with _progress.counting("features") as progress:
        done = workflow.extract(chosen, data=data, jobs=jobs, verify=verify, progress=progress)
    report.show(done.to_dict(), report.extraction, as_json)
    if done.failed:
        raise typer.Exit(3)
