"""Progress on stderr: bars with time left on a terminal, nothing elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar fed with (done, all)."""
    with _bars("{task.completed:.0f}/{task.total:.0f}") as bars:
        task = bars.add_task(what, total=None, visible=False)
        yield lambda done, total: bars.update(task, completed=done, total=total, visible=True)


@contextlib.contextmanager
def fitting() -> Iterator[Callable[[dict[int, dict[str, Any]]], None]]:
    """A bar per fold, fed with {fold: training progress}."""
    with _bars("{task.fields[detail]}") as bars:
        tasks: dict[int, Any] = {}

        def update(folds: dict[int, dict[str, Any]]) -> None:
            for fold, p in folds.items():
                if fold not in tasks:
                    tasks[fold] = bars.add_task(f"fold {fold}", total=1.0, detail="")
                detail = (
                    f"epoch {p['epoch']}/{p['epochs']}  loss {p['loss']:.3f}  "
                    f"{p['clips_per_s']:.0f} clips/s"
                )
                bars.update(tasks[fold], completed=p["share"], detail=detail)
            for fold in tasks.keys() - folds.keys():
                bars.update(tasks[fold], completed=1.0, visible=False)

        yield update


@contextlib.contextmanager
def fetching() -> Iterator[Callable[[str, int, int], None]]:
    """A bar per file, fed with (file, bytes so far, bytes in all)."""
    with _bars("{task.fields[detail]}") as bars:
        tasks: dict[str, Any] = {}

        def update(file: str, done: int, total: int) -> None:
            if file not in tasks:
                tasks[file] = bars.add_task(file, detail="")
            bars.update(
                tasks[file], completed=done, total=total or None, visible=done < total or not total,
                detail=f"{done / 1e6:.0f} of {total / 1e6:.0f} MB",
            )  # fmt: skip

        yield update


def note(text: str) -> None:
    """A line on stderr about what is going on."""
    import sys

    print(text, file=sys.stderr, flush=True)


def _bars(detail: str) -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn(detail),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
