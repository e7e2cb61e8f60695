"""What a model's card must hold: types, ranges and names, checked wherever a card is read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from asc_cli.core.kind import VIDEOS, is_ensemble, kind_of
from asc_cli.core.limits import SAMPLE_RATES, is_sample_rate

NUMBER = (int, float)
NOTHING = type(None)
Types = dict[str, type | tuple[type, ...]]  # path of keys → what it is

REQUIRED: Types = {
    "format": int,
    "name": str,
    "version": int,
    "created": str,
    "labels": list,
    "recipe": dict,
    "folds": list,
    "recipe.dataset": str,
}
OF_ENSEMBLES: Types = {"recipe.systems": list}
OF_ONE: Types = {
    "feature": dict,
    "feature.name": str,
    "recipe.model": dict,
    "recipe.model.name": str,
}
OF_RECORDINGS: Types = {
    **OF_ONE,
    "feature.version": int,
    "feature.parameters": dict,
    "feature.audio": dict,
    "feature.audio.sample_rate": int,
    "feature.audio.decoding": str,
    "recipe.clips": dict,
    "recipe.clips.overlap": NUMBER,
    "recipe.evaluation": dict,
    "recipe.evaluation.aggregate": str,
}
OF_VIDEOS: Types = {
    **OF_ONE,
    "feature.level": str,
    "feature.rgb": int,
    "feature.audio": int,
    "recipe.stream": dict,
    "recipe.stream.precision": str,
    "recipe.stream.n_labels": int,
    "recipe.stream.max_frames": int,
    "recipe.training": dict,
    "recipe.training.batch_size": int,
}
OPTIONAL: Types = {
    "registered": int,
    "run": (str, NOTHING),
    "metrics": dict,
    "metrics.error": (*NUMBER, NOTHING),
    "metrics.headline": (str, NOTHING),
    "conditions": dict,
    "conditions.summary": list,
    "dataset": dict,
    "dataset.name": str,
    "dataset.fingerprint": str,
    "dataset.lists": str,
    "packages": dict,
    "code": list,
    "files": dict,
    "devices": list,
    "recipe.licence": (str, NOTHING),
    "recipe.exclude": list,
    "recipe.augment": list,
    "recipe.evaluation.variants": list,
    "test_variants": list,
    "recipe.subset": (int, NOTHING),
    "recipe.training": (dict, NOTHING),
    "recipe.training.seed": int,
    "recipe.clips.length_s": (*NUMBER, NOTHING),
    "recipe.clips.length_frames": (int, NOTHING),
}
FILE_NAME = re.compile(r"(system\d{2,}/)?[^/\\]+")
CODE_KEYS = ("kind", "name", "origin", "hash")
LARGEST = {  # of any number in a section; more would only take memory
    "feature.parameters": 1e6,
    "recipe.clips": 1e6,
    "recipe.model": 1e8,
    "recipe.stream": 1e9,
}


def faults(card: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a card, in words; empty for one that this package wrote."""
    if wrong := list(_types(card)):
        return wrong
    return [*_names(card), *_ranges(card)]


