"""Fit one model on a stream of videos: counted by examples, without loading the dataset.

    loss = 1/B Σ_b Σ_c cross-entropy of label c of video b + ½ λ Σ_w w²     (multi_label_loss)
    g    ← g · min(1, clip_norm / ‖g‖)                      ‖g‖ over all gradients together
    rate = learning_rate · decay^⌊examples seen / decay_every⌋

After every epoch the model is scored on the validation part; the epoch of the highest GAP is the
best one, as in the paper's Table 2. A checkpoint every so many examples holds weights, moments,
the stream's position and the sums so far, so a killed run resumes in the middle of an
epoch and ends with the same bits.

bfloat16: forward and backward compute with the weights' bfloat16 copies; weights, moments, loss and
the sums of gradients stay float32.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from asc_cli.core import json_text
from asc_cli.core.errors import AscError
from asc_cli.models._mixture_of_experts import multi_label_loss
from asc_cli.training import history, loop, optim
from asc_cli.training.progress import ProgressReporter

FIGURES = ("gap", "hit_at_1", "perr", "videos", "positives")  # of the validation part
COLUMNS = ("epoch", "examples", "train_loss", "learning_rate", *FIGURES, "seconds")


@dataclass(frozen=True, kw_only=True)
class Settings(loop.Settings):
    """Settings of a fit; `choose_epoch: validation` is the epoch of the highest GAP."""

    decay: float
    decay_every: int  # examples
    checkpoint_every: int  # examples
    precision: str  # float32 or bfloat16


class Batch(Protocol):
    """Some videos (`datasets.yt8m.Batch` is one)."""

    @property
    def ids(self) -> Sequence[str]: ...  # B of them

    def tensors(self, device: str) -> tuple[Tensor, Tensor]: ...  # (B, T, F), mask (B, T)

    def targets(self, C: int) -> np.ndarray: ...  # -> (B, C)


class Batches(Protocol):
    """An epoch's batches from some position on."""

    def __iter__(self) -> Iterator[Batch]: ...

    def position(self) -> dict[str, Any]:
        """Return where to resume, between two batches."""
        ...

    def share(self) -> float: ...  # of the epoch, from 0 to 1


@dataclass
class State:
    """The state of a fit, beside weights and the optimiser's state."""

    examples: int = 0  # seen in all epochs
    history: list[dict[str, Any]] = field(default_factory=list)  # a row of COLUMNS an epoch
    position: dict[str, Any] | None = None  # in the epoch after those of the history; None: start
    total: float = 0.0  # sum of the losses of this epoch's examples
    in_epoch: int = 0
    seconds: float = 0.0  # of this epoch, before the last checkpoint
    faults: list[Any] = field(default_factory=list)  # damaged records

    @property
    def epoch(self) -> int:
        return len(self.history) + 1


def fit_network(
    model: nn.Module,
    epoch_from: Callable[[int, dict[str, Any] | None], Batches],
    evaluate: Callable[[nn.Module], dict[str, float]],
    settings: Settings,
    n_labels: int,
    folder: Path,
    *,
    faults: list[Any],
    report: Callable[[dict[str, Any]], None] = lambda progress: None,
    epoch_done: Callable[[dict[str, Any]], None] = lambda row: None,
) -> State:
    """Fit in place, resuming from `folder`'s checkpoint if there is one.

    epoch_from(epoch, position) opens the training part. faults: saved in checkpoints; the stream
    appends to it. Raises AscError when the loss is no longer a number, or there is no video.
    """
    optimiser = loop.optimiser_for(model, settings)
    state = restore(folder, model, optimiser)
    faults[:] = state.faults  # one list, which the stream appends to
    state.faults = faults
    reporter = ProgressReporter(settings.epochs, lambda progress: report(vars(progress)))

    def run_epoch(epoch: int) -> dict[str, Any]:
        batches = epoch_from(epoch, state.position)
        started = time.monotonic() - state.seconds
        _epoch(model, optimiser, batches, settings, n_labels, state, folder, started, reporter)
        row = _row(settings, state, evaluate(model), started)
        state.position, state.total, state.in_epoch, state.seconds = None, 0.0, 0, 0.0
        return row

    def save() -> None:
        checkpoint(folder, model, optimiser, state)

    loop.fit_epochs(model, settings, folder, state.history, run_epoch, save, gap_loss, epoch_done)
    return state


