"""One fold, in a process of its own: features → clips → fitted model → predictions.csv."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli import models
from asc_cli.core import atomic, locks, parallel
from asc_cli.core.device import resolve_device
from asc_cli.core.errors import AscError
from asc_cli.datasets import Recording
from asc_cli.evaluation import aggregate, calibration, metrics, predictions
from asc_cli.frontend import clips, crops
from asc_cli.frontend.feature import StoredFeature
from asc_cli.frontend.fill import Extraction
from asc_cli.frontend.pack import Pack
from asc_cli.frontend.pack import load as load_pack
from asc_cli.frontend.standardise import Standardisation, fit_standardisation, no_standardisation
from asc_cli.frontend.varied import MixedClips, VariedClips, joined
from asc_cli.protocol import holdout
from asc_cli.recipe.load import Recipe
from asc_cli.registry import members
from asc_cli.registry.runs import fold_folder
from asc_cli.training.progress import Progress

INFERENCE_CLIPS = 256  # clips in a batch for inference


Recordings = tuple[tuple[Recording, str], ...]  # each with the hash of its audio


@dataclass(frozen=True)
class Task:
    """A fold to fit, for a worker; small enough to pickle."""

    recipe: Recipe
    feature: StoredFeature
    variants: tuple[StoredFeature, ...]
    test_variants: tuple[StoredFeature, ...]
    packs: tuple[Path, ...]  # of the feature, of each variant, of each variant at test
    labels: tuple[str, ...]
    train: Recordings
    train_audio: tuple[str, ...]  # hash of the decoded samples of each
    test: Recordings
    fold: int
    folder: Path
    device: str


def tasks(
    recipe: Recipe,
    extraction: Extraction,
    packs: tuple[Path, ...],
    run: Path,
    chosen: list[int],
    device: str,
) -> Iterator[Task]:
    """Yield a task per chosen fold that is not finished."""
    listing, digests = extraction.source.listing, extraction.digests
    recordings = listing.by_file()
    resolved = resolve_device(device)
    for split in listing.splits:
        folder = fold_folder(run, split.fold)
        if split.fold not in chosen or (folder / "predictions.csv").exists():
            continue
        train, test = (
            tuple((recordings[file], digests[file]) for file in part)
            for part in (split.train, split.test)
        )
        yield Task(
            recipe,
            extraction.feature,
            extraction.variants,
            extraction.test_variants,
            packs,
            listing.labels,
            train,
            tuple(extraction.audio_digests[file] for file in split.train),
            test,
            split.fold,
            folder,
            resolved,
        )


def fit_all(unfinished: Callable[[], Iterable[Task]], run: Path, jobs: int | None) -> None:
    """Fit the folds that no other process fits, until none is left.

    Args:
        unfinished: Gives the folds that are not finished now.
        run: The run's folder.
        jobs: Folds fitted at once; None: one per processor.

    Raises:
        AscError: Other processes fit the folds that are left; the text names them.
    """
    while tasks := [(task,) for task in unfinished()]:
        busy = [holder for holder in parallel.map_unordered(fit, tasks, jobs) if holder]
        if len(busy) == len(tasks):
            listed = "".join(f"\n  {line}" for line in sorted(busy))
            raise AscError(
                f"run {run.name}: the other folds are finished; when these are too, the same "
                f"command scores the run:{listed}"
            )


def fit(task: Task) -> str | None:
    """Fit a fold unless another process does, or has done so.

    Returns:
        Which process fits it; None when it is finished.
    """
    work = f"fold {task.fold} is being fitted"
    try:
        with locks.locked(task.folder, work) as lock:
            if not (task.folder / "predictions.csv").exists():
                _fit(task, lambda: locks.require_held(lock, f"fold {task.fold}"))
    except locks.Locked as fault:
        return str(fault)
    return None


def _fit(task: Task, require_held: Callable[[], None]) -> None:
    """Fit, predict the fold's test recordings, write both.

    One torch thread, however many folds run at once: sums are then taken in one order, and the
    bits do not depend on --jobs.
    """
    import torch

    from asc_cli.training import descent
    from asc_cli.training.augmentation import augmentation

    torch.set_num_threads(1)
    settings = descent.Settings(
        **task.recipe.training.model_dump(), fold=task.fold, device=task.device
    )
    pack = load_pack(task.packs[0], task.feature.description())
    fitted, held_out = _hold_out(task)
    standardise = _standardisation(task, pack, fitted)
    train = _training_part(task, pack, fitted, standardise)
    test = _fold_part(task, pack, task.test, standardise)
    validation = _fold_part(task, pack, held_out, standardise) if held_out else None

    def report(progress: Progress) -> None:
        require_held()
        atomic.write_json(task.folder / "progress.json", vars(progress), sync=False)

    torch.manual_seed(descent.seed(settings.seed, task.fold, 0))
    model = models.build(
        task.recipe.model, pack.frames.shape[1], len(task.labels), task.recipe.catalog
    )
    descent.fit(
        model,
        train,
        label_indices(fitted, task.labels)[train.owners],
        settings,
        task.folder,
        curve=lambda _: float((test.scores(model, task).argmax(axis=1) == test.labels).mean()),
        report=report,
        validate=(lambda _: validation.loss(model, task)) if validation else None,
        augment=augmentation(
            task.recipe.augment,
            task.feature,
            standardise,
            len(task.labels),
            task.device,
            task.recipe.catalog,
        ),
    )
    temperature = validation.temperature(model, task) if validation else 1.0
    arrays = members.Arrays(standardise.mean, standardise.deviation, temperature)
    scores = test.scores(model, task, temperature)
    require_held()
    members.save(task.folder / "model.safetensors", model, arrays)
    predictions.write(task.folder / "predictions.csv", as_predictions(task, test.labels, scores))
    (task.folder / "progress.json").unlink(missing_ok=True)


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


def _hold_out(task: Task) -> tuple[Recordings, Recordings]:
    """Split the fold's training part into recordings to fit on and to validate on."""
    settings = task.recipe.validation
    if settings is None:
        return task.train, ()
    seed = (task.recipe.training.seed, task.fold)
    fitted, held_out = holdout.split(
        [r for r, _ in task.train], settings.fraction, settings.by, seed, task.train_audio
    )
    atomic.write_json(
        task.folder / "validation.json", {"files": [task.train[i][0].file for i in held_out]}
    )
    return tuple(task.train[i] for i in fitted), tuple(task.train[i] for i in held_out)


