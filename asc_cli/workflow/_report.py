"""Write report.html of finished runs: gather what the page shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.evaluation import predictions
from asc_cli.evaluation.scores import Evaluation
from asc_cli.frontend import picture
from asc_cli.inference.evaluate import of_run
from asc_cli.inference.faithfulness import measure, stored
from asc_cli.recipe.changes import flat
from asc_cli.registry import run_files
from asc_cli.registry.runs import find_run, fold_folder, recorded_metrics
from asc_cli.report.html import page
from asc_cli.report.html import settings as settings_words
from asc_cli.training import choice, history
from asc_cli.workflow import _recording

WRONG = 12  # recordings shown as confidently wrong


def report(
    runs: Sequence[str | Path],
    output: Path | None = None,
    unknown: Path | None = None,
    faithfulness: int | None = None,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write the HTML page of a run; or of several runs side by side.

    Args:
        runs: Folders, names, or recipes' names for their newest runs.
        output: The page's path. None: report.html in the run's folder; for several runs, in the
            current folder.
        unknown: Of one run: a folder with recordings of none of the scenes, for the curve of how
            many are rejected.
        faithfulness: Of one run: how many test recordings its explanations are tried on, by
            removing what they rank highest. None: as measured before, if it was.
        jobs: Worker processes for that; one per processor when None.
        progress: Called with (done, all) recordings of that.

    Returns:
        The page's path.

    Raises:
        AscError: There is no such run, or it is not finished.
    """
    for option, value in (("--unknown", unknown), ("--faithfulness", faithfulness)):
        if value is not None and len(runs) > 1:
            raise AscError(f"{option}: for the page of one run")
    folders = [find_run(run) for run in runs]
    if len(folders) == 1:
        path = output or folders[0] / "report.html"
        if faithfulness is not None:
            measure(folders[0], faithfulness, jobs, progress)
        write_page(path, folders[0], of_run(folders[0], unknown=unknown))
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
    settings = run_files.settings(folder)
    environment = run_files.environment(folder)
    dataset = plugins.beside(folder / "recipe.yaml").load("datasets", settings["dataset"]).DATASET
    model = recorded_metrics(folder)["model"]
    audio_root = environment.get("audio_root")
    folds = [fold["fold"] for fold in metrics["folds"]]
    histories = {fold: history.read(fold_folder(folder, fold)) for fold in folds}
    return {
        "name": folder.name.rpartition("-")[0] or folder.name,
        "description": settings.get("description", ""),
        "dataset_title": dataset.title,
        "metrics": metrics,
        "histories": {k: list(map(asdict, points)) for k, points in histories.items() if points},
        "chosen": settings_words.choice_of_epoch(settings),
        "calibration": settings_words.calibration(settings),
        "wrong": _wrong(folder, Path(audio_root) if audio_root else None, page_folder),
        "picture_seconds": picture.SECONDS,
        "recipe": yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True),
        "packages": environment["packages"],
        "choice": choice.read(folder),
        "faithfulness": [each.to_dict() for each in stored(folder)],
        "facts": settings_words.facts(folder.name, model, settings, environment, dataset),
    }


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
                **_recording.link_and_picture(path, run, page_folder),
            }
        )
    return recordings


def _side_by_side(folders: list[Path], page_folder: Path) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = []
    evaluations = [of_run(folder) for folder in folders]
    first = evaluations[0].scores.conditions
    for folder, evaluation in zip(folders, evaluations, strict=True):
        own = evaluation.scores.conditions
        assert own and first  # of a run, they are known
        settings = run_files.settings(folder)
        report_path = folder / "report.html"
        runs.append(
            {
                "name": folder.name.rpartition("-")[0] or folder.name,
                "signature": folder.name.rpartition("-")[2],
                "dataset": settings["dataset"],
                "metrics": evaluation.to_dict(),
                "unlike": own.unlike(first),
                "flat": flat(settings),
                "report": _recording.link(report_path.absolute(), folder, page_folder)
                if report_path.exists()
                else "",
            }
        )
    return runs
