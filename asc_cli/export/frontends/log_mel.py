"""The feature `log_mel` in ONNX operators."""

from __future__ import annotations

import numpy as np

from asc_cli.export.frontends import spectrum
from asc_cli.features._spectrum import hann
from asc_cli.features.log_mel import LogMel


def onnx(feature: LogMel, sample_rate: int) -> tuple[str, dict[str, np.ndarray]]:
    """Return nodes that compute `frames` (R, T, F) from `samples` (R, N), and their constants."""
    filters = feature.filters(sample_rate)
    return spectrum.bands(hann(feature.frame_samples), feature.hop_samples, filters, log=True)
