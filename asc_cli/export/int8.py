"""A model's large weights as 8-bit integers, a scale a column; a quarter of the size.

    w[i, j] ≈ s_j q[i, j]      q in −127 … 127, s_j = max_i |w[i, j]| / 127

The arithmetic stays float32: DequantizeLinear gives the products their weights back, so what
changes is the rounding of the weights alone. The front end keeps its 32 bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SMALLEST = 1024  # numbers; what is smaller keeps its 32 bits
LEVELS = 127


def quantised(model: Any) -> Any:
    """A copy of an onnx.ModelProto with its members' matrices in 8 bits."""
    import onnx

    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    whole, nodes = [], []
    for tensor in graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        if not _is_large_matrix(array) or not _of_a_member(tensor.name):
            whole.append(tensor)
            continue
        q, scale = _rounded(array)
        names = [f"{tensor.name}_q", f"{tensor.name}_scale"]
        whole += [onnx.numpy_helper.from_array(q, names[0])]
        whole += [onnx.numpy_helper.from_array(scale, names[1])]
        axis = array.ndim - 1
        nodes.append(onnx.helper.make_node("DequantizeLinear", names, [tensor.name], axis=axis))
    del graph.initializer[:]
    graph.initializer.extend(whole)
    kept = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *kept])
    onnx.checker.check_model(made)
    return made


def _is_large_matrix(array: np.ndarray) -> bool:
    return array.dtype == np.float32 and array.ndim > 1 and array.size >= SMALLEST


def _of_a_member(name: str) -> bool:
    return name.startswith("m") and name[1 : name.find("_")].isdigit()


def _rounded(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(…, J) -> integers (…, J) and scales (J,)."""
    largest = np.abs(array.reshape(-1, array.shape[-1])).max(axis=0)
    scale = (np.where(largest > 0, largest, 1) / LEVELS).astype(np.float32)
    return np.round(array / scale).astype(np.int8), scale
