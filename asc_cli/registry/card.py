"""The card of a registered model, and the package versions that a run records."""

from __future__ import annotations

import datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asc_cli import __version__
from asc_cli.core.installation import DISTRIBUTION
from asc_cli.datasets import Dataset

if TYPE_CHECKING:
    from asc_cli.recipe.load import Recipe

PACKAGES = ("torch", "numpy", "scipy", "librosa", "scikit-learn", "soundfile", "soxr")


def card(
    run: Path, recipe: Recipe, dataset: Dataset, data: dict[str, str], metrics: dict[str, Any]
) -> dict[str, Any]:
    """Return a model's card, without labels and feature. data: fingerprints."""
    return {
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "labels": [],
        "feature": {},
        "recipe": recipe.settings,
        "run": run.name,
        "metrics": {k: v for k, v in metrics.items() if isinstance(v, (int, float, str))},
        "conditions": metrics["conditions"],
        "dataset": {
            "name": dataset.name,
            "title": dataset.title,
            "licence": dataset.licence,
            "citation": dataset.citation,
            **data,
        },
        "code": recipe.code(),
        "packages": packages(),
    }


def packages() -> dict[str, str]:
    """Return the versions of the packages that results depend on."""
    return {DISTRIBUTION: __version__, **{name: metadata.version(name) for name in PACKAGES}}
