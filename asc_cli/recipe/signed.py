"""The settings that a run's signature is the hash of: less what earlier versions did not have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asc_cli.core import plugins
from asc_cli.core.plugins import Catalog


def signed_settings(settings: dict[str, Any], catalog: Catalog) -> Mapping[str, Any]:
    """Return a recipe's settings, so that runs of earlier versions keep their names.

    A renamed model has its first name. A feature's parameter that came later is left out at its
    value of before.
    """
    model = settings["model"]
    signed = {**settings, "model": {**model, "name": plugins.first_name("models", model["name"])}}
    if unknown := settings["evaluation"].get("unknown"):  # its negatives count by their sounds
        own = {key: value for key, value in unknown.items() if key != "negatives"}
        signed["evaluation"] = {**settings["evaluation"], "unknown": own}
    if features := settings["features"]:
        added = catalog.added(features["name"])
        signed["features"] = {
            key: value for key, value in features.items() if key not in added or value != added[key]
        }
    return signed
