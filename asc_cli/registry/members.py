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

from asc_cli.core import tensors
from asc_cli.core.errors import AscError, DamagedFile

STANDARDISATION = ("mean", "deviation")
REMEDY = "import the model again from its zip file, or train it again"


@dataclass(frozen=True)
class Arrays:
    """Arrays in a member's file beside the network's weights."""

    mean: np.ndarray | None = None  # (F,) float32
    deviation: np.ndarray | None = None  # (F,) float32
    temperature: float | None = None
    checked: bool = False  # whether the file that they were read from has a checksum


def save(path: Path, network: Any, arrays: Arrays | None = None) -> None:
    """Write a network and its arrays; complete or not at all."""
    import torch

    contents = {f"model.{k}": v.cpu().contiguous() for k, v in network.state_dict().items()}
    if arrays is not None and arrays.mean is not None and arrays.deviation is not None:
        contents["standardisation.mean"] = torch.from_numpy(arrays.mean)
        contents["standardisation.deviation"] = torch.from_numpy(arrays.deviation)
    if arrays is not None and arrays.temperature is not None:
        temperature = torch.tensor([arrays.temperature], dtype=torch.float64)
        contents["calibration.temperature"] = temperature
    tensors.save(path, contents)


def require_intact(path: Path) -> None:
    """Raise AscError for a run's weights that are damaged, before they are registered."""
    try:
        tensors.load(path)
    except (OSError, DamagedFile) as fault:
        raise AscError(
            f"{path}: is damaged ({fault}); remove it and the predictions.csv beside it, and the "
            "same asc train command writes them again"
        ) from fault


def load(path: Path, build: Callable[[Arrays], Any]) -> tuple[Any, Arrays]:
    """Load a member: the network that `build` returns, with the file's weights, in eval mode.

    Raises AscError when the file is missing or damaged, or holds another network's weights.
    """
    try:
        file = tensors.load(path)
        weights = file.arrays
        mean, deviation = (
            None if array is None else array.numpy()
            for array in (weights.pop(f"standardisation.{name}", None) for name in STANDARDISATION)
        )
        temperature = weights.pop("calibration.temperature", None)
        arrays = Arrays(
            mean,
            deviation,
            1.0 if temperature is None else float(temperature[0]),
            file.checked,
        )
        network = build(arrays)
        network.load_state_dict({k.removeprefix("model."): a for k, a in weights.items()})
    except DamagedFile as fault:
        raise AscError(f"model weights {path}: are damaged ({fault}); {REMEDY}") from fault
    except (OSError, KeyError, IndexError, RuntimeError) as fault:
        raise AscError(f"model weights {path}: cannot be used ({fault})") from fault
    return network.eval(), arrays
