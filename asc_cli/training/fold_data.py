"""The clips of a fold: those that it is fitted on, and those that it is validated or tested on."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core import atomic
from asc_cli.evaluation import aggregate, calibration, metrics
from asc_cli.frontend import clips, crops
from asc_cli.frontend.feature import StoredFeature
from asc_cli.frontend.pack import Pack
from asc_cli.frontend.pack import load as load_pack
from asc_cli.frontend.standardise import Standardisation, fit_standardisation, no_standardisation
from asc_cli.frontend.varied import MixedClips, VariedClips, joined
from asc_cli.training.held_out import split_validation
from asc_cli.training.task import Recordings, Task, label_indices

INFERENCE_CLIPS = 256  # clips in a batch for inference


@dataclass(frozen=True)
class FoldPart:
    """The clips of a fold's validation or test part."""

    clips: clips.ClipSet | MixedClips  # of the recordings, and of their variants at test
    labels: np.ndarray  # (n,) of the recordings

    def scores(self, model: Any, task: Task, temperature: float = 1.0) -> np.ndarray:  # -> (n, C)
        logs = calibration.apply_temperature(self._clip_logs(model, task), temperature)
        return self._aggregate(logs, task)

    def loss(self, model: Any, task: Task) -> float:
        return metrics.log_loss(self.scores(model, task), self.labels)

    def temperature(self, model: Any, task: Task) -> float:
        """Return the temperature fitted on this part; 1 without calibration."""
        if task.recipe.evaluation.calibrate == "none":
            return 1.0
        logs = self._clip_logs(model, task)
        return calibration.fit_temperature(
            logs, self.labels, functools.partial(self._aggregate, task=task)
        )

    def _clip_logs(self, model: Any, task: Task) -> np.ndarray:  # -> (B, C)
        from asc_cli.training import descent

        return descent.log_probabilities(model, self.clips, INFERENCE_CLIPS, task.device)

    def _aggregate(self, logs: np.ndarray, task: Task) -> np.ndarray:  # (B, C) -> (n, C)
        method = task.recipe.evaluation.aggregate
        return aggregate.recording_scores(logs, self.clips.owners, len(self.labels), method)


def hold_out(task: Task) -> tuple[Recordings, Recordings]:
    """Split the fold's training part into recordings to fit on and to validate on."""
    recordings = [recording for recording, _ in task.train]
    fitted, held_out = split_validation(
        task.recipe, task.fold, recordings, task.train_audio, {*task.published_validation}
    )
    if held_out:
        atomic.write_json(
            task.folder / "validation.json", {"files": [task.train[i][0].file for i in held_out]}
        )
    return tuple(task.train[i] for i in fitted), tuple(task.train[i] for i in held_out)


def standardisation(task: Task, pack: Pack, fitted: Recordings) -> Standardisation:
    """Fit the standardisation on the frames of the fold's training recordings, in order."""
    if not task.recipe.clips.standardise:
        return no_standardisation(pack.frames.shape[1])
    rows = pack.rows([digest for _, digest in fitted])
    return fit_standardisation(pack.recording(row) for row in rows)


def training_part(
    task: Task, pack: Pack, recordings: Recordings, standardise: Standardisation
) -> clips.ClipSet | crops.RandomCrops | VariedClips:
    cut = crops.random_crops if task.recipe.clips.crops == "random" else clips.from_array
    folders = task.packs[1 : 1 + len(task.variants)]
    packs = [pack, *_load_packs(folders, task.variants)]
    sets = tuple(cut(*_places(task, each, recordings), standardise) for each in packs)
    return VariedClips(sets) if task.variants else sets[0]


def fold_part(
    task: Task, pack: Pack, recordings: Recordings, standardise: Standardisation
) -> FoldPart:
    folders = task.packs[1 + len(task.variants) :]
    packs = [pack, *_load_packs(folders, task.test_variants)]
    sets = tuple(clips.from_array(*_places(task, p, recordings), standardise) for p in packs)
    clip_set = joined(sets) if task.test_variants else sets[0]
    return FoldPart(clip_set, label_indices(recordings, task.labels))


def _load_packs(folders: Iterable[Path], features: Iterable[StoredFeature]) -> list[Pack]:
    return [
        load_pack(folder, feature.description())
        for folder, feature in zip(folders, features, strict=True)
    ]


def _places(
    task: Task, pack: Pack, recordings: Recordings
) -> tuple[np.ndarray, np.ndarray, np.ndarray, clips.ClipGrid]:  # (N, F), (n,), (n,)
    """Return the pack's frames, each recording's first and how many it has, and the grid."""
    rows = pack.rows([digest for _, digest in recordings])
    pack.require_intact(rows)
    table = pack.table[rows]
    return pack.frames, table["first"], table["n_frames"], clip_grid(task)


def clip_grid(task: Task) -> clips.ClipGrid:
    """Return where the recipe cuts clips."""
    return task.feature.clip_grid(task.recipe.clips.model_dump())
