"""Quantise a model's large weights to 8-bit integers, a scale per column; a quarter of the size.

    w[i, j] ≈ s_j q[i, j]      q in −127 … 127, s_j = max_i |w[i, j]| / 127

A convolution's weights (out, in, height, width) have a scale per output channel.

The arithmetic stays float32: DequantizeLinear restores the weights before each product, so
only the weights are rounded. The front end keeps its 32 bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SMALLEST = 1024  # numbers; smaller arrays keep their 32 bits
LEVELS = 127
CONVOLUTION = 4  # dimensions of its weights


def quantise(model: Any) -> Any:
    """Return a copy of an onnx.ModelProto with its members' matrices in 8 bits."""
    import onnx

    quantised_model = onnx.ModelProto()
    quantised_model.CopyFrom(model)
    graph = quantised_model.graph
    initializers, nodes = [], []
    for tensor in graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        if not _is_large_matrix(array) or not _of_a_member(tensor.name):
            initializers.append(tensor)
            continue
        axis = 0 if array.ndim == CONVOLUTION else array.ndim - 1
        q, scale = _rounded(array, axis)
        names = [f"{tensor.name}_q", f"{tensor.name}_scale"]
        initializers += [onnx.numpy_helper.from_array(q, names[0])]
        initializers += [onnx.numpy_helper.from_array(scale, names[1])]
        nodes.append(onnx.helper.make_node("DequantizeLinear", names, [tensor.name], axis=axis))
    del graph.initializer[:]
    graph.initializer.extend(initializers)
    old_nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *old_nodes])
    onnx.checker.check_model(quantised_model)
    return quantised_model


def _is_large_matrix(array: np.ndarray) -> bool:
    return array.dtype == np.float32 and array.ndim > 1 and array.size >= SMALLEST


def _of_a_member(name: str) -> bool:
    return name.startswith("m") and name[1 : name.find("_")].isdigit()


def _rounded(array: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Round an array to integers of its shape, and scales (J,) along an axis of J."""
    columns = np.moveaxis(array, axis, -1)  # (…, J)
    largest = np.abs(columns.reshape(-1, columns.shape[-1])).max(axis=0)
    scale = (np.where(largest > 0, largest, 1) / LEVELS).astype(np.float32)
    return np.moveaxis(np.round(columns / scale).astype(np.int8), -1, axis), scale
