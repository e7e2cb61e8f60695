"""Verify an exported file: compare its predictions with the model's on recordings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.audio import decode
from asc_cli.core import parallel, paths
from asc_cli.core.errors import AscError, FileFault
from asc_cli.core.onnx_session import session
from asc_cli.evaluation import predictions
from asc_cli.inference import engine
from asc_cli.registry import models, run_files

CHECKED = 20  # recordings of the model's own dataset, if none are given


@dataclass(frozen=True)
class Agreement:
    """The agreement of an exported file with the original model.

    Attributes:
        recordings: How many were compared.
        largest_difference: Of a probability, over all recordings and scenes.
        same_scene: Recordings whose most probable scene is the same.
    """

    recordings: int
    largest_difference: float
    same_scene: int


@dataclass(frozen=True)
class ExportedFile:
    """A file that was written.

    Attributes:
        file: Its path.
        bytes: Its size.
        check: How it agrees with the model; None where no recording was compared.
    """

    file: str
    bytes: int
    check: Agreement | None = None


@dataclass(frozen=True)
class Export:
    """What an export wrote.

    Attributes:
        model: The model, NAME@VERSION.
        format: onnx or hub.
        files: What was written.
    """

    model: str
    format: str
    files: list[ExportedFile]

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc export --json` prints.

        Returns:
            As in JSON.
        """
        return asdict(self)


def own_recordings(model: models.Model) -> list[Path]:
    """Return some recordings of the model's own dataset, if it is on this machine."""
    run = paths.runs() / str(model.card.get("run", ""))
    try:
        root = Path(str(run_files.environment(run)["audio_root"]))
        names = sorted(set(predictions.read(run / "predictions.csv").files))
    except (OSError, KeyError, AscError):  # trained on another machine, or the run was removed
        return []
    candidates = [root / name for name in names[:: max(1, len(names) // CHECKED)][:CHECKED]]
    return [path for path in candidates if os.path.isfile(path)]


def reference_predictions(
    model: models.Model, recordings: Sequence[Path], device: str | None = None
) -> list[tuple[Path, np.ndarray]]:  # each with (C,) probabilities
    """Return the model's own prediction for each recording, as if of a recording device."""
    request = engine.Request(model, device=device)
    loaded = engine.loaded(request)
    with parallel.one_thread():
        outcomes = engine.score(loaded, request, engine.decoded(recordings))
    predicted = []
    for outcome in outcomes:
        if isinstance(outcome, FileFault):
            raise AscError(f"--check {outcome}")
        predicted.append((outcome.path, outcome.probabilities))
    return predicted


def compare(
    path: Path, references: Sequence[tuple[Path, np.ndarray]], sample_rate: int
) -> Agreement | None:
    """Run the file in onnxruntime and compare it with the model; None without recordings."""
    if not references:
        return None
    file = session(path, f"{path}: onnxruntime cannot run it")
    differences, same = [], 0
    for recording, expected in references:
        samples = decode.read(recording, sample_rate)
        [scores] = file.run(["probabilities"], {"samples": samples[None]})
        differences.append(float(np.abs(scores[0] - expected).max()))
        same += int(scores[0].argmax() == expected.argmax())
    return Agreement(len(differences), max(differences), same)
