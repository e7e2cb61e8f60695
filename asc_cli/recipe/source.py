"""YAML that remembers where each key stood: the text side of a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from asc_cli.core.errors import AscError
from asc_cli.recipe import provenance as recipe_provenance
from asc_cli.recipe.words import key_for


@dataclass(frozen=True)
class Place:
    """A line of a file, or the option that gave a value."""

    source: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


@dataclass(frozen=True)
class Fault:
    place: Place
    what: str


@dataclass
class Tree:
    """Nested values, and the place of every key by its path."""

    values: dict[str, Any]
    places: dict[tuple[str, ...], Place]

    def place(self, *path: str) -> Place:
        """Where a key stood, or the nearest key around it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return Place("recipe")


def parse(path: Path) -> tuple[Tree, list[Fault]]:
    """A YAML mapping with places; keys that stand twice are faults. Raises AscError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as fault:
        raise AscError(f"recipe {path}: cannot be read ({fault})") from fault
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 1
        raise AscError(f"recipe {path}:{line}: not YAML: {fault.problem}") from fault
    if not isinstance(node, yaml.MappingNode):
        raise AscError(f"recipe {path}: holds no keys; a mapping such as 'dataset: litis' expected")
    places: dict[tuple[str, ...], Place] = {(): Place(str(path), 1)}
    faults: list[Fault] = []
    values = _value(node, (), str(path), places, faults)
    return Tree(values, places), faults


def merge(under: Tree, over: Tree) -> Tree:
    """`over` laid on `under`, section by section.

    A section that names another feature or model starts afresh: the old one's parameters are
    not the new one's. Another dataset does not lie where the old one does. What `source` says of
    a key ends where the key is changed, unless `over` says it anew.
    """
    values = dict(under.values)
    changed: list[str] = []
    if over.values.get("dataset", values.get("dataset")) != values.get("dataset"):
        values.pop("data", None)
    for key, value in over.values.items():
        below = values.get(key)
        changed += recipe_provenance.changed(key, below, value)
        if isinstance(value, dict) and isinstance(below, dict):
            renamed = "name" in value and value["name"] != below.get("name")
            value = value if renamed else {**below, **value}
        values[key] = value
    anew = over.values.get("source") or {}
    if isinstance(anew, dict) and {"stated", "ours"} & anew.keys():
        values["source"] = {k: v for k, v in values["source"].items() if k != "own" or k in anew}
    else:
        _own(values, changed)
    return Tree(values, {**under.places, **over.places})


def _own(values: dict[str, Any], changed: list[str]) -> None:
    if changed and isinstance(values.get("source"), dict):
        values["source"] = recipe_provenance.owned(values["source"], changed)


def assign(tree: Tree, text: str, faults: list[Fault]) -> None:
    """Apply one `--set section.key=value`; the value is read as YAML."""
    place = Place(f"--set {text}")
    dotted, equals, value = text.partition("=")
    path = tuple(part.strip() for part in dotted.split("."))
    path = (*path[:-1], key_for(path))
    if not equals or not all(path):
        faults.append(Fault(place, "section.key=value was expected, as in training.epochs=5"))
        return
    section = tree.values
    for part in path[:-1]:
        section = section.setdefault(part, {})
        if not isinstance(section, dict):
            faults.append(Fault(place, f"{part} is a value, not a section"))
            return
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        read = value
    if path == ("dataset",) and section.get("dataset") != read:
        section.pop("data", None)
    if len(path) == 2:
        _own(tree.values, recipe_provenance.changed(path[0], section, {path[1]: read}))
    if path[-1] == "name" and section.get("name") != read:
        section.clear()  # another feature or model: the old one's parameters are not its own
    section[path[-1]] = read
    tree.places[path] = place


def _value(
    node: yaml.Node, path: tuple[str, ...], source: str, places: dict, faults: list[Fault]
) -> Any:
    if not isinstance(node, yaml.MappingNode):
        loader = yaml.SafeLoader("")
        try:
            return loader.construct_object(node, deep=True)
        finally:
            loader.dispose()
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_for((*path, str(key_node.value)))
        inside, here = (*path, key), Place(source, key_node.start_mark.line + 1)
        if key in values:
            faults.append(Fault(here, f"key {key!r} stands twice; first on {places[inside]}"))
        places[inside] = here
        values[key] = _value(value_node, inside, source, places, faults)
    return values
