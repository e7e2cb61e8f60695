"""The training loop over epochs: resume, choose the best epoch, save checkpoints."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from torch import nn
from torch.optim import Optimizer

from asc_cli.training import optim
from asc_cli.training.average import WeightAverage

Row = TypeVar("Row")  # an epoch's row in the history


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of gradient descent on any data; the defaults are the recipe's."""

    epochs: int
    learning_rate: float
    l2: float
    seed: int
    choose_epoch: str = "last"  # or "validation": the best one's weights
    device: str = "cpu"  # cpu, cuda or mps
    optimiser: str = "adam"  # adam, adamw, rmsprop or sgd
    weight_decay: float = 0.0  # of adamw
    momentum: float = 0.0  # of sgd
    nesterov: bool = False  # of sgd
    clip_norm: float | None = None  # largest norm of all gradients together; None: as they are


def optimiser_for(model: nn.Module, settings: Settings) -> Optimizer:
    """Return the recipe's optimiser for a model, which is moved to its device first."""
    model.to(settings.device)
    return optim.optimiser(
        model,
        settings.optimiser,
        settings.learning_rate,
        l2=settings.l2,
        weight_decay=settings.weight_decay,
        momentum=settings.momentum,
        nesterov=settings.nesterov,
    )


def fit_epochs(
    model: nn.Module,
    settings: Settings,
    folder: Path,
    history: list[Row],
    run_epoch: Callable[[int], Row],
    save: Callable[[], None],
    loss_of: Callable[[Row], float],
    epoch_done: Callable[[Row], None] = lambda row: None,
    average: WeightAverage | None = None,
) -> None:
    """Run the remaining epochs, in place; each adds a row to the history.

    run_epoch(epoch) fits one, numbered from 1. save() writes a checkpoint, the new row in it.
    loss_of(row) is the loss by which the best epoch is chosen: its weights are loaded in the end
    if the settings say so. With an average, its weights are saved and loaded, not the last step's.
    """
    chooses = settings.choose_epoch == "validation"
    for epoch in range(len(history) + 1, settings.epochs + 1):
        row = run_epoch(epoch)
        history.append(row)
        if chooses and best(history, loss_of) is row:
            with average.applied(model) if average else contextlib.nullcontext():
                optim.save_best_weights(folder, model)
        save()
        epoch_done(row)
    if chooses:
        optim.load_best_weights(folder, model)
    elif average:
        model.load_state_dict(average.values)


def best(history: list[Row], loss_of: Callable[[Row], float]) -> Row:
    """Return the row of the smallest loss, the first of equals."""
    return min(history, key=loss_of)
