"""The feature `cqt` in ONNX operators.

Both of its sums are convolutions with a stride. The halving computes many samples at once, a
channel each, as _cqt.halving does. Less than a slice gives no frame, and asc stops with an error;
onnxruntime then stops at `first`.

R recordings, N samples, T slices, F bins.
"""

from __future__ import annotations

import numpy as np

from asc_cli.features import _cqt
from asc_cli.features.cqt import Cqt

START = """
    n_given = Shape <start=1, end=2> (samples)
    n_slices = Div (n_given, slice_samples)
    n_range = Squeeze (n_slices)
    every = Range (zero, n_range, one)
    first = Gather <axis=0> (every, zero_at)
    n_there = Add (n_slices, first)
    n_used = Mul (n_there, slice_hops)
    lacking = Sub (shortest, n_given)
    appended = Max (lacking, zero_at)
    after = Concat <axis=0> (zeros_3, appended)
    signal_0 = Pad (samples, after)
"""
OCTAVE = """
    line_{i} = Unsqueeze (signal_{i}, middle_axis)
    whole_{i} = Conv <strides=[{hop}], pads=[{half}, {half}]> (line_{i}, wavelets_{i})
    used_{i} = Slice (whole_{i}, zero_at, n_used, last_axis)
    squares_{i} = Mul (used_{i}, used_{i})
    parts_{i} = Reshape (squares_{i}, re_im_shape_{i})
    power_{i} = ReduceSum <keepdims=0> (parts_{i}, middle_axis)
"""
HALVE = """
    many_{i} = Conv <strides=[{stride}], pads=[{reach}, {length}]> (line_{i}, halving)
    in_turn_{i} = Transpose <perm=[0, 2, 1]> (many_{i})
    joined_{i} = Reshape (in_turn_{i}, flat_shape)
    n_{i} = Shape <start=1, end=2> (signal_{i})
    n_odd_{i} = Add (n_{i}, one_at)
    n_half_{i} = Div (n_odd_{i}, two_at)
    signal_{next} = Slice (joined_{i}, zero_at, n_half_{i}, last_axis)
"""
IDENTITY = "    signal_{next} = Identity (signal_{i})\n"
SLICES = """
    power = Concat <axis=1> ({powers})
    magnitude = Sqrt (power)
    by_slice = Reshape (magnitude, slices_shape)
    mean_magnitude = ReduceMean <keepdims=0> (by_slice, slice_axis)
    root = Sqrt (mean_magnitude)
    frames = Transpose <perm=[0, 2, 1]> (root)
"""


def onnx(feature: Cqt, sample_rate: int) -> tuple[str, dict[str, np.ndarray]]:
    """Return nodes that compute `frames` (R, T, F) from `samples` (R, N), and their constants."""
    slice_samples = feature.framing(sample_rate).hop_samples
    shortest = feature.shortest_samples(sample_rate)
    return _slices(feature.octaves(sample_rate), slice_samples, shortest)


def _slices(
    octaves: tuple[_cqt.Octave, ...],
    slice_samples: int,
    shortest_samples: int,
) -> tuple[str, dict[str, np.ndarray]]:
    """Return the same from the octaves' filters; short recordings are padded with zeros."""
    top = octaves[0]
    F, hops = top.low + len(top.kernels), slice_samples // top.hop_samples
    constants = _constants(F, hops, slice_samples, shortest_samples)
    filters, reach = _cqt.halving()
    constants["halving"] = filters[:, None]
    nodes = START
    for i, octave in enumerate(octaves):
        bins, L = octave.kernels.shape
        constants[f"wavelets_{i}"] = _cqt.re_im(octave.kernels)[:, None]  # (2 bins, 1, L)
        constants[f"re_im_shape_{i}"] = np.array([0, 2, bins, -1])
        nodes += OCTAVE.format(i=i, hop=octave.hop_samples, half=L // 2)
        if octave is not octaves[-1]:
            template = HALVE if octave.halved else IDENTITY
            nodes += template.format(
                i=i,
                next=i + 1,
                stride=2 * _cqt.POLYPHASE_BLOCK,
                reach=reach,
                length=filters.shape[1],
            )
    powers = ", ".join(f"power_{i}" for i in reversed(range(len(octaves))))
    return nodes + SLICES.format(powers=powers), constants


def _constants(
    F: int, hops: int, slice_samples: int, shortest_samples: int
) -> dict[str, np.ndarray]:
    return {
        "slice_samples": np.array([slice_samples]),
        "slice_hops": np.array([hops]),
        "shortest": np.array([shortest_samples]),
        "zeros_3": np.zeros(3, np.int64),
        "zero_at": np.array([0]),
        "one_at": np.array([1]),
        "two_at": np.array([2]),
        "middle_axis": np.array([1]),
        "flat_shape": np.array([0, -1]),
        "slices_shape": np.array([0, F, -1, hops]),
        "slice_axis": np.array([3]),
    }
