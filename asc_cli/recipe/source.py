"""YAML with the file and line of every key: the text side of a recipe."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from asc_cli.core import atomic, yaml_text
from asc_cli.core.errors import AscError
from asc_cli.recipe import provenance as recipe_provenance
from asc_cli.recipe.synonyms import key_for

LISTS = {  # keys that are lists of plug-ins, each with its parameters → the kind of plug-in
    ("variants",): "variants",
    ("augment",): "augment",
    ("evaluation", "variants"): "variants",
}
ENTRIES = (*LISTS, ("systems",))  # keys that are lists of mappings


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
    message: str


@dataclass
class Tree:
    """Nested values, and the place of every key by its path."""

    values: dict[str, Any]
    places: dict[tuple[str, ...], Place]

    def place(self, *path: str) -> Place:
        """Return the place of a key, or of the nearest key around it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return Place("recipe")


def run_name(path: Path) -> str:
    """Return what a recipe's runs and models are called: its file's name, less what a name that is
    a folder's and a command's argument cannot have."""
    return re.sub(r"[^A-Za-z0-9._+-]", "_", path.stem).lstrip("._+-") or "recipe"


def parse(path: Path) -> tuple[Tree, list[Fault]]:
    """Parse a YAML mapping with places; duplicate keys are faults. Raises AscError."""
    try:
        text = atomic.read_checked(path).decode("utf-8-sig")  # a run's has a checksum
    except (OSError, UnicodeDecodeError) as fault:
        raise AscError(f"recipe {path}: cannot be read ({fault})") from fault
    node = yaml_text.compose(text, f"recipe {path}")
    if not isinstance(node, yaml.MappingNode):
        raise AscError(f"recipe {path}: holds no keys; a mapping such as 'dataset: litis' expected")
    places: dict[tuple[str, ...], Place] = {(): Place(str(path), 1)}
    faults: list[Fault] = []
    values = _value(node, (), str(path), places, faults)
    return Tree(values, places), faults


def merge(base: Tree, override: Tree) -> Tree:
    """Return `override` merged over `base`, section by section.

    A section that names another feature or model replaces the old section: the old one's
    parameters are not the new one's. Another dataset drops the old one's `data`. A key that is
    changed leaves the lists of `source`, unless `override` has lists of its own.
    """
    values = dict(base.values)
    changed: list[str] = []
    if override.values.get("dataset", values.get("dataset")) != values.get("dataset"):
        values.pop("data", None)
    for key, value in override.values.items():
        base_value = values.get(key)
        changed += recipe_provenance.changed(key, base_value, value)
        if isinstance(value, dict) and isinstance(base_value, dict):
            renamed = "name" in value and value["name"] != base_value.get("name")
            value = value if renamed else {**base_value, **value}
        values[key] = value
    new_source = override.values.get("source") or {}
    if isinstance(new_source, dict) and {"stated", "ours"} & new_source.keys():
        values["source"] = {
            k: v for k, v in values["source"].items() if k != "own" or k in new_source
        }
    else:
        _mark_as_own(values, changed)
    return Tree(values, {**base.places, **override.places})


def _mark_as_own(values: dict[str, Any], changed: list[str]) -> None:
    if changed and isinstance(values.get("source"), dict):
        values["source"] = recipe_provenance.mark_as_own(values["source"], changed)


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
        if isinstance(section, list) and not (part.isdecimal() and int(part) < len(section)):
            faults.append(
                Fault(
                    place,
                    f"{dotted}: a number from 0 to {len(section) - 1} was expected, not {part}",
                )
            )
            return
        section = section[int(part)] if isinstance(section, list) else section.setdefault(part, {})
        if not isinstance(section, (dict, list)):
            faults.append(Fault(place, f"{part} is a value, not a section"))
            return
    if isinstance(section, list):
        faults.append(Fault(place, f"{dotted}: a key after the entry's number was expected"))
        return
    try:
        parsed = yaml_text.load(value, str(place))
    except AscError:  # text that YAML would want in quotes
        parsed = value
    if path == ("dataset",) and section.get("dataset") != parsed:
        section.pop("data", None)
    for key in ENTRIES:
        if path[: len(key)] == key:
            _mark_as_own(tree.values, [".".join(key)])
    if len(path) == 2:
        _mark_as_own(tree.values, recipe_provenance.changed(path[0], section, {path[1]: parsed}))
    if path[-1] == "name" and section.get("name") != parsed:
        section.clear()  # another feature or model: the old one's parameters are not its own
    section[path[-1]] = parsed
    tree.places[path] = place


def _value(
    node: yaml.Node, path: tuple[str, ...], source: str, places: dict, faults: list[Fault]
) -> Any:
    if isinstance(node, yaml.SequenceNode) and path in ENTRIES:
        entries = {(*path, str(i)): each for i, each in enumerate(node.value)}
        for entry, each in entries.items():
            places[entry] = Place(source, each.start_mark.line + 1)
        return [_value(each, entry, source, places, faults) for entry, each in entries.items()]
    if not isinstance(node, yaml.MappingNode):
        return yaml_text.construct(node, f"recipe {source}")
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key_place = Place(source, key_node.start_mark.line + 1)
        if not isinstance(key_node, yaml.ScalarNode):
            faults.append(Fault(key_place, "a list or a mapping stands where a key was expected"))
            continue
        key = key_for((*path, key_node.value))
        key_path = (*path, key)
        if key in values:
            faults.append(Fault(key_place, f"duplicate key {key!r}; first on {places[key_path]}"))
        places[key_path] = key_place
        values[key] = _value(value_node, key_path, source, places, faults)
    return values
