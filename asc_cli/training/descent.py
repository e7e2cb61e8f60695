"""Fit one model on one fold: by gradient descent, or by the model's own `estimate`.

Networks: Adam or another optimiser, cross-entropy, a fixed number of epochs, the last weights or
their average; or those of the epoch that is best on validation recordings, where a recipe holds
some out.

    loss = −1/B Σ_b ln softmax(logits_b)[label_b] + ½ λ Σ_w w²      w: weights, not biases
                                                 (Adam's coupled weight_decay λ is this gradient)

loss.py has the loss of smoothed, weighted and mixed labels, distillation.py that of teachers,
optim.py the optimisers, schedule.py the rate of each step, average.py the average of the weights.

Every model is an nn.Module whose forward gives scores (B, C): their softmax is the clip's
probabilities. What it learns is in its parameters and buffers, which one file format holds.

Every epoch's shuffling and dropout are drawn from (seed, fold, epoch), so a run that was killed
and resumed from its checkpoint ends with the same bits as one that was not. The test fold is
used only to draw a curve. Nothing is pickled: checkpoints are safetensors.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from asc_cli.core import json_text
from asc_cli.core.errors import AscError
from asc_cli.frontend.crops import RandomCrops
from asc_cli.frontend.varied import VariedClips
from asc_cli.models import Clips, Estimator, OwnedClips
from asc_cli.training import history, loop, optim
from asc_cli.training.augmentation import Augmentation
from asc_cli.training.average import WeightAverage
from asc_cli.training.distillation import Distillation
from asc_cli.training.loss import balanced_order, class_weights, cross_entropy
from asc_cli.training.optim import seed
from asc_cli.training.progress import Progress, ProgressReporter
from asc_cli.training.schedule import factor

CROPS, AUGMENT = 1, 2  # what random numbers are for, where an epoch or a step has several


@dataclass(frozen=True, kw_only=True)
class Settings(loop.Settings):
    """Settings of a fit on one fold."""

    batch_size: int  # clips
    fold: int
    curve_every: int  # epochs between points of the test curve; 0: none
    schedule: str = "constant"  # or cosine, one_cycle
    warm_up: float = 0.0  # share of the steps until the rate is highest
    ema_decay: float | None = None  # of the weights' average; None: the last weights
    label_smoothing: float = 0.0
    balance: str = "none"  # or weights, sampler


@dataclass(frozen=True)
class Epoch:
    """A line of history.csv."""

    epoch: int
    train_loss: float
    test_accuracy: float | None  # of recordings; None where the curve skips
    seconds: float
    validation_loss: float | None = None  # of recordings; None without validation
    learning_rate: float | None = None  # of its last step; None in checkpoints of version 0.1


def fit(
    model: nn.Module,
    clips: OwnedClips | RandomCrops | VariedClips,
    labels: np.ndarray,  # (B,) int64
    settings: Settings,
    folder: Path,
    curve: Callable[[nn.Module], float],
    report: Callable[[Progress], None],
    validate: Callable[[nn.Module], float] | None = None,
    augment: Augmentation | None = None,
    distil: Distillation | None = None,
) -> None:
    """Fit in place, resuming from `folder`'s checkpoint if there is one.

    A model that is an Estimator fits itself, with one thread, so that sums are taken in one
    order; no curve is drawn for it. Raises AscError when the data or the settings do not allow it.
    """
    if not isinstance(model, Estimator):
        fit_network(
            model, clips, labels, settings, folder, curve, report, validate, augment, distil
        )
        return
    if settings.choose_epoch == "validation":
        raise AscError(
            "training.choose_epoch = validation: this model fits itself, so there is no epoch to "
            "choose; choose_epoch: last"
        )
    if isinstance(clips, RandomCrops) or (isinstance(clips, VariedClips) and clips.is_random):
        raise AscError(
            "clips.crops = random: this model fits itself, on one set of clips; crops: grid"
        )
    if isinstance(clips, VariedClips):
        clips, labels = clips.joined(labels)
    if augment is not None:
        raise AscError("augment: this model fits itself, on one set of clips; remove the list")
    from threadpoolctl import threadpool_limits

    def stage(network: nn.Module, clips: Clips, labels: np.ndarray) -> None:
        fit_network(network, clips, labels, settings, folder, None, report)

    with threadpool_limits(limits=1):
        model.estimate(clips, labels, stage, seed(settings.seed, settings.fold, 0))
    model.to(settings.device)


def fit_network(
    model: nn.Module,
    clips: Clips | RandomCrops | VariedClips,
    labels: np.ndarray,  # (B,) int64
    settings: Settings,
    folder: Path,
    curve: Callable[[nn.Module], float] | None,
    report: Callable[[Progress], None],
    validate: Callable[[nn.Module], float] | None = None,
    augment: Augmentation | None = None,
    distil: Distillation | None = None,
) -> list[Epoch]:
    """Fit a network by gradient descent; returns the history.

    Leaves checkpoint.safetensors and history.csv in the folder after every epoch. Raises AscError
    when the loss is no longer a number.
    """
    optimiser = loop.optimiser_for(model, settings)
    average = None if settings.ema_decay is None else WeightAverage(model, settings.ema_decay)
    past = restore(folder, model, optimiser, average)
    reporter = ProgressReporter(settings.epochs, report)

    def run_epoch(epoch: int) -> Epoch:
        started = time.monotonic()
        loss = _epoch(
            model, optimiser, clips, labels, settings, epoch, reporter, average, augment, distil
        )
        draws = curve and settings.curve_every and epoch % settings.curve_every == 0
        with average.applied(model) if average else contextlib.nullcontext():
            accuracy = curve(model) if curve and draws else None
            validation = validate(model) if validate else None
        seconds = round(time.monotonic() - started, 3)
        rate = float(optimiser.param_groups[0]["lr"])
        return Epoch(epoch, loss, accuracy, seconds, validation, rate)

    def save() -> None:
        checkpoint(folder, model, optimiser, past, average)

    loop.fit_epochs(
        model, settings, folder, past, run_epoch, save, validation_loss, average=average
    )
    write_history(folder, past)
    return past


def validation_loss(epoch: Epoch) -> float:
    """Return an epoch's validation loss; infinite for an epoch that was not validated."""
    return float("inf") if epoch.validation_loss is None else epoch.validation_loss


