"""Features as ONNX graphs: one file for each feature that has such a front end.

A front end is `onnx(feature, sample_rate) -> (nodes in ONNX's text, their constants)`, or the same
as a method of the feature: nodes that read `samples` (R, N) and write `frames` (R, T, F). The
constants zero, one and last_axis exist already. `spectrum` is shared by several of them.

R recordings, N samples, T frames, F bands.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from asc_cli.features import Feature

FrontEnd = Callable[[int], tuple[str, dict[str, np.ndarray]]]  # of a sample rate


def find(feature: Feature) -> FrontEnd | None:
    """Return the front end of a feature: its method `onnx`, or a shipped one; None without one."""
    from asc_cli.export.frontends import cqt, gammatone, log_mel, mel, mfcc

    own_front_end: FrontEnd | None = getattr(feature, "onnx", None)
    if own_front_end is not None:
        return own_front_end
    shipped: dict[str, Callable[..., tuple[str, dict[str, np.ndarray]]]] = {
        "cqt": cqt.onnx,
        "gammatone": gammatone.onnx,
        "log_mel": log_mel.onnx,
        "mel": mel.onnx,
        "mfcc": mfcc.onnx,
    }
    shipped_front_end = shipped.get(type(feature).__module__.rpartition(".")[2])
    return functools.partial(shipped_front_end, feature) if shipped_front_end else None
