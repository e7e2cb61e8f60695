"""Measure whether explanations are true: by attention, and by occlusion, which every model has.

Occlusion ranks a part by how much the answer's probability falls without it alone. Attention ranks
it by its mean α. Either is compared with random orders of the same parts.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core import atomic, parallel
from asc_cli.core.errors import AscError
from asc_cli.evaluation import faithfulness
from asc_cli.evaluation.faithfulness import ALL_COUNTS, COUNTS, UNITS, Check, Faithfulness
from asc_cli.evaluation.predictions import Predictions
from asc_cli.frontend import clips
from asc_cli.inference import attention, ensemble, graphs
from asc_cli.inference.engine import Request, loaded
from asc_cli.inference.evaluate import read_run
from asc_cli.inference.removal import Recording
from asc_cli.registry import models
from asc_cli.registry.runs import audio_root, recorded_metrics

FILE = "faithfulness.json"  # in a run's folder
ORDERS, ORDERS_OF_ONE = 5, 20  # random ones of each recording of a run, of a single recording
CHUNK = 4  # recordings that a worker answers at a time
NAMES = ("attention", "occlusion")
Curves = dict[str, np.ndarray]  # D_r and I_r by "attention …" and "occlusion …", and "random"


def measure(
    run: str | Path,
    n: int,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Faithfulness]:
    """Measure how true explanations of a run's test recordings are, and store it in its folder.

    Args:
        run: A run's folder or name.
        n: Test recordings that are taken, as many of each fold; all where it has fewer.
        jobs: Worker processes; one per processor when None.
        progress: Called with (done, all).

    Returns:
        By attention, if the model has it over time, and by occlusion.

    Raises:
        AscError: The run is not finished, its model was removed, or its recordings are not there.
    """
    read = read_run(run)
    model = models.find(str(recorded_metrics(read.folder)["model"]))
    root = audio_root(read.folder)
    if root is None or not Path(root).is_dir():
        raise AscError(
            f"--faithfulness: the recordings of run {read.folder.name} are not in {root}"
        )
    graphs.ensure_graphs(model)
    rows = read.rows.take(_chosen(read.rows.folds, n))
    tasks = [
        (model, int(fold), [(i, Path(root) / rows.files[i]) for i in part])
        for fold in np.unique(rows.folds)
        for own in [np.flatnonzero(rows.folds == fold)]
        for part in np.split(own, range(CHUNK, len(own), CHUNK))
    ]
    curves: list[Any] = [None] * len(rows.files)
    for done in parallel.map_unordered(_curves_of_files, tasks, jobs):
        for i, own in done:
            curves[i] = own
        if progress:
            progress(sum(each is not None for each in curves), len(curves))
    results = _summed(curves, rows)
    atomic.write_json(read.folder / FILE, {"rankings": [each.to_dict() for each in results]})
    return results


def stored(run: Path) -> list[Faithfulness]:
    """Return what `measure` stored in a run's folder; [] where it was not measured."""
    path = run / FILE
    if not path.exists():
        return []
    return [faithfulness.read(row) for row in atomic.read_json(path, rankings=list)["rankings"]]


def check(model: ensemble.Loaded, request: Request, path: Path) -> Check | None:
    """Return whether attention of a model of one member explains its answer to one recording; None
    without attention over time."""
    own = curves_of(model, request, path, ORDERS_OF_ONE, ALL_COUNTS)
    if "attention deletion" not in own:
        return None
    return faithfulness.check(own["attention deletion"], own["random"])


def curves_of(
    model: ensemble.Loaded | ensemble.LoadedEnsemble,
    request: Request,
    path: Path,
    orders: int,
    counts: Sequence[int] = COUNTS,
) -> Curves:
    """Return the curves (P,) of a recording, and (orders, P) of random orders.

    counts: How many parts are removed at each of P points.
    """
    recording = Recording(model, request, path)
    full = recording.answers(np.zeros((1, UNITS), bool))[0]
    scene = int(full.argmax())
    alone = recording.answers(np.eye(UNITS, dtype=bool))[:, scene]
    rankings = {"occlusion": np.argsort(alone, kind="stable")}
    if (alpha := _attention(model, recording)) is not None:
        rankings["attention"] = np.argsort(-alpha, kind="stable")
    rng = np.random.default_rng(zlib.crc32(path.name.encode()))
    selections = {f"{name} deletion": _firsts(order, counts) for name, order in rankings.items()}
    selections |= {f"{name} insertion": ~_firsts(order, counts) for name, order in rankings.items()}
    selections |= {f"{i}": _firsts(rng.permutation(UNITS), counts) for i in range(orders)}
    inner = np.concatenate([rows[1:-1] for rows in selections.values()])
    answers = recording.answers(inner)[:, scene].reshape(len(selections), -1)
    ends = {False: [full[scene]], True: [1 / len(full)]}  # of all, and of nothing
    curves = {
        name: np.concatenate([ends[bool(rows[0].all())], own, ends[bool(rows[-1].all())]])
        for (name, rows), own in zip(selections.items(), answers, strict=True)
    }
    random = np.stack([curves.pop(f"{i}") for i in range(orders)])
    return {**curves, "random": random}


def _firsts(order: np.ndarray, counts: Sequence[int]) -> np.ndarray:  # (U,), (P,) -> (P, U)
    """Return which parts are among the first of an order, at each point of a curve."""
    place = np.argsort(order)
    return np.stack([place < count for count in counts])


def _attention(
    model: ensemble.Loaded | ensemble.LoadedEnsemble, recording: Recording
) -> np.ndarray | None:  # -> (U,)
    """Return the mean α of each part, of a model of one member that has it."""
    frames = recording.frames
    if frames is None or not isinstance(model, ensemble.Loaded) or len(model.members) != 1:
        return None
    [member] = model.members
    if not member.network.attends:
        return None
    own = clips.from_recordings([frames], model.clip_grid, member.standardise)
    alpha, _ = attention.trace(member.network, own, len(frames))
    if alpha is None:
        return None
    parts = np.arange(len(alpha)) * UNITS // len(frames)
    n_frames = np.bincount(parts, minlength=UNITS)
    return np.bincount(parts, alpha, minlength=UNITS) / np.maximum(n_frames, 1)


def _curves_of_files(
    model: models.Model, fold: int, paths: Sequence[tuple[int, Path]]
) -> list[tuple[int, Curves]]:
    """Return the curves of recordings by the member of a fold, in a worker process."""
    request = Request(model, fold)
    return [(i, curves_of(loaded(request), request, path, ORDERS)) for i, path in paths]


def _chosen(folds: np.ndarray, n: int) -> np.ndarray:  # (m,) -> (m,) bool
    """Return which recordings are taken: at random, as many of each fold."""
    rng = np.random.default_rng(0)
    turn = np.zeros(len(folds))
    for fold in np.unique(folds):
        own = np.flatnonzero(folds == fold)
        turn[own] = rng.permutation(len(own))
    chosen = np.zeros(len(folds), bool)
    chosen[np.lexsort((folds, turn))[:n]] = True
    return chosen


def _summed(curves: Sequence[Curves], rows: Predictions) -> list[Faithfulness]:
    random = np.stack([own["random"].mean(axis=0) for own in curves])
    groups = [group or file for group, file in zip(rows.groups, rows.files, strict=True)]
    results = []
    for name in NAMES:
        if f"{name} deletion" in curves[0]:
            deletion, insertion = (
                np.stack([own[f"{name} {kind}"] for own in curves])
                for kind in ("deletion", "insertion")
            )
            results.append(
                faithfulness.of_recordings(name, deletion, insertion, random, rows.folds, groups)
            )
    return results
