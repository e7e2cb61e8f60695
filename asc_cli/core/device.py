"""The device that torch computes on."""

from __future__ import annotations

import importlib.util

from asc_cli.core.errors import AscError


def resolve_device(device: str) -> str:
    """Return cpu or cuda; auto: cuda if there is a GPU. Raises AscError for cuda without one."""
    if device == "cpu":
        return device
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cuda":
        raise AscError(f"--device {device}: auto, cpu or cuda was expected")
    if not torch.cuda.is_available():
        raise AscError("--device cuda: torch sees no GPU here; use --device cpu")
    return device


def has_torch() -> bool:
    """Return whether torch is installed; it is not imported."""
    try:
        return importlib.util.find_spec("torch") is not None
    except ModuleNotFoundError:
        return False
