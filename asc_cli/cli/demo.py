"""asc demo: features, training, scores and a prediction on made-up scenes."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from asc_cli.core.terminal import one_line

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
    """Make synthetic scenes, compute features, train, evaluate and predict.

    About two minutes on two processors. The commands at the end can be pasted.

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
    recipe, train = recipes.load(RECIPE), workflow.train  # fails here where asc is without training

    _step(1, f"{RECORDINGS} made-up recordings of {SECONDS:.0f} s in 15 scenes")
    with _progress.counting("recordings") as progress:
        toy.make(root, recordings=RECORDINGS, seconds=SECONDS, progress=progress)
    _step(2, "features: log-mel spectrograms into the store", f"asc features --recipe {RECIPE}")
    with _progress.counting("features") as progress:
        extracted = workflow.extract(recipe, progress=progress)
    report.show(extracted.to_dict(), report.extraction)
    _step(3, "train: an LSTM on each of 4 location-disjoint folds", f"asc train {RECIPE}")
    with _progress.fitting() as fitting:
        trained = train(recipe, fitting=fitting)
    report.show(trained.to_dict(), report.training)
    _step(4, "evaluate: accuracy per scene", f"asc evaluate {RECIPE}")
    report.show(workflow.evaluate(trained.run).to_dict(), report.evaluation)
    split = extracted.source.listing.splits[0]
    unseen = extracted.source.path(split.test[0])
    _step(
        5, "predict: a recording that fold 1 was not trained on", f"asc predict --fold 1 {unseen}"
    )
    with report.Predictions(top=3) as out:
        for prediction in workflow.predict([unseen], model=trained.model, fold=1):
            out.add(prediction.to_dict())
    print(f"The true scene: {one_line(extracted.source.listing.by_file()[split.test[0]].label)}")
    print(_next(unseen))


def _step(number: int, title: str, command: str = "") -> None:
    print(f"\n{number}. {title}" + (f"   $ {one_line(command)}" if command else ""), flush=True)


def _next(recording: Path) -> str:
    """Return the next commands, and the shell lines that they need."""
    import shlex

    from asc_cli.core.paths import home

    setup = [f"export ASC_HOME={shlex.quote(str(home()))}"]
    script = Path(sys.executable).with_name("asc")
    if script.exists() and shutil.which("asc") != str(script):
        setup.insert(0, f'export PATH={shlex.quote(str(script.parent))}:"$PATH"   # {script}')
    lines = "\n".join(f"  {line}" for line in setup)
    return NEXT.format(setup=lines, recording=shlex.quote(str(recording)))


NEXT = """
What next? In this shell, first paste:
{setup}
then any of these:
  asc predict {recording}
  asc evaluate toy_lstm
  asc runs list
  asc datasets show tut2016                     how to get a published dataset
  asc --help                                    everything else
and, with your own files for the words in capitals:
  asc predict YOUR.wav                          any recording, any rate and length
  asc train dcase_lstm --data PATH              the paper's protocol on TUT 2016
  asc train my.yaml --data MY.csv               your own scenes: filename, label, fold"""
