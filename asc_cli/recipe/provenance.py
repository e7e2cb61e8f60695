"""Where a setting comes from, once another recipe or `--set` has changed it.

A recipe's `source` section lists the settings that a publication gives (`stated`) and those that
the recipe's author chose (`ours`). A recipe that extends it inherits the section, but a value that
it changes is neither: its key moves to `own`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

SECTIONS = ("features", "clips", "model", "training", "evaluation", "stream", "distil", "fine_tune")


def changed(section: str, base: Any, override: Any) -> list[str]:
    """Return the names that an overriding section changes: keys, or the whole section if new."""
    if section in ("variants", "augment", "systems"):  # lists
        return [section] if base != override else []
    if section not in SECTIONS or not isinstance(override, dict):
        return []
    if not isinstance(base, dict):
        base = {}
    if "name" in override and override["name"] != base.get("name"):
        return [section]
    return [f"{section}.{key}" for key in override if key not in base or base[key] != override[key]]


def mark_as_own(source: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the source section with these keys and sections moved to the list `own`."""
    names = list(names)
    sections = tuple(f"{name}." for name in names if "." not in name)

    def unchanged(key: str) -> bool:
        return key not in names and not key.startswith(sections)

    lists = {
        list_name: [k for k in _keys(source, list_name) if unchanged(k)]
        for list_name in ("stated", "ours")
    }
    own = [key for key in _keys(source, "own") if unchanged(key)] + names
    return {
        **source,
        **{list_name: lists[list_name] for list_name in lists if list_name in source},
        "own": own,
    }


def _keys(source: dict[str, Any], list_name: str) -> list[str]:
    """Return the keys in a list of the section; [] where it is no list, which is a fault."""
    keys = source.get(list_name)
    return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []
