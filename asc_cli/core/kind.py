"""Which kind of data: recordings with one scene each, or shards of videos with many labels.

The only place that decides. Settings (of a recipe, a run or a model's card) are of videos where
they have a `stream` section; a dataset is where its file says STREAMED; a model in `models/` is
where its file says MANY_LABELS. recipe/checks.py checks that those of a recipe agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asc_cli.core import plugins, yaml_text

OUTSIDE_DATA = "outside data"  # marks results that are not from the dataset's recordings alone
RECORDINGS, VIDEOS = "recordings", "videos"


def kind_of(settings: Mapping[str, Any]) -> str:
    """Return RECORDINGS or VIDEOS, from the settings of a recipe, or of a model's card."""
    return VIDEOS if settings.get("stream") else RECORDINGS


def is_ensemble(settings: Mapping[str, Any]) -> bool:
    """Return whether settings are of several systems, whose probabilities are averaged."""
    return "systems" in settings


def kind_of_dataset(name: str, catalog: plugins.Catalog = plugins.INSTALLED) -> str:
    """Return RECORDINGS or VIDEOS. Raises AscError with the nearest name for an unknown dataset."""
    catalog.require("datasets", name)
    return VIDEOS if catalog.constant("datasets", name, "STREAMED", False) else RECORDINGS


def kind_of_model(name: str, catalog: plugins.Catalog = plugins.INSTALLED) -> str:
    """Return RECORDINGS or VIDEOS, from the name of a model's file."""
    return VIDEOS if catalog.constant("models", name, "MANY_LABELS", False) else RECORDINGS


def kind_of_run(folder: Path) -> str:
    """Return RECORDINGS or VIDEOS, from a run's recipe.yaml."""
    return kind_of(yaml_text.read(folder / "recipe.yaml"))
