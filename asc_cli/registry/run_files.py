"""Read the files of a run: whole and of the right form, or a sentence that names the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from asc_cli.core import atomic, yaml_text
from asc_cli.core.errors import AscError, DamagedFile

SETTINGS, ENVIRONMENT, METRICS = "recipe.yaml", "environment.json", "metrics.json"
PREDICTIONS = "predictions.csv"
UNKNOWN = "unknown.json"  # of a fold: how far its test recordings are from all scenes
NUMBER = (int, float)
SECTIONS = ("features", "clips", "model", "training", "validation", "evaluation", "stream", "paper")


def settings(folder: Path) -> Mapping[str, Any]:
    """Return what a run's recipe.yaml holds.

    Raises:
        AscError: It cannot be read, or a section of it is no mapping.
    """
    values = yaml_text.read(folder / SETTINGS, f"recipe {folder / SETTINGS}")
    wrong = [name for name in SECTIONS if not isinstance(values.get(name), dict | None)]
    wrong += [] if isinstance(values.get("dataset"), str) else ["dataset"]
    wrong += [] if isinstance(values.get("exclude", []), list) else ["exclude"]
    wrong += [] if isinstance(values.get("subset"), int | None) else ["subset"]
    wrong += [] if _SYSTEMS(values.get("systems", [])) else ["systems"]
    if wrong:
        raise AscError(
            f"{folder / SETTINGS}: is damaged (no recipe's {', '.join(wrong)}); train the recipe "
            "again: the same command writes it"
        )
    return values


def environment(folder: Path) -> Mapping[str, Any]:
    """Return what a run's environment.json holds.

    Raises:
        AscError: It is missing or damaged.
    """
    path = folder / ENVIRONMENT
    try:
        values = atomic.read_json(path, packages=dict, dataset_fingerprint=str)
    except FileNotFoundError:
        raise AscError(f"{path}: is missing; the same asc train command writes it") from None
    if not isinstance(values.get("audio_root", ""), str):
        raise DamagedFile(
            f"{path}: is damaged (its audio_root); the same asc train command "
            "writes it again once it is removed"
        )
    return values


def metrics(folder: Path) -> dict[str, Any] | None:
    """Return what metrics.json of a finished run holds; None of a run that is not.

    Raises:
        DamagedFile: It is damaged.
    """
    path = folder / METRICS
    try:
        values = atomic.read_json(path, headline=str, error=NUMBER, model=str)
    except FileNotFoundError:
        return None
    if wrong := [key for key, right in FORMS.items() if key in values and not right(values[key])]:
        raise DamagedFile(
            f"{path}: is damaged (its {', '.join(wrong)}); remove it, and run the command that "
            "wrote it again"
        )
    return values


def _rows_with(**types: type) -> Callable[[Any], bool]:
    """Return whether a value is a list of mappings that have these keys."""

    def check(value: Any) -> bool:
        return isinstance(value, list) and all(
            isinstance(row, dict) and all(isinstance(row.get(k), t) for k, t in types.items())
            for row in value
        )

    return check


def _by_fold(kind: type) -> Callable[[Any], bool]:
    """Return whether a value is a mapping of folds' numbers to values of a type."""

    def check(value: Any) -> bool:
        return isinstance(value, dict) and all(
            key.isascii() and key.isdigit() and isinstance(each, kind)
            for key, each in value.items()
        )

    return check


def _are_conditions(value: Any) -> bool:
    summary = value.get("summary") if isinstance(value, dict) else None
    return isinstance(summary, list) and all(isinstance(phrase, str) for phrase in summary)


def _are_remarks(value: Any) -> bool:
    """Return whether a value is a list of remarks; version 0.1 wrote their texts alone."""
    return isinstance(value, list) and all(
        isinstance(row.get("text") if isinstance(row, dict) else row, str) for row in value
    )


_SYSTEMS = _rows_with(name=str, weight=float, recipe=dict)  # of an ensemble's recipe.yaml
FORMS: dict[str, Callable[[Any], bool]] = {
    "folds": _rows_with(fold=int),
    "published": _rows_with(),
    "epochs": _rows_with(epoch=int),
    "conditions": _are_conditions,
    "remarks": _are_remarks,
    "seen_devices": _by_fold(list),
    "seen_cities": _by_fold(list),
    "trained_recordings": _by_fold(int),
}
