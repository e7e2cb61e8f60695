"""The device that torch computes on."""

from __future__ import annotations

import importlib.util
from typing import Any

from asc_cli.core.errors import AscError

DEVICES = "auto, cpu, cuda or mps"


def resolve_device(device: str) -> str:
    """Return the device for `--device`.

    Args:
        device: cpu; cuda, a GPU of NVIDIA or AMD; mps, that of an Apple computer; or auto: cuda
            where there is one, else cpu. mps is never chosen by itself: the attention LSTMs are
            compiled for processors, and run step by step there.

    Returns:
        cpu, cuda or mps.

    Raises:
        AscError: torch has no such device here.
    """
    if device == "cpu":
        return device
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device not in ("cuda", "mps"):
        raise AscError(f"--device {device}: {DEVICES} was expected")
    if device == "cuda" and not torch.cuda.is_available():
        raise AscError("--device cuda: torch sees no GPU here; use --device cpu")
    if device == "mps" and not torch.backends.mps.is_available():
        raise AscError("--device mps: torch sees no Apple GPU here; use --device cpu")
    return device


def has_torch() -> bool:
    """Return whether torch is installed; it is not imported."""
    try:
        return importlib.util.find_spec("torch") is not None
    except ModuleNotFoundError:
        return False


def require_types(device: str, network: Any, name: str) -> None:
    """Raise AscError if a network has numbers of a type that the device lacks: 64 bits on mps."""
    import torch

    is_double = any(each.dtype == torch.float64 for each in network.state_dict().values())
    if device == "mps" and is_double:
        raise AscError(
            f"--device mps: {name} computes with 64-bit numbers, which that device lacks; "
            "use --device cpu"
        )
