"""What is wrong with a recipe of several systems: a key, or systems that cannot be averaged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from asc_cli.core import plugins
from asc_cli.core.kind import VIDEOS, kind_of
from asc_cli.recipe.ensemble_keys import EnsembleKeys
from asc_cli.recipe.load import Recipe
from asc_cli.recipe.source import Fault, Place, Tree
from asc_cli.recipe.systems import System, outside_code


def unlike(keys: EnsembleKeys, systems: Sequence[System], tree: Tree) -> Iterator[Fault]:
    """Yield faults: systems that cannot be averaged with the others."""
    first = systems[0]
    for number, system in enumerate(systems):
        place = tree.place("systems", str(number), "recipe")
        recipe, where = system.recipe, f"systems.{number}: {system.name}"
        if kind_of(recipe.settings) == VIDEOS:
            yield Fault(place, f"{where} labels videos; the systems of an ensemble are of scenes")
            continue
        if recipe.dataset != keys.dataset:
            yield Fault(place, f"{where} is for {recipe.dataset}, the ensemble for {keys.dataset}")
            continue
        if recipe.subset != first.recipe.subset:
            own, other = (f"{r.subset or 100} %" for r in (recipe, first.recipe))
            yield Fault(place, f"{where} is for the subset {own}, {first.name} for {other}")
        if {*recipe.exclude} != {*first.recipe.exclude}:
            yield Fault(place, f"{where} leaves out other files (exclude) than {first.name}")
        if (own := _headline(recipe)) != (other := _headline(first.recipe)):
            message = f"{where} has the headline metric {own} (evaluation.headline)"
            yield Fault(place, f"{message}, {first.name} has {other}")
        for another in systems[:number]:
            if another.name == system.name:
                yield Fault(place, f"{where} is there more than once; weight says what it counts")
            elif another.recipe.functional_settings() == recipe.functional_settings():
                message = f"{where} has the same settings as {another.name}; leave one out"
                yield Fault(place, message)
        for (kind, name), code in outside_code([system]).items():
            if code.hash != outside_code(systems)[kind, name].hash:
                yield Fault(place, f"{where} has other code of {kind}/{name}.py than {first.name}")


def _headline(recipe: Recipe) -> str:
    name = str(recipe.evaluation.headline)
    if name != "dataset":
        return name
    return str(recipe.catalog.load("datasets", recipe.dataset).DATASET.headline)


def fault(error: Any, tree: Tree) -> Fault:
    """Convert pydantic's error to a message at a place."""
    location = [str(part) for part in error["loc"]]
    dotted, place = ".".join(location), _place(tree, *location)
    if location[0] == "systems" and location[-1] in ("str", "dict[str,any]"):
        return Fault(place, f"{'.'.join(location[:-1])}: a recipe's name or file was expected")
    if error["type"] == "extra_forbidden" and location[0] == "systems":
        return Fault(place, plugins.unknown("key in systems", location[-1], ("recipe", "weight")))
    if error["type"] == "extra_forbidden":
        keys = "training.seed alone" if len(location) > 1 else ", ".join(EnsembleKeys.model_fields)
        message = f"no key of an ensemble, which has {keys}; set it in the recipe of a system"
        return Fault(place, f"{dotted}: {message}")
    if error["type"] == "missing":
        return Fault(_place(tree, *location[:-1]), f"{dotted} is missing")
    message = error["msg"][0].lower() + error["msg"][1:]
    return Fault(place, f"{dotted} = {error['input']!r}: {message}")


def _place(tree: Tree, *path: str) -> Place:
    """Return the place of a key, of the first key in it, or of the nearest key around it."""
    inside = [p for key, p in tree.places.items() if key[: len(path)] == path]
    return inside[-1] if path and inside else tree.place(*path)
