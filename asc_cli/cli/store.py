"""Store: show the disk usage of features, packs and checkpoints, and remove unused ones."""

from __future__ import annotations

from typing import Annotated

import typer

from asc_cli.cli._options import Json


def show(as_json: Json = False) -> None:
    """Show the disk usage by dataset and feature, and what `prune` would free.

    Example: **asc store show**
    """
    from asc_cli import workflow
    from asc_cli.report.console import output, store

    output.show(workflow.disk().to_dict(), store.usage, as_json)


def prune(
    dataset: Annotated[
        str | None,
        typer.Option(help="Remove what is stored for this dataset alone as well."),
    ] = None,
    packs: Annotated[
        bool,
        typer.Option("--packs", help="Remove all packs as well; training writes them again."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Remove nothing; only show what would be removed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove files that no dataset and no run uses any more.

    These are features of recordings that were changed or deleted, features that this version
    computes in another way, packs with such recordings, checkpoints of finished folds, and
    temporary files of killed processes. The audio of a disk that is not mounted counts as
    unchanged. Files of the last hour are kept.

    Example: **asc store prune --dry-run**

    Example: **asc store prune --dataset tau2022_mobile**
    """
    from asc_cli import workflow
    from asc_cli.report.console import output, store

    output.show(workflow.prune(dataset, packs, dry_run).to_dict(), store.pruned, as_json)


COMMANDS = {"show": show, "prune": prune}
