"""Weights of one member as a safetensors file: the one writer and the one reader.

model.<name>                 the network's parameters and buffers
standardisation.mean         (F,) float32      of recordings' features; a model of videos
standardisation.deviation    (F,) float32      standardises nothing
calibration.temperature      (1,) float64      1 where a file does not have it
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core import atomic
from asc_cli.core.errors import AscError


@dataclass(frozen=True)
class Arrays:
    """Arrays in a member's file beside the network's weights."""

    mean: np.ndarray | None = None  # (F,) float32
    deviation: np.ndarray | None = None  # (F,) float32
    temperature: float | None = None


def save(path: Path, network: Any, arrays: Arrays | None = None) -> None:
    """Write a network and its arrays; complete or not at all."""
    import torch
    from safetensors.torch import save_file

    tensors = {f"model.{k}": v.cpu().contiguous() for k, v in network.state_dict().items()}
    if arrays is not None and arrays.mean is not None and arrays.deviation is not None:
        tensors["standardisation.mean"] = torch.from_numpy(arrays.mean)
        tensors["standardisation.deviation"] = torch.from_numpy(arrays.deviation)
    if arrays is not None and arrays.temperature is not None:
        temperature = torch.tensor([arrays.temperature], dtype=torch.float64)
        tensors["calibration.temperature"] = temperature
    with atomic.replacing(path) as temporary:
        save_file(tensors, temporary)


def load(path: Path, build: Callable[[Arrays], Any]) -> tuple[Any, Arrays]:
    """Load a member: the network that `build` returns, with the file's weights, in eval mode.

    Raises AscError when the file is missing or damaged, or holds another network's weights.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(path)
        arrays = Arrays(
            tensors.pop("standardisation.mean", None),
            tensors.pop("standardisation.deviation", None),
            float(tensors.pop("calibration.temperature", np.ones(1))[0]),
        )
        network = build(arrays)
        network.load_state_dict(
            {k.removeprefix("model."): torch.from_numpy(a.copy()) for k, a in tensors.items()}
        )
    except (OSError, SafetensorError, KeyError, RuntimeError) as fault:
        raise AscError(f"model weights {path}: cannot be used ({fault})") from fault
    return network.eval(), arrays
