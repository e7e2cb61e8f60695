"""A registered model that nobody trained: benchmarks need its shape, not its answers."""

from __future__ import annotations

from asc_cli.frontend.feature import resolve
from asc_cli.frontend.standardise import Standardisation


def untrained(name: str, *overrides: str) -> str:
    """The paper's front end and LSTM (H = 128) at 22 050 Hz, one member; its id."""
    import numpy as np
    import torch

    from asc_cli.core import paths
    from asc_cli.models import build
    from asc_cli.recipe import load as recipe
    from asc_cli.registry import members, models

    labels = [f"scene{i}" for i in range(15)]
    chosen = recipe.load(
        "toy_lstm", ["model.n_hidden=128", "model.classifier_hidden=128", *overrides]
    )
    feature = resolve("log_mel", 22_050, {})
    torch.manual_seed(0)
    spread = Standardisation(np.full(64, -9, np.float32), np.full(64, 3, np.float32))
    path = paths.home() / "weights.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    network = build(chosen.model, 64, len(labels))
    members.save(path, network, members.Arrays(spread.mean, spread.deviation, 1.0))
    card = {
        "created": "2026-01-01",
        "labels": labels,
        "feature": feature.description(),
        "recipe": chosen.settings,
        "metrics": {},
        "dataset": {"name": "toy"},
    }
    return models.register(name, card, {1: path}).id
