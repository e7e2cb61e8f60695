"""Results of the runs on this machine, and where they are stored."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asc_cli.core import atomic, paths, plugins
from asc_cli.core.errors import AscError
from asc_cli.core.kind import VIDEOS, kind_of_run
from asc_cli.recipe import load as recipes
from asc_cli.recipe.load import Recipe
from asc_cli.registry import models
from asc_cli.registry.card import packages

NON_FUNCTIONAL_KEYS = (
    "description",
    "paper",
    "source",
    "licence",
)  # keys that do not change any result


@dataclass(frozen=True)
class Result:
    """What a finished run found.

    Attributes:
        error: 1 − the headline metric, from 0 to 1.
        run: The name of the run's folder.
    """

    error: float
    run: str


def result(recipe: Recipe) -> Result | None:
    """Return the newest finished run of exactly this recipe on all folds.

    Args:
        recipe: A resolved recipe; its description and sources do not count.

    Returns:
        Its error and its name; None if there is no such run on this machine.
    """
    expected = len(plugins.load("datasets", recipe.dataset).DATASET.fold_sizes)  # 0: not known
    finished = []
    for path in paths.runs().glob(f"{recipe.name}-*/metrics.json"):
        metrics = atomic.read_json(path)
        complete = len(metrics["folds"]) == expected if expected else True
        if complete and _settings_of(path.parent / "recipe.yaml") == _functional_settings(recipe):
            finished.append((path.stat().st_mtime, metrics["error"], path.parent.name))
    if not finished:
        return None
    _, error, run = max(finished)
    return Result(error, run)


def _settings_of(path: Path) -> dict[str, Any] | None:
    """Return a run's settings with current defaults; None if this version refuses them."""
    try:
        return _functional_settings(recipes.load(path))
    except AscError:
        return None


def _functional_settings(recipe: Recipe) -> dict[str, Any]:
    return {key: value for key, value in recipe.settings.items() if key not in NON_FUNCTIONAL_KEYS}


def describe(run: Path, recipe: Recipe, root: Path, fingerprint: str, device: str) -> None:
    """Write recipe.yaml and environment.json."""
    atomic.write_text(run / "recipe.yaml", recipe.yaml())
    atomic.write_json(
        run / "environment.json",
        {
            "packages": packages(),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "processor": platform.machine(),
            "device": device,
            "dataset_fingerprint": fingerprint,
            "audio_root": str(root.absolute()),
        },
    )


def recorded_metrics(folder: Path) -> dict[str, Any]:
    """Return the metrics of a finished run; a run of scenes needs its predictions too."""
    path = folder / "metrics.json"
    recorded = atomic.read_json(path) if path.exists() else {}
    has_all = kind_of_run(folder) == VIDEOS or (folder / "predictions.csv").exists()
    if not recorded or not has_all:
        raise AscError(f"run {folder.name}: not finished; the same asc train command resumes it")
    return recorded


def find_run(run: str | Path) -> Path:
    """Return the folder of a run.

    Args:
        run: A folder; the name of a run; or the name of a recipe or model: its newest run.

    Returns:
        The folder, which holds recipe.yaml.

    Raises:
        AscError: There is no such run; the text names the nearest, and those there are.
    """
    path = Path(run)
    if (path / "recipe.yaml").is_file():
        return path
    if path.is_file():
        raise AscError(f"{run}: predictions need their protocol: --dataset NAME or --data PATH")
    folders = [p.parent for p in paths.runs().glob("*/recipe.yaml")]
    matching = [p for p in folders if p.name == str(run) or p.name.rpartition("-")[0] == str(run)]
    if matching:
        return max(matching, key=lambda p: (p / "recipe.yaml").stat().st_mtime)
    require_file(run)
    if any(str(run).partition("@")[0] == model.card["name"] for model in models.models()):
        return _run_of(models.find(str(run)))
    if not folders:
        raise AscError(f"run {run}: no runs in {paths.runs()}; train one with asc train RECIPE")
    recipes = {p.name.rpartition("-")[0] for p in folders}
    raise AscError(
        plugins.unknown("run", str(run), [*sorted(recipes), *sorted(p.name for p in folders)])
    )


def _run_of(model: models.Model) -> Path:
    """Return the run that trained a model. Raises AscError if it is not on this machine."""
    name = model.card.get("run") or ""
    if name and (paths.runs() / name / "recipe.yaml").is_file():
        return paths.runs() / name
    raise AscError(
        f"{model.id} is a model, not a run, and its run {name} is not in {paths.runs()}; say what "
        f"to test it on: asc evaluate {model.id} --dataset NAME"
    )


def require_file(what: str | Path) -> None:
    """Raise AscError if `what` looks like a path but does not exist."""
    path = Path(what)
    if not path.exists() and (path.suffix.lower() == ".csv" or len(path.parts) > 1):
        raise AscError(f"{what}: there is no such file")


def fold_folder(run: Path, fold: int) -> Path:
    return run / f"fold{fold:02d}"
