"""Store: what features, packs and checkpoints take on the disk, and remove what is not needed."""

from __future__ import annotations

from typing import Annotated

import typer

from asc_cli.cli._options import Json


def show(as_json: Json = False) -> None:
    """Show the bytes that are stored, by dataset and feature, and what `prune` would free.

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
        bool, typer.Option("--dry-run", help="Remove nothing; only show what would go.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove what no dataset and no run needs any more.

    That is: features of recordings that were changed or deleted, features that today's asc
    computes in another way, packs with such recordings, checkpoints of finished folds, and what
    killed processes left. A folder of audio that cannot be reached, such as a disk that is not
    mounted, counts as needed. What was written within the last hour stays.

    Example: **asc store prune --dry-run**

    Example: **asc store prune --dataset tau2022_mobile**
    """
    from asc_cli import workflow
    from asc_cli.report.console import output, store

    output.show(workflow.prune(dataset, packs, dry_run).to_dict(), store.pruned, as_json)


COMMANDS = {"show": show, "prune": prune}
