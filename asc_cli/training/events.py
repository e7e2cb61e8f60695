"""TensorBoard's event files of a run: what history.csv holds, a curve per column and fold.

The command that waits for the folds writes them, from the folds' histories. So fitting does not
depend on them, and a resumed or finished run has all its epochs in them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from asc_cli.core import installation
from asc_cli.core.errors import DamagedFile
from asc_cli.registry.runs import fold_folder
from asc_cli.training import history

Report = Callable[[dict[Any, dict[str, Any]]], None]
TAGS = {  # of columns of history.csv; others have their own names
    "train_loss": "loss/train",
    "validation_loss": "loss/validation",
    "test_accuracy": "accuracy/test",
}
LEFT_OUT = ("epoch", "seconds")


def require() -> None:
    """Raise AscError, with the command that installs it, if TensorBoard is not installed."""
    with installation.in_words("--tensorboard"):
        import torch.utils.tensorboard  # noqa: F401


@contextlib.contextmanager
def writing(
    root: Path | None, run: Path, folds: Sequence[int], report: Report | None
) -> Iterator[Report | None]:
    """Write event files while the folds are fitted, and what is missing at the end.

    root: They go to ROOT/RUN/fold01 and so on, in place of earlier ones; None: nowhere. report:
    Is called as before.

    Yields:
        What to call with the folds' progress; it writes the epochs that are new.
    """
    if root is None:
        yield report
        return
    from torch.utils.tensorboard import SummaryWriter

    writers: dict[int, SummaryWriter] = {}
    n_written = dict.fromkeys(folds, 0)

    def update(fitting: bool) -> None:
        for fold in folds:
            try:
                rows = history.rows(fold_folder(run, fold))[n_written[fold] :]
            except DamagedFile:  # while it is replaced, file and checksum may not fit
                if not fitting:
                    raise
                continue
            if rows and fold not in writers:
                folder = fold_folder(root / run.name, fold)
                for earlier in folder.glob("events.out.tfevents.*"):
                    earlier.unlink()
                writers[fold] = SummaryWriter(str(folder))
            for row in rows:
                for name, value in row.items():
                    if name not in LEFT_OUT:
                        tag = TAGS.get(name, name)
                        writers[fold].add_scalar(tag, value, int(row["epoch"]))
            if rows:
                writers[fold].flush()
            n_written[fold] += len(rows)

    def both(progress: dict[Any, dict[str, Any]]) -> None:
        update(fitting=True)
        if report:
            report(progress)

    try:
        yield both
        update(fitting=False)
    finally:
        for writer in writers.values():
            writer.close()
