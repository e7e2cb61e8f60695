"""Sessions of onnxruntime: on the processor, on one thread, and without reports of their use."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core.errors import AscError, first_line

# onnxruntime, from 1.32 on, else reports its use to Microsoft, and leaves a temporary file .ses
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def session(
    model: bytes | Path,
    fault_text: str,
    names: Sequence[str] = (),
    weights: Mapping[str, np.ndarray] | None = None,
) -> Any:
    """Return an onnxruntime session of a graph.

    Args:
        model: The graph, or its file.
        fault_text: What an error says first.
        names: Of the weights that the graph leaves out, as `export.onnx_file.outside` finds them.
        weights: Those weights, and maybe others.

    Raises:
        AscError: It is no graph that onnxruntime runs, or these weights do not fit it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # of its messages only those that end it
    try:
        values = [onnxruntime.OrtValue.ortvalue_from_numpy((weights or {})[name]) for name in names]
        if values:
            options.add_external_initializers([*names], values)
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except KeyError as fault:
        raise AscError(f"its graph reads {fault}, which is not among its weights") from fault
    except MemoryError:
        raise
    except Exception as fault:  # onnxruntime has a class for each kind, without one for all
        raise AscError(f"{fault_text} ({first_line(fault)})") from fault