def _types(card: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys that are missing, or of another type than this package writes."""
    settings = card.get("recipe")
    required = REQUIRED | _required(settings if isinstance(settings, dict) else {})
    missing = []
    for path, kind in required.items():
        there, value = _at(card, path)
        parent_there, parent = _at(card, path.rpartition(".")[0])
        if not there and parent_there and isinstance(parent, dict):
            missing.append(path)
        elif there and not _is(value, kind):
            yield f"{path} is no {_words(kind)}"
    if missing:
        yield f"lacks {', '.join(missing)}"
    for path, kind in OPTIONAL.items():
        there, value = _at(card, path)
        if there and not _is(value, kind):
            yield f"{path} is no {_words(kind)}"


def _required(settings: Mapping[str, Any]) -> Types:
    if is_ensemble(settings):
        return OF_ENSEMBLES
    return OF_VIDEOS if kind_of(settings) == VIDEOS else OF_RECORDINGS


def _names(card: Mapping[str, Any]) -> Iterator[str]:
    """Yield faults of labels, folds, files and code."""
    labels, folds = card["labels"], card["folds"]
    if not labels or not all(isinstance(each, str) and each.strip() for each in labels):
        yield "labels are no names"
    elif len(set(labels)) < len(labels):
        yield "two labels are the same"
    if not folds or not all(type(each) is int and 0 < each < 10**6 for each in folds):
        yield "folds are no numbers from 1"
    elif len(set(folds)) < len(folds):
        yield "two folds are the same"
    if not all(isinstance(each, str) for each in card.get("devices") or ()):
        yield "devices are no names"
    if not all(FILE_NAME.fullmatch(str(name)) for name in card.get("files") or ()):
        yield "files are no names"
    for row in card.get("code") or ():
        if not isinstance(row, dict) or not all(isinstance(row.get(k), str) for k in CODE_KEYS):
            yield f"code has an entry without {', '.join(CODE_KEYS)}"
            return


def _systems(rows: list[Any]) -> Iterator[str]:
    """Yield faults of an ensemble's systems: names and weights."""
    if not all(isinstance(row, dict) and isinstance(row.get("name"), str) for row in rows):
        yield "recipe.systems has an entry without name"
        return
    if not rows or len({row["name"] for row in rows}) < len(rows):
        yield "recipe.systems has none, or two of one name"
    for row in rows:
        weight = row.get("weight")
        if not _is(weight, NUMBER) or not 0 < weight < math.inf:
            yield f"recipe.systems has a weight of {weight}, which is no number above 0"


def _ranges(card: Mapping[str, Any]) -> Iterator[str]:
    """Yield numbers that no recording, clip or model has."""
    if is_ensemble(card["recipe"]):
        yield from _systems(card["recipe"]["systems"])
        if kind_of(card["recipe"]) == VIDEOS:
            yield "recipe has both systems and stream"
    elif kind_of(card["recipe"]) != VIDEOS:
        rate, clips = card["feature"]["audio"]["sample_rate"], card["recipe"]["clips"]
        if not is_sample_rate(rate):
            yield f"feature.audio.sample_rate is {rate}, not {SAMPLE_RATES}"
        if not 0 <= clips["overlap"] < 1:
            yield f"recipe.clips.overlap is {clips['overlap']}, not from 0 to below 1"
        length = clips.get("length_frames") or clips.get("length_s")
        if length is None or not length > 0:
            yield f"recipe.clips has a length of {length}"
    for path, largest in LARGEST.items():
        for key, number in _numbers(path, _at(card, path)[1]):
            if not math.isfinite(number) or abs(number) > largest:
                yield f"{key} is {number:.4g}; at most {largest:.0e} was expected"


def _numbers(path: str, value: Any) -> Iterator[tuple[str, float]]:
    """Yield the numbers in a value with their paths; one too large for a float is inf."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _numbers(f"{path}.{key}", each)
    elif isinstance(value, list):
        for each in value:
            yield from _numbers(path, each)
    elif isinstance(value, NUMBER):
        try:
            yield path, float(value)
        except OverflowError:
            yield path, math.inf


def _at(card: Mapping[str, Any], path: str) -> tuple[bool, Any]:
    """Return whether a path of keys is there, and its value."""
    value: Any = card
    for key in path.split(".") if path else ():
        if not isinstance(value, Mapping) or key not in value:
            return False, None
        value = value[key]
    return True, value


def _is(value: Any, kind: type | tuple[type, ...]) -> bool:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return isinstance(value, kinds) and not (isinstance(value, bool) and bool not in kinds)


def _words(kind: type | tuple[type, ...]) -> str:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return " or ".join("null" if each is NOTHING else each.__name__ for each in kinds)
