"""A finished run → its metrics, computed anew from its predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asc_cli import catalog, files, home, predictions, scoring
from asc_cli.errors import AscError


def evaluate(run: str | Path) -> dict[str, Any]:
    """Metrics of a run: its folder, its name, or the recipe's name for the newest run of it.

    Computed from predictions.csv, not read from metrics.json. Raises AscError if there is no such
    run, or if it is not finished.
    """
    folder = find_run(run)
    path = folder / "predictions.csv"
    recorded = folder / "metrics.json"
    if not path.exists() or not recorded.exists():
        raise AscError(
            f"run {folder.name}: not finished; the same asc train command goes on with it"
        )
    headline = files.read_json(recorded)["headline"]
    metrics = scoring.score(predictions.read(path), headline)
    return {"run": str(folder), "scene_names": list(metrics["scenes"]), **metrics}


def find_run(run: str | Path) -> Path:
    """The folder of a run. Raises AscError naming those there are."""
    given = Path(run)
    if (given / "recipe.yaml").is_file():
        return given
    known = [p.parent for p in home.runs().glob("*/recipe.yaml")]
    named = [p for p in known if p.name == str(run) or p.name.rpartition("-")[0] == str(run)]
    if named:
        return max(named, key=lambda p: (p / "recipe.yaml").stat().st_mtime)
    if not known:
        raise AscError(f"run {run}: no runs in {home.runs()}; train one with asc train RECIPE")
    recipes = {p.name.rpartition("-")[0] for p in known}
    raise AscError(
        catalog.unknown("run", str(run), [*sorted(recipes), *sorted(p.name for p in known)])
    )
