"""The graph of an architecture, without weights: what every member of a model shares.

`x` (B, T, F) and `mask` (B, T) go in. Its initialisers are the network's parameters and buffers, by
their names, each outside the graph at the location WEIGHTS: a session is created with the arrays of
a member. What depends on them alone, such as a product of two, onnxruntime computes once.

    scores (B, C)            always
    embedding (B, D)         the input of the last linear layer, of a network that has one
    alpha (B, T)             of the paper's cells with temporal attention
    codewords (B, T, K)      of the paper's cells with semantic attention
"""

from __future__ import annotations

from typing import Any

from asc_cli.core.errors import AscError
from asc_cli.export import lstm, network

WEIGHTS = "weights"
IR_VERSION = 10  # what onnxruntime has read since 2024


def graph(module: Any, n_frames: int, n_bands: int) -> bytes:
    """Return the graph of a network as the bytes of an ONNX file.

    Args:
        module: The network of one member, in eval mode.
        n_frames: T, frames of a clip.
        n_bands: F, bands of the feature.

    Returns:
        The file, in which no weight is stored.

    Raises:
        AscError: ONNX's operators cannot express it, or it has arrays that are no parameters.
    """
    import onnx

    onnx_graph = _graph(module, n_frames, n_bands)
    _leave_out_notes(onnx_graph)
    shapes = {key: tuple(array.shape) for key, array in module.state_dict().items()}
    for array in onnx_graph.initializer:
        if array.name in shapes:
            if tuple(array.dims) != shapes[array.name]:
                raise AscError(f"the exported {array.name} is of another shape than the network's")
            _leave_out(array)
    model = onnx.helper.make_model(
        onnx_graph,
        opset_imports=[onnx.helper.make_opsetid("", network.OPSET)],
        producer_name="asc",
        ir_version=IR_VERSION,
    )
    return bytes(model.SerializeToString())


def _leave_out_notes(onnx_graph: Any) -> None:
    """Remove what torch writes for its developers: shapes between nodes, lines of source files."""
    del onnx_graph.value_info[:], onnx_graph.metadata_props[:]
    for value in (*onnx_graph.input, *onnx_graph.output, *onnx_graph.initializer):
        del value.metadata_props[:]
    for node in onnx_graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _leave_out_notes(attribute.g)


def _leave_out(array: Any) -> None:
    """Replace an initialiser's numbers by the location WEIGHTS."""
    from onnx import TensorProto

    name, dims, kind = array.name, list(array.dims), array.data_type
    array.Clear()
    array.name, array.data_type, array.data_location = name, kind, TensorProto.EXTERNAL
    array.dims.extend(dims)
    array.external_data.add(key="location", value=WEIGHTS)


def _graph(module: Any, n_frames: int, n_bands: int) -> Any:
    if network.is_lstm(module):
        return _lstm(module, "")
    if network.is_lstm(above := getattr(module, "recurrent", None)) and hasattr(module, "frames"):
        below = network.traced(
            module.frames, n_frames, n_bands, "asc", ("steps", "counted"), optimize=False
        )
        own = {array.name for array in below.initializer}
        network.rename(below, lambda word: f"frames.{word}" if word in own else word)
        last = _lstm(above, "recurrent.")
        parameters = (name for name in module.state_dict() if name.startswith("recurrent."))
        outputs = (output.name for output in last.output)
        return network.stacked(below, last, {*parameters, *outputs})
    with network.embedding_beside(module, "scores") as names:
        return network.traced(module, n_frames, n_bands, "asc", names, optimize=False)


def _lstm(module: Any, prefix: str) -> Any:
    """Return the graph of an LSTM classifier, whose parameters' names begin with a prefix."""
    cell = module.cell
    if cell.temporal or cell.semantic:
        text, constants = lstm.computed(cell)
        body, from_cell = lstm.nodes(cell, keep_codewords=True)
    else:
        text, constants = lstm.plain(cell)
        body, from_cell = "", {}
    layers, from_layers, read = network.classified(module.classifier)
    for name in from_layers:
        kind = name.rstrip("0123456789")
        change = "Transpose <perm=[1, 0]>" if kind == "weight" else "Identity"
        text += f"    {name} = {change} (classifier_{name.removeprefix(kind)}_{kind})\n"
    tail, attended = lstm.attended(cell)
    outputs = {"scores": "logits", "embedding": read, **attended}
    shapes = {"alpha": "[B, T]", "codewords": "[B, T, K]"}
    parameters = {key.replace(".", "_"): key for key in module.state_dict()}
    arrays = {name: module.state_dict()[key].numpy() for name, key in parameters.items()}
    computed = {*lstm.OF_PARAMETERS, *from_layers}
    onnx_graph = network.parse(
        "float[B, T, F] x, bool[B, T] mask",
        ", ".join(f"float{shapes.get(key, '[B, D]')} {name}" for key, name in outputs.items()),
        text + body + layers + tail,
        {
            **network.CONSTANTS,
            **{name: value for name, value in from_cell.items() if name not in computed},
            **constants,
            **arrays,
        },
        "asc",
    )
    names = {name: f"{prefix}{key}" for name, key in parameters.items()}
    names |= {"alpha": "alpha_over_time", **{name: key for key, name in outputs.items()}}
    network.rename(onnx_graph, lambda word: names.get(word, word))
    return onnx_graph
