"""Whose a setting is, once another recipe or `--set` has changed it.

A recipe's `source` section lists the settings that a publication gives (`stated`) and those that
the recipe's author chose (`ours`). A recipe that extends it inherits the section, but a value that
it changes is neither: its key moves to `own`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

SECTIONS = ("features", "clips", "model", "training", "evaluation", "stream")


def changed(section: str, below: Any, over: Any) -> list[str]:
    """Names of what a section laid over another changes: keys, or all of it where it is new."""
    if section not in SECTIONS or not isinstance(over, dict):
        return []
    if not isinstance(below, dict):
        below = {}
    if "name" in over and over["name"] != below.get("name"):
        return [section]
    return [f"{section}.{key}" for key in over if key not in below or below[key] != over[key]]


def owned(source: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The source section without a claim on these keys and sections, which are listed as `own`."""
    names = list(names)
    whole = tuple(f"{name}." for name in names if "." not in name)

    def kept(key: str) -> bool:
        return key not in names and not key.startswith(whole)

    lists = {part: [k for k in source.get(part) or () if kept(k)] for part in ("stated", "ours")}
    own = [key for key in source.get("own") or () if kept(key)] + names
    return {**source, **{part: lists[part] for part in lists if part in source}, "own": own}
