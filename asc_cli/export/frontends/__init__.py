"""Features as ONNX graphs: one file for each feature that has such a front end.

A front end is `onnx(sample_rate, **parameters) -> (nodes in ONNX's text, their constants)`, with
all parameters of the feature: nodes that read `samples` (R, N) and write `frames` (R, T, F). The
constants zero, one and last_axis are there already. `spectrum` serves several of them.

R recordings, N samples, T frames, F bands.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np


def find(feature: ModuleType) -> Callable[..., tuple[str, dict[str, np.ndarray]]] | None:
    """The front end of a feature's module: its own function `onnx`, or ours; None without one."""
    from asc_cli.export.frontends import cqt, gammatone, log_mel, mel, mfcc

    shipped: dict[str, Callable[..., tuple[str, dict[str, np.ndarray]]]] = {
        "cqt": cqt.onnx,
        "gammatone": gammatone.onnx,
        "log_mel": log_mel.onnx,
        "mel": mel.onnx,
        "mfcc": mfcc.onnx,
    }
    return getattr(feature, "onnx", None) or shipped.get(feature.__name__.rpartition(".")[2])
