"""One fold, in a process of its own: features → clips → fitted model → predictions.csv."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli import clips, files, predictions, scoring, store
from asc_cli.datasets import Recording
from asc_cli.errors import AscError
from asc_cli.recipe import Recipe
from asc_cli.workflow import _model
from asc_cli.workflow._extract import Extraction

INFERENCE_CLIPS = 256  # clips in a batch when nothing is learned


@dataclass(frozen=True)
class Task:
    """All that a worker needs to fit a fold; small enough to send anywhere."""

    recipe: Recipe
    feature: store.Feature
    labels: tuple[str, ...]
    train: tuple[tuple[Recording, str], ...]  # recording, hash of its audio
    test: tuple[tuple[Recording, str], ...]
    fold: int
    folder: Path
    device: str


def tasks(
    recipe: Recipe, extraction: Extraction, run: Path, chosen: list[int], device: str
) -> Iterator[Task]:
    """A task per chosen fold that is not finished."""
    listing, digests = extraction.source.listing, extraction.digests
    recordings = listing.by_file()
    resolved = resolve_device(device)
    for split in listing.splits:
        folder = run / f"fold{split.fold:02d}"
        if split.fold not in chosen or (folder / "predictions.csv").exists():
            continue
        train, test = (
            tuple((recordings[file], digests[file]) for file in part)
            for part in (split.train, split.test)
        )
        yield Task(
            recipe, extraction.feature, listing.labels, train, test, split.fold, folder, resolved
        )


def resolve_device(device: str) -> str:
    """auto → cuda where there is one. Raises AscError for cuda where there is none."""
    if device == "cpu":
        return device
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cuda":
        raise AscError(f"--device {device}: auto, cpu or cuda was expected")
    if not torch.cuda.is_available():
        raise AscError("--device cuda: torch sees no GPU here; use --device cpu")
    return device


def fit(task: Task) -> int:
    """Fit, predict the fold's test recordings, write both; returns the fold's number.

    One torch thread, however many folds run at once: sums are then taken in one order, and the
    bits do not depend on --jobs.
    """
    import torch

    from asc_cli import training

    torch.set_num_threads(1)
    task.folder.mkdir(parents=True, exist_ok=True)
    known = tuple(store.load(task.feature, digest) for _, digest in task.train)
    standardise = clips.standardisation(known, task.recipe.clips.standardise)
    clipping = clipping_of(task.recipe, task.feature)
    train = clips.cut(known, clipping, standardise)
    test = clips.cut(
        [store.load(task.feature, digest) for _, digest in task.test], clipping, standardise
    )
    settings = training.Settings(
        **task.recipe.training.model_dump(), fold=task.fold, device=task.device
    )
    torch.manual_seed(training.seed(settings.seed, task.fold, 0))
    model = build(task.recipe, train.frames.shape[1], len(task.labels))
    how = task.recipe.evaluation.aggregate

    def scores() -> np.ndarray:  # -> (n, C)
        logs = training.log_probabilities(model, test, INFERENCE_CLIPS, task.device)
        return scoring.recording_scores(logs, test.owners, len(task.test), how)

    truth = label_indices(task.test, task.labels)
    owners = label_indices(task.train, task.labels)[train.owners]
    training.fit(
        model, train, owners, settings, task.folder,
        curve=lambda _: float((scores().argmax(axis=1) == truth).mean()),
        report=lambda p: files.write_json(task.folder / "progress.json", vars(p)),
    )  # fmt: skip
    save_member(task.folder / "model.safetensors", model, standardise)
    predictions.write(task.folder / "predictions.csv", said(task, truth, scores()))
    (task.folder / "progress.json").unlink(missing_ok=True)
    return task.fold


def build(recipe: Recipe, n_bands: int, n_scenes: int) -> Any:
    """The recipe's model, with fresh weights."""
    return _model.build(recipe.model, n_bands, n_scenes)


def clipping_of(recipe: Recipe, feature: store.Feature) -> clips.Clipping:
    return _model.clipping_of(recipe.clips.model_dump(), feature)


def label_indices(
    recordings: tuple[tuple[Recording, str], ...], labels: tuple[str, ...]
) -> np.ndarray:  # -> (n,)
    return np.array([labels.index(recording.label) for recording, _ in recordings])


def said(task: Task, truth: np.ndarray, scores: np.ndarray) -> predictions.Predictions:
    """The fold's predictions as rows of predictions.csv."""
    recordings = [recording for recording, _ in task.test]
    return predictions.Predictions(
        task.labels,
        tuple(r.file for r in recordings),
        np.full(len(recordings), task.fold),
        truth,
        tuple(r.group for r in recordings),
        tuple(r.device for r in recordings),
        scores,
    )


def save_member(path: Path, model: Any, standardise: clips.Standardisation) -> None:
    """Weights and standardisation in one safetensors file: what the registry keeps."""
    import torch
    from safetensors.torch import save_file

    tensors = {f"model.{k}": v.cpu().contiguous() for k, v in model.state_dict().items()}
    tensors["standardisation.mean"] = torch.from_numpy(standardise.mean)
    tensors["standardisation.deviation"] = torch.from_numpy(standardise.deviation)
    with files.replacing(path) as temporary:
        save_file(tensors, temporary)
