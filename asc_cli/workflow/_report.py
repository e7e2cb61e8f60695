"""Write report.html of finished runs: gather what the page shows."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import yaml

from asc_cli.audio import decode
from asc_cli.core import atomic, plugins
from asc_cli.core.errors import FileFault
from asc_cli.datasets import Dataset
from asc_cli.evaluation import predictions
from asc_cli.features.log_mel import LogMel
from asc_cli.registry.runs import find_run, fold_folder
from asc_cli.report.html import page
from asc_cli.training import history
from asc_cli.workflow._evaluate import Evaluation, of_run

WRONG = 12  # recordings shown as confidently wrong
PICTURE_RATE = 22_050  # Hz, of the spectrograms in the page
PICTURE = LogMel()
PICTURE_SECONDS = 10
PICTURE_BLOCKS = 1  # blocks of audio read for one: audio.BLOCK_SECONDS each


def report(runs: Sequence[str | Path], output: Path | None = None) -> Path:
    """Write the HTML page of a run; or of several runs side by side.

    Args:
        runs: Folders, names, or recipes' names for their newest runs.
        output: The page's path. None: report.html in the run's folder; for several runs, in the
            current folder.

    Returns:
        The page's path.

    Raises:
        AscError: There is no such run, or it is not finished.
    """
    folders = [find_run(run) for run in runs]
    if len(folders) == 1:
        path = output or folders[0] / "report.html"
        write_page(path, folders[0], of_run(folders[0]))
        return path
    path = output or Path("report.html")
    page.comparison(path, _side_by_side(folders, path.absolute().parent))
    return path


def write_page(path: Path, folder: Path, evaluation: Evaluation) -> None:
    """Write the page of a run, whose predictions have been evaluated."""
    page.run(path, gather(folder, path.absolute().parent, evaluation))


def gather(folder: Path, page_folder: Path, evaluation: Evaluation) -> dict[str, Any]:
    """Return all that the page of one run shows."""
    metrics = evaluation.to_dict()
    settings = yaml.safe_load((folder / "recipe.yaml").read_text(encoding="utf-8"))
    environment = atomic.read_json(folder / "environment.json")
    dataset = plugins.beside(folder / "recipe.yaml").load("datasets", settings["dataset"]).DATASET
    audio_root = environment.get("audio_root")
    folds = [fold["fold"] for fold in metrics["folds"]]
    return {
        "name": folder.name.rpartition("-")[0] or folder.name,
        "description": settings.get("description", ""),
        "dataset_title": dataset.title,
        "metrics": metrics,
        "histories": {k: rows for k in folds if (rows := history.read(fold_folder(folder, k)))},
        "chosen": _chosen(settings),
        "calibration": _calibration(settings),
        "wrong": _wrong(folder, Path(audio_root) if audio_root else None, page_folder),
        "picture_seconds": PICTURE_SECONDS,
        "recipe": yaml.safe_dump(settings, sort_keys=False, allow_unicode=True),
        "packages": environment["packages"],
        "facts": _facts(folder, settings, environment, dataset),
    }


def _facts(
    folder: Path, settings: dict[str, Any], environment: dict[str, Any], dataset: Dataset
) -> dict[str, str]:
    subset = f", subset {settings['subset']} %" if settings.get("subset") else ""
    facts = {
        "run": folder.name,
        "model": atomic.read_json(folder / "metrics.json")["model"],
        "dataset": f"{dataset.title}{subset}",
        "official metric": dataset.metric,
        "dataset fingerprint": environment["dataset_fingerprint"],
        "audio": environment.get("audio_root", "not recorded"),
        "feature": settings["features"]["name"],
        "trained on": f"{environment['device']}, {environment['platform']}",
        "python": environment["python"],
        "licence of the data": dataset.licence,
        "citation": dataset.citation,
    }
    return {name: str(value) for name, value in facts.items() if value}


def _chosen(settings: dict[str, Any]) -> str:
    if settings["training"].get("choose_epoch") == "validation":
        return "the epoch was chosen on validation recordings, held out of training"
    return "the last epoch's weights are used"


def _calibration(settings: dict[str, Any]) -> str:
    if settings["evaluation"].get("calibrate") == "temperature":
        return "Probabilities were scaled by a temperature fitted on validation recordings."
    return "Probabilities are not calibrated."


def _wrong(run: Path, audio_root: Path | None, page_folder: Path) -> list[dict[str, Any]]:
    """Return the most confidently wrong recordings, each with a link and a spectrogram."""
    rows = predictions.read(run / "predictions.csv")
    confidence = rows.probabilities.max(axis=1)
    wrong = np.flatnonzero(rows.guesses != rows.labels)
    recordings = []
    for i in wrong[np.argsort(-confidence[wrong], kind="stable")][:WRONG]:
        path = audio_root / rows.files[i] if audio_root else None
        recordings.append(
            {
                "file": rows.files[i],
                "fold": int(rows.folds[i]),
                "label": rows.scenes[rows.labels[i]],
                "guess": rows.scenes[rows.guesses[i]],
                "probability": float(confidence[i]),
                **_audio(path, run, page_folder),
            }
        )
    return recordings


def _audio(path: Path | None, run: Path, page_folder: Path) -> dict[str, str]:
    """Return link and spectrogram of a recording, or the reason why there is none."""
    from asc_cli.report.html.figures import spectrogram

    if path is None:
        return {"link": "", "picture": "", "reason": "the audio's folder was not recorded"}
    try:
        blocks = itertools.islice(decode.blocks(path, PICTURE_RATE), PICTURE_BLOCKS)
        samples = np.concatenate(list(blocks))[: PICTURE_RATE * PICTURE_SECONDS]
        if len(samples) < PICTURE.framing(PICTURE_RATE).frame_samples:
            raise FileFault(path, "is shorter than one frame")
        picture = spectrogram(PICTURE(samples, PICTURE_RATE))
    except FileFault as fault:
        return {"link": "", "picture": "", "reason": f"{path}: {fault.reason}"}
    return {"link": _link(path, run, page_folder), "picture": picture, "reason": ""}


def _link(path: Path, run: Path, page_folder: Path) -> str:
    """Return a relative link if audio, run and page are in one home; else a file URL."""
    home = run.absolute().parent.parent
    if path.is_relative_to(home) and page_folder.is_relative_to(home):
        return quote(Path(os.path.relpath(path, page_folder)).as_posix())
    return path.as_uri()


def _side_by_side(folders: list[Path], page_folder: Path) -> list[dict[str, Any]]:
    runs = []
    for folder in folders:
        settings = yaml.safe_load((folder / "recipe.yaml").read_text(encoding="utf-8"))
        report_path = folder / "report.html"
        runs.append(
            {
                "name": folder.name.rpartition("-")[0] or folder.name,
                "signature": folder.name.rpartition("-")[2],
                "dataset": settings["dataset"],
                "metrics": of_run(folder).to_dict(),
                "fingerprint": atomic.read_json(folder / "environment.json")["dataset_fingerprint"],
                "flat": _flat(settings),
                "report": _link(report_path.absolute(), folder, page_folder)
                if report_path.exists()
                else "",
            }
        )
    keys = list(dict.fromkeys(key for run in runs for key in run["flat"]))
    differing = [key for key in keys if len({str(run["flat"].get(key)) for run in runs}) > 1]
    names = [run["name"] for run in runs]
    for run in runs:
        is_duplicate = names.count(run["name"]) > 1
        run["column"] = f"{run['name']} {run['signature']}" if is_duplicate else run["name"]
    return [{**run, "differing": differing} for run in runs]


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten {"model": {"name": …}} to {"model.name": …}."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            flat[prefix + key] = ", ".join(map(str, value)) or "none"
        else:
            flat[prefix + key] = value
    return flat
