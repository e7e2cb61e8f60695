"""Mix the spectral colour of clips in pairs, and not their content: Freq-MixStyle.

    x ← σ (x − μ_x) / σ_x + μ
    μ = λ μ_x + (1 − λ) μ_x'        σ = λ σ_x + (1 − λ) σ_x'        λ ~ Beta(alpha, alpha) a clip

μ_x, σ_x: mean and deviation of each band over the frames that count; x': another clip of the batch,
drawn at random. Labels stay: it is the device that is mixed. Kim et al., DCASE 2021 technical
report; Schmid et al., arXiv 2206.12513. As there, a batch is changed or it is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from asc_cli.augment import Batch
from asc_cli.augment._draws import tensor

SMALLEST_VARIANCE = 1e-6


@dataclass(frozen=True)
class FreqMixStyle:
    """Mixtures of the bands' means and deviations."""

    alpha: Annotated[float, Field(gt=0)] = 0.3  # of the Beta distribution
    share: Annotated[float, Field(ge=0, le=1)] = 0.4  # share of the batches that are changed

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Batch:
        n_clips = len(batch.frames)
        changed = rng.random() < self.share
        others = rng.permutation(n_clips)
        drawn = tensor(rng.beta(self.alpha, self.alpha, n_clips), batch.frames)
        if not changed:
            return batch
        own = drawn[:, None, None]  # (N, 1, 1)
        mean = batch.mean_over_time(batch.frames)  # (N, 1, F)
        variance = batch.mean_over_time((batch.frames - mean).square())
        deviation = (variance + SMALLEST_VARIANCE).sqrt()
        new_mean = own * mean + (1 - own) * mean[others]
        new_deviation = own * deviation + (1 - own) * deviation[others]
        return replace(batch, frames=(batch.frames - mean) / deviation * new_deviation + new_mean)
