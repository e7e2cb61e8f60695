"""The graph of a registered model's network, beside its weights: what predicts without torch.

    graph.onnx     the network without its weights, which all members share; not there where torch
                   alone can answer
    graph.json     {"checksum": …, "graph": SHA-256 of graph.onnx, "weights": […], "scores": {…}}
                   or {"checksum": …, "torch_only": why}

Both are made from the weights, after the model is registered, so its card does not list them;
where they are missing, damaged or of another form, they are made again. `weights` are the names of
the arrays that the graph takes from a member's file, `scores` what torch answered to noise, member
by member, to compare with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asc_cli.core import atomic, checksums

GRAPH, ABOUT = "graph.onnx", "graph.json"
FILES = (GRAPH, ABOUT)
FORMAT = 1
Scores = Sequence[Sequence[float]]  # (B, C)


@dataclass(frozen=True)
class Graph:
    """A model's graph, or why it has none.

    Attributes:
        data: The bytes of an ONNX file; b"" where torch alone can answer.
        torch_only: Why.
        weights: The names of the arrays that it takes from a member's file.
        scores: What torch answered to noise: name of a member's file → scores (B, C).
        largest_difference: Of a clip's probability, between torch and the graph, on noise.
    """

    data: bytes = b""
    torch_only: str = ""
    weights: Sequence[str] = ()
    scores: Mapping[str, Scores] = field(default_factory=dict)
    largest_difference: float = 0.0


def read(folder: Path) -> Graph | None:
    """Return the graph in a model's folder; None where it is missing or damaged."""
    try:
        about = atomic.read_json(folder / ABOUT, format=int)
        if about["format"] != FORMAT:
            return None
        if reason := about.get("torch_only"):
            return Graph(torch_only=str(reason))
        data = (folder / GRAPH).read_bytes()
        weights, scores = about["weights"], about["scores"]
        if not data or checksums.of_bytes(data) != about["graph"]:
            return None
        if not isinstance(scores, dict) or not all(isinstance(name, str) for name in weights):
            return None
        return Graph(data, "", [*weights], scores, float(about["largest_difference"]))
    except (OSError, ValueError, KeyError, TypeError):  # a damaged file is a ValueError
        return None


def write(folder: Path, graph: Graph) -> None:
    """Write a graph into a model's folder, the file that names the other last.

    Raises OSError where the folder cannot be written.
    """
    about: dict[str, object] = {"format": FORMAT, "torch_only": graph.torch_only}
    if graph.data:
        with atomic.replacing(folder / GRAPH) as temporary:
            temporary.write_bytes(graph.data)
        about = {
            "format": FORMAT,
            "graph": checksums.of_bytes(graph.data),
            "weights": [*graph.weights],
            "largest_difference": graph.largest_difference,
            "scores": {name: [[*row] for row in rows] for name, rows in graph.scores.items()},
        }
    atomic.write_json(folder / ABOUT, about)
