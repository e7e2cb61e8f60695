"""Weights of one member as a safetensors file: the one writer and the one reader.

model.<name>                 the network's parameters and buffers
standardisation.mean         (F,) float32      of recordings' features; a model of videos
standardisation.deviation    (F,) float32      standardises nothing
calibration.temperature      (1,) float64      1 where a file does not have it
devices                      (n,) uint8        a JSON list of recording devices, where there are
device.<i>.<name>            the network's parameters and buffers for recordings of device number i
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core import json_text, tensors
from asc_cli.core.errors import AscError, DamagedFile

STANDARDISATION = ("mean", "deviation")
DEVICES, DEVICE = "devices", "device."
REMEDY = "import the model again from its zip file, or train it again"


@dataclass(frozen=True)
class Arrays:
    """Arrays in a member's file beside the network's weights."""

    mean: np.ndarray | None = None  # (F,) float32
    deviation: np.ndarray | None = None  # (F,) float32
    temperature: float | None = None
    checked: bool = False  # whether the file that they were read from has a checksum
    devices: tuple[str, ...] = ()  # recording devices with weights of their own


def save(
    path: Path,
    network: Any,
    arrays: Arrays | None = None,
    devices: Mapping[str, Any] | None = None,
) -> None:
    """Write a network and its arrays, and the network of each recording device; complete or not at
    all."""
    import torch

    contents = {f"model.{k}": v.cpu().contiguous() for k, v in network.state_dict().items()}
    if arrays is not None and arrays.mean is not None and arrays.deviation is not None:
        contents["standardisation.mean"] = torch.from_numpy(arrays.mean)
        contents["standardisation.deviation"] = torch.from_numpy(arrays.deviation)
    if arrays is not None and arrays.temperature is not None:
        temperature = torch.tensor([arrays.temperature], dtype=torch.float64)
        contents["calibration.temperature"] = temperature
    if not devices:
        tensors.save(path, contents)
        return
    for i, own in enumerate(devices.values()):
        state = own.state_dict()
        contents |= {f"{DEVICE}{i}.{k}": v.cpu().contiguous() for k, v in state.items()}
    names = bytearray(json_text.dumps([*devices]).encode())
    tensors.save(path, {**contents, DEVICES: torch.frombuffer(names, dtype=torch.uint8)})


def require_intact(path: Path) -> None:
    """Raise AscError for a run's weights that are damaged, before they are registered."""
    try:
        tensors.load(path)
    except (OSError, DamagedFile) as fault:
        raise AscError(
            f"{path}: is damaged ({fault}); remove it and the predictions.csv beside it, and the "
            "same asc train command writes them again"
        ) from fault


def load(
    path: Path, build: Callable[[Arrays], Any], device: str | None = None
) -> tuple[Any, Arrays]:
    """Load a member: the network that `build` returns, with the file's weights, in eval mode.

    device: A recording device, whose weights are loaded if it has its own; else the general ones.

    Raises AscError when the file is missing or damaged, or holds another network's weights.
    """
    import torch

    weights, arrays = read(path, device)
    with _faults_in_words(path):
        state = {name: torch.from_numpy(array.copy()) for name, array in weights.items()}
        network = build_for(state, lambda: build(arrays))
        network.load_state_dict(state)
    return network.eval(), arrays


def read(path: Path, device: str | None = None) -> tuple[dict[str, np.ndarray], Arrays]:
    """Read a member's weights, by the names of its network's parameters, without torch.

    Raises AscError when the file is missing or damaged.
    """
    with _faults_in_words(path):
        file = tensors.load_arrays(path)
        weights = file.arrays
        mean, deviation = (weights.pop(f"standardisation.{name}", None) for name in STANDARDISATION)
        temperature = weights.pop("calibration.temperature", None)
        devices = devices_in(weights)
        arrays = Arrays(
            mean,
            deviation,
            1.0 if temperature is None else float(temperature.reshape(-1)[0]),
            file.checked,
            devices,
        )
        general = {k: a for k, a in weights.items() if not k.startswith((DEVICES, DEVICE))}
        state = {k.removeprefix("model."): a for k, a in general.items()}
        if device in devices:
            own = f"{DEVICE}{devices.index(device)}."
            state = {k.removeprefix(own): a for k, a in weights.items() if k.startswith(own)}
        _require_numbers(state, arrays)
    return state, arrays


@contextlib.contextmanager
def _faults_in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except DamagedFile as fault:
        raise AscError(f"model weights {path}: are damaged ({fault}); {REMEDY}") from fault
    except (OSError, LookupError, RuntimeError, TypeError, ValueError, ArithmeticError) as fault:
        raise AscError(f"model weights {path}: cannot be used ({fault})") from fault


def devices_in(arrays: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the devices of a file's arrays. Raises ValueError for what `save` does not write."""
    devices = json.loads(bytes(arrays[DEVICES].tolist())) if DEVICES in arrays else []
    if not isinstance(devices, list) or not all(isinstance(each, str) for each in devices):
        raise ValueError(f"its devices are {devices!r:.80}")
    return tuple(devices)


def build_for(state: dict[str, Any], build: Callable[[], Any]) -> Any:
    """Return the network that `build` makes, if it is one for these weights.

    It is first built without memory for its weights: a recipe that asks for gigabytes is refused.
    Raises ValueError for weights of another network, shape or type.
    """
    import torch

    with torch.device("meta"):
        own = build().state_dict()
    if missing := sorted(own.keys() ^ state.keys()):
        raise ValueError(f"{missing[0]} is in its network alone, or in the file alone")
    for name, array in own.items():
        if array.numel() == 0 and array.dtype == state[name].dtype:
            continue  # its size is known once it is fitted, as of a forest
        expected, actual = _kind(array), _kind(state[name])
        if expected != actual:
            raise ValueError(f"{name} is {actual} where its network has {expected}")
    return build()


def _kind(array: Any) -> str:
    return f"{str(array.dtype).removeprefix('torch.')} of shape {tuple(array.shape)}"


def _require_numbers(state: dict[str, Any], arrays: Arrays) -> None:
    """Raise ValueError for NaN among weights, or another standardisation than `save` writes."""
    for name, array in state.items():
        if np.issubdtype(array.dtype, np.floating) and bool(np.isnan(array).any()):
            raise ValueError(f"{name} holds NaN")
    if arrays.temperature is not None and not 0 < arrays.temperature < float("inf"):
        raise ValueError(f"a temperature of {arrays.temperature}")
    mean, deviation = arrays.mean, arrays.deviation
    if mean is None or deviation is None:
        return
    if mean.ndim != 1 or mean.shape != deviation.shape or mean.dtype != deviation.dtype:
        raise ValueError(f"a standardisation of shapes {mean.shape} and {deviation.shape}")
    if mean.dtype != np.float32:
        raise ValueError(f"a standardisation of {mean.dtype}; float32 was expected")
    if not np.isfinite(mean).all() or not np.isfinite(deviation).all() or (deviation <= 0).any():
        raise ValueError("a standardisation that is not finite, or whose deviation is not above 0")
