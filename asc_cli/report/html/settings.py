"""What a page says of a run's settings: facts, words, and which keys differ between runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def facts(
    run: str, model: str, settings: Mapping[str, Any], environment: Mapping[str, Any], dataset: Any
) -> dict[str, str]:
    """Return what the page lists about a run; dataset: its `Dataset`."""
    subset = f", subset {settings['subset']} %" if settings.get("subset") else ""
    rows = {
        "run": run,
        "model": model,
        "dataset": f"{dataset.title}{subset}",
        "official metric": dataset.metric,
        "dataset fingerprint": environment["dataset_fingerprint"],
        "audio": environment.get("audio_root", "not recorded"),
        "systems": ", ".join(
            f"{system['name']} (weight {system['weight']:g})"
            for system in settings.get("systems", ())
        ),
        "feature": (settings.get("features") or {}).get("name", ""),
        "trained on": f"{environment.get('device')}, {environment.get('platform')}",
        "python": environment.get("python"),
        "licence of the data": dataset.licence,
        "citation": dataset.citation,
    }
    return {name: str(value) for name, value in rows.items() if value}


def choice_of_epoch(settings: Mapping[str, Any]) -> str:
    """Return how the weights were chosen."""
    if (settings.get("training") or {}).get("choose_epoch") == "validation":
        return "the epoch was chosen on validation recordings, held out of training"
    return "the last epoch's weights are used"


def calibration(settings: Mapping[str, Any]) -> str:
    """Return whether probabilities were calibrated."""
    if (settings.get("evaluation") or {}).get("calibrate") == "temperature":
        return "Probabilities were scaled by a temperature fitted on validation recordings."
    if "systems" in settings:
        return "Probabilities are the weighted mean of those of the systems."
    return "Probabilities are not calibrated."
