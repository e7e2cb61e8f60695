"""One fold, in a process of its own: features → clips → fitted model → predictions.csv."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asc_cli import models
from asc_cli.core import atomic, locks, memory, parallel
from asc_cli.core.device import require_types
from asc_cli.evaluation import predictions
from asc_cli.frontend.pack import Pack
from asc_cli.frontend.pack import load as load_pack
from asc_cli.frontend.standardise import Standardisation
from asc_cli.inference.networks import module_of
from asc_cli.registry import members
from asc_cli.training import fine_tuning, fold_data, unknown
from asc_cli.training.distillation import Distillation, distillation
from asc_cli.training.progress import Compilation, Progress
from asc_cli.training.task import Recordings, Task, label_indices, tasks

if TYPE_CHECKING:
    from asc_cli.training import descent

WAIT_SECONDS = 3.0  # between looks at the folds that other processes fit

__all__ = ["Task", "as_predictions", "fit", "fit_all", "label_indices", "tasks"]


def fit_all(
    unfinished: Callable[[], Iterable[Task]],
    jobs: int | None,
    wait: bool = True,
    note: Callable[[str], None] | None = None,
    fitted: Callable[[Task], None] = lambda task: None,
) -> list[str]:
    """Fit the folds that no other process fits, then wait for the others.

    A fold whose process ended before it was finished, on this host or another, is fitted here.

    Args:
        unfinished: Gives the folds that are not finished now.
        jobs: Folds fitted at once; None: one per processor.
        wait: Whether to wait for the folds that other processes fit.
        note: Called with a sentence where this process waits.
        fitted: Called with each fold that was fitted, as soon as it is.

    Returns:
        Which processes fit the folds that are left; none where it waited for them.
    """
    waiting = False
    while tasks := [*unfinished()]:
        busy = sorted(_fit_each(tasks, jobs, fitted))
        if len(busy) == len(tasks):
            if not wait:
                return busy
            if note and not waiting:
                note(f"{'; '.join(busy)}: waiting until that is finished")
            waiting = True
            time.sleep(WAIT_SECONDS)
    return []


def _fit_each(tasks: list[Task], jobs: int | None, fitted: Callable[[Task], None]) -> Iterator[str]:
    """Fit folds; yield which process fits each one that another process fits."""
    numbered = [*enumerate(tasks)]
    with contextlib.closing(parallel.map_unordered(_fit_numbered, numbered, jobs)) as outcomes:
        for number, line in outcomes:
            if line:
                yield line
            else:
                fitted(tasks[number])  # what it raises ends the workers at once


def _fit_numbered(number: int, task: Task) -> tuple[int, str | None]:
    return number, fit(task)


def fit(task: Task) -> str | None:
    """Fit a fold unless another process does, or has done so.

    Returns:
        Which process fits it; None when it is finished.
    """
    work = f"fold {task.fold} is being fitted"
    try:
        with locks.locked(task.folder, work) as lock, memory.retain_freed():
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

    torch.set_num_threads(1)
    settings = descent.Settings(
        **task.recipe.training.model_dump(), fold=task.fold, device=task.device
    )
    pack = load_pack(task.packs[0], task.feature.description())
    fitted, held_out = fold_data.hold_out(task)
    unknown.require_enough(task, held_out)
    start = task.start.load() if task.start else None
    standardise = start.standardise if start else fold_data.standardisation(task, pack, fitted)
    test = fold_data.fold_part(task, pack, task.test, standardise)
    validation = fold_data.fold_part(task, pack, held_out, standardise) if held_out else None
    fitting = _Fitting(task, pack, standardise, settings, test, validation, require_held)
    model = module_of(start.network).to(task.device) if start else fitting.general(fitted)
    temperature = validation.temperature(model, task) if validation else 1.0
    if start:
        temperature = start.temperature
    networks = fine_tuning.fit_devices(
        model, fitted, task.recipe, settings, task.folder, fitting.fit
    )
    scores = test.scores(model, task, temperature)
    if networks:
        general = as_predictions(task, test.labels, scores)
        predictions.write(task.folder / fine_tuning.GENERAL, general)

        def score(network: Any, recordings: Recordings) -> np.ndarray:
            part = fold_data.fold_part(task, pack, recordings, standardise)
            return part.scores(network, task, temperature)

        scores = fine_tuning.routed(model, networks, task.test, score)
    if validation and task.recipe.evaluation.unknown:
        own = fold_data.fold_part(task, pack, fitted, standardise)
        unknown.write(task, model, own, validation, test)
    arrays = members.Arrays(standardise.mean, standardise.deviation, temperature)
    require_held()
    members.save(task.folder / "model.safetensors", model, arrays, networks)
    predictions.write(task.folder / "predictions.csv", as_predictions(task, test.labels, scores))
    (task.folder / "progress.json").unlink(missing_ok=True)


@dataclass(frozen=True)
class _Fitting:
    """Fits the networks of a fold: the general one, and those of recording devices."""

    task: Task
    pack: Pack
    standardise: Standardisation
    settings: descent.Settings  # of the general training
    test: fold_data.FoldPart
    validation: fold_data.FoldPart | None
    require_held: Callable[[], None]

    def general(self, recordings: Recordings) -> Any:
        """Return a new network, fitted on recordings."""
        import torch

        from asc_cli.training import descent

        task, n_bands = self.task, self.pack.frames.shape[1]
        name = task.recipe.model["name"]
        torch.manual_seed(descent.seed(self.settings.seed, task.fold, 0))
        model = models.build(task.recipe.model, n_bands, len(task.labels), task.recipe.catalog)
        require_types(task.device, model, name)
        models.require_usable(model, name, fold_data.clip_grid(task).n_frames, n_bands)
        faults = models.faults_in_words(name, "cannot be fitted")
        with faults if isinstance(model, models.Estimator) else contextlib.nullcontext():
            self.fit(model, recordings, self.settings, task.folder)
        return model

    def fit(
        self, network: Any, recordings: Recordings, settings: descent.Settings, folder: Path
    ) -> None:
        """Fit a network on recordings in place; validation is of the general training alone."""
        from asc_cli.training import descent
        from asc_cli.training.augmentation import augmentation

        task, test, validation = self.task, self.test, self.validation
        if task.device == "cpu":
            models.compile_kernels(network, lambda *n: self._report(Compilation(*n)))
        train = fold_data.training_part(task, self.pack, recordings, self.standardise)
        validates = settings is self.settings
        descent.fit(
            network,
            train,
            label_indices(recordings, task.labels)[train.owners],
            settings,
            folder,
            curve=lambda m: float((test.scores(m, task).argmax(axis=1) == test.labels).mean()),
            report=self._report,
            validate=(lambda m: validation.loss(m, task)) if validation and validates else None,
            augment=augmentation(
                task.recipe.augment,
                task.feature,
                self.standardise,
                len(task.labels),
                task.device,
                task.recipe.catalog,
            ),
            distil=_distillation(task, recordings),
        )

    def _report(self, progress: Progress | Compilation) -> None:
        self.require_held()
        atomic.write_json(self.task.folder / "progress.json", vars(progress), sync=False)


def _distillation(task: Task, fitted: Recordings) -> Distillation | None:
    settings = task.recipe.distil
    if settings is None:
        return None
    digests = [digest for _, digest in fitted]
    return distillation(task.teaching, digests, settings.weight, settings.temperature)


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
