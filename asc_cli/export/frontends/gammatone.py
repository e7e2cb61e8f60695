"""The feature `gammatone` in ONNX operators."""

from __future__ import annotations

import numpy as np

from asc_cli.export.frontends import spectrum
from asc_cli.features._spectrum import hann
from asc_cli.features.gammatone import gammatone_filters


def onnx(
    sample_rate: int,
    *,
    n_bands: int,
    frame_samples: int,
    hop_samples: int,
    f_min_hz: float,
    f_max_hz: float | None,
) -> tuple[str, dict[str, np.ndarray]]:
    """Nodes that make `frames` (R, T, F) of `samples` (R, N), and the constants they use."""
    filters = gammatone_filters(sample_rate, frame_samples, n_bands, f_min_hz, f_max_hz)
    return spectrum.bands(hann(frame_samples), hop_samples, filters, log=True)
