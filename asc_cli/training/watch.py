"""Watch the folds of a run while other processes fit them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from asc_cli.core import atomic
from asc_cli.registry.runs import fold_folder

WATCH_SECONDS = 0.5


@contextlib.contextmanager
def watching(
    run: Path, chosen: list[int], report: Callable[[dict[int, dict[str, Any]]], None] | None
) -> Iterator[None]:
    """Report the folds' progress at once, then at intervals while the folds run."""
    if report is None:
        yield
        return
    done = threading.Event()

    def watch() -> None:
        report(progress_of(run, chosen))
        while not done.wait(WATCH_SECONDS):
            report(progress_of(run, chosen))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        report(progress_of(run, chosen))


def progress_of(run: Path, chosen: list[int]) -> dict[int, dict[str, Any]]:
    progress = {}
    for fold in chosen:
        with contextlib.suppress(FileNotFoundError):  # not begun, or finished a moment ago
            progress[fold] = atomic.read_json(fold_folder(run, fold) / "progress.json")
        if (fold_folder(run, fold) / "predictions.csv").exists():
            progress[fold] = {"fitted": True}
    return progress
