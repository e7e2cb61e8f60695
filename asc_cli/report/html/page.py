"""Write results as one self-contained HTML page: no network, no files but linked audio."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from asc_cli.core import atomic
from asc_cli.report.console.table import figure, marked, percent, titles
from asc_cli.report.console.tuning import choice_words
from asc_cli.report.html import figures

TEMPLATES = Path(__file__).parent / "templates"


def run(path: Path, about: dict[str, Any]) -> None:
    """Write the page of one run. about: as `workflow.report` gathers it."""
    histories, bins = about["histories"], about["metrics"]["reliability"]
    drawings = {
        "curves": [
            figures.curve(histories, "train_loss", "training loss (nats)", 1),
            figures.curve(histories, "test_accuracy", "accuracy on the test fold (%)", 100),
        ]
        if histories
        else [],
        "reliability": figures.reliability(bins) if bins else "",
        "rejection": _rejection(about["metrics"].get("unknown")),
        "faithfulness": [figures.faithfulness(row) for row in about.get("faithfulness", ())],
    }
    _write(path, "run.html.j2", about=about, m=about["metrics"], figures=drawings)


def _rejection(unknown: dict[str, Any] | None) -> str:
    """Return the curve of rejection; "" without recordings of none of the scenes."""
    if unknown is None or not unknown["curve"]:
        return ""
    return figures.rejection(unknown["curve"], (unknown["stay"], unknown["rejected"]))


def comparison(path: Path, runs: list[dict[str, Any]]) -> None:
    """Write the page of several runs side by side."""
    scenes = list(dict.fromkeys(scene for run in runs for scene in run["metrics"]["scenes"]))
    folds = sorted({fold["fold"] for run in runs for fold in run["metrics"]["folds"]})
    keys = list(dict.fromkeys(key for run in runs for key in run["flat"]))
    differing = [key for key in keys if len({str(run["flat"].get(key)) for run in runs}) > 1]
    names = [run["name"] for run in runs]
    for run in runs:
        is_duplicate = names.count(run["name"]) > 1
        name = f"{run['name']} {run['signature']}" if is_duplicate else run["name"]
        run["mark"] = marked("", run["metrics"].get("conditions")).strip()
        run["column"] = f"{name} {run['mark']}".strip()
    parts = {"runs": runs, "scenes": scenes, "folds": folds, "differing": differing}
    _write(path, "compare.html.j2", **parts)


def _write(path: Path, template: str, **values: Any) -> None:
    atomic.write_text(path, _environment().get_template(template).render(**values))


@functools.cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "percent": lambda value: _no_break(percent(value)),
        "formatted": lambda value, name: _no_break(figure(name, value)),
    }
    environment.globals |= {"titles": titles, "choice_words": choice_words}
    return environment


def _no_break(text: str) -> str:
    """Replace spaces, so that a number and its unit stay on one line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")
