"""Fit one model on a stream of videos: by examples seen, not by a table that is held.

    loss = 1/B Σ_b Σ_c cross-entropy of label c of video b + ½ λ Σ_w w²     (heads.multi_label_loss)
    g    ← g · min(1, clip_norm / ‖g‖)                      ‖g‖ over all gradients together
    rate = learning_rate · decay^⌊examples seen / decay_every⌋

After every epoch the model is tried on the validation part; the epoch of the highest GAP is the
best one, as in the paper's Table 2. A checkpoint every so many examples holds weights, moments,
the stream's position and the sums so far, so a run that was killed goes on in the middle of an
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

from asc_cli.core import atomic
from asc_cli.core.errors import AscError
from asc_cli.models._mixture_of_experts import multi_label_loss
from asc_cli.training import optim

REPORT_SECONDS = 0.5
FIGURES = ("gap", "hit_at_1", "perr", "videos", "positives")  # of the validation part
COLUMNS = ("epoch", "examples", "train_loss", "learning_rate", *FIGURES, "seconds")


@dataclass(frozen=True)
class Settings:
    """How to fit; the defaults are the recipe's."""

    epochs: int
    learning_rate: float
    l2: float
    seed: int
    optimiser: str
    choose_epoch: str  # last, or validation: the one of the highest GAP
    clip_norm: float | None
    decay: float
    decay_every: int  # examples
    checkpoint_every: int  # examples
    precision: str  # float32 or bfloat16
    device: str


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
        """Between two batches: where to go on."""
        ...

    def share(self) -> float: ...  # of the epoch, from 0 to 1


@dataclass
class State:
    """All but weights and moments that a fit needs to go on."""

    examples: int = 0  # seen in all epochs
    history: list[dict[str, Any]] = field(default_factory=list)  # a row of COLUMNS an epoch
    position: dict[str, Any] | None = None  # in the epoch after those of the history; None: start
    total: float = 0.0  # sum of the losses of this epoch's examples
    in_epoch: int = 0
    seconds: float = 0.0  # of this epoch, before the last checkpoint
    faults: list[Any] = field(default_factory=list)  # as the stream's owner wants them kept

    @property
    def epoch(self) -> int:
        return len(self.history) + 1


def descend(
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

    epoch_from(epoch, position) opens the training part. faults: kept in checkpoints; the stream
    appends to it. Raises AscError when the loss is no longer a number, or there is no video.
    """
    model.to(settings.device)
    optimiser = optim.optimiser(model, settings.optimiser, settings.learning_rate, settings.l2)
    state = restore(folder, model, optimiser)
    faults[:] = state.faults
    state.faults = faults
    while state.epoch <= settings.epochs:
        batches = epoch_from(state.epoch, state.position)
        started = time.monotonic() - state.seconds
        _epoch(model, optimiser, batches, settings, n_labels, state, folder, started, report)
        figures = evaluate(model)
        row = {
            "epoch": state.epoch,
            "examples": state.examples,
            "train_loss": state.total / state.in_epoch,
            "learning_rate": rate(settings, state.examples),
            **{name: figures[name] for name in FIGURES},
            "seconds": round(time.monotonic() - started, 3),
        }
        state.history.append(row)
        state.position, state.total, state.in_epoch, state.seconds = None, 0.0, 0, 0.0
        if best(state.history) is row:
            optim.keep(folder, model)
        checkpoint(folder, model, optimiser, state)
        epoch_done(row)
    if settings.choose_epoch == "validation":
        optim.recall(folder, model)
    return state


def best(history: list[dict[str, Any]]) -> dict[str, Any]:
    """The epoch of the highest GAP on the validation part, the first of equals."""
    return max(history, key=lambda row: row["gap"])


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
    report: Callable[[dict[str, Any]], None],
) -> None:
    """The rest of an epoch, from where the state stands."""
    model.train()
    told = _Teller(settings, report)
    for batch in batches:
        loss = _step(model, optimiser, batch, settings, n_labels, state)
        n = len(batch.ids)
        due = (state.examples + n) // settings.checkpoint_every
        due -= state.examples // settings.checkpoint_every
        state.examples += n
        state.in_epoch += n
        state.total += loss * n
        told.tick(state, batches, loss, n)
        if due:
            _mark(state, batches, started)
            checkpoint(folder, model, optimiser, state)
    if not state.in_epoch:
        first = f"; the first damaged record: {state.faults[0]}" if state.faults else ""
        raise AscError(f"training: not one whole video in the training part's shards{first}")
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
    for group in optimiser.param_groups:
        group["lr"] = rate(settings, state.examples)
    torch.manual_seed(optim.seed(settings.seed, state.epoch, state.examples))
    targets = torch.from_numpy(batch.targets(n_labels)).to(settings.device)
    said = probabilities(model, batch, settings.precision, settings.device)
    loss = multi_label_loss(said, targets)
    optimiser.zero_grad()
    loss.backward()
    if settings.clip_norm is not None:
        nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
    optimiser.step()
    if not np.isfinite(value := loss.item()):
        raise AscError(
            f"training: the loss is {value} after {state.examples} examples; a lower "
            "training.learning_rate or stream.clip_norm may help"
        )
    return value


class _Teller:
    """Tells `report` now and then how far the fit is and how fast."""

    def __init__(self, settings: Settings, report: Callable[[dict[str, Any]], None]):
        self.epochs, self.report = settings.epochs, report
        self.last, self.pending = time.monotonic(), 0

    def tick(self, state: State, batches: Batches, loss: float, n: int) -> None:
        self.pending += n
        now = time.monotonic()
        if now - self.last < REPORT_SECONDS:
            return
        share = (state.epoch - 1 + batches.share()) / self.epochs
        speed = self.pending / (now - self.last)
        self.report({"epoch": state.epoch, "epochs": self.epochs, "share": share, "loss": loss,
                     "clips_per_s": speed})  # fmt: skip
        self.last, self.pending = now, 0


# -- checkpoints ------------------------------------------------------------------------------


def checkpoint(
    folder: Path, model: nn.Module, optimiser: torch.optim.Optimizer, state: State
) -> None:
    optim.save_state(folder, model, optimiser, {"state": json.dumps(asdict(state))})
    rows = [",".join(COLUMNS)]
    rows += [",".join(str(row[name]) for name in COLUMNS) for row in state.history]
    atomic.write_text(folder / "history.csv", "\n".join(rows) + "\n")


def restore(folder: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> State:
    said = optim.load_state(folder, model, optimiser)
    return State(**json.loads(said["state"])) if said else State()
