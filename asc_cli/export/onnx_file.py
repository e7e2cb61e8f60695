"""What an ONNX file refers to, read from its bytes without the package onnx.

A file is messages of protocol buffers: fields, each a number, a kind, and a value; fields of kind 2
are bytes, text or a message in turn. https://protobuf.dev/programming-guides/encoding/ The numbers
of the fields are onnx.proto's. All else is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator

from asc_cli.core.errors import AscError
from asc_cli.export.architecture import WEIGHTS

MODEL_GRAPH, MODEL_FUNCTIONS = 7, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_SPARSE = 1, 5, 15
NODE_OPERATOR, NODE_ATTRIBUTE, NODE_DOMAIN = 4, 5, 7
ATTRIBUTE_TENSORS, ATTRIBUTE_GRAPHS = (5, 10), (6, 11)
TENSOR_NAME, TENSOR_OUTSIDE, TENSOR_LOCATION = 8, 13, 14
ENTRY_KEY, ENTRY_VALUE = 1, 2
MOST_NESTED = 8  # graphs inside graphs

Value = int | memoryview


def outside(data: bytes) -> list[str]:
    """Return the names of the initialisers that a graph of `export.architecture` leaves out.

    Raises:
        AscError: It is no such file, refers to a file, or calls what ONNX does not define.
    """
    try:
        graphs = [value for number, value in _fields(memoryview(data)) if number == MODEL_GRAPH]
        if any(number == MODEL_FUNCTIONS for number, _ in _fields(memoryview(data))):
            raise AscError("its graph defines functions of its own; refused")
        names = [name for graph in graphs for name in _of_graph(_message(graph), 0)]
    except (IndexError, ValueError, UnicodeDecodeError) as fault:
        raise AscError(f"its graph is no ONNX file ({fault})") from fault
    if len(graphs) != 1:
        raise AscError(f"its graph is no ONNX file ({len(graphs)} graphs)")
    return names


def _of_graph(graph: memoryview, depth: int) -> Iterator[str]:
    if depth > MOST_NESTED:
        raise ValueError(f"more than {MOST_NESTED} graphs inside one another")
    for number, value in _fields(graph):
        if number == GRAPH_SPARSE:
            raise ValueError("a sparse initialiser")
        if number == GRAPH_INITIALIZER:
            name = _outside_name(_message(value))
            if name is not None and depth:
                raise AscError(
                    f"its graph refers to a file inside an inner graph ({name}); refused"
                )
            if name is not None:
                yield name
        if number == GRAPH_NODE:
            yield from _of_node(_message(value), depth)


def _of_node(node: memoryview, depth: int) -> Iterator[str]:
    for number, value in _fields(node):
        if number == NODE_DOMAIN and bytes(_message(value)) not in (b"", b"ai.onnx"):
            raise AscError(
                f"its graph calls {_text(value)!r:.80}, which ONNX does not define; refused"
            )
        if number == NODE_OPERATOR and bytes(_message(value)) == b"Loop":
            raise AscError("its graph has a Loop, which may never end; refused")
        if number != NODE_ATTRIBUTE:
            continue
        for field, inner in _fields(_message(value)):
            if field in ATTRIBUTE_TENSORS and (name := _outside_name(_message(inner))) is not None:
                raise AscError(f"its graph refers to a file in a constant ({name}); refused")
            if field in ATTRIBUTE_GRAPHS:
                yield from _of_graph(_message(inner), depth + 1)


def _outside_name(tensor: memoryview) -> str | None:
    """Return the name of a tensor whose numbers are outside; None if they are in the file."""
    name, is_outside, entries = "", False, []
    for number, value in _fields(tensor):
        if number == TENSOR_NAME:
            name = _text(value)
        elif number == TENSOR_LOCATION:
            is_outside = is_outside or value != 0
        elif number == TENSOR_OUTSIDE:
            entries.append(dict(_entry(_message(value))))
    if not is_outside and not entries:
        return None
    if entries != [{ENTRY_KEY: "location", ENTRY_VALUE: WEIGHTS}]:
        raise AscError(f"its graph refers to a file outside, for {name!r:.80}; refused")
    return name


def _entry(message: memoryview) -> Iterator[tuple[int, str]]:
    for number, value in _fields(message):
        yield number, _text(value)


def _fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield the number and value of each field of a message."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        kind = tag & 7
        if kind == 0:
            value, position = _varint(message, position)
            yield tag >> 3, value
            continue
        if kind == 2:
            length, position = _varint(message, position)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"a field of kind {kind}")
        if position + length > len(message):
            raise ValueError("it is cut short")
        yield tag >> 3, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return a number of variable length, and the position behind it."""
    number = shift = 0
    while True:
        byte = message[position]
        number |= (byte & 127) << shift
        position, shift = position + 1, shift + 7
        if byte < 128:
            return number, position
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def _message(value: Value) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where a message was expected")
    return value


def _text(value: Value) -> str:
    return bytes(_message(value)).decode()
