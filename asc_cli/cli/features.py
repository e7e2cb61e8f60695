"""asc features: fill the feature store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from asc_cli.cli import _completion
from asc_cli.cli._options import Data, Jobs, Json, Set, Subset
from asc_cli.core.errors import AscError

if TYPE_CHECKING:
    from asc_cli.recipe.load import Recipe

PAPERS = {"features": {"name": "log_mel"}, "model": {"name": "lstm"}}  # where no recipe says more


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
            help="Compute what this recipe needs, and no more.",
            autocompletion=_completion.recipes,
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

    With --dataset, every feature that the shipped recipes of that dataset need, so that training
    any of them finds its features. With --recipe, what that recipe needs. With --data alone, or
    with `--set features.KEY=VALUE`, the paper's log_mel. What is in the store already is not
    computed again; a changed recording, parameter or feature is. Several of these may run at
    once. A bad file is named and the others go on (exit 3).

    Example: **asc features --dataset litis**

    Example: **asc features --recipe my.yaml**

    Example: **asc features --dataset esc10 --data ~/ESC-10 --set features.n_mels=128**
    """
    from asc_cli import report, workflow
    from asc_cli.cli import _progress
    from asc_cli.core.kind import VIDEOS, kind_of_dataset

    if recipe is None and dataset is None and data is None:
        raise AscError("features: --dataset NAME, --data PATH or --recipe RECIPE was expected")
    if dataset is not None and kind_of_dataset(dataset) == VIDEOS:
        raise AscError(f"features: the shards of {dataset} hold features already; train on them")
    overrides = [*(set or []), *(f"subset={n}" for n in [subset] if n is not None)]
    rows = []
    for chosen, names in _wanted(recipe, dataset, overrides):
        with _progress.counting(chosen.features["name"]) as progress:
            done = workflow.extract(chosen, data=data, jobs=jobs, verify=verify, progress=progress)
        rows.append({**done.to_dict(), "recipes": names})
    result = _together(rows)
    report.show(result, report.extractions, as_json)
    if result["failed"]:
        raise typer.Exit(3)


def _wanted(
    recipe: str | None, dataset: str | None, overrides: list[str]
) -> list[tuple[Recipe, list[str]]]:
    """A recipe for each different feature that is wanted, and the names of those that need it."""
    from asc_cli.core import plugins as catalog
    from asc_cli.recipe import load as recipes

    if recipe is not None:
        placed = [f"dataset={dataset}"] if dataset else []
        return [(recipes.load(recipe, [*overrides, *placed]), [recipe])]
    found: dict[str, tuple[Recipe, list[str]]] = {}
    if dataset is not None and not any(text.startswith("features.") for text in overrides):
        for name in catalog.recipe_names():
            if recipes.load(name).dataset == dataset:
                loaded = recipes.load(name, overrides)
                found.setdefault(str(loaded.features), (loaded, []))[1].append(name)
    paper = {**PAPERS, "dataset": dataset or "table"}
    return [*found.values()] or [(recipes.from_settings("features", paper, overrides), [])]


def _together(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What `--json` prints: sums over the features, each of which is in `features`."""
    first, own = rows[0], ("feature", "recipes", "computed", "reused", "failed", "wall_seconds")
    failed = {(f["file"], f["error"]): f for row in rows for f in row["failed"]}
    return {
        **{key: first[key] for key in ("dataset", "feature", "recordings")},
        "computed": sum(row["computed"] for row in rows),
        "reused": sum(row["reused"] for row in rows),
        "failed": list(failed.values()),
        "audio_seconds": max(row["audio_seconds"] for row in rows),
        "wall_seconds": round(sum(row["wall_seconds"] for row in rows), 3),
        "features": [{key: row[key] for key in own} for row in rows],
    }
