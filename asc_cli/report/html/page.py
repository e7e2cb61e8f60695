"""Results → one HTML page that needs nothing else: no network, no other file but linked audio."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from asc_cli.core import atomic
from asc_cli.report.console.table import figure, percent, titles
from asc_cli.report.html import figures

TEMPLATES = Path(__file__).parent / "templates"


def run(path: Path, about: dict[str, Any]) -> None:
    """Write the page of one run. about: what `workflow.report` gathers."""
    histories, bins = about["histories"], about["metrics"]["reliability"]
    drawings = {
        "curves": [
            figures.curve(histories, "train_loss", "training loss (nats)", 1),
            figures.curve(histories, "test_accuracy", "accuracy on the test fold (%)", 100),
        ]
        if histories
        else [],
        "reliability": figures.reliability(bins) if bins else "",
    }
    _write(path, "run.html.j2", about=about, m=about["metrics"], figures=drawings)


def comparison(path: Path, runs: list[dict[str, Any]]) -> None:
    """Write the page of several runs side by side."""
    scenes = list(dict.fromkeys(scene for run in runs for scene in run["metrics"]["scenes"]))
    folds = sorted({fold["fold"] for run in runs for fold in run["metrics"]["folds"]})
    _write(path, "compare.html.j2", runs=runs, scenes=scenes, folds=folds)


def _write(path: Path, template: str, **values: Any) -> None:
    atomic.write_text(path, _environment().get_template(template).render(**values))


@functools.cache
def _environment() -> Any:
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters |= {
        "percent": lambda value: _unbroken(percent(value)),
        "shown": lambda value, name: _unbroken(figure(name, value)),
    }
    made.globals["titles"] = titles
    return made


def _unbroken(text: str) -> str:
    """A number and its unit stay on one line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")
