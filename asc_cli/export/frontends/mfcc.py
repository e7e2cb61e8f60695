"""The feature `mfcc` in ONNX operators.

    c[t, :] = the DCT-II's matrix times ln P[t, :], times 10 / ln 10
    Δ[t, :] = Σ_j K[t − s(t), j] c[s(t) + j, :]         ΔΔ likewise, with rows of its own

A polynomial fitted to `width` frames from s on has, at frame s + i, the derivative that row i of
K gives. Away from the ends s(t) = t − width // 2; at an end the first or last whole window serves
all. A recording shorter than the width repeats its end frames instead.

R recordings, T frames, C coefficients.
"""

from __future__ import annotations

import numpy as np

from asc_cli.export.frontends import spectrum
from asc_cli.features._spectrum import hamming
from asc_cli.features.mfcc import Mfcc

CEPSTRA = "    {out} = MatMul (log_power, cosines)\n"
DELTAS = """
    t_first = Shape <start=1, end=2> (cepstra)
    n_of_t = Squeeze (t_first)
    every_t = Range (zero, n_of_t, one)
    around = Sub (every_t, half_width)
    last_start = Sub (n_of_t, delta_width)
    from_zero = Max (around, zero)
    inside = Min (from_zero, last_start)
    is_short = Less (last_start, zero)
    begins = Where (is_short, around, inside)
    position = Sub (every_t, begins)
    begin_column = Unsqueeze (begins, last_axis)
    unclipped = Add (begin_column, within_width)
    last_t = Sub (n_of_t, one)
    not_before = Max (unclipped, zero)
    neighbours = Min (not_before, last_t)
    surroundings = Gather <axis=1> (cepstra, neighbours)
    weights_t = Gather <axis=0> (slopes, position)
    fitted = MatMul (weights_t, surroundings)
    differences = Reshape (fitted, differences_shape)
    frames = Concat <axis=-1> (cepstra, differences)
"""


def onnx(feature: Mfcc, sample_rate: int) -> tuple[str, dict[str, np.ndarray]]:
    """Return nodes that compute `frames` (R, T, F) from `samples` (R, N), and their constants."""
    framing, filters = feature.framing(sample_rate), feature.filters(sample_rate)
    nodes, constants = spectrum.bands(
        hamming(framing.frame_samples), framing.hop_samples, filters, log=True, out="log_power"
    )
    width = feature.delta_width if feature.deltas else None
    cepstral_nodes, cepstral_constants = _coefficients(feature.n_mels, feature.n_mfcc, width)
    return nodes + cepstral_nodes, constants | cepstral_constants


def _coefficients(
    n_mels: int, n_mfcc: int, delta_width: int | None
) -> tuple[str, dict[str, np.ndarray]]:
    """Return the same from `log_power` (R, T, n_mels); delta_width: None for no differences."""
    import scipy.fft

    cosines = scipy.fft.dct(np.eye(n_mels), axis=1, norm="ortho")[:, :n_mfcc]  # (n_mels, C)
    constants = {"cosines": (cosines * 10 / np.log(10)).astype(np.float32)}
    if delta_width is None:
        return CEPSTRA.format(out="frames"), constants
    constants |= {
        "delta_width": np.array(delta_width),
        "half_width": np.array(delta_width // 2),
        "within_width": np.arange(delta_width)[None],
        "slopes": _slopes(delta_width),
        "differences_shape": np.array([0, 0, -1]),
    }
    return CEPSTRA.format(out="cepstra") + DELTAS, constants


def _slopes(width: int) -> np.ndarray:  # -> (width, 2, width)
    """[i, k]: weights of a window's frames in its line's slope, its parabola's curvature, at i."""
    from scipy.signal import savgol_coeffs

    rows = [
        [savgol_coeffs(width, order, deriv=order, pos=i, use="dot") for order in (1, 2)]
        for i in range(width)
    ]
    return np.array(rows, np.float32)
