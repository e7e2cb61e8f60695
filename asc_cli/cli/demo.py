"""asc demo: the whole road on made-up scenes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RECIPE = "toy_lstm"
RECORDINGS = 180
SECONDS = 5.0


def command(
    home: Annotated[
        Path | None,
        typer.Option(
            help="Keep everything in this folder instead of $ASC_HOME.", show_default=False
        ),
    ] = None,
) -> None:
    """Walk the whole road on made-up scenes: features, train, evaluate, predict.

    About two minutes on two processors. Everything stays where asc keeps its things, so the
    commands it names at the end work at once.

    Example: **asc demo**
    """
    import os

    from asc_cli import report, workflow
    from asc_cli.cli import _progress
    from asc_cli.core.paths import data
    from asc_cli.datasets import toy
    from asc_cli.recipe import load as recipes

    if home:
        os.environ["ASC_HOME"] = str(home.absolute())
        os.environ["ASC_DATA"] = str(home.absolute() / "datasets")
    root = data() / "toy"
    recipe = recipes.load(RECIPE)

    _step(1, f"{RECORDINGS} made-up recordings of {SECONDS:.0f} s in 15 scenes")
    with _progress.counting("recordings") as progress:
        toy.make(root, recordings=RECORDINGS, seconds=SECONDS, progress=progress)
    _step(2, "features: log-mel spectrograms into the store", "asc features --dataset toy")
    with _progress.counting("features") as progress:
        extracted = workflow.extract(recipe, progress=progress)
    report.show(extracted.to_dict(), report.extraction)
    _step(3, "train: an LSTM on each of 4 location-disjoint folds", f"asc train {RECIPE}")
    with _progress.fitting() as fitting:
        trained = workflow.train(recipe, fitting=fitting)
    report.show(trained.to_dict(), report.training)
    _step(4, "evaluate: which scenes it knows", f"asc evaluate {RECIPE}")
    report.show(workflow.evaluate(trained.run), report.evaluation)
    split = extracted.source.listing.splits[0]
    unseen = extracted.source.path(split.test[0])
    _step(
        5, "predict: a recording that fold 1 has not trained on", f"asc predict --fold 1 {unseen}"
    )
    with report.Predictions(top=3) as out:
        for prediction in workflow.predict([unseen], model=trained.model, fold=1):
            out.add(prediction.to_dict())
    print(f"It is: {extracted.source.listing.by_file()[split.test[0]].label}\n\n{NEXT}")


def _step(number: int, what: str, command: str = "") -> None:
    print(f"\n{number}. {what}" + (f"   $ {command}" if command else ""), flush=True)


NEXT = """\
What next?
  asc predict YOUR.wav                          any recording, any rate and length
  asc datasets show tut2016                     where to get a published dataset
  asc train dcase_lstm --data PATH              the paper's protocol on it
  asc train my.yaml --data my.csv               your own scenes: filename, label, fold
  asc --help                                    everything else"""
