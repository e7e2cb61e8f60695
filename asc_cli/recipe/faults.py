"""What is wrong with a recipe, as a sentence at a place: what was expected, the nearest name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.core.plugins import Catalog
from asc_cli.recipe import synonyms
from asc_cli.recipe.sections import KINDS, OUTSIDE, list_around, name_of, names_in, valid_keys
from asc_cli.recipe.source import LISTS, Fault, Tree

ONE_OF = {"variants": "variant", "augment": "augmentation"}


def fault(error: Any, tree: Tree, catalog: Catalog) -> Fault:
    """Convert pydantic's error to a message at a place."""
    location = [str(part) for part in error["loc"]]
    if location[0] in KINDS and len(location) > 1:
        tag = name_of(tree, location[0])
        location = [location[0], *location[2:]] if location[1] == tag else location
    key = list_around(location)
    entry = location[: len(key) + 1] if key else []
    if key and len(location) > len(entry):
        tag = names_in(tree, key)[int(entry[-1])]
        rest = location[len(entry) :]
        location = [*entry, *rest[1:]] if rest[0] == tag else location
    dotted = ".".join(location)
    place = tree.place(*location)
    if error["type"] == "extra_forbidden":
        return Fault(place, _unknown_key(location, tree, catalog))
    if error["type"] == "missing":
        return Fault(tree.place(*location[:-1]), f"{dotted} is missing")
    if error["type"] == "union_tag_invalid" and key:
        kind, name = LISTS[key], names_in(tree, key)[int(entry[-1])]
        message = plugins.unknown(ONE_OF[kind], name, catalog.names(kind))
        own = OUTSIDE.format(kind=kind, name=name)
        return Fault(tree.place(*entry, "name"), f"{dotted}: {message}.{own}")
    if error["type"] == "union_tag_invalid":
        kind, name = KINDS[location[0]], name_of(tree, location[0])
        message = plugins.unknown(location[0], name, catalog.names(kind))
        return Fault(
            tree.place(location[0], "name"), f"{message}.{OUTSIDE.format(kind=kind, name=name)}"
        )
    if error["type"] == "union_tag_not_found":
        return Fault(place, f"{dotted}.name is missing")
    message = error["msg"][0].lower() + error["msg"][1:]
    if location == ["evaluation", "headline"]:
        message = f"{message}.{OUTSIDE.format(kind='metrics', name=error['input'])}"
    return Fault(place, f"{dotted} = {error['input']!r}: {message}")


def raise_if_any(name: str, faults: Sequence[Fault]) -> None:
    """Raise AscError that lists all faults of a recipe, each with its place."""
    if faults:
        lines = "\n".join(f"  {each.place}: {each.message}" for each in faults)
        count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise AscError(f"recipe {name}: {count}\n{lines}")


def _unknown_key(location: list[str], tree: Tree, catalog: Catalog) -> str:
    dotted, key = ".".join(location), location[-1]
    sections = _sections(tree, catalog)
    keys = {section: valid_keys(tree, [section], catalog) for section in sections}
    elsewhere = [section for section in sections if key in keys[section]]
    if others := [section for section in elsewhere if section != location[0]]:
        return f"unknown key {dotted!r}; did you mean {others[0]}.{key}?"
    own = valid_keys(tree, location[:-1], catalog)
    places = [(location[:-1], own), ([], valid_keys(tree, [], catalog))]
    for place, names in [*places, *(([section], keys[section]) for section in sections)]:
        if hint := synonyms.synonym(key, names):
            return f"unknown key {dotted!r}; did you mean {'.'.join([*place, hint])}?"
    within = f"key in {'.'.join(location[:-1])}" if location[:-1] else "key"
    return plugins.unknown(within, key, own)


def _sections(tree: Tree, catalog: Catalog) -> list[str]:
    named = [s for s, kind in KINDS.items() if name_of(tree, s) in catalog.names(kind)]
    return ["training", "clips", "validation", "evaluation", *named]
