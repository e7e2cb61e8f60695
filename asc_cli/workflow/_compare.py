"""Compare runs on the same recordings: metrics, intervals, paired tests, curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.evaluation import comparison, predictions
from asc_cli.evaluation.comparison import Comparison
from asc_cli.evaluation.conditions import require_alike
from asc_cli.evaluation.metrics import named
from asc_cli.registry.runs import find_run, recorded_metrics
from asc_cli.training.compared import compared_run


def compare(runs: Sequence[str | Path]) -> Comparison:
    """Compare each run with the first one: differences, intervals and paired tests.

    Args:
        runs: Two or more folders, names, or recipes' names for their newest runs.

    Returns:
        The headline metric, and per run its value, the published figure and, but for the first,
        the difference from the first run with its interval and test.

    Raises:
        AscError: There are fewer than two runs, they have different headline metrics, or they
            were not trained and tested on the same recordings.
    """
    if len(runs) < 2:
        raise AscError("compare: two runs or more were expected, as in asc compare RUN RUN")
    folders = [find_run(run) for run in runs]
    rows = [compared_run(folder) for folder in folders]
    headline = rows[0].headline
    if any(row.headline != headline for row in rows):
        kinds = ", ".join(f"{row.name}: {row.headline}" for row in rows)
        raise AscError(f"compare: the runs have different headline metrics ({kinds})")
    require_alike(
        [(Path(row.run).name, row.conditions) for row in rows],
        "compare",
        "so nothing can be paired. asc report {0} {1} shows them side by side",
    )
    metric = named(headline, plugins.beside(folders[0] / "recipe.yaml"))
    first = predictions.read(folders[0] / "predictions.csv")
    trained = recorded_metrics(folders[0]).get("trained_recordings", {})
    sizes = {int(fold): n for fold, n in trained.items()}
    others = [predictions.read(folder / "predictions.csv") for folder in folders[1:]]
    compared = [
        replace(row, against_first=comparison.compare(first, other, metric, sizes))
        for row, other in zip(rows[1:], others, strict=True)
    ]
    return Comparison(headline, (rows[0], *compared))
