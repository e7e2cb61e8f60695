"""Make the graph of a registered model where torch is installed, and compare it with torch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np

from asc_cli.core import parallel
from asc_cli.core.device import has_torch
from asc_cli.core.errors import AscError
from asc_cli.export import onnx_file
from asc_cli.frontend.feature import of_card
from asc_cli.inference import ensemble, member, networks
from asc_cli.inference.networks import GraphNetwork
from asc_cli.registry import graphs, members, models
from asc_cli.registry.graphs import Graph

NOISE_CLIPS = 3  # the last is a short one
TOLERANCE = 1e-5  # of a clip's probability


def ensure_graphs(model: models.Model) -> None:
    """Make the graphs that a model lacks, by torch and onnx.

    Nothing is made where these are not installed or the model's folder cannot be written, and
    nothing is raised for a model that torch cannot export.

    Args:
        model: A registered model of scenes.

    Raises:
        AscError: Its weights are damaged.
    """
    if ensemble.is_video_model(model):
        return
    for system in model.systems():
        if graphs.read(system.folder) is None and needs_graph(system) and has_torch():
            with contextlib.suppress(ImportError, OSError):  # torch answers, as before
                graphs.write(system.folder, make(system))


def needs_graph(system: models.Model) -> bool:
    """Return whether a model of one system answers through a graph: not one that numpy answers."""
    return member.numpy_name(system.card["recipe"]["model"], models.catalog(system)) is None


def answered_by(model: models.Model) -> dict[str, str]:
    """Return what answers for each system of a model: its name → onnxruntime, numpy or torch.

    Args:
        model: A registered model.

    Returns:
        In words, for torch with the reason.
    """
    if ensemble.is_video_model(model):
        return {model.id: "torch"}
    return {system.id: _answered_by(system) for system in model.systems()}


def _answered_by(system: models.Model) -> str:
    if not needs_graph(system):
        return "numpy"
    graph = graphs.read(system.folder)
    if graph is None:
        return "torch, until a prediction has made its graph"
    return "onnxruntime" if graph.data else f"torch only: {graph.torch_only}"


def make(system: models.Model) -> Graph:
    """Return the graph of a model of one system, compared with torch, member by member.

    Args:
        system: A registered model.

    Returns:
        The graph; without one, and why, where torch cannot export the network, or the graph
        answers otherwise.

    Raises:
        AscError: Its weights are damaged.
        ImportError: onnx is not installed.
    """
    from asc_cli.export import architecture

    loaded = ensemble.load(system, engine=member.TORCH)
    shape = _shape(system)
    with parallel.one_thread():
        try:
            data = architecture.graph(networks.module_of(loaded.members[0].network), *shape)
            weights = onnx_file.outside(data)
        except AscError as fault:
            return Graph(torch_only=str(fault))
        scores, largest = {}, 0.0
        try:
            for name, by_torch, by_graph in _answers(system, data, weights, shape):
                scores[name] = by_torch.tolist()
                largest = max(largest, _difference(by_torch, by_graph))
        except AscError as fault:
            return Graph(torch_only=str(fault))
    if not largest <= TOLERANCE:
        return Graph(torch_only=f"its graph differs from torch by {largest:.1e} on noise")
    return Graph(data, "", weights, scores, largest)


def require_closed(model: models.Model) -> None:
    """Check the graphs that a model brings along before one is run.

    Args:
        model: About to be registered, from an archive.

    Raises:
        AscError: A graph is damaged, or refers to a file.
    """
    for system in model.systems():
        present = [name for name in graphs.FILES if (system.folder / name).exists()]
        graph = graphs.read(system.folder)
        if present and graph is None:
            raise AscError(f"its {present[0]} is damaged")
        if graph is None or not graph.data:
            continue
        if sorted(onnx_file.outside(graph.data)) != sorted(graph.weights):
            raise AscError("its graph.json names other weights than its graph takes")


def require_true(model: models.Model) -> None:
    """Compare the graphs that a model brings along with its weights: by torch, or by what torch
    answered when they were made.

    Args:
        model: About to be registered, from an archive; `require_closed` has passed it.

    Raises:
        AscError: A graph does not fit the weights, or answers otherwise than they do.
    """
    for system in model.systems():
        graph = graphs.read(system.folder)
        if graph is None or not graph.data:
            continue
        for name, by_torch, by_graph in _answers(system, graph.data, graph.weights, _shape(system)):
            expected = by_torch if has_torch() else np.asarray(graph.scores.get(name), np.float64)
            if _difference(expected, by_graph) > TOLERANCE:
                raise AscError(f"its graph does not answer as the weights {name} do")


def _answers(
    system: models.Model, data: bytes, names: Sequence[str], shape: tuple[int, int]
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield each member's name, and log probabilities (B, C) of noise by torch (NaN where it is not
    installed) and by a graph; of members for devices too."""
    catalog = models.catalog(system)
    for fold in system.card["folds"]:
        for device in (None, *system.devices):
            name = f"{models.member_file(fold)}{'' if device is None else f' for {device}'}"
            weights, _ = members.read(system.member(fold), device)
            graph = GraphNetwork(data, names, weights)
            x, mask = noise(*shape)
            by_graph, _ = graph.log_probabilities(x, mask)
            by_torch = np.full_like(by_graph, np.nan)
            if has_torch():
                one = member.load(system, fold, catalog, device, member.TORCH, None)
                by_torch, _ = one.network.log_probabilities(x, mask)
            yield name, by_torch, by_graph


def _shape(system: models.Model) -> tuple[int, int]:
    """Return T, F of a model's clips."""
    feature = of_card(system.card["feature"], models.catalog(system))
    return ensemble.grid_of(system).n_frames, feature.n_bands


def noise(n_frames: int, n_bands: int) -> tuple[np.ndarray, np.ndarray]:  # (B, T, F), (B, T)
    """Return standardised clips of noise, the last of which is short, and their mask."""
    mask = np.ones((NOISE_CLIPS, n_frames), bool)
    mask[-1, -(-n_frames // 3) :] = False
    shape = (NOISE_CLIPS, n_frames, n_bands)
    return np.random.default_rng(0).standard_normal(shape, np.float32) * mask[:, :, None], mask


def _difference(one: np.ndarray, other: np.ndarray) -> float:  # log probabilities (B, C)
    """Return the largest difference of a probability; infinite where one is no number, or where
    one has other clips or scenes."""
    if one.shape != other.shape:
        return np.inf
    difference = float(np.abs(np.exp(one) - np.exp(other)).max())
    return difference if np.isfinite(difference) else np.inf
