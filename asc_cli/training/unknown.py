"""Statistics of a fold for recordings of none of the scenes: inference/unknown.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from asc_cli.inference import unknown
from asc_cli.inference.networks import TorchNetwork
from asc_cli.training import fold_data
from asc_cli.training.fold_data import FoldPart
from asc_cli.training.task import Recordings, Task

FILE = "unknown.safetensors"


def require_enough(task: Task, held_out: Recordings) -> None:
    """Raise AscError, before anything is fitted, where too few recordings are held out."""
    if settings := task.recipe.evaluation.unknown:
        unknown.require_enough(len(held_out), settings.keep)


def write(task: Task, network: Any, fitted: FoldPart, held_out: FoldPart) -> None:
    """Write a fold's statistics, if the recipe asks for them; the test fold has no part in them.

    Args:
        task: The fold.
        network: The fitted network.
        fitted: The recordings that it was fitted on.
        held_out: Those held out of them.

    Raises:
        AscError: Too few are held out, or the network has no linear layer to take a distance from.
    """
    settings = task.recipe.evaluation.unknown
    if settings is None:
        return
    wrapped = TorchNetwork(network.to("cpu").eval())
    first, _ = fitted.clips.batch(np.zeros(1, np.int64))
    layout = unknown.layout_of(wrapped, first, len(task.labels))
    rows, others = (_described(wrapped, layout, part) for part in (fitted, held_out))
    statistics = unknown.fit(rows, fitted.labels, others, layout, settings.score, settings.keep)
    unknown.save(task.folder / FILE, statistics)


def _described(network: TorchNetwork, layout: unknown.Layout, part: FoldPart) -> np.ndarray:
    """Return the description of each recording of a part, (n, V)."""
    sums: np.ndarray | float = 0.0
    counts = np.bincount(part.clips.owners, minlength=len(part.labels))
    for start in range(0, len(part.clips), fold_data.INFERENCE_CLIPS):
        which = np.arange(start, min(start + fold_data.INFERENCE_CLIPS, len(part.clips)))
        _, rows, _ = layout.describe(network, *part.clips.batch(which))
        added = np.zeros((len(part.labels), rows.shape[1]))
        np.add.at(added, part.clips.owners[which], rows)
        sums = sums + added
    return np.asarray(sums) / counts[:, None]
