"""Train the golden recipes: what the tests, `make golden` and another version's process all run."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

RECIPES = Path(__file__).parent / "recipes"
NAMES = ("lstm", "ta", "sa", "ta_sa", "gmm", "cnn")  # the paper's four; a GMM; a CNN


def predictions(name: str, table: Path) -> bytes:
    """Train a recipe on all folds of a table, in $ASC_HOME; returns the run's predictions.csv.

    One process, so that whichever asc_cli is imported here does the work. Probabilities are
    written with all their digits: equal bytes are equal bits.
    """
    import asc_cli

    trained = asc_cli.train(RECIPES / f"{name}.yaml", data=table, jobs=1)
    return (trained.run / "predictions.csv").read_bytes()


def probabilities(written: bytes) -> tuple[list[list[str]], np.ndarray]:
    """A predictions.csv as (header and the columns that say which recording), (n, C)."""
    header, *rows = csv.reader(written.decode().splitlines())
    about = header.index("device") + 1
    names_ = [header, *(row[:about] for row in rows)]
    return names_, np.array([[float(value) for value in row[about:]] for row in rows])


def write(folder: Path, table: Path) -> None:
    """<name>.csv of every recipe into a folder."""
    for name in NAMES:
        (folder / f"{name}.csv").write_bytes(predictions(name, table))
