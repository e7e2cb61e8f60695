"""What the runs on this machine found, recipe by recipe."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from asc_cli.core import atomic, paths, plugins
from asc_cli.core.errors import AscError
from asc_cli.core.kind import VIDEOS, kind_of_run
from asc_cli.recipe import load as recipes
from asc_cli.recipe.load import Recipe
from asc_cli.registry import models
from asc_cli.registry.card import packages

WORDS = (
    "description",
    "paper",
    "source",
    "licence",
)  # keys that change nothing of what is computed


def result(recipe: Recipe) -> dict[str, Any] | None:
    """Return the newest finished run of exactly this recipe on all folds.

    Args:
        recipe: A resolved recipe; its description and sources do not count.

    Returns:
        error (the headline metric's complement, from 0 to 1) and run (the folder's name); None if
        there is no such run on this machine.
    """
    expected = len(plugins.load("datasets", recipe.dataset).DATASET.fold_sizes)  # 0: not known
    found = []
    for path in paths.runs().glob(f"{recipe.name}-*/metrics.json"):
        metrics = atomic.read_json(path)
        whole = len(metrics["folds"]) == expected if expected else True
        if whole and _computes(path.parent / "recipe.yaml") == _without_words(recipe):
            found.append((path.stat().st_mtime, metrics["error"], path.parent.name))
    if not found:
        return None
    _, error, run = max(found)
    return {"error": error, "run": run}


def _computes(path: Path) -> dict[str, Any] | None:
    """A run's settings with today's defaults filled in; None if today's asc refuses them."""
    try:
        return _without_words(recipes.load(path))
    except AscError:
        return None


def _without_words(recipe: Recipe) -> dict[str, Any]:
    return {key: value for key, value in recipe.settings.items() if key not in WORDS}


def describe(run: Path, recipe: Recipe, root: Path, fingerprint: str, device: str) -> None:
    """recipe.yaml and environment.json."""
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
    """What a finished run wrote; one of scenes has its predictions too."""
    path = folder / "metrics.json"
    recorded = atomic.read_json(path) if path.exists() else {}
    has_all = kind_of_run(folder) == VIDEOS or (folder / "predictions.csv").exists()
    if not recorded or not has_all:
        raise AscError(
            f"run {folder.name}: not finished; the same asc train command goes on with it"
        )
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
    given = Path(run)
    if (given / "recipe.yaml").is_file():
        return given
    if given.is_file():
        raise AscError(
            f"{run}: predictions need the protocol that they are of: --dataset NAME or --data PATH"
        )
    known = [p.parent for p in paths.runs().glob("*/recipe.yaml")]
    named = [p for p in known if p.name == str(run) or p.name.rpartition("-")[0] == str(run)]
    if named:
        return max(named, key=lambda p: (p / "recipe.yaml").stat().st_mtime)
    require_file(run)
    if any(str(run).partition("@")[0] == model.card["name"] for model in models.models()):
        return _run_of(models.find(str(run)))
    if not known:
        raise AscError(f"run {run}: no runs in {paths.runs()}; train one with asc train RECIPE")
    recipes = {p.name.rpartition("-")[0] for p in known}
    raise AscError(
        plugins.unknown("run", str(run), [*sorted(recipes), *sorted(p.name for p in known)])
    )


def _run_of(model: models.Model) -> Path:
    """The run that made a model. Raises AscError if it is gone, or was made elsewhere."""
    name = model.card.get("run") or ""
    if name and (paths.runs() / name / "recipe.yaml").is_file():
        return paths.runs() / name
    raise AscError(
        f"{model.id} is a model, not a run, and its run {name} is not in {paths.runs()}; say what "
        f"to test it on: asc evaluate {model.id} --dataset NAME"
    )


def require_file(what: str | Path) -> None:
    """Raise AscError for what looks like a file and is none, rather than for an unknown name."""
    path = Path(what)
    if not path.exists() and (path.suffix.lower() == ".csv" or len(path.parts) > 1):
        raise AscError(f"{what}: there is no such file")


def fold_folder(run: Path, fold: int) -> Path:
    return run / f"fold{fold:02d}"
