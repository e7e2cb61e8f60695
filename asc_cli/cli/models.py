"""Models: list, show, choose the default, remove, check, export, import, push and pull."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from asc_cli.cli import _completion
from asc_cli.cli._options import Json
from asc_cli.core.errors import AscError

NONE_YET = "no models yet; asc train RECIPE, asc models import FILE or asc demo makes one"
Reference = Annotated[
    str, typer.Argument(help="NAME or NAME@VERSION.", autocompletion=_completion.models)
]


def list_(as_json: Json = False) -> None:
    """List the registered models; the default is marked.

    Example: **asc models list**
    """
    from asc_cli import report
    from asc_cli.cli import _progress
    from asc_cli.registry import models

    registered = models.models()
    default = models.find().id if registered else None
    rows = [{**_row(model), "default": model.id == default} for model in registered]
    report.show(rows, report.models if rows else lambda _: NONE_YET, as_json)
    for fault in models.damaged():
        _progress.note(fault)


def show(
    model: Reference,
    limit: Annotated[
        str | None,
        typer.Option(help="Compare with a limit: dcase2024 (128 kB, 30 million MACs)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a model's card and its complexity: parameters, bytes, multiply-accumulates.

    With --limit, exit 1 if one member exceeds it at the recipe's `deployment_precision`, float32
    unless set.

    Example: **asc models show toy_lstm**

    Example: **asc models show toy_lstm --limit dcase2024**
    """
    from asc_cli import report, workflow
    from asc_cli.audio import decoders
    from asc_cli.cli import _progress
    from asc_cli.core import installation
    from asc_cli.registry import models

    registered = models.find(model)
    answered_by, costs = None, None
    try:
        answered_by = workflow.answered_by(registered)
        with installation.in_words("complexity"):
            costs = workflow.costs(registered, limit)
    except AscError as fault:  # its code is gone, its weights are damaged, torch is not there
        if limit is not None:
            raise
        _progress.note(f"asc: {fault}")
    card = {
        "id": registered.id,
        "folder": str(registered.folder),
        **registered.card,
        "answered_by": answered_by,
        "remarks": [
            *registered.remarks(),
            *(
                f"model {system.id}: {remark}"
                for system in registered.systems()
                for remark in decoders.remarks(system.card["feature"])
            ),
        ],
        "complexity": costs.to_dict() if costs else None,
    }
    report.show(card, report.model, as_json)
    if costs and costs.limit is not None and not costs.limit.passes:
        raise typer.Exit(1)


def use(model: Reference, as_json: Json = False) -> None:
    """Make a model the one that `asc predict` uses.

    Example: **asc models use toy_lstm@1**
    """
    from asc_cli.registry import models

    _print_model(_row(models.use(model)), as_json)


def remove(model: Reference, as_json: Json = False) -> None:
    """Delete a version of a model; name the version if there are several.

    Example: **asc models remove toy_lstm@1**
    """
    from asc_cli.registry import models

    versions = [candidate.id for candidate in models.models() if candidate.card["name"] == model]
    if len(versions) > 1:
        raise AscError(f"remove {model}: which of {', '.join(versions)}? Name one")
    _print_model(_row(models.remove(model)), as_json, "removed ")


