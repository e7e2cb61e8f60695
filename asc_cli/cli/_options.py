"""Options that several subcommands share."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from asc_cli.cli import _completion
from asc_cli.core.errors import AscError

Json = Annotated[bool, typer.Option("--json", help="Print JSON for another program.")]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Where the dataset is (default: `data` of the recipe, else $ASC_DATA/NAME). Without "
        "a named dataset: a CSV, or a folder with a sub-folder per scene.",
        show_default=False,
    ),
]
Subset = Annotated[
    int | None,
    typer.Option(
        help="A published subset, in per cent: DCASE 2024/25's 5, 10, 25, 50 or 100 of "
        "tau2022_mobile.",
        show_default=False,
    ),
]
Folds = Annotated[
    str | None, typer.Option(help="Only these folds, as in 1,3 or 2-4.", show_default="all")
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", help="Worker processes; by default one per processor."),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        help="Run the tasks on a Dask cluster: tcp://HOST:PORT of its scheduler, or local:N for N "
        "workers on this machine (extra cluster).",
        show_default=False,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a recipe's key: --set training.epochs=5. Repeatable."),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="NAME or NAME@VERSION; the default model unless given.",
        autocompletion=_completion.models,
    ),
]
Fold = Annotated[
    int | None, typer.Option(help="Use only this fold's member, not the average of all.")
]
Engine = Annotated[
    str,
    typer.Option(help="What answers: auto, or torch, with the bits of the training."),
]
Threshold = Annotated[
    float, typer.Option(min=0, max=1, help='A scene less probable than this is "unsure".')
]
Others = Annotated[
    Path | None,
    typer.Option(
        "--unknown",
        help="A folder with recordings of none of the scenes: how many are rejected by a run that "
        "was trained with `evaluation.unknown`.",
        show_default=False,
    ),
]
Unknown = Annotated[
    bool,
    typer.Option(
        "--unknown",
        help='What is too far from all scenes is "unknown"; for models trained with '
        "`evaluation.unknown`.",
    ),
]


def on_cluster(cluster: str | None, jobs: int | None) -> contextlib.AbstractContextManager[None]:
    """Return the context in which tasks run on `--cluster`, or here. Raises AscError with `--jobs`,
    which counts this machine's processes."""
    from asc_cli import workflow

    if cluster is not None and jobs is not None:
        raise AscError(f"--jobs {jobs}: a cluster has as many workers as it has; leave --jobs out")
    return workflow.cluster(cluster)


def numbers(text: str | None, option: str = "--folds") -> list[int] | None:
    """ "1,3-5" → [1, 3, 4, 5]. Raises AscError for anything else."""
    if text is None:
        return None
    result: list[int] = []
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            result += range(int(first), int(last or first) + 1)
    except ValueError:
        raise AscError(f"{option} {text}: numbers such as 1,3 or 2-4 were expected") from None
    if not result:
        raise AscError(f"{option} {text}: names no {option.strip('-s')}")
    return result


def fractions(text: str | None, option: str) -> list[float] | None:
    """ "2,0.5" → [2.0, 0.5]. Raises AscError for anything else."""
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise AscError(f"{option} {text}: numbers such as 2,1 were expected") from None
