"""asc train: fit, score and register a recipe's model."""

from __future__ import annotations

from typing import Annotated

import typer

from asc_cli.cli import _complete
from asc_cli.cli._options import Data, Folds, Jobs, Json, Set, Subset


def command(
    recipe: Annotated[
        str,
        typer.Argument(
            help="A recipe's name or file, see `asc recipes list`.",
            autocompletion=_complete.recipes,
        ),
    ],
    data: Data = None,
    folds: Folds = None,
    set: Set = None,
    subset: Subset = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Fit a recipe on all folds of its protocol, score it and register the model.

    Missing features are computed first. The same command again resumes where it stopped, to the
    same bits, or answers at once when the run is finished. --jobs folds are fitted at once, a
    processor each; the result does not depend on how many.

    Example: **asc train toy_lstm**

    Example: **asc train recipes/dcase_ta_sa.yaml --data ~/TUT-2016 --set training.epochs=5**
    """
    from asc_cli import recipe as recipes
    from asc_cli import report, workflow
    from asc_cli.cli import _screen
    from asc_cli.cli._options import numbers

    chosen = recipes.load(
        recipe, [*(set or []), *(f"subset={n}" for n in [subset] if n is not None)]
    )
    with (
        _screen.counting("features") as extracting,
        _screen.fitting() as fitting,
    ):
        done = workflow.train(
            chosen, data=data, folds=numbers(folds), device=device, jobs=jobs,
            extracting=extracting, fitting=fitting,
        )  # fmt: skip
    report.show(done.json(), report.training, as_json)
