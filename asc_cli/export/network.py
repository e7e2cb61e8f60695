"""One member's network in ONNX: `x` (B, T, F) and `mask` (B, T) in, `logits` (B, C) out."""

from __future__ import annotations

import logging
import warnings
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
    """An onnx.GraphProto. Raises AscError for a network that ONNX's operators cannot express.

    An attention LSTM is written as a scan; any other network as torch exports it.
    """
    if hasattr(network, "cell") and hasattr(network, "classifier"):
        return _lstm(network, name)
    return _traced(network, n_frames, n_bands, name)


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
    return parsed(
        "float[B, T, F] x, bool[B, T] mask",
        "float[B, C] logits",
        text,
        {**CONSTANTS, **constants},
        name,
    )


def parsed(
    inputs: str, outputs: str, nodes: str, constants: dict[str, np.ndarray], name: str
) -> Any:
    """An onnx.GraphProto from ONNX's text, with its constants as initialisers."""
    from onnx import numpy_helper, parser

    made = parser.parse_graph(f"{name} ({inputs}) => ({outputs}) {{\n{nodes}}}")
    used = {word for node in made.node for word in _reads(node)}
    made.initializer.extend(
        numpy_helper.from_array(np.ascontiguousarray(value), key)
        for key, value in constants.items()
        if key in used
    )
    return made


def _reads(node: Any) -> list[str]:
    """Names that a node, or a graph inside it, reads."""
    inner = [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    return [*node.input, *(word for g in inner for child in g.node for word in _reads(child))]


def _traced(network: Any, n_frames: int, n_bands: int, name: str) -> Any:
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
                output_names=["logits"],
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
    made = program.model_proto.graph
    _require_any_number(made, network)
    made.name = name
    return made


def _reason(fault: BaseException) -> str:
    """The first line of what went wrong first: torch.onnx wraps it in advice."""
    while fault.__cause__ is not None:
        fault = fault.__cause__
    return str(fault).strip().partition("\n")[0] or type(fault).__name__


def _require_any_number(made: Any, network: Any) -> None:
    """torch takes a number of clips that Python asked for, len(x), for the only one there is."""
    clips = made.input[0].type.tensor_type.shape.dim[0]
    if not clips.dim_param:
        raise AscError(
            f"export: {type(network).__name__} would take {clips.dim_value} clips at a time and no "
            "other number; where its forward says len(x), x.shape[0] is needed"
        )