def tensors(
    clips: Clips, which: np.ndarray, device: str
) -> tuple[Tensor, Tensor | None]:  # -> (b, T, F), (b, T)
    """Return clips `which` (b,) and their mask on a device."""
    frames, mask = clips.batch(which)
    # clone: torch's memory is aligned to 64 bytes, numpy's is not, and kernels round by alignment
    x = torch.from_numpy(frames).clone().to(device)
    return x, None if mask is None else torch.from_numpy(mask).to(device)


def log_probabilities(
    model: nn.Module, clips: Clips, batch_size: int, device: str
) -> np.ndarray:  # -> (B, C)
    """Return the log probabilities of every clip, in order; equal batches, so equal bits."""
    model.eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(clips), batch_size):
            which = np.arange(start, min(start + batch_size, len(clips)))
            scores = model(*tensors(clips, which, device))
            wide = scores.to("cpu" if device == "mps" else device).double()  # mps has no 64 bits
            parts.append(torch.log_softmax(wide, dim=1).cpu())
    return torch.cat(parts).numpy()


def _epoch(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    clips: Clips | RandomCrops | VariedClips,
    labels: np.ndarray,
    settings: Settings,
    epoch: int,
    reporter: ProgressReporter,
    average: WeightAverage | None,
    augment: Augmentation | None,
    distil: Distillation | None,
) -> float:
    """One pass over the fold; returns the mean loss."""
    torch.manual_seed(seed(settings.seed, settings.fold, epoch))
    if isinstance(clips, RandomCrops | VariedClips):
        clips = clips.draw(np.random.default_rng([settings.seed, settings.fold, epoch, CROPS]))
    answers = distil.of_clips(clips) if distil else None  # (B, C)
    order = _order(labels, settings, epoch)
    per_epoch = math.ceil(len(order) / settings.batch_size)
    model.train()
    total = 0.0
    for i, start in enumerate(range(0, len(order), settings.batch_size)):
        step = (epoch - 1) * per_epoch + i
        which = order[start : start + settings.batch_size]
        target = torch.from_numpy(labels[which]).to(settings.device)
        q = None if answers is None else torch.from_numpy(answers[which]).to(settings.device)
        x, mask = tensors(clips, which, settings.device)
        if augment:
            seeds = (settings.seed, settings.fold, epoch, i, AUGMENT)
            if q is None:
                x, mask, target = augment(x, mask, target, seeds)
            else:
                x, mask, target, q = augment.with_answers(x, mask, target, q, seeds)
        scores = model(x, mask)
        weights = None
        if settings.balance == "weights":
            weights = class_weights(labels, scores.shape[1]).to(scores.device)
        loss = cross_entropy(scores, target, settings.label_smoothing, weights)
        if distil and q is not None:
            loss = distil.loss(loss, scores, q)
        rate = factor(settings.schedule, settings.warm_up, step, settings.epochs * per_epoch)
        optim.step(model, optimiser, loss, settings.learning_rate * rate, settings.clip_norm)
        if average:
            average.update(model, step)
        if not np.isfinite(value := loss.item()):
            raise AscError(
                f"training: the loss of fold {settings.fold} is {value} in epoch {epoch}; "
                "a lower training.learning_rate may help"
            )
        total += value * len(which)
        reporter.update(epoch, (start + len(which)) / len(order), value, len(which))
    return total / len(order)


def _order(labels: np.ndarray, settings: Settings, epoch: int) -> np.ndarray:  # -> (B,)
    """Return the clips of an epoch in their order."""
    rng = np.random.default_rng([settings.seed, settings.fold, epoch])
    if settings.balance == "sampler":
        return balanced_order(labels, rng)
    return rng.permutation(len(labels))


# -- checkpoints ------------------------------------------------------------------------------


def checkpoint(
    folder: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    past: list[Epoch],
    average: WeightAverage | None = None,
) -> None:
    """Save weights, optimiser state and history in one file, so that they always match."""
    rows = json_text.dumps([vars(epoch) for epoch in past])
    optim.save_state(folder, model, optimiser, {"history": rows}, average)
    write_history(folder, past)


def restore(
    folder: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: WeightAverage | None = None,
) -> list[Epoch]:
    """Load the folder's checkpoint into model, optimiser and average; [] when there is none."""
    texts = optim.load_state(folder, model, optimiser, average)
    try:
        return [Epoch(**row) for row in json.loads(texts["history"])] if texts else []
    except (ValueError, KeyError, TypeError) as fault:
        raise optim.damaged(folder, fault) from fault


def write_history(folder: Path, past: list[Epoch]) -> None:
    """Write history.csv: a column for each figure of an epoch."""
    columns = tuple(Epoch.__dataclass_fields__)
    rows = []
    for e in past:
        accuracy = "" if e.test_accuracy is None else f"{e.test_accuracy:.6f}"
        validation = "" if e.validation_loss is None else f"{e.validation_loss:.6f}"
        rate = "" if e.learning_rate is None else f"{e.learning_rate:.6g}"
        figures = [f"{e.train_loss:.6f}", accuracy, str(e.seconds), validation, rate]
        rows.append([str(e.epoch), *figures])
    history.write(folder, columns, rows)
