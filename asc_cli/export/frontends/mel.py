"""The feature `mel` in ONNX operators."""

from __future__ import annotations

import numpy as np

from asc_cli.export.frontends import spectrum
from asc_cli.features._spectrum import FLOOR
from asc_cli.features.mel import Mel


def onnx(feature: Mel, sample_rate: int) -> tuple[str, dict[str, np.ndarray]]:
    """Return nodes that compute `frames` (R, T, F) from `samples` (R, N), and their constants."""
    return spectrum.mel_bands(feature, sample_rate, False, 0.0, FLOOR)
