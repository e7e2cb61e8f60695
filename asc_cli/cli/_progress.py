"""Progress on stderr: bars with time left on a terminal, elsewhere a line at intervals."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from asc_cli.core.terminal import note

Counting = Callable[[int, int], None]
Fitting = Callable[[dict[Any, dict[str, Any]]], None]  # by fold, or by the name of a fit
QUIET_SECONDS = 30.0  # between lines where there is no terminal
WIDE = 110  # columns of a terminal that has room for long curves


@contextlib.contextmanager
def counting(unit: str) -> Iterator[Counting]:
    """Yield a function that draws a bar from (done, all)."""
    with _bars("{task.fields[detail]}") as bars:
        yield _counted(bars, unit)


@contextlib.contextmanager
def fitting() -> Iterator[Fitting]:
    """Yield a function that draws a bar per fold from {fold: progress}; at first "starting"."""
    with _bars("{task.fields[detail]}") as bars:
        yield _fitted(bars)


@contextlib.contextmanager
def training() -> Iterator[tuple[Counting, Counting, Fitting]]:
    """Yield functions for features, their pack and folds, in one set of bars."""
    with _bars("{task.fields[detail]}") as bars:
        yield _counted(bars, "features"), _counted(bars, "packing"), _fitted(bars)


@contextlib.contextmanager
def tuning() -> Iterator[tuple[Counting, Counting, Counting, Fitting]]:
    """Yield functions for features, their pack, inner trainings and what is being fitted."""
    with _bars("{task.fields[detail]}") as bars:
        yield (
            _counted(bars, "features"),
            _counted(bars, "packing"),
            _counted(bars, "inner trainings"),
            _fitted(bars),
        )


def _counted(bars: Any, unit: str) -> Counting:
    task = bars.add_task(unit, total=None, visible=False, detail="")
    line = _lines()

    def update(done: int, total: int) -> None:
        bars.update(task, completed=done, total=total, visible=True, detail=f"{done}/{total}")
        if bars.disable:
            line(f"{unit}: {done} of {total}")

    return update


def _fitted(bars: Any) -> Fitting:
    tasks: dict[int | str, Any] = {}
    starting = bars.add_task("folds", total=None, detail="starting", visible=False)
    reported: set[int | str] = set()
    line, compiled = _lines(), _compiled(bars)

    def update(folds: dict[Any, dict[str, Any]]) -> None:
        compiling = compiled([p for p in folds.values() if "kernels" in p])
        folds = {fold: p for fold, p in folds.items() if "kernels" not in p}
        done = {fold for fold, p in folds.items() if p.get("fitted")}
        folds = {fold: p for fold, p in folds.items() if fold not in done}
        if bars.disable:
            for fold in sorted(done - reported):
                note(f"{_label(fold)}: fitted")
            reported.intersection_update(done)  # of the next run, a fold begins again
            reported.update(done)
            running = "; ".join(f"{_label(k)}: {_epoch(p)}" for k, p in folds.items())
            line(running or compiling or "starting")
        bars.update(starting, visible=not (folds or tasks or compiling))
        for fold, p in folds.items():
            if fold not in tasks:
                tasks[fold] = bars.add_task(_label(fold), total=1.0, detail="")
            detail = "" if bars.disable else _epoch(p) + _drawn(p, _points(bars.console.width))
            bars.update(tasks[fold], completed=p["share"], detail=detail, visible=True)
        for fold in tasks.keys() - folds.keys():
            bars.update(tasks[fold], completed=1.0, visible=False)

    return update


def _compiled(bars: Any) -> Callable[[list[dict[str, Any]]], str]:
    """Return what draws a bar of kernels from the rows of fits that compile them."""
    tasks: list[Any] = []

    def update(rows: list[dict[str, Any]]) -> str:
        done, total = min(((p["compiled"], p["kernels"]) for p in rows), default=(0, 0))
        detail = f"{done}/{total} compiled, once on this machine" if done < total else ""
        if detail and not tasks:
            tasks.append(bars.add_task("kernels", total=total, detail=""))
        for task in tasks:  # never 0: rich measures the speed from the first share above it
            bars.update(task, completed=max(done, 1e-9), detail=detail, visible=bool(detail))
        return detail and f"kernels: {detail}"

    return update


@contextlib.contextmanager
def fetching() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that draws a bar per file from (file, bytes so far, total bytes)."""
    with _bars("{task.fields[detail]}") as bars:
        tasks: dict[str, Any] = {}

        def update(file: str, done: int, total: int) -> None:
            if file not in tasks:
                tasks[file] = bars.add_task(file, detail="")
            bars.update(
                tasks[file],
                completed=done,
                total=total or None,
                visible=done < total or not total,
                detail=f"{done / 1e6:.0f} of {total / 1e6:.0f} MB",
            )

        yield update


def _label(fit: int | str) -> str:
    return f"fold {fit}" if isinstance(fit, int) else fit


def _epoch(p: dict[str, Any]) -> str:
    return f"epoch {p['epoch']}/{p['epochs']}  loss {p['loss']:.3f}  {p['clips_per_s']:.0f} clips/s"


def _points(width: int) -> int:
    """Return how many points a curve has on a terminal of so many columns."""
    return 20 if width >= WIDE else 6


def _drawn(p: dict[str, Any], points: int) -> str:
    """Return a line with the losses of all epochs so far as small curves; "" before the second."""
    from asc_cli.report.console.curve import sparkline

    texts = [
        f"{name} {sparkline(values, points)}" + (f" {values[-1]:.3f}" if name != "loss" else "")
        for name, values in p.get("curves", {}).items()
        if len(values) > 1
    ]
    return "\n" + "  ".join(texts) if texts else ""


def _lines() -> Callable[[str], None]:
    """Return a `note` that prints at most one line per QUIET_SECONDS."""
    last = time.monotonic()

    def line(text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= QUIET_SECONDS:
            note(text)
            last = time.monotonic()

    return line


class _NoBars(contextlib.nullcontext["_NoBars"]):
    """Bars that are not drawn, where stderr is no terminal: importing rich for them takes time."""

    disable = True

    def __enter__(self) -> _NoBars:
        return self

    def add_task(self, *args: Any, **kwargs: Any) -> int:
        return 0

    def update(self, *args: Any, **kwargs: Any) -> None:
        pass


def _bars(detail: str) -> Any:
    if not sys.stderr.isatty():
        return _NoBars()
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from asc_cli.report.console.output import console

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn(detail),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console(stderr=True),
        transient=True,
    )
