"""The feature `gammatone` in ONNX operators."""

from __future__ import annotations

import numpy as np

from asc_cli.export.frontends import spectrum
from asc_cli.features._spectrum import hann
from asc_cli.features.gammatone import Gammatone, gammatone_filters


def onnx(feature: Gammatone, sample_rate: int) -> tuple[str, dict[str, np.ndarray]]:
    """Return nodes that compute `frames` (R, T, F) from `samples` (R, N), and their constants."""
    filters = gammatone_filters(
        sample_rate, feature.frame_samples, feature.n_bands, feature.f_min_hz, feature.f_max_hz
    )
    return spectrum.bands(hann(feature.frame_samples), feature.hop_samples, filters, log=True)
