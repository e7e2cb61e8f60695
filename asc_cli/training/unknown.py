"""Statistics of a fold for recordings of none of the scenes: inference/unknown.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from asc_cli.core import atomic
from asc_cli.frontend import negatives
from asc_cli.frontend.clips import from_recordings
from asc_cli.frontend.standardise import Standardisation
from asc_cli.frontend.varied import MixedClips, joined
from asc_cli.inference import unknown, unknown_file
from asc_cli.inference.networks import TorchNetwork
from asc_cli.registry.run_files import UNKNOWN
from asc_cli.training import fold_data, unknown_fit
from asc_cli.training.fold_data import FoldPart
from asc_cli.training.task import Recordings, Task

FILE = "unknown.safetensors"


def require_enough(task: Task, held_out: Recordings) -> None:
    """Raise AscError, before anything is fitted, where too few recordings are held out."""
    if settings := task.recipe.evaluation.unknown:
        unknown_fit.require_enough(len(held_out), settings.keep)


def write(task: Task, network: Any, fitted: FoldPart, held_out: FoldPart, test: FoldPart) -> None:
    """Write a fold's statistics, if the recipe asks for them, and the scores of its test
    recordings, which have no part in them.

    Args:
        task: The fold.
        network: The fitted network.
        fitted: The recordings that it was fitted on.
        held_out: Those held out of them.
        test: Those that the fold tests.

    Raises:
        AscError: Too few are held out, or the network has no linear layer to take a distance from.
    """
    settings = task.recipe.evaluation.unknown
    if settings is None:
        return
    wrapped = TorchNetwork(network.to("cpu").eval())
    first, _ = fitted.clips.batch(np.zeros(1, np.int64))
    layout = unknown.layout_of(wrapped, first, len(task.labels))
    others = _negatives(task, _standardise(fitted))
    parts = (_described(wrapped, layout, part) for part in (fitted, held_out, others, test))
    rows, apart, away, tested = parts
    n_recorded = len(negatives.recordings(settings.negatives))
    chosen = (layout, settings.score, settings.keep, n_recorded)
    statistics = unknown_fit.fit(rows, fitted.labels, apart, away, *chosen)
    unknown_file.save(task.folder / FILE, statistics)
    files = [recording.file for recording, _ in task.test]
    scores = dict(zip(files, statistics.scores(tested).tolist(), strict=True))
    atomic.write_json(task.folder / UNKNOWN, {"score": statistics.score, "scores": scores})


def _negatives(task: Task, standardise: Standardisation) -> FoldPart:
    """Return the clips of recordings of none of the scenes: as they are, and in each variant that
    is scored beside a recording."""
    settings = task.recipe.evaluation.unknown
    folder = settings.negatives if settings else None
    sets = tuple(
        from_recordings(negatives.frames(feature, folder), fold_data.clip_grid(task), standardise)
        for feature in (task.feature, *task.test_variants)
    )
    n = int(sets[0].owners[-1]) + 1
    return FoldPart(joined(sets) if task.test_variants else sets[0], np.zeros(n, np.int64))


def _standardise(part: FoldPart) -> Standardisation:
    clips = part.clips
    return (clips.sets[0] if isinstance(clips, MixedClips) else clips).standardise


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
