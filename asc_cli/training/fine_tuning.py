"""A member for each recording device: the fold's network, trained further on the device's own
recordings. DCASE 2025 Task 1 names the device of every recording, also at test.

Recordings of a device without a member, and those that name none, are for the general member.
"""

from __future__ import annotations

import copy
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asc_cli.core import tensors
from asc_cli.core.errors import AscError, DamagedFile
from asc_cli.datasets import Recording
from asc_cli.evaluation import metrics, predictions
from asc_cli.evaluation.metrics import Metric
from asc_cli.evaluation.scores import Remark
from asc_cli.inference import ensemble
from asc_cli.inference.member import TORCH, Member
from asc_cli.recipe.load import Recipe
from asc_cli.registry import members, models
from asc_cli.registry.run_files import PREDICTIONS
from asc_cli.registry.runs import fold_folder

if TYPE_CHECKING:
    from torch import nn

    from asc_cli.training.descent import Settings

GENERAL = "general.csv"  # what the general member predicts of the fold's test recordings
Fit = Callable[[Any, tuple[tuple[Recording, str], ...], "Settings", Path], None]


@dataclass(frozen=True)
class Start:
    """A registered model's member, whose weights a fold starts from.

    Attributes:
        model: NAME@VERSION.
        fold: The member's.
        folder: The model's, for a worker with a home of its own.
    """

    model: str
    fold: int
    folder: Path

    def load(self) -> Member:
        return ensemble.load(models.find(self.model), self.fold, engine=TORCH).members[0]


def require_devices(recipe: Recipe, dataset: str, recordings: Iterable[Recording]) -> None:
    """Raise AscError where a recipe wants members by device, and no recording names one."""
    if recipe.fine_tune and not any(recording.recording_device for recording in recordings):
        raise AscError(
            f"fine_tune: by: device, and {dataset} names no recording device; give the table a "
            "column device, or train without fine_tune"
        )


def fit_devices(
    network: Any,
    recordings: tuple[tuple[Recording, str], ...],
    recipe: Recipe,
    settings: Settings,
    folder: Path,
    fit: Fit,
) -> dict[str, nn.Module]:
    """Return a fitted copy of a network for each recording device.

    Args:
        network: The general one; it is not changed.
        recordings: What the fold is fitted on, each with the hash of its file.
        recipe: Its `fine_tune` says how long and how fast.
        settings: Of the general training.
        folder: The fold's; each device has a folder in it, by which it resumes.
        fit: Fits a network on recordings, with settings, in a folder.
    """
    if recipe.fine_tune is None:
        return {}
    devices = sorted({r.recording_device for r, _ in recordings if r.recording_device})
    networks = {}
    for number, device in enumerate(devices, start=1):
        networks[device] = copy.deepcopy(network)
        own = tuple(row for row in recordings if row[0].recording_device == device)
        fit(
            networks[device],
            own,
            replace(
                settings,
                epochs=recipe.fine_tune.epochs,
                learning_rate=recipe.fine_tune.learning_rate,
                seed=_seed(settings.seed, device),
                curve_every=0,
                choose_epoch="last",
            ),
            folder / f"device{number:02d}",
        )
    return networks


def _seed(seed: int, device: str) -> int:
    """Return a seed of a device's own, whatever other devices there are."""
    return seed * 2**32 + zlib.crc32(device.encode())


def routed(
    general: Any,
    networks: Mapping[str, Any],
    recordings: tuple[tuple[Recording, str], ...],
    score: Callable[[Any, tuple[tuple[Recording, str], ...]], np.ndarray],
) -> np.ndarray:  # -> (n, C)
    """Return the scores of each recording by its network; score(network, recordings) -> (m, C)."""
    named = [r.recording_device for r, _ in recordings]
    device_of = [device if device in networks else "" for device in named]
    parts = []
    order: list[int] = []
    for device in dict.fromkeys(device_of):
        rows = [i for i, each in enumerate(device_of) if each == device]
        parts.append(score(networks.get(device, general), tuple(recordings[i] for i in rows)))
        order += rows
    return np.concatenate(parts)[np.argsort(order)]


def devices_of(run: Path, folds: Iterable[int]) -> list[str]:
    """Return the recording devices that some fold of a run has a member for.

    Raises DamagedFile for weights that are not what was written.
    """
    folders = (fold_folder(run, fold) for fold in folds)
    return sorted({each for folder in folders for each in _devices_of_fold(folder)})


def _devices_of_fold(folder: Path) -> tuple[str, ...]:
    if not (folder / GENERAL).exists():
        return ()
    file = folder / "model.safetensors"
    try:
        return members.devices_in(tensors.load(file).arrays)
    except (DamagedFile, ValueError) as fault:
        raise DamagedFile(
            f"{file}: is damaged ({fault}); remove {folder}, and the same command trains it again"
        ) from fault


def remarks(run: Path, folds: Sequence[int], metric: Metric) -> list[Remark]:
    """Return a remark on what the general members alone would score; none without others."""
    if not (devices := devices_of(run, folds)):
        return []
    folders = [fold_folder(run, fold) for fold in folds]
    names = [GENERAL if (each / GENERAL).exists() else PREDICTIONS for each in folders]
    parts = [predictions.read(each / name) for each, name in zip(folders, names, strict=True)]
    n_scenes = len(parts[0].scenes)
    value = metric.of([metrics.confusion(p.labels, p.guesses, n_scenes) for p in parts])
    shown = f"{100 * value:.2f} %" if metric.share else f"{value:.4g}"
    text = (
        f"recordings of the devices {', '.join(devices)} were classified by members of their own; "
        f"on all of the same recordings, {metric.name.replace('_', ' ')} of the general members "
        f"alone: {shown}"
    )
    return [Remark("device-members", text)]