def _row(
    settings: Settings, state: State, figures: dict[str, float], started: float
) -> dict[str, Any]:
    return {
        "epoch": state.epoch,
        "examples": state.examples,
        "train_loss": state.total / state.in_epoch,
        "learning_rate": rate(settings, state.examples),
        **{name: figures[name] for name in FIGURES},
        "seconds": round(time.monotonic() - started, 3),
    }


def gap_loss(row: dict[str, Any]) -> float:
    """Return −GAP on the validation part, the loss by which the epoch is chosen."""
    return -row["gap"]


def best(past: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the epoch of the highest GAP on the validation part, the first of equals."""
    return loop.best(past, gap_loss)


def rate(settings: Settings, examples: int) -> float:
    return settings.learning_rate * settings.decay ** (examples // settings.decay_every)


def probabilities(
    model: nn.Module, batch: Batch, precision: str, device: str
) -> Tensor:  # -> (B, C) float32
    x, mask = batch.tensors(device)
    if precision == "float32":
        return model(x, mask)
    halves = {name: p.to(torch.bfloat16) for name, p in model.named_parameters()}
    return torch.func.functional_call(model, halves, (x.to(torch.bfloat16), mask)).float()


def _epoch(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    batches: Batches,
    settings: Settings,
    n_labels: int,
    state: State,
    folder: Path,
    started: float,
    reporter: ProgressReporter,
) -> None:
    """Run the rest of an epoch, from the state's position."""
    model.train()
    for batch in batches:
        loss = _step(model, optimiser, batch, settings, n_labels, state)
        n = len(batch.ids)
        due = (state.examples + n) // settings.checkpoint_every
        due -= state.examples // settings.checkpoint_every
        state.examples += n
        state.in_epoch += n
        state.total += loss * n
        reporter.update(state.epoch, batches.share(), loss, n)
        if due:
            _mark(state, batches, started)
            checkpoint(folder, model, optimiser, state)
    if not state.in_epoch:
        first = f"; the first damaged record: {state.faults[0]}" if state.faults else ""
        raise AscError(f"training: no complete video in the training part's shards{first}")
    _mark(state, batches, started)
    checkpoint(folder, model, optimiser, state)  # the evaluation may take hours


def _mark(state: State, batches: Batches, started: float) -> None:
    state.position = batches.position()
    state.seconds = time.monotonic() - started


def _step(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    batch: Batch,
    settings: Settings,
    n_labels: int,
    state: State,
) -> float:
    torch.manual_seed(optim.seed(settings.seed, state.epoch, state.examples))
    targets = torch.from_numpy(batch.targets(n_labels)).to(settings.device)
    p = probabilities(model, batch, settings.precision, settings.device)
    loss = multi_label_loss(p, targets)
    optim.step(model, optimiser, loss, rate(settings, state.examples), settings.clip_norm)
    if not np.isfinite(value := loss.item()):
        raise AscError(
            f"training: the loss is {value} after {state.examples} examples; a lower "
            "training.learning_rate or stream.clip_norm may help"
        )
    return value


# -- checkpoints ------------------------------------------------------------------------------


def checkpoint(
    folder: Path, model: nn.Module, optimiser: torch.optim.Optimizer, state: State
) -> None:
    optim.save_state(folder, model, optimiser, {"state": json_text.dumps(asdict(state))})
    rows = [[str(row[name]) for name in COLUMNS] for row in state.history]
    history.write(folder, COLUMNS, rows)


def restore(folder: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> State:
    texts = optim.load_state(folder, model, optimiser)
    try:
        return State(**json.loads(texts["state"])) if texts else State()
    except (ValueError, KeyError, TypeError) as fault:
        raise optim.damaged(folder, fault) from fault
