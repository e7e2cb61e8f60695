"""One member's network in ONNX: `x` (B, T, F) and `mask` (B, T) in, `logits` (B, C) out."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.export import lstm

OPSET = 20
CONSTANTS = {
    "zero": np.array(0),
    "one": np.array(1),
    "last_axis": np.array([-1]),
}


def graph(network: Any, n_frames: int, n_bands: int, name: str) -> Any:
    """Return an onnx.GraphProto. Raises AscError for a network that ONNX's operators cannot
    express.

    An attention LSTM is written as a scan, also under the convolutions of a CRNN; any other network
    as torch exports it.
    """
    if _is_lstm(network):
        return _lstm(network, name)
    if _is_lstm(recurrent := getattr(network, "recurrent", None)) and hasattr(network, "frames"):
        below = _traced(network.frames, n_frames, n_bands, name, ("steps", "counted"))
        return _stacked(below, _lstm(recurrent, name))
    return _traced(network, n_frames, n_bands, name, ("logits",))


def _is_lstm(network: Any) -> bool:
    return hasattr(network, "cell") and hasattr(network, "classifier")


def _stacked(below: Any, above: Any) -> Any:
    """Join two graphs, in place of the first: the second reads the outputs of the first."""
    steps, counted = (output.name for output in below.output)
    shared = {"x": steps, "mask": counted, "logits": "logits", "": ""}
    rename(above, lambda word: shared.get(word, f"above_{word}"))
    below.node.extend(above.node)
    below.initializer.extend(above.initializer)
    del below.output[:]
    below.output.extend(above.output)
    return below


def rename(onnx_graph: Any, new: Callable[[str], str]) -> None:
    """Rename every value and node of a graph, and of the graphs inside it, in place."""
    for value in (*onnx_graph.input, *onnx_graph.output, *onnx_graph.initializer):
        value.name = new(value.name)
    for node in onnx_graph.node:
        node.name = new(node.name)
        node.input[:] = [new(name) for name in node.input]
        node.output[:] = [new(name) for name in node.output]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                rename(attribute.g, new)


def _lstm(network: Any, name: str) -> Any:
    from torch import nn

    text, constants = lstm.nodes(network.cell)
    last = "v"
    for index, layer in enumerate(network.classifier):
        if isinstance(layer, nn.Linear):
            constants[f"weight{index}"] = layer.weight.detach().numpy().T
            constants[f"bias{index}"] = layer.bias.detach().numpy()
            text += f"    m{index} = MatMul ({last}, weight{index})\n"
            text += f"    y{index} = Add (m{index}, bias{index})\n"
            last = f"y{index}"
        elif isinstance(layer, nn.ReLU):
            text += f"    y{index} = Relu ({last})\n"
            last = f"y{index}"
        elif not isinstance(layer, nn.Dropout):
            raise AscError(f"export: {type(layer).__name__} has no ONNX form here")
    text += f"    logits = Identity ({last})\n"
    return parse(
        "float[B, T, F] x, bool[B, T] mask",
        "float[B, C] logits",
        text,
        {**CONSTANTS, **constants},
        name,
    )


def parse(
    inputs: str, outputs: str, nodes: str, constants: dict[str, np.ndarray], name: str
) -> Any:
    """Parse ONNX's text to an onnx.GraphProto, with its constants as initialisers."""
    from onnx import numpy_helper, parser

    onnx_graph = parser.parse_graph(f"{name} ({inputs}) => ({outputs}) {{\n{nodes}}}")
    used = {word for node in onnx_graph.node for word in _reads(node)}
    onnx_graph.initializer.extend(
        numpy_helper.from_array(np.ascontiguousarray(value), key)
        for key, value in constants.items()
        if key in used
    )
    return onnx_graph


def _reads(node: Any) -> list[str]:
    """Return the names that a node, or a graph inside it, reads."""
    inner = [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    return [*node.input, *(word for g in inner for child in g.node for word in _reads(child))]


def _traced(network: Any, n_frames: int, n_bands: int, name: str, outputs: tuple[str, ...]) -> Any:
    import torch

    clips = torch.export.Dim("clips", min=1, max=1 << 20)
    x = torch.zeros(3, n_frames, n_bands)
    mask = torch.ones(3, n_frames, dtype=torch.bool)
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)  # of operators that other libraries would have
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch about torch
            program = torch.onnx.export(
                network,
                (x, mask),
                dynamo=True,
                dynamic_shapes=({0: clips}, {0: clips}),
                input_names=["x", "mask"],
                output_names=list(outputs),
                opset_version=OPSET,
                verbose=False,
            )
    except Exception as fault:
        raise AscError(
            f"export: {type(network).__name__} cannot be written as ONNX ({_reason(fault)})"
        ) from fault
    finally:
        logging.disable(level)
    assert program is not None
    onnx_graph = program.model_proto.graph
    _require_dynamic_batch(onnx_graph, network)
    onnx_graph.name = name
    return onnx_graph


def _reason(fault: BaseException) -> str:
    """Return the first line of the original error, which torch.onnx wraps in advice."""
    while fault.__cause__ is not None:
        fault = fault.__cause__
    return str(fault).strip().partition("\n")[0] or type(fault).__name__


def _require_dynamic_batch(onnx_graph: Any, network: Any) -> None:
    """Raise AscError if torch fixed the number of clips, as it does where code calls len(x)."""
    clips = onnx_graph.input[0].type.tensor_type.shape.dim[0]
    if not clips.dim_param:
        raise AscError(
            f"export: {type(network).__name__} would take {clips.dim_value} clips at a time and no "
            "other number; where its forward says len(x), x.shape[0] is needed"
        )
