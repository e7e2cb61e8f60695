"""Runs: list those on this machine, show one, remove one."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from asc_cli.cli import _completion
from asc_cli.cli._options import Json
from asc_cli.core.errors import AscError

NONE_YET = "no runs yet; asc train RECIPE or asc demo makes one"


def list_(as_json: Json = False) -> None:
    """List the runs on this machine, oldest first: folds, result, size, model.

    Example: **asc runs list**
    """
    from asc_cli import report
    from asc_cli.cli import _progress
    from asc_cli.registry import inventory

    readable, faults = inventory.runs()
    rows = [run.to_dict() for run in readable]
    report.show(rows, report.runs if rows else lambda _: NONE_YET, as_json)
    for fault in faults:
        _progress.note(f"asc: {fault}")


def show(
    run: Annotated[
        str,
        typer.Argument(
            help="A run's folder or name, or a recipe's name for its newest run.",
            autocompletion=_completion.runs,
        ),
    ],
    as_json: Json = False,
) -> None:
    """Show one run: its dataset, finished folds, result and folder.

    `asc evaluate RUN` prints every metric, `asc recipes show RUN/recipe.yaml` its settings.

    Example: **asc runs show toy_lstm**
    """
    from asc_cli import report, workflow
    from asc_cli.registry import inventory, runs

    folder = workflow.find_run(run)
    row = {**inventory.read(folder).to_dict(), "folder": str(folder.absolute())}
    row |= {"audio_root": runs.audio_root(folder), "conditions": inventory.conditions(folder)}
    report.show(row, report.run, as_json)


def remove(
    run: Annotated[
        str,
        typer.Argument(
            help="A run's name, or its recipe's where that has one run alone.",
            autocompletion=_completion.runs,
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a run's folder: checkpoints, predictions, report. Asks first.

    The model that the run registered stays (`asc models remove` removes it), and so do the
    features. The same `asc train` command would start again.

    Example: **asc runs remove toy_lstm-1a2b3c4d5e6f --yes**
    """
    from asc_cli import report
    from asc_cli.registry import inventory

    row = inventory.read(inventory.find(run))
    if not yes:
        if not _terminal():
            raise AscError(f"runs remove {run}: there is no terminal to ask on; give --yes")
        size = f"{row.bytes / 1e6:.1f} MB, {row.folds} fold(s)"
        if not typer.confirm(f"Remove {row.run} ({size})?", err=True):
            return
    removed = inventory.remove(row.run).to_dict()
    report.show(removed, lambda it: f"removed {it['run']}", as_json)


def _terminal() -> bool:
    return sys.stdin.isatty()


COMMANDS = {"list": list_, "show": show, "remove": remove}
