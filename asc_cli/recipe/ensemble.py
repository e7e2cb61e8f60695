"""A recipe of several systems, whose class probabilities are averaged with weights.

    dataset: esc10
    systems:
      - {recipe: esc10_texture_svm, weight: 1}
      - {recipe: esc10_resnet, weight: 1}

A member is what one fold trained; a system is a recipe with a member for each fold. All systems
have the same dataset, recordings and headline metric, so that the mean is scored like a run.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from asc_cli.core import json_text
from asc_cli.core.errors import AscError
from asc_cli.core.kind import is_ensemble
from asc_cli.core.plugins import Catalog
from asc_cli.recipe import checks, files
from asc_cli.recipe import load as recipes
from asc_cli.recipe.ensemble_checks import fault, unlike
from asc_cli.recipe.ensemble_keys import EnsembleKeys
from asc_cli.recipe.faults import raise_if_any
from asc_cli.recipe.load import Recipe
from asc_cli.recipe.source import Fault, Place, Tree, run_name
from asc_cli.recipe.systems import Ensemble, System, outside_code

LEAST = 2  # systems of an ensemble


AnyRecipe = Recipe | Ensemble


def load(recipe: str | Path, overrides: Sequence[str] = ()) -> AnyRecipe:
    """Read and check a recipe, whether of one system or an ensemble.

    Args:
        recipe: A shipped recipe's name, or a path.
        overrides: "section.key=value", as after --set. An ensemble takes the keys that it has.

    Returns:
        The recipe with every default filled in.

    Raises:
        AscError: There is no such recipe, or it has faults: the text lists them all.
    """
    path = files.find(recipe)
    tree, faults, catalog, shipped = files.read(path, overrides)
    name = run_name(path)
    if not is_ensemble(tree.values):
        return recipes.validated(name, tree, faults, catalog, shipped)
    return _validated(name, tree, faults, catalog, shipped)


def resolved(recipe: AnyRecipe | str | Path) -> AnyRecipe:
    """Return a recipe as it is, or load it by its name or path."""
    return recipe if isinstance(recipe, Recipe | Ensemble) else load(recipe)


def parts(recipe: AnyRecipe) -> tuple[Recipe, ...]:
    """Return the recipes of an ensemble's systems; of another recipe, itself."""
    if isinstance(recipe, Recipe):
        return (recipe,)
    return tuple(system.recipe for system in recipe.systems)


def _validated(
    name: str, tree: Tree, faults: list[Fault], catalog: Catalog, shipped: str | None
) -> Ensemble:
    try:
        keys = EnsembleKeys.model_validate(tree.values)
    except ValidationError as refused:
        faults = [*faults, *(fault(error, tree) for error in refused.errors())]
        raise_if_any(name, faults)
        raise
    faults = [*faults, *checks.unknown_sources(keys, tree)]
    if len(keys.systems) < LEAST:
        message = f"systems: {LEAST} or more were expected; train one system by its own recipe"
        faults.append(Fault(tree.place("systems"), message))
    systems, wrong = _systems(keys, tree, catalog)
    faults = [*faults, *wrong, *([] if wrong or not systems else unlike(keys, systems, tree))]
    raise_if_any(name, faults)
    first = systems[0].recipe
    return Ensemble(
        name=name,
        dataset=keys.dataset,
        data=Path(keys.data) if keys.data else None,
        subset=first.subset,
        exclude=first.exclude,
        training=keys.training,
        systems=systems,
        settings=_settings(keys, systems),
        catalog=Catalog(tuple(outside_code(systems).values()), sealed=True),
        shipped=shipped,
    )


def _settings(keys: EnsembleKeys, systems: Sequence[System]) -> dict[str, Any]:
    first = systems[0].recipe
    optional = {"licence": keys.licence, "deployment_precision": keys.deployment_precision}
    source = keys.source.model_dump(mode="json") if keys.source else None
    if source and not source["own"]:
        del source["own"]
    return {
        "description": keys.description,
        "dataset": keys.dataset,
        "subset": first.subset,
        "exclude": list(first.exclude),
        "systems": [
            {"name": s.name, "weight": s.weight, "recipe": s.recipe.settings} for s in systems
        ],
        "source": source,
        **{key: value for key, value in optional.items() if value is not None},
    }


def _systems(
    keys: EnsembleKeys, tree: Tree, catalog: Catalog
) -> tuple[tuple[System, ...], list[Fault]]:
    """Return the systems that can be read, and a fault for each other."""
    overrides = []
    if keys.training.seed is not None:
        overrides.append(f"training.seed={keys.training.seed}")
    if keys.subset is not None:
        overrides.append(f"subset={keys.subset}")
    if keys.exclude is not None:
        overrides.append(f"exclude={json_text.dumps(list(keys.exclude))}")
    systems, faults = [], []
    for number, entry in enumerate(keys.systems):
        place = tree.place("systems", str(number), "recipe")
        try:
            recipe = _system(entry.recipe, entry.name, place, overrides, catalog)
        except recipes.IsEnsemble:
            message = f"{entry.recipe} is an ensemble itself; list its systems in its place"
            faults.append(Fault(place, f"systems.{number}.recipe: {message}"))
        except AscError as wrong:
            faults.append(Fault(place, f"systems.{number}.recipe: {wrong}"))
        else:
            systems.append(System(name=recipe.name, weight=entry.weight, recipe=recipe))
    return tuple(systems), faults


def _system(
    recipe: str | dict[str, Any],
    name: str | None,
    place: Place,
    overrides: Sequence[str],
    catalog: Catalog,
) -> Recipe:
    if isinstance(recipe, str):
        if name is not None:
            raise AscError(f"{recipe} is called by the name of its file; leave name: {name} away")
        return recipes.load(files.neighbour(Path(place.source), recipe), overrides)
    if name is None:
        raise AscError("settings in place of a recipe's name need one beside them, as name: …")
    settings = copy.deepcopy(recipe)
    return recipes.from_settings(run_name(Path(name)), settings, overrides, catalog)
