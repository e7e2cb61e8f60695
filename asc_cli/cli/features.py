"""asc features: fill the feature store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from asc_cli.cli import _completion
from asc_cli.cli._options import Cluster, Data, Jobs, Json, Set, Subset
from asc_cli.core.errors import AscError

if TYPE_CHECKING:
    from asc_cli.recipe.load import Recipe

DEFAULT_SECTIONS = {"features": {"name": "log_mel"}, "model": {"name": "lstm"}}  # without a recipe


def command(
    dataset: Annotated[
        str | None,
        typer.Option(
            help="A dataset's name, see `asc datasets list`.", autocompletion=_completion.datasets
        ),
    ] = None,
    data: Data = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Compute only what this recipe needs.",
            autocompletion=_completion.recipes,
        ),
    ] = None,
    set: Set = None,
    subset: Subset = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Read all audio and all stored features again: compute again what is missing or "
            "damaged or whose audio has changed, and remove damaged packs. With ASC_REMOTE, put "
            "there what it lacks.",
        ),
    ] = False,
    download: Annotated[
        bool,
        typer.Option(
            "--download",
            help="Get an encoder of the Hugging Face hub that the recipe names first. Without it, "
            "no command downloads one.",
        ),
    ] = False,
    jobs: Jobs = None,
    cluster: Cluster = None,
    as_json: Json = False,
) -> None:
    """Compute and store the features of a dataset's recordings.

    With --dataset, every feature that the shipped recipes of that dataset need, so that training
    any of them finds its features. With --recipe, what that recipe needs. With --data alone, or
    with `--set features.KEY=VALUE`, the paper's log_mel. Stored features are not computed
    again, unless the recording, a parameter or the feature has changed. Several of these commands
    may run at once. A bad file is reported, the others are processed, and the exit code is 3.

    Example: **asc features --dataset litis**

    Example: **asc features --recipe my.yaml**

    Example: **asc features --recipe my_encoder.yaml --download**

    Example: **asc features --dataset litis --cluster tcp://10.0.0.5:8786**

    Example: **asc features --dataset esc10 --data ~/ESC-10 --set features.n_mels=128**
    """
    from asc_cli import report, workflow
    from asc_cli.cli import _progress
    from asc_cli.cli._options import on_cluster
    from asc_cli.core.kind import VIDEOS, kind_of_dataset

    if recipe is None and dataset is None and data is None:
        raise AscError("features: --dataset NAME, --data PATH or --recipe RECIPE was expected")
    if dataset is not None and kind_of_dataset(dataset) == VIDEOS:
        raise AscError(f"features: the shards of {dataset} hold features already; train on them")
    if verify and cluster is not None:
        raise AscError("--verify: reads the store of this machine; leave --cluster out")
    overrides = [*(set or []), *(f"subset={n}" for n in [subset] if n is not None)]
    rows = []
    with on_cluster(cluster, jobs):
        for chosen, names in _recipes_by_feature(recipe, dataset, overrides):
            with _progress.counting(chosen.features["name"]) as progress:
                extraction = workflow.extract(
                    chosen,
                    data=data,
                    jobs=jobs,
                    verify=verify,
                    download=download,
                    progress=progress,
                    note=_progress.note,
                )
            rows.append({**extraction.to_dict(), "recipes": names})
    result = _summed(rows)
    report.show(result, report.extractions, as_json)
    if result["failed"]:
        raise typer.Exit(3)


def _recipes_by_feature(
    recipe: str | None, dataset: str | None, overrides: list[str]
) -> list[tuple[Recipe, list[str]]]:
    """Return a recipe per different feature, and the names of the recipes that need it."""
    from asc_cli.core import plugins as catalog
    from asc_cli.recipe import ensemble
    from asc_cli.recipe import load as recipes

    by_feature: dict[str, tuple[Recipe, list[str]]] = {}

    def add(name: str, settings: list[str]) -> None:
        for part in ensemble.parts(ensemble.load(name, settings)):
            needed = (part.features, part.variants, part.evaluation.variants)
            by_feature.setdefault(str(needed), (part, []))[1].append(name)

    if recipe is not None:
        add(recipe, [*overrides, *([f"dataset={dataset}"] if dataset else [])])
        return [*by_feature.values()]
    if dataset is not None and not any(text.startswith("features.") for text in overrides):
        for name in catalog.recipe_names():
            if ensemble.load(name).dataset == dataset:
                add(name, overrides)
    paper = {**DEFAULT_SECTIONS, "dataset": dataset or "table"}
    return [*by_feature.values()] or [(recipes.from_settings("features", paper, overrides), [])]


def _summed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what `--json` prints: sums over the features, and each in `features`."""
    first, counts = rows[0], ("computed", "reused", "fetched")
    keys = ("feature", "recipes", *counts, "failed", "wall_seconds")
    failed = {(f["file"], f["error"]): f for row in rows for f in row["failed"]}
    return {
        **{key: first[key] for key in ("dataset", "feature", "recordings")},
        **{key: sum(row[key] for row in rows) for key in counts},
        "failed": list(failed.values()),
        "audio_seconds": max(row["audio_seconds"] for row in rows),
        "wall_seconds": round(sum(row["wall_seconds"] for row in rows), 3),
        "features": [{key: row[key] for key in keys} for row in rows],
    }