def _standardisation(task: Task, pack: Pack, fitted: Recordings) -> Standardisation:
    """Fit the standardisation on the frames of the fold's training recordings, in order."""
    if not task.recipe.clips.standardise:
        return no_standardisation(pack.frames.shape[1])
    rows = pack.rows([digest for _, digest in fitted])
    return fit_standardisation(pack.recording(row) for row in rows)


def _training_part(
    task: Task, pack: Pack, recordings: Recordings, standardise: Standardisation
) -> clips.ClipSet | crops.RandomCrops | VariedClips:
    cut = crops.random_crops if task.recipe.clips.crops == "random" else clips.from_array
    folders = task.packs[1 : 1 + len(task.variants)]
    packs = [pack, *_load_packs(folders, task.variants)]
    sets = tuple(cut(*_places(task, each, recordings), standardise) for each in packs)
    return VariedClips(sets) if task.variants else sets[0]


def _fold_part(
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
    table, grid = pack.table[rows], task.feature.clip_grid(task.recipe.clips.model_dump())
    return pack.frames, table["first"], table["n_frames"], grid


def label_indices(
    recordings: tuple[tuple[Recording, str], ...], labels: tuple[str, ...]
) -> np.ndarray:  # -> (n,)
    return np.array([labels.index(recording.label) for recording, _ in recordings])


def as_predictions(task: Task, truth: np.ndarray, scores: np.ndarray) -> predictions.Predictions:
    """Return the fold's predictions as rows of predictions.csv."""
    recordings = [recording for recording, _ in task.test]
    return predictions.Predictions(
        task.labels,
        tuple(r.file for r in recordings),
        np.full(len(recordings), task.fold),
        truth,
        tuple(r.group for r in recordings),
        tuple(r.recording_device for r in recordings),
        scores,
    )
