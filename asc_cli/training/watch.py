"""Watch the folds of a run while other processes fit them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from asc_cli.core import atomic
from asc_cli.core.errors import DamagedFile
from asc_cli.training import history

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


def _curves(folder: Path) -> dict[str, list[float]]:
    """Return the losses of the epochs so far: training, and validation where some is held out."""
    try:
        rows = history.rows(folder)
    except DamagedFile:  # while it is replaced, file and checksum may not fit
        return {}
    names = {"loss": "train_loss", "validation": "validation_loss"}
    curves = {key: [row[n] for row in rows if n in row] for key, n in names.items()}
    return {key: values for key, values in curves.items() if values}


def progress_of(folders: Mapping[Any, Path]) -> dict[Any, dict[str, Any]]:
    """Return the progress of the fits that have begun, by fold or name."""
    progress = {}
    for name, folder in folders.items():
        with contextlib.suppress(FileNotFoundError):  # not begun, or finished a moment ago
            row = atomic.read_json(folder / "progress.json")
            progress[name] = {**row, "curves": _curves(folder)} if isinstance(row, dict) else row
        if (folder / "predictions.csv").exists():
            progress[name] = {"fitted": True}
    return progress
