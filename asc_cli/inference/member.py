"""One member of a registered model, loaded: its network, and what it was trained with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli import models as model_files
from asc_cli.core.device import has_torch
from asc_cli.core.errors import AscError
from asc_cli.core.installation import install_command
from asc_cli.core.plugins import Catalog
from asc_cli.frontend.standardise import Standardisation
from asc_cli.inference.networks import GraphNetwork, Network, NumpyNetwork, TorchNetwork
from asc_cli.models._numpy import FORWARD
from asc_cli.registry import graphs, members
from asc_cli.registry.model import Model

AUTO, TORCH = "auto", "torch"
ENGINES = (AUTO, TORCH)


@dataclass(frozen=True)
class Member:
    """One fold's network, ready to use."""

    network: Network
    standardise: Standardisation
    temperature: float = 1.0


def require_engine(engine: str) -> str:
    """Return the name of an engine. Raises AscError for another, or for torch without it."""
    if engine not in ENGINES:
        raise AscError(f"--engine {engine}: {' or '.join(ENGINES)} was expected")
    if engine == TORCH and not has_torch():
        raise AscError(
            f"--engine torch: torch is not installed; install it with: {install_command('train')}"
        )
    return engine


def numpy_name(settings: dict[str, Any], catalog: Catalog) -> str | None:
    """Return the name of a shipped model that numpy answers for; None for any other."""
    name = str(settings["name"])
    return name if name in FORWARD and catalog.find("models", name) is None else None


def load(
    model: Model,
    fold: int,
    catalog: Catalog,
    device: str | None,
    engine: str,
    graph: graphs.Graph | None,
) -> Member:
    """Load a member.

    Args:
        model: A model of one system.
        fold: The member's.
        catalog: Where the model's code is looked up, if torch is to answer.
        device: A recording device, whose weights are loaded if the member has its own.
        engine: AUTO or TORCH.
        graph: The model's, if it has one.

    Returns:
        The member.

    Raises:
        AscError: Its file is damaged, or torch is needed and not installed.
    """
    settings, path = model.card["recipe"]["model"], model.member(fold)
    if engine == AUTO and (name := numpy_name(settings, catalog)):
        weights, arrays = members.read(path, device)
        network: Network = _numpy(name, settings, catalog, weights, path)
    elif engine == AUTO and graph is not None and graph.data:
        weights, arrays = members.read(path, device)
        try:
            network = GraphNetwork(graph.data, graph.weights, weights)
        except AscError as fault:
            raise AscError(f"model weights {path}: cannot be used: {fault}") from fault
    elif engine == TORCH or has_torch():
        module, arrays = _module(settings, path, len(model.card["labels"]), catalog, device)
        network = TorchNetwork(module)
    else:
        raise AscError(_without_torch(model, graph))
    if arrays.mean is None or arrays.deviation is None:
        raise AscError(f"model weights {path}: cannot be used (they have no standardisation)")
    standardise = Standardisation(arrays.mean, arrays.deviation)
    return Member(network, standardise, arrays.temperature or 1.0)


def _without_torch(model: Model, graph: graphs.Graph | None) -> str:
    how = f"install torch with: {install_command('train')}"
    if graph is not None:
        return f"model {model.id}: torch alone can answer for it ({graph.torch_only}); {how}"
    return (
        f"model {model.id} has no graph, which predictions without torch need: where torch is "
        f"installed, asc models check {model.id} makes it, and asc models export takes it along. "
        f"Or {how}"
    )


def _numpy(
    name: str, settings: dict[str, Any], catalog: Catalog, weights: Any, path: Path
) -> NumpyNetwork:
    parameters = {each.name: each.default for each in catalog.parameters("models", name)}
    try:
        with np.errstate(all="ignore"):  # what is not finite is refused where it is used
            return NumpyNetwork(FORWARD[name]({**parameters, **settings}, weights))
    except (LookupError, ValueError, TypeError, ArithmeticError) as fault:
        raise AscError(f"model weights {path}: cannot be used ({fault})") from fault


def _module(
    settings: dict[str, Any], path: Path, n_scenes: int, catalog: Catalog, device: str | None
) -> tuple[Any, members.Arrays]:
    def build(arrays: members.Arrays) -> Any:
        if arrays.mean is None or arrays.deviation is None:
            raise KeyError("standardisation.mean")
        return model_files.build(settings, len(arrays.mean), n_scenes, catalog)

    return members.load(path, build, device)
