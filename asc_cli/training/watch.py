"""Watch the folds of a run while other processes fit them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from asc_cli.core import atomic

WATCH_SECONDS = 0.5


@contextlib.contextmanager
def watching(
    folders: Mapping[Any, Path], report: Callable[[dict[Any, dict[str, Any]]], None] | None
) -> Iterator[None]:
    """Report the progress of fits at once, then at intervals while they run.

    folders: Of each fit, by its fold or its name.
    """
    if report is None:
        yield
        return
    done = threading.Event()

    def watch() -> None:
        report(progress_of(folders))
        while not done.wait(WATCH_SECONDS):
            report(progress_of(folders))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        report(progress_of(folders))


def progress_of(folders: Mapping[Any, Path]) -> dict[Any, dict[str, Any]]:
    """Return the progress of the fits that have begun, by fold or name."""
    progress = {}
    for name, folder in folders.items():
        with contextlib.suppress(FileNotFoundError):  # not begun, or finished a moment ago
            progress[name] = atomic.read_json(folder / "progress.json")
        if (folder / "predictions.csv").exists():
            progress[name] = {"fitted": True}
    return progress
