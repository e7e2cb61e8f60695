"""What the runs on this machine found, recipe by recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asc_cli.core import atomic, paths, plugins
from asc_cli.core.errors import AscError
from asc_cli.recipe import load as recipes
from asc_cli.recipe.load import Recipe

WORDS = ("description", "paper", "source")  # keys that change nothing of what is computed


def result(recipe: Recipe) -> dict[str, Any] | None:
    """{error, run} of the newest finished run of exactly this recipe on all folds, or None."""
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
