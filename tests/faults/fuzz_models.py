"""Models with a wrong key in the card, or wrong arrays: refused on import, or they answer.

`changes` draws them from a seed; `write` makes a model's file with one; `attack` imports it.
"""

from __future__ import annotations

import copy
import math
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from safetensors.torch import load, save

from asc_cli import workflow
from asc_cli.core.errors import AscError
from asc_cli.registry import archive, models
from asc_cli.video.validation import require_usable

VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1,
    2030,
    10**9,
    10**30,
    1.5,
    math.nan,
    math.inf,
    1e30,
    "",
    "x",
    "1234",
    "\x1b[31m",
    "9999-01-01",
    "../../x",
    [],
    [1],
    [1.5],
    ["a", "a"],
    {},
    {"x": 1},
)
ARRAYS = ("nan", "inf", "1e30", "zeros", "negative", "double", "whole", "scalar", "short", "empty")
Change = tuple[str, Any, Any]  # "card", path, value; or "array", name, what becomes of it


def changes(seed: int, count: int, card: dict[str, Any], arrays: list[str]) -> Iterator[Change]:
    """Draw changes of a card's keys and of arrays, the same for the same seed."""
    draw, keys = random.Random(seed), list(_paths(card))
    for _ in range(count):
        kind = draw.choice(("card", "card", "array", "drop", "add"))
        if kind == "array":
            yield kind, draw.choice(arrays), draw.choice(ARRAYS)
        else:
            yield kind, draw.choice(keys), draw.choice(VALUES)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    children: Any = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    for key, each in children:
        yield from _paths(each, (*path, key))


def write(original: Path, change: Change, path: Path, folder: str = "") -> None:
    """Write a model's file with a change, without checksums, as version 0.1 wrote it.

    folder: Where the changed card and arrays are: "", or "system01/" of an ensemble.
    """
    kind, where, value = change
    with zipfile.ZipFile(original) as good, zipfile.ZipFile(path, "w") as out:
        for name in good.namelist():
            data = good.read(name)
            if name == f"{folder}card.yaml" and kind != "array":
                data = yaml.safe_dump(_changed(yaml.safe_load(data), kind, where, value)).encode()
            elif name.endswith("card.yaml"):
                data = yaml.safe_dump(_unchecked(yaml.safe_load(data))).encode()
            elif name.endswith(".safetensors"):
                tensors = load(data)
                if kind == "array" and name.rpartition("/")[0] == folder.rstrip("/"):
                    tensors[where] = array(tensors[where], value)
                data = save(tensors)
            out.writestr(name, data)


def _unchecked(card: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in card.items() if key not in ("checksum", "files")}


def _changed(card: dict[str, Any], kind: str, where: tuple[Any, ...], value: Any) -> dict[str, Any]:
    if where[0] in ("checksum", "files"):
        return _unchecked(card)
    card = copy.deepcopy(_unchecked(card))
    parent: Any = card
    for key in where[:-1]:
        parent = parent[key]
    if kind == "drop":
        del parent[where[-1]]
    elif kind == "add" and isinstance(parent, dict):
        parent["something"] = value
    else:
        parent[where[-1]] = value
    return card


def array(tensor: torch.Tensor, how: str) -> torch.Tensor:
    """Return an array with a fault."""
    if how == "double":
        return tensor.double() if tensor.dtype != torch.float64 else tensor.float()
    if how == "whole":
        return tensor.to(torch.int32)
    if how == "scalar":
        return tensor.reshape(-1)[0].clone()
    if how == "short":
        return tensor.reshape(-1)[:-1].clone()
    if how == "empty":
        return tensor.reshape(-1)[:0].clone()
    tensor = tensor.clone()
    if how == "negative":
        return -tensor
    value = {"nan": math.nan, "inf": math.inf, "1e30": 1e30, "zeros": 0.0}[how]
    tensor.reshape(-1)[: None if how == "zeros" else 1] = value
    return tensor


def attack(path: Path, clip: Path) -> str:
    """Import a model, show it and predict with it; then remove it. Only AscError may be raised."""
    try:
        model = archive.import_file(path, check=require_usable)
    except AscError as fault:
        assert str(path) in str(fault) or "card.yaml" in str(fault)
        assert not list(models.paths.models().glob(".tmp*"))
        return "refused"
    try:
        assert model.id in [each.id for each in models.models()]
        workflow.costs(model)
        [row] = workflow.predict([clip], model=model.id, jobs=1)
        if row.error is None:
            scores = np.array(list(row.scenes.values()))
            assert np.isfinite(scores).all() and abs(scores.sum() - 1) < 1e-3
    finally:
        models.remove(model.id)
    return "imported"
