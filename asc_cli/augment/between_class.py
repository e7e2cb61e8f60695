"""Mix clips in pairs as sounds mix, in power: between-class learning.

    P ← E (r P / e + (1 − r) P' / e')       E = r e + (1 − r) e'
    t ← r t + (1 − r) t'                    r ~ U(0, 1)

P: power in each band and frame, e: its mean over the clip; P', e' and t' of another clip of the
batch, drawn at random. Sounds that do not depend on one another add up in power. Both are brought
to one energy first, so that a quiet one can be recognised, and r is its share of the energy.
After Tokozume, Ushiku, Harada: Learning from between-class examples for deep sound recognition,
arXiv 1711.10282, which mixes waveforms, with r of the amplitude.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from asc_cli.augment import Batch
from asc_cli.augment._draws import joined_mask, shares, tensor

NEEDS_LOGARITHM = True


@dataclass(frozen=True)
class BetweenClass:
    """Mixtures of clips with equal energies."""

    share: Annotated[float, Field(ge=0, le=1)] = 0.8  # share of the clips that are mixed

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Batch:
        n_clips = len(batch.frames)
        others = rng.permutation(n_clips)
        ratios = shares(rng, n_clips, self.share, rng.random(n_clips))
        r = tensor(ratios, batch.frames)[:, None, None]  # (N, 1, 1)
        power = batch.scale.power(batch.frames)
        if batch.mask is not None:
            power = power * batch.mask[:, :, None]
        energy = batch.mean_over_time(power).mean(dim=2, keepdim=True)  # (N, 1, 1)
        relative = power / energy
        level = r * energy + (1 - r) * energy[others]
        mixed = level * (r * relative + (1 - r) * relative[others])
        mask = joined_mask(batch, others, ratios)
        frames = batch.scale.frames(mixed).where((r < 1), batch.frames)
        own = r[:, :, 0]
        targets = own * batch.targets + (1 - own) * batch.targets[others]
        return replace(batch, frames=frames, mask=mask, targets=targets)
