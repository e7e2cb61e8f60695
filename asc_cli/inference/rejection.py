"""How well a run's model tells recordings of none of the scenes from its test recordings.

A test recording's score is of the member that was not trained on it, as its fold wrote it. A
recording of none of the scenes is scored by the member of every fold, each of which counts: what
the members have in common they have in the figures.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from asc_cli.audio import inputs
from asc_cli.core import atomic
from asc_cli.core.errors import AscError
from asc_cli.core.paths import runs as runs_folder
from asc_cli.evaluation.predictions import Predictions
from asc_cli.evaluation.rejection import Rejection, rejection
from asc_cli.frontend.identify import audio_digests, identify
from asc_cli.inference.predict import predict
from asc_cli.registry import models
from asc_cli.registry.run_files import UNKNOWN
from asc_cli.registry.runs import fold_folder

Counting = Callable[[int, int], None]


def of_run(
    run: Path,
    model: str,
    rows: Predictions,
    others: Path | None = None,
    jobs: int | None = None,
    progress: Counting | None = None,
) -> Rejection | None:
    """Return how many of a run's test recordings stay, and of other recordings how many do not.

    Args:
        run: The run's folder.
        model: The model that it registered; "" for none.
        rows: Its predictions, of the folds that count.
        others: A folder with recordings of none of the scenes; None: the test recordings alone.
        jobs: Worker processes; one per processor when None.
        progress: Called with (done, all) as others are scored.

    Returns:
        The figures; None for a run without statistics, if no others are to be scored.

    Raises:
        AscError: Others are to be scored, and the run has no statistics, or they are its own.
    """
    folds = sorted(set(rows.folds.tolist()))
    registered = models.find(model) if model and _is_there(model) else None
    scores = _tested(run, registered, folds)
    if scores is None:
        if others is None:
            return None
        raise AscError(
            f"--unknown: run {run.name} has no scores of its test recordings; train it with --set "
            "validation.fraction=0.2 --set evaluation.unknown.keep=0.95"
        )
    inside = [
        scores[fold][file] for fold, file in zip(rows.folds.tolist(), rows.files, strict=True)
    ]
    outside = np.zeros((len(folds), 0))
    if others is not None:
        assert registered is not None
        outside = _scored(registered, _paths(registered, others), folds, jobs, progress)
    return rejection(np.array(inside), rows.groups, outside)


def _is_there(model: str) -> bool:
    try:
        models.find(model)
    except AscError:  # it was removed
        return False
    return True


def _tested(
    run: Path, model: models.Model | None, folds: Sequence[int]
) -> dict[int, dict[str, float]] | None:
    """Return the score of each fold's test recordings: of an ensemble, the weighted mean."""
    systems, weights = [run], np.ones(1)
    if model is not None and model.is_ensemble:
        systems = [runs_folder() / str(system.card.get("run")) for system in model.systems()]
        weights = np.array(model.weights)
    result = {}
    for fold in folds:
        paths = [fold_folder(system, fold) / UNKNOWN for system in systems]
        if not all(path.exists() for path in paths):
            return None
        parts = [atomic.read_json(path, scores=dict)["scores"] for path in paths]
        result[fold] = {
            file: float(np.average([part[file] for part in parts], weights=weights))
            for file in parts[0]
        }
    return result


def _paths(model: models.Model, folder: Path) -> list[Path]:
    """Return a folder's recordings. Raises AscError for those that the model was trained, tested or
    fitted on."""
    paths = inputs.find([os.fspath(folder)])
    own = {row.audio_digest for row in model.training_files()}
    digests = audio_digests(identify({os.fspath(path): path for path in paths}, jobs=1))
    if same := [path for path, digest in digests.items() if digest in own]:
        raise AscError(
            f"--unknown {folder}: {len(same)} of {len(paths)} recordings took part in the run of "
            f"{model.id}, such as {same[0]}; take recordings that it has never had"
        )
    return paths


def _scored(
    model: models.Model,
    paths: Sequence[Path],
    folds: Sequence[int],
    jobs: int | None,
    progress: Counting | None,
) -> np.ndarray:  # (folds, m)
    """Return the score of each recording by each fold's member."""
    place = {os.fspath(path): i for i, path in enumerate(paths)}
    scores = np.zeros((len(folds), len(paths)))
    done = 0
    for row, fold in zip(scores, folds, strict=True):
        for one in predict(paths, model=model.id, fold=fold, jobs=jobs, unknown=True):
            if one.error or one.unknown_score is None:
                raise AscError(f"--unknown: {one.file}: {one.error}")
            row[place[os.fspath(one.file)]] = one.unknown_score
            done += 1
            if progress:
                progress(done, scores.size)
    return scores
