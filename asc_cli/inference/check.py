"""Check a registered model: its files, and whether what answers for it answers as torch does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core import parallel
from asc_cli.core.device import has_torch
from asc_cli.core.errors import AscError
from asc_cli.core.installation import install_command
from asc_cli.evaluation import aggregate
from asc_cli.frontend import clips, store
from asc_cli.inference import ensemble, graphs, verify
from asc_cli.inference.engine import BATCH_CLIPS
from asc_cli.inference.member import AUTO, TORCH
from asc_cli.registry import models

LARGEST_DIFFERENCE = 1e-5  # of a clip's probability


@dataclass(frozen=True)
class SystemCheck:
    """How the answers of one system agree with torch's, all members together.

    Attributes:
        system: Its id.
        answered_by: onnxruntime, numpy or torch.
        clips: How many were compared.
        largest_difference: Of a clip's probability.
        other_clips: Clips whose most probable scene is another.
        recordings: How many were compared; 0 where noise was.
        other_scenes: Recordings whose most probable scene is another.
    """

    system: str
    answered_by: str
    clips: int
    largest_difference: float
    other_clips: int
    recordings: int
    other_scenes: int


@dataclass(frozen=True)
class ModelCheck:
    """A checked model.

    Attributes:
        model: NAME@VERSION.
        files: Its files, each as its checksum says.
        systems: A row for each of its systems.
    """

    model: str
    files: int
    systems: tuple[SystemCheck, ...]

    @property
    def agrees(self) -> bool:
        """Whether no clip differs by more than LARGEST_DIFFERENCE, or no recording's scene does.

        Where clips vote or a tree decides, a rounding may turn one clip over.
        """
        return all(
            row.largest_difference <= LARGEST_DIFFERENCE
            or (row.recordings > 0 and row.other_scenes == 0)
            for row in self.systems
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc models check --json` prints.

        Returns:
            As in JSON.
        """
        return {**asdict(self), "agrees": self.agrees}


def check_model(reference: str, recordings: Sequence[Path] = ()) -> ModelCheck:
    """Check a model's files, make the graphs that it lacks, and compare its answers with torch's.

    Args:
        reference: NAME or NAME@VERSION.
        recordings: To compare on; without any, those of the model's own dataset that are on this
            machine, else noise.

    Returns:
        What was compared, system by system.

    Raises:
        AscError: A file is damaged, a recording cannot be read, or torch is not installed.
    """
    model = models.find(reference)
    ensemble.require_scenes(model)
    for each in (model, *model.systems()):
        each.require_intact()
    if not has_torch():
        raise AscError(
            "models check: torch is needed to compare with; install it with: "
            f"{install_command('train')}"
        )
    graphs.ensure_graphs(model)
    paths = list(recordings) or verify.own_recordings(model)
    rows = tuple(_checked(system, paths) for system in model.systems())
    n_files = len({*model.card.get("files", {}), *model.weight_files()})
    return ModelCheck(model.id, n_files, rows)


def _checked(system: models.Model, paths: Sequence[Path]) -> SystemCheck:
    ours, torchs = (ensemble.load(system, engine=engine) for engine in (AUTO, TORCH))
    n_clips, largest, other_clips, other_scenes = 0, 0.0, 0, 0
    with parallel.one_thread():
        for frames in [store.compute(ours.feature, path) for path in paths] or [_noise(ours)]:
            logs, expected = (_logs(loaded, frames) for loaded in (ours, torchs))
            n_clips += len(logs)
            largest = max(largest, float(np.abs(np.exp(logs) - np.exp(expected)).max()))
            other_clips += int((logs.argmax(axis=1) != expected.argmax(axis=1)).sum())
            scenes = [
                aggregate.recording_scores(each, np.zeros(len(each), int), 1, ours.aggregate)
                for each in (logs, expected)
            ]
            other_scenes += int(scenes[0].argmax() != scenes[1].argmax())
    return SystemCheck(
        system.id,
        graphs.answered_by(system)[system.id],
        n_clips,
        largest,
        other_clips,
        len(paths),
        other_scenes,
    )


def _logs(loaded: ensemble.Loaded, frames: np.ndarray) -> np.ndarray:  # (T, F) -> (B, C)
    cut = clips.from_stream([frames], loaded.clip_grid, BATCH_CLIPS)
    return np.concatenate(
        [ensemble.log_probabilities(loaded, batch, lengths)[0] for batch, lengths in cut]
    )


def _noise(loaded: ensemble.Loaded) -> np.ndarray:  # -> (T, F)
    """Return frames of noise, as loud as what the first member was trained on."""
    spread = loaded.members[0].standardise
    x, _ = graphs.noise(loaded.clip_grid.n_frames, len(spread.mean))
    return x.reshape(-1, len(spread.mean)) * spread.deviation + spread.mean
