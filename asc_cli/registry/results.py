"""Our result of a recipe, to stand beside the published one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asc_cli.core import paths
from asc_cli.core.errors import AscError
from asc_cli.registry import run_files
from asc_cli.registry.run_files import SETTINGS

if TYPE_CHECKING:  # importing it takes 0.3 s
    from asc_cli.recipe.ensemble import AnyRecipe


@dataclass(frozen=True)
class Result:
    """The result of a finished run.

    Attributes:
        error: 1 − the headline metric, from 0 to 1.
        run: The name of the run's folder.
        headline: The name of that metric.
    """

    error: float
    run: str
    headline: str = ""


def result(recipe: AnyRecipe) -> Result | None:
    """Return the newest finished run of exactly this recipe on all of the protocol.

    Args:
        recipe: A resolved recipe; its description and sources do not count.

    Returns:
        Its error and its name; None if there is no such run on this machine.
    """
    expected = len(
        recipe.catalog.load("datasets", recipe.dataset).DATASET.fold_sizes
    )  # 0: not known
    finished = []
    for path in paths.runs().glob(f"{recipe.name}-*/metrics.json"):
        metrics = _readable_metrics(path.parent)
        if (
            metrics
            and (not expected or len(metrics.get("folds", [])) == expected)
            and all(_is_of_protocol(row) for row in metrics.get("published", []))
            and _settings_of(path.parent / SETTINGS) == recipe.functional_settings()
        ):
            finished.append((path.stat().st_mtime, metrics["error"], path.parent.name, metrics))
    if not finished:
        return None
    _, error, run, metrics = max(finished, key=lambda row: row[:3])
    return Result(error, run, metrics["headline"])


def _is_of_protocol(row: Mapping[str, Any]) -> bool:
    """Return whether no other reasons than the published figure's own make it not comparable."""
    own = {*row.get("why_not", ())} - {*row.get("reservations", ())}
    return row.get("comparable", True) or ("why_not" in row and not own)


def _readable_metrics(run: Path) -> dict[str, Any] | None:
    """Return a run's metrics; None where they are damaged, which `asc runs list` says."""
    try:
        return run_files.metrics(run)
    except AscError:
        return None


def _settings_of(path: Path) -> Any:
    """Return a run's settings with current defaults; None if this version refuses them."""
    from asc_cli.recipe import ensemble

    try:
        return ensemble.load(path).functional_settings()
    except AscError:
        return None
