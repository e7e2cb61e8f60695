"""The optimiser, checkpoints and seeds of gradient descent.

A checkpoint is one safetensors file: weights, the optimiser's state, and as text all else that a
resumed fit needs to end with the same bits. Nothing is pickled.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from asc_cli.core import tensors
from asc_cli.core.errors import AscError, DamagedFile

CHECKPOINT, BEST = "checkpoint.safetensors", "best.safetensors"
OPTIMISERS = {"adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop}


def optimiser(
    model: nn.Module, name: str, learning_rate: float, l2: float
) -> torch.optim.Optimizer:
    """Return the optimiser; the l2 penalty is on weights (two dimensions or more), not biases."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": l2},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return OPTIMISERS[name](groups, lr=learning_rate)


def seed(*parts: int) -> int:
    """Return a seed for torch that is far from those of neighbouring parts."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


def save_state(
    folder: Path, model: nn.Module, optimiser: torch.optim.Optimizer, texts: dict[str, str]
) -> None:
    """Save weights, optimiser state and texts in one file, so that they always match."""
    arrays = {f"model.{name}": value.contiguous() for name, value in model.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        arrays |= {f"optimiser.{index}.{name}": value for name, value in state.items()}
    tensors.save(folder / CHECKPOINT, arrays, texts)


def load_state(
    folder: Path, model: nn.Module, optimiser: torch.optim.Optimizer
) -> dict[str, str] | None:
    """Load the folder's checkpoint into model and optimiser; return its texts, None without one."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    states: dict[int, dict[str, Tensor]] = {}
    try:
        file = tensors.load(path)
        for name in (n for n in file.arrays if n.startswith("optimiser.")):
            _, index, kind = name.split(".", 2)
            states.setdefault(int(index), {})[kind] = file.arrays[name]
        model.load_state_dict(
            {n.removeprefix("model."): a for n, a in file.arrays.items() if n.startswith("model.")}
        )
        optimiser.load_state_dict({**optimiser.state_dict(), "state": states})
    except (OSError, RuntimeError, ValueError, KeyError, DamagedFile) as fault:
        raise damaged(folder, fault) from fault
    if not file.texts:
        raise damaged(folder, "its history is not in it")
    return file.texts


def damaged(folder: Path, reason: object, name: str = CHECKPOINT) -> AscError:
    """Return the error of a checkpoint that cannot be resumed from."""
    path = folder / name
    return AscError(
        f"{path}: is damaged ({reason}); remove the folder {path.parent}, and the same command "
        "trains this fold again"
    )


def save_best_weights(folder: Path, model: nn.Module) -> None:
    """Write the weights as the best so far, ahead of the checkpoint: a killed epoch is run again
    to the same bits, so the two agree."""
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    tensors.save(folder / BEST, weights)


def load_best_weights(folder: Path, model: nn.Module) -> None:
    """Load the weights that `save_best_weights` wrote."""
    try:
        model.load_state_dict(tensors.load(folder / BEST).arrays)
    except (OSError, RuntimeError, DamagedFile) as fault:
        raise damaged(folder, fault, BEST) from fault
