"""The optimiser, checkpoints and seeds of gradient descent.

A checkpoint is one safetensors file: weights, the optimiser's state, and as text all else that a
resumed fit needs to end with the same bits. Nothing is pickled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from asc_cli.core import tensors
from asc_cli.core.errors import AscError, DamagedFile
from asc_cli.training.average import WeightAverage

CHECKPOINT, BEST = "checkpoint.safetensors", "best.safetensors"
OPTIMISERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}


def optimiser(
    model: nn.Module,
    name: str,
    learning_rate: float,
    *,
    l2: float = 0.0,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> torch.optim.Optimizer:
    """Return the optimiser; penalty and decay are on weights (two dimensions or more), not biases.

    Args:
        model: Its parameters that need gradients are fitted.
        name: adam, adamw, rmsprop or sgd.
        learning_rate: Of the first step.
        l2: λ of the penalty ½ λ Σ w², whose gradient is added to the loss's; not of adamw.
        weight_decay: λ of w ← w − rate · λ · w, apart from the gradient; of adamw alone.
        momentum: Share of the last step in the next; of sgd alone.
        nesterov: Take the gradient where the momentum leads; of sgd alone.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    decay = weight_decay if name == "adamw" else l2
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    more: dict[str, Any] = {"momentum": momentum, "nesterov": nesterov} if name == "sgd" else {}
    return OPTIMISERS[name](groups, lr=learning_rate, **more)


def step(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    loss: Tensor,
    rate: float,
    clip_norm: float | None,
) -> None:
    """Go one step down the gradient of the loss.

    Args:
        model: The network.
        optimiser: Its optimiser.
        loss: What the gradient is of.
        rate: The learning rate of this step.
        clip_norm: g ← g · min(1, clip_norm / ‖g‖), ‖g‖ over all gradients together; None: g as it
            is.
    """
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad()
    loss.backward()
    if clip_norm is not None:
        nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
    optimiser.step()


def seed(*parts: int) -> int:
    """Return a seed for torch that is far from those of neighbouring parts."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


def save_state(
    folder: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    texts: dict[str, str],
    average: WeightAverage | None = None,
) -> None:
    """Save weights, their average, the optimiser's state and texts in one file, so that they
    always match."""
    arrays = {f"model.{name}": value.contiguous() for name, value in model.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        arrays |= {f"optimiser.{index}.{name}": value for name, value in state.items()}
    arrays |= average.arrays() if average else {}
    tensors.save(folder / CHECKPOINT, arrays, texts)


def load_state(
    folder: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: WeightAverage | None = None,
) -> dict[str, str] | None:
    """Load the folder's checkpoint into model, optimiser and average; return its texts, None
    without one."""
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
        if average:
            average.load(file.arrays)
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
