"""Check that a model can be used, before it is registered: its card, its weights, its answers."""

from __future__ import annotations

import numpy as np

from asc_cli.core.device import has_torch
from asc_cli.core.errors import AscError
from asc_cli.evaluation import aggregate
from asc_cli.frontend import feature as features
from asc_cli.inference import ensemble, graphs
from asc_cli.inference.member import AUTO, TORCH
from asc_cli.registry import models

MAX_CLIP_FRAMES = 1_000_000
NOISE_CLIPS = 2
SUM_TOLERANCE = 1e-4


def require_usable(model: models.Model) -> None:
    """Load a model of recordings, or an ensemble, and let each member classify noise.

    Args:
        model: Registered, or about to be.

    Raises:
        AscError: Its feature cannot be computed, its weights are not those of its network or not
            finite, or its answers are no probabilities; the text says which.
    """
    graphs.require_closed(model)
    for system in model.systems():
        for device in (None, *system.devices):
            _require_usable(system, device)
    graphs.require_true(model)


def _require_usable(model: models.Model, device: str | None) -> None:
    try:
        loaded = ensemble.load(model, device=device, engine=TORCH if has_torch() else AUTO)
        features.probe(loaded.feature)
        _require_sizes(loaded)
        rng = np.random.default_rng(0)
        shape = (NOISE_CLIPS, loaded.clip_grid.n_frames, loaded.feature.n_bands)
        noise = rng.standard_normal(shape, np.float32)
        frames = noise * loaded.members[0].standardise.deviation
        frames += loaded.members[0].standardise.mean
        lengths = np.full(NOISE_CLIPS, loaded.clip_grid.n_frames)
        logs, _ = ensemble.log_probabilities(loaded, frames, lengths)
    except MemoryError:
        raise AscError("there is not enough memory to load it and to classify noise") from None
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError) as fault:
        reason = str(fault).strip().partition("\n")[0][:300]
        raise AscError(f"it cannot classify noise ({reason}); its weights are damaged") from fault
    require_probabilities(logs, len(loaded.labels), loaded.aggregate)


def _require_sizes(loaded: ensemble.Loaded) -> None:
    """Raise AscError for bands other than those that its members are for, or endless clips."""
    n_bands, n_frames = loaded.feature.n_bands, loaded.clip_grid.n_frames
    for member in loaded.members:
        if len(member.standardise.mean) != n_bands:
            raise AscError(
                f"its weights are for {len(member.standardise.mean)} bands, and its feature has "
                f"{n_bands}"
            )
    if n_frames > MAX_CLIP_FRAMES:
        raise AscError(f"its clips have {n_frames} frames; at most {MAX_CLIP_FRAMES} are possible")


def require_probabilities(logs: np.ndarray, n_scenes: int, how: str) -> None:
    """Raise AscError for answers (b, C) that are no log probabilities of clips."""
    if logs.shape[1:] != (n_scenes,):
        raise AscError(f"it gives {logs.shape[1]} scores for {n_scenes} labels")
    owners = np.zeros(len(logs), np.int64)
    scores = aggregate.recording_scores(logs, owners, 1, how)
    if not np.isfinite(logs).any() or not np.isfinite(scores).all():
        raise AscError("of noise, its probabilities are not finite; its weights are damaged")
    if abs(scores.sum() - 1) > SUM_TOLERANCE or abs(np.exp(logs).sum(axis=1) - 1).max() > 1e-3:
        raise AscError(f"of noise, its probabilities sum to {scores.sum():.4g}, not to 1")
