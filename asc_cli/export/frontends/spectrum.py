"""features/_spectrum.bands in ONNX operators: the spectrum of frames, summed in bands.

The transform of a frame of L = a·b samples in two steps, each a matrix product, which is faster
and smaller than one product with an L × L matrix, and rounds less. With n = b n₁ + n₂ and
k = k₁ + a k₂

    Y[k₁, n₂] = Σ_n₁ e^{−2πi n₁ k₁ / a} x[b n₁ + n₂]
    X[k]      = Σ_n₂ e^{−2πi n₂ k₂ / b} e^{−2πi n₂ k₁ / L} Y[k₁, n₂]

R recordings, N samples, T frames, F bands.
"""

from __future__ import annotations

import math

import numpy as np

from asc_cli.features._mel import Settings, filters_of
from asc_cli.features._spectrum import FLOOR, WINDOWS, reach_samples

REFLECT = '    signal = Pad <mode="reflect"> (samples, at_both_ends)\n'
AS_IT_IS = "    signal = Identity (samples)\n"
FRAMES = """
    n1 = Shape <start=1, end=2> (signal)
    n_samples = Squeeze (n1)
    room = Sub (n_samples, frame_length)
    last_frame = Div (room, hop)
    n_frames = Add (last_frame, one)
    t = Range (zero, n_frames, one)
    t_hop = Mul (t, hop)
    begin = Unsqueeze (t_hop, last_axis)
    at = Add (begin, within)
    pieces = Gather <axis=1> (signal, at)
    windowed = Mul (pieces, window)
    whole = Pad (windowed, to_n_fft)
"""
TRANSFORM = """
    grid = Reshape (whole, grid_shape)
    y_re = MatMul (first_re, grid)
    y_im = MatMul (first_im, grid)
    rr = Mul (y_re, twist_re)
    ii = Mul (y_im, twist_im)
    ri = Mul (y_re, twist_im)
    ir = Mul (y_im, twist_re)
    z_re = Sub (rr, ii)
    z_im = Add (ri, ir)
    x_re = MatMul (z_re, last_re)
    x_im = MatMul (z_im, last_im)
    x = Add (x_re, x_im)
    squares = Mul (x, x)
    parts = Reshape (squares, parts_shape)
    power = ReduceSum <keepdims=0> (parts, re_im_axis)
"""
POWER = "    flat = Reshape (power, flat_shape)\n    banded = MatMul (flat, filters)\n"
MAGNITUDE = (
    "    root = Sqrt (power)\n    flat = Reshape (root, flat_shape)\n"
    "    banded = MatMul (flat, filters)\n"
)
LOG = """
    raised = Add (banded, offset)
    audible = Max (raised, floor)
    {out} = Log (audible)
"""
IDENTITY = "    {out} = Identity (banded)\n"


def bands(
    window: np.ndarray,  # (frame,)
    hop_samples: int,
    filters: np.ndarray,  # (K, F) with K = 1 + n_fft // 2
    magnitude: bool = False,
    log: bool = False,
    offset: float = 0.0,
    floor: float = FLOOR,
    centred: bool = False,
    out: str = "frames",
) -> tuple[str, dict[str, np.ndarray]]:
    """Return nodes that compute `out` (R, T, F) from `samples` (R, N), and their constants.

    log: ln max(· + offset, floor). centred: the recording is reflected at its ends.
    """
    L = 2 * (len(filters) - 1)
    a = max(d for d in range(1, math.isqrt(L) + 1) if L % d == 0)
    b = L // a
    k2 = np.arange(b // 2 + 1)  # k up to L / 2 and a little beyond
    last = _turns(np.outer(np.arange(b), k2) / b)  # (n2, k2)
    first = _turns(np.outer(np.arange(a), np.arange(a)) / a)  # (k1, n1)
    twist = _turns(np.outer(np.arange(a), np.arange(b)) / L)  # (k1, n2)
    bins = np.arange(a)[:, None] + a * k2  # (k1, k2)
    weights = np.zeros((bins.max() + 1, filters.shape[1]), np.float32)
    weights[: len(filters)] = filters
    constants = {
        "hop": np.array(hop_samples),
        "frame_length": np.array(len(window)),
        "within": np.arange(len(window))[None],
        "window": window,
        "to_n_fft": np.array([0, 0, 0, 0, 0, L - len(window)]),
        "grid_shape": np.array([0, 0, a, b]),
        "first_re": first.real,
        "first_im": first.imag,
        "twist_re": twist.real,
        "twist_im": twist.imag,
        "last_re": np.concatenate([last.real, last.imag], axis=1),  # → real | imaginary parts
        "last_im": np.concatenate([-last.imag, last.real], axis=1),
        "parts_shape": np.array([0, 0, 0, 2, -1]),
        "re_im_axis": np.array([3]),
        "flat_shape": np.array([0, 0, -1]),
        "filters": weights[bins].reshape(-1, filters.shape[1]),
        "offset": np.array(offset, np.float32),
        "floor": np.array(floor, np.float32),
    }
    if centred:
        before = reach_samples(len(window))
        constants["at_both_ends"] = np.array([0, before, 0, len(window) - before])
    last_step = (LOG if log else IDENTITY).format(out=out)
    banded = MAGNITUDE if magnitude else POWER
    return (REFLECT if centred else AS_IT_IS) + FRAMES + TRANSFORM + banded + last_step, constants


def mel_bands(
    settings: Settings, sample_rate: int, log: bool, offset: float, floor: float
) -> tuple[str, dict[str, np.ndarray]]:
    """Return the same for the parameters that `log_mel` and `mel` share."""
    return bands(
        WINDOWS[settings.window](settings.frame_samples),
        settings.hop_samples,
        filters_of(settings, sample_rate),
        magnitude=settings.spectrum == "magnitude",
        log=log,
        offset=offset,
        floor=floor,
        centred=settings.centred,
    )


def _turns(turns: np.ndarray) -> np.ndarray:
    """Return e^{−2πi turns}."""
    return np.exp(-2j * np.pi * (turns % 1)).astype(np.complex64)
