"""Check that a model of either kind can be used, before it is registered."""

from __future__ import annotations

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.inference import validation
from asc_cli.inference.ensemble import is_video_model
from asc_cli.registry import models
from asc_cli.video import predict


def require_usable(model: models.Model) -> None:
    """Load a model and let it classify noise.

    Args:
        model: Registered, or about to be.

    Raises:
        AscError: Its weights are not those of its network or not finite, or its answers are no
            probabilities; the text says which.
    """
    if not is_video_model(model):
        return validation.require_usable(model)
    import torch

    try:
        network, layout, _ = predict.load(model)
        frames = layout.max_frames if layout.level == "frame" else 1
        with torch.inference_mode():
            noise = np.random.default_rng(0).standard_normal((1, frames, layout.F), np.float32)
            scores = network(torch.from_numpy(noise), None)
    except MemoryError:
        raise AscError("there is not enough memory to load it and to label noise") from None
    if scores.shape != (1, layout.n_labels) or len(model.card["labels"]) != layout.n_labels:
        raise AscError(
            f"it gives {scores.shape[1]} scores, its card has {len(model.card['labels'])} labels "
            f"and its stream {layout.n_labels}"
        )
    if not bool(torch.isfinite(scores).all()):
        raise AscError("of noise, its scores are not finite; its weights are damaged")
    return None