def check(
    model: Reference,
    recordings: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Audio files to compare on; unless given, the model's own dataset's, else noise.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a model's files, and compare its answers with torch's.

    Predictions run without torch, through onnxruntime or numpy. What a model lacks for that is made
    here, as it is by its first prediction. Exit 1 if a recording gets another scene.

    Example: **asc models check toy_lstm**

    Example: **asc models check toy_lstm clip.wav day.wav**
    """
    from asc_cli import report, workflow

    checked = workflow.check_model(model, recordings or ())
    report.show(checked.to_dict(), report.checked_model, as_json)
    if not checked.agrees:
        raise typer.Exit(1)


def export(
    model: Reference,
    file: Annotated[Path, typer.Argument(help="The zip file to write.")],
    as_json: Json = False,
) -> None:
    """Write a model as one file, for `asc models import` on another machine.

    Example: **asc models export toy_lstm toy.zip**
    """

    from asc_cli import workflow
    from asc_cli.registry import archive, models

    workflow.ensure_graphs(models.find(model))
    row = _row(archive.export(model, file))
    _print_model({**row, "file": str(file)}, as_json, suffix=f" is in {file}")


def import_(
    file: Annotated[Path, typer.Argument(help="A file that `asc models export` wrote.")],
    trust_code: Annotated[
        bool,
        typer.Option(
            "--trust-code",
            help="Print the code that the file contains, and let it run from now on.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Register a model from a file that `asc models export` wrote.

    If a model uses code that is not part of asc (model, feature, metric or dataset), the file
    contains that code. It would run with your permissions, so the import is refused unless you
    pass --trust-code.

    Example: **asc models import toy.zip**

    Example: **asc models import theirs.zip --trust-code**
    """
    from asc_cli.cli import _progress
    from asc_cli.registry import archive
    from asc_cli.video.validation import require_usable

    imported = archive.import_file(file, trust_code, _progress.note, require_usable)
    _print_model(_row(imported), as_json)


def push(model: Reference, as_json: Json = False) -> None:
    """Put a model on the remote, for `asc models pull` on another machine.

    The environment variable ASC_REMOTE names the remote. A version is put only where the remote has
    none of that name and number: a model that another home put there stays.

    Example: **asc models push toy_lstm**
    """
    from asc_cli import workflow
    from asc_cli.registry import models, remote_models

    workflow.ensure_graphs(models.find(model))
    pushed = remote_models.push(model)
    _print_transfer(pushed, as_json, "is on" if pushed.transferred else "was there already, on")


def pull(
    model: Annotated[str, typer.Argument(help="NAME, for its newest version, or NAME@VERSION.")],
    trust_code: Annotated[
        bool,
        typer.Option("--trust-code", help="Let the code that the model brings run from now on."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Register a model of the remote, which the environment variable ASC_REMOTE names.

    If a model uses code that is not part of asc (model, feature, metric or dataset), it brings that
    code along. It would run with your permissions, so it is printed, and the model is refused
    unless you pass --trust-code.

    Example: **asc models pull toy_lstm**

    Example: **asc models pull toy_lstm@2 --trust-code**
    """
    from asc_cli.cli import _progress
    from asc_cli.registry import remote_models
    from asc_cli.video.validation import require_usable

    pulled = remote_models.pull(model, trust_code, _progress.note, require_usable)
    _print_transfer(pulled, as_json, "is from" if pulled.transferred else "was here already, as on")


def _row(model: Any) -> dict[str, Any]:
    metrics = model.card.get("metrics", {})
    return {
        "model": model.id,
        "dataset": model.card["recipe"]["dataset"],
        "scenes": len(model.card["labels"]),
        "folds": len(model.card["folds"]),
        "headline": metrics.get("headline"),
        "error": metrics.get("error"),
        "created": model.card["created"],
        "run": model.card.get("run"),
        "outside_data": (model.card.get("conditions") or {}).get("outside_data", []),
    }


def _print_model(row: dict[str, Any], as_json: bool, prefix: str = "", suffix: str = "") -> None:
    from asc_cli import report

    report.show(row, lambda shown: prefix + shown["model"] + suffix, as_json)


def _print_transfer(transfer: Any, as_json: bool, how: str) -> None:
    row = {**_row(transfer.model), "remote": transfer.remote, "transferred": transfer.transferred}
    _print_model(row, as_json, suffix=f" {how} {transfer.remote}")


COMMANDS = {
    "list": list_,
    "show": show,
    "use": use,
    "remove": remove,
    "check": check,
    "export": export,
    "import": import_,
    "push": push,
    "pull": pull,
}
