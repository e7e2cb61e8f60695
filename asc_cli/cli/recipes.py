"""Recipes: list those that ship, show one resolved, print the schema for editors."""

from __future__ import annotations

from typing import Annotated

import typer

from asc_cli.cli import _completion
from asc_cli.cli._options import Json, Set
from asc_cli.core import json_text

NONE = "no recipe that ships with asc is for this dataset; write one that extends another"


def list_(
    dataset: Annotated[
        str | None,
        typer.Option(help="Only recipes of this dataset.", autocompletion=_completion.datasets),
    ] = None,
    published: Annotated[
        bool,
        typer.Option("--published", help="Published results instead, and yours beside them."),
    ] = False,
    as_json: Json = False,
) -> None:
    """List the recipes that ship with asc: the published error of each, and yours where run.

    First Tables 1 and 2 of the paper, then every recipe. Yours is the error of the newest finished
    run of a recipe as it is, on all folds; runs with `--set` or with some folds are not counted.

    With `--published`: what others published on each dataset, the best first; on which recordings
    it was tested, what its epoch was chosen on, data from outside, and the source. A figure that
    no other compares with is marked, for example where its epoch was chosen on its own test fold.

    Example: **asc recipes list**

    Example: **asc recipes list --dataset esc10**

    Example: **asc recipes list --published --dataset litis**
    """
    from asc_cli import report, workflow
    from asc_cli.core import plugins
    from asc_cli.core.kind import VIDEOS, kind_of
    from asc_cli.recipe import ensemble as recipes

    if dataset is not None:
        plugins.require("datasets", dataset)
    if published:
        others = [row.to_dict() for row in workflow.published_results(dataset)]
        report.show([*others, *_ours(dataset)], report.literature, as_json)
        return
    rows = []
    for name in plugins.recipe_names():
        recipe = recipes.load(name)
        if dataset not in (None, recipe.dataset):
            continue
        kind, systems = kind_of(recipe.settings), recipes.parts(recipe)
        features = ["shards" if kind == VIDEOS else one.features["name"] for one in systems]
        paper = recipe.settings.get("paper") or {}
        ours = workflow.result(recipe)
        rows.append(
            {
                "recipe": name,
                "dataset": recipe.dataset,
                "kind": kind,
                "feature": " + ".join(features),
                "model": " + ".join(one.model["name"] for one in systems),
                "paper_error": paper.get("error"),
                "paper_gap": paper.get("gap"),
                "our_error": ours.error if ours else None,
                "run": ours.run if ours else None,
                "description": recipe.settings["description"],
            }
        )
    render = (report.recipes_of if rows else lambda _: NONE) if dataset else report.recipes
    report.show(rows, render, as_json)


def _ours(dataset: str | None) -> list[dict[str, object]]:
    """Return this machine's results of shipped recipes, as rows beside published ones."""
    from asc_cli import workflow
    from asc_cli.core import plugins
    from asc_cli.core.kind import VIDEOS, kind_of
    from asc_cli.recipe import ensemble as recipes

    rows: list[dict[str, object]] = []
    for name in plugins.recipe_names():
        recipe = recipes.load(name)
        if dataset in (None, recipe.dataset) and (own := workflow.result(recipe)):
            subset = recipe.settings.get("subset")
            value = round(1 - own.error, 6)
            is_share = kind_of(recipe.settings) != VIDEOS
            figure = f"{round(100 * value, 2):g} %" if is_share else f"{value:g}"
            keys = {"system": name, "dataset": recipe.dataset, "subset": subset}
            own_keys = {"metric": own.headline, "value": value, "figure": figure, "run": own.run}
            rows.append({**keys, **own_keys})
    return rows


def show(
    recipe: Annotated[
        str, typer.Argument(help="A recipe's name or file.", autocompletion=_completion.recipes)
    ],
    set: Set = None,
    as_json: Json = False,
) -> None:
    """Show a recipe with all inherited and default values.

    At the end: which code computes its feature, its model and its dataset, and where that came
    from. Where a recipe cites its source, each setting is marked: stated in the source, ours, or
    changed by this recipe or by `--set`.

    Example: **asc recipes show dcase_lstm**

    Example: **asc recipes show my.yaml --set training.epochs=5**
    """
    from asc_cli import report
    from asc_cli.recipe import ensemble as recipes

    loaded = recipes.load(recipe, set or [])
    data = {"data": str(loaded.data)} if loaded.data else {}
    shown = {**loaded.settings, **data, "code": loaded.code()}
    report.show(shown, lambda settings: report.recipe(settings).splitlines(), as_json)


def schema() -> None:
    """Print the JSON schema of recipes, for an editor to complete and check from.

    Example: **asc recipes schema > recipe.schema.json**
    """
    from asc_cli.recipe import load as recipes

    print(json_text.shown(recipes.schema(), indent=2))


COMMANDS = {"list": list_, "show": show, "schema": schema}
