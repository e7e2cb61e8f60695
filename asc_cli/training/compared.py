"""A finished run as a row of a comparison: its score, conditions, published figure and curve."""

from __future__ import annotations

from pathlib import Path

from asc_cli.evaluation.comparison import ComparedRun
from asc_cli.evaluation.published import unlike_paper
from asc_cli.inference.evaluate import of_run
from asc_cli.recipe import ensemble
from asc_cli.training import history


def compared_run(folder: Path) -> ComparedRun:
    """Return the row of a run, without its difference from another."""
    scores = of_run(folder).scores
    settings = ensemble.load(folder / "recipe.yaml").settings
    paper = settings.get("paper")
    assert scores.conditions is not None  # of a run, they are known
    return ComparedRun(
        run=str(folder),
        name=folder.name.rpartition("-")[0],
        description=settings["description"],
        seed=scores.conditions.seed,
        headline=scores.headline,
        value=scores.value,
        error=scores.error,
        paper_error=paper["error"] if paper else None,
        not_comparable=unlike_paper(settings, scores.conditions),
        conditions=scores.conditions,
        intervals=scores.intervals,
        curve=history.curve(folder),
    )
