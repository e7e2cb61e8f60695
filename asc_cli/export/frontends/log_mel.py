"""The feature `log_mel` in ONNX operators."""

from __future__ import annotations

import numpy as np

from asc_cli.export.frontends import spectrum
from asc_cli.features.log_mel import LogMel


def onnx(feature: LogMel, sample_rate: int) -> tuple[str, dict[str, np.ndarray]]:
    """Return nodes that compute `frames` (R, T, F) from `samples` (R, N), and their constants."""
    return spectrum.mel_bands(feature, sample_rate, True, feature.offset, feature.floor)
