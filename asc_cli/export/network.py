"""One member's network in ONNX: `x` (B, T, F) and `mask` (B, T) in, `logits` (B, C) out."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np

from asc_cli.core.errors import AscError, first_line
from asc_cli.export import lstm

OPSET = 20
CONSTANTS = {
    "zero": np.array(0),
    "one": np.array(1),
    "last_axis": np.array([-1]),
}


def graph(network: Any, n_frames: int, n_bands: int, name: str, embedding: bool = False) -> Any:
    """Return an onnx.GraphProto. Raises AscError for a network that ONNX's operators cannot
    express, or that has no embedding where one is wanted.

    embedding: Write the input of the last linear layer as a second output, `embedding` (B, D).

    An attention LSTM is written as a scan, also under the convolutions of a CRNN; any other network
    as torch exports it.
    """
    outputs = ("logits", "embedding") if embedding else ("logits",)
    if is_lstm(network):
        return _lstm(network, name, outputs)
    if is_lstm(recurrent := getattr(network, "recurrent", None)) and hasattr(network, "frames"):
        below = traced(network.frames, n_frames, n_bands, name, ("steps", "counted"))
        return stacked(below, _lstm(recurrent, name, outputs), outputs)
    if not embedding:
        return traced(network, n_frames, n_bands, name, outputs)
    with embedding_beside(network, "logits") as names:
        if names != outputs:
            raise AscError(f"export: {type(network).__name__} has no linear layer for --embedding")
        return traced(network, n_frames, n_bands, name, names)


@contextlib.contextmanager
def embedding_beside(module: Any, scores: str) -> Iterator[tuple[str, ...]]:
    """Let a network return its embedding too, if it has one; yield the names of its outputs.

    scores: The name of the first.
    """
    from torch import nn

    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    if not layers:
        yield (scores,)
        return
    read: list[Any] = []
    hooks = [
        layers[-1].register_forward_pre_hook(lambda _, inputs: read.append(inputs[0])),
        module.register_forward_hook(lambda _, inputs, output: (output, read.pop())),
    ]
    try:
        yield (scores, "embedding")
    finally:
        for hook in hooks:
            hook.remove()


def is_lstm(network: Any) -> bool:
    return hasattr(network, "cell") and hasattr(network, "classifier")


def stacked(below: Any, above: Any, same: Collection[str] = ("logits",)) -> Any:
    """Join two graphs, in place of the first: the second reads the outputs of the first.

    same: Names of the second that do not change.
    """
    steps, counted = (output.name for output in below.output)
    shared = {"x": steps, "mask": counted, "": "", **{name: name for name in same}}
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


def _lstm(network: Any, name: str, outputs: tuple[str, ...]) -> Any:
    text, constants = lstm.nodes(network.cell)
    layers, classifier, read = classified(network.classifier)
    constants |= classifier
    text += layers
    if "embedding" in outputs:
        text += f"    embedding = Identity ({read})\n"
    return parse(
        "float[B, T, F] x, bool[B, T] mask",
        ", ".join(
            f"float[B, {axis}] {output}" for output, axis in zip(outputs, "CD", strict=False)
        ),
        text,
        {**CONSTANTS, **constants},
        name,
    )


def classified(classifier: Any) -> tuple[str, dict[str, np.ndarray], str]:
    """Return nodes from `v` to `logits` by linear layers and ReLU, their constants, and the name of
    the last linear layer's input."""
    from torch import nn

    text, last, read = "", "v", "v"
    constants = {}
    for index, layer in enumerate(classifier):
        if isinstance(layer, nn.Linear):
            constants[f"weight{index}"] = layer.weight.detach().numpy().T
            constants[f"bias{index}"] = layer.bias.detach().numpy()
            text += f"    m{index} = MatMul ({last}, weight{index})\n"
            text += f"    y{index} = Add (m{index}, bias{index})\n"
            read, last = last, f"y{index}"
        elif isinstance(layer, nn.ReLU):
            text += f"    y{index} = Relu ({last})\n"
            last = f"y{index}"
        elif not isinstance(layer, nn.Dropout):
            raise AscError(f"export: {type(layer).__name__} has no ONNX form here")
    return text + f"    logits = Identity ({last})\n", constants, read


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


def traced(
    network: Any,
    n_frames: int,
    n_bands: int,
    name: str,
    outputs: tuple[str, ...],
    optimize: bool = True,
) -> Any:
    """Return a network's graph as torch exports it; unless optimised, its initialisers are the
    network's parameters and buffers, by their names, each as it is."""
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
                optimize=optimize,
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
    return first_line(fault)


def _require_dynamic_batch(onnx_graph: Any, network: Any) -> None:
    """Raise AscError if torch fixed the number of clips, as it does where code calls len(x)."""
    clips = onnx_graph.input[0].type.tensor_type.shape.dim[0]
    if not clips.dim_param:
        raise AscError(
            f"export: {type(network).__name__} would take {clips.dim_value} clips at a time and no "
            "other number; where its forward says len(x), x.shape[0] is needed"
        )
