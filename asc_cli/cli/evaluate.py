"""asc evaluate: metrics of a run, of a model on a dataset, or of a file of predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from asc_cli.cli import _completion
from asc_cli.cli._options import Cluster, Data, Engine, Folds, Jobs, Json, Others, Subset


def command(
    what: Annotated[
        list[str],
        typer.Argument(
            help="A run's folder or name, or a recipe's name: its newest finished run; or a run's "
            "bundle, which asc report --bundle wrote. With --dataset or --data: a model NAME or "
            "NAME@VERSION, or a CSV of predictions. With --mean: several runs.",
            metavar="RUN|RUN.zip|MODEL|FILE.csv",
            autocompletion=_completion.runs_and_models,
        ),
    ],
    dataset: Annotated[
        str | None,
        typer.Option(
            help="The dataset that a model or predictions are tested on.",
            autocompletion=_completion.datasets,
        ),
    ] = None,
    data: Data = None,
    subset: Subset = None,
    folds: Folds = None,
    jobs: Jobs = None,
    cluster: Cluster = None,
    mean: Annotated[
        bool, typer.Option("--mean", help="Average the probabilities of several runs.")
    ] = False,
    weights: Annotated[
        str | None,
        typer.Option(help="With --mean: a weight for each run, as in 2,1.", show_default="equal"),
    ] = None,
    engine: Engine = "auto",
    unknown: Others = None,
    as_json: Json = False,
) -> None:
    """Score predictions: every metric by name, with intervals, per fold, scene and device.

    Predictions are a CSV with a column file and a column per scene, or file and label. They are
    refused when a tested recording is missing, duplicate or unknown, when probabilities do not sum
    to 1, or when a label is not a scene of the dataset. A model's recordings are predicted by
    members that were not trained on them. A model of videos is tested on the validation part's
    shards, every damaged record is named, and the exit code is then 3; for its run, each epoch is
    printed. --mean averages the probabilities of runs that were trained and tested on the same
    recordings and folds, and scores the average. --unknown scores a folder with recordings of none
    of the scenes too, by a run that was trained with evaluation.unknown.

    Of a bundle, every figure is computed again from its predictions, and each of its statements is
    verified as far as that is possible: its recipe, its folds and, with the dataset here or at
    --data, its lists, labels and audio. The exit code is 1 where one does not hold.

    Example: **asc evaluate toy_lstm**

    Example: **asc evaluate toy_lstm toy_ta --mean**

    Example: **asc evaluate esc10_lstm@1 --dataset esc10**

    Example: **asc evaluate esc10_lstm@1 --dataset esc10 --cluster local:4**

    Example: **asc evaluate toy_lstm --unknown office**

    Example: **asc evaluate yt8m_ta_sa --dataset yt8m --data ~/yt8m**

    Example: **asc evaluate theirs.csv --dataset tut2016 --json**

    Example: **asc evaluate run.zip --data tut2016**
    """
    from asc_cli import report, workflow
    from asc_cli.cli import _progress
    from asc_cli.cli._options import fractions, numbers, on_cluster
    from asc_cli.core.errors import AscError
    from asc_cli.registry.bundle import is_bundle
    from asc_cli.video import report as videos
    from asc_cli.video.predict import VideoEvaluation

    if mean or weights is not None or len(what) > 1:
        if not mean:
            raise AscError(
                f"evaluate: {', '.join(what)}: --mean averages several runs; asc compare shows "
                "them side by side"
                if weights is None
                else f"--weights {weights}: goes with --mean"
            )
        if dataset is not None or data is not None or subset is not None or jobs is not None:
            raise AscError("--mean: averages finished runs, without --dataset, --data or --jobs")
        if unknown is not None:
            raise AscError("--mean: has no statistics of its own; without --unknown")
        averaged = workflow.evaluate_mean(what, fractions(weights, "--weights"), numbers(folds))
        report.show(averaged.to_dict(), report.evaluation, as_json)
        return
    if is_bundle(what[0]):
        if dataset is not None or subset is not None or folds or unknown:
            raise AscError("a bundle is of one run, with its dataset, folds and recordings")
        with on_cluster(cluster, jobs), _progress.counting("recordings") as progress:
            checked = workflow.evaluate_bundle(Path(what[0]), data, jobs, progress)
        report.show(checked.to_dict(), report.bundle, as_json)
        if checked.differs:
            raise typer.Exit(1)
        return
    with on_cluster(cluster, jobs), _progress.counting("recordings") as progress:
        result = workflow.evaluate(
            what[0],
            dataset=dataset,
            data=data,
            subset=subset,
            folds=numbers(folds),
            jobs=jobs,
            progress=progress,
            engine=engine,
            unknown=unknown,
        )
    if isinstance(result, VideoEvaluation):
        report.show(result.to_dict(), videos.evaluation, as_json)
        if result.failed:
            raise typer.Exit(3)
    else:
        report.show(result.to_dict(), report.evaluation, as_json)
