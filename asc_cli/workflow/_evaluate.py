"""A run, a model on a dataset, or anybody's predictions of a dataset → trusted metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core import atomic, paths, plugins
from asc_cli.core.errors import AscError
from asc_cli.evaluation import predictions, scoring, submission
from asc_cli.frontend import store
from asc_cli.inference import ensemble
from asc_cli.inference.dataset import hear
from asc_cli.protocol import audit
from asc_cli.protocol.source import Source, open_source, without
from asc_cli.registry import models
from asc_cli.video import predict


def evaluate(
    what: str | Path,
    *,
    dataset: str | None = None,
    data: Path | None = None,
    subset: int | None = None,
    folds: Sequence[int] | None = None,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Metrics of a run; or, with a dataset, of a model on it, or of a CSV of predictions of it.

    what: a run's folder or name (a recipe's name is its newest run); a model NAME or
    NAME@VERSION; a CSV file. data without dataset is a table of your own. folds: score these
    alone. Raises AscError when there is no such thing, or predictions are not the protocol's.

    Of videos: a run's epochs as they were recorded; or, with a dataset of shards, a model's GAP,
    Hit@1 and PERR on its validation part, damaged records in "failed".
    """
    if dataset is None and data is None:
        if subset is not None or jobs is not None:
            raise AscError("--subset and --jobs: go with --dataset; a run is scored as it was made")
        return of_any_run(what, folds)
    if dataset is not None and streamed(dataset):
        if folds is not None or subset is not None or Path(what).is_file():
            raise AscError(
                f"evaluate: of {dataset}, a stream of shards, a model's validation part is scored; "
                "it has no folds and no subsets, and takes no file of predictions"
            )
        return predict.evaluate(str(what), dataset, data, jobs, progress)
    _require_there(what)
    source = open_source(dataset or "table", data, subset)
    audit.require_sound(source.dataset, source.listing)
    said, about = (
        of_file(Path(what), source, folds)
        if Path(what).is_file()
        else of_model(str(what), source, folds, jobs, progress)
    )
    seen = audit.seen_devices(source.listing) if about.pop("by_protocol", True) else None
    metrics = scoring.score(said, source.dataset.headline, seen)
    metrics["remarks"] += about.pop("remarks", [])
    return {**about, "dataset": source.dataset.name, "scene_names": list(said.scenes), **metrics}


def of_any_run(run: str | Path, folds: Sequence[int] | None = None) -> dict[str, Any]:
    """Of a run of videos: what was recorded, epoch by epoch; it keeps no predictions."""
    folder = find_run(run)
    recorded = _recorded(folder)
    if "epochs" not in recorded:
        return of_run(folder, folds)
    if folds is not None:
        raise AscError(f"--folds: run {folder.name} is of a stream of shards, without folds")
    return {"run": str(folder), **recorded}


def of_run(run: str | Path, folds: Sequence[int] | None = None) -> dict[str, Any]:
    """Computed from predictions.csv, not read from metrics.json; of some folds alone, if given."""
    folder = find_run(run)
    known = _recorded(folder)
    if "epochs" in known:
        raise AscError(
            f"run {folder.name}: of videos with many labels, not of scenes; asc evaluate "
            f"{folder.name} shows its figures"
        )
    seen = {int(fold): frozenset(its) for fold, its in known.get("seen_devices", {}).items()}
    said = predictions.read(folder / "predictions.csv")
    if folds is not None:
        there = sorted(set(said.folds.tolist()))
        if strange := sorted(set(folds) - set(there)):
            raise AscError(f"--folds: run {folder.name} has no fold {strange[0]}; it has {there}")
        said = said.take(np.isin(said.folds, folds))
    metrics = scoring.score(said, known["headline"], seen)
    metrics["published"] = known.get("published", [])
    return {"run": str(folder), "scene_names": list(metrics["scenes"]), **metrics}


def _recorded(folder: Path) -> dict[str, Any]:
    """What a finished run wrote; one of scenes has its predictions too."""
    path = folder / "metrics.json"
    recorded = atomic.read_json(path) if path.exists() else {}
    if not recorded or not ("epochs" in recorded or (folder / "predictions.csv").exists()):
        raise AscError(
            f"run {folder.name}: not finished; the same asc train command goes on with it"
        )
    return recorded


def streamed(dataset: str) -> bool:
    """Whether a dataset is a stream of shards."""
    plugins.require("datasets", dataset)
    return bool(plugins.constant("datasets", dataset, "STREAMED", False))


def of_file(
    path: Path, source: Source, folds: Sequence[int] | None
) -> tuple[predictions.Predictions, dict[str, Any]]:
    """Anybody's predictions, refused unless they are of exactly what the protocol tests."""
    expected = submission.tested(source.listing, folds)
    return submission.read(path, source.listing.labels, expected), {"predictions": str(path)}


def of_model(
    reference: str,
    source: Source,
    folds: Sequence[int] | None,
    jobs: int | None,
    progress: Callable[[int, int], None] | None,
) -> tuple[predictions.Predictions, dict[str, Any]]:
    """A registered model on a dataset; each recording is heard only by members that may hear it.

    On the dataset it was trained on, fold k's recordings are given to fold k's member alone. On
    another, all members answer, and their probabilities are averaged as in asc predict.
    """
    model = models.find(reference)
    ensemble.require_scenes(model)
    labels = tuple(model.card["labels"])
    if strange := [label for label in source.listing.labels if label not in labels]:
        raise AscError(
            f"model {model.id} does not know the scene {strange[0]!r} of {source.dataset.name}; "
            f"it knows {', '.join(labels)}"
        )
    if its_own := model.card["dataset"]["name"] == source.dataset.name:
        source = _as_trained(model, source)
    if its_own := its_own and model.card["dataset"]["lists"] == _lists(source):
        remarks = ["fold k's recordings were given to fold k's member, which never heard them"]
    else:
        remarks = _strangers(model, source, folds)
    trained = model.card["folds"]
    if its_own and folds is None:
        folds = trained
    expected = submission.tested(source.listing, folds)
    member = {key: key[0] if its_own else None for key in expected}
    if its_own and (lacking := sorted({fold for fold, _ in expected} - set(trained))):
        raise AscError(f"model {model.id} has no fold {lacking[0]}; it has {trained}")
    asked = list(dict.fromkeys((member[key], key[1]) for key in expected))
    heard = hear(model.id, asked, source, jobs, progress)
    scores = np.stack([heard[member[key], key[1]] for key in expected])
    said = predictions.Predictions(
        labels,
        tuple(file for _, file in expected),
        np.array([fold for fold, _ in expected]),
        np.array([labels.index(r.label) for r in expected.values()]),
        tuple(r.group for r in expected.values()),
        tuple(r.device for r in expected.values()),
        scores,
    )
    return said, {"model": model.id, "remarks": remarks, "by_protocol": its_own}


def find_run(run: str | Path) -> Path:
    """The folder of a run. Raises AscError naming those there are."""
    given = Path(run)
    if (given / "recipe.yaml").is_file():
        return given
    if given.is_file():
        raise AscError(
            f"{run}: predictions need the protocol that they are of: --dataset NAME or --data PATH"
        )
    known = [p.parent for p in paths.runs().glob("*/recipe.yaml")]
    named = [p for p in known if p.name == str(run) or p.name.rpartition("-")[0] == str(run)]
    if named:
        return max(named, key=lambda p: (p / "recipe.yaml").stat().st_mtime)
    _require_there(run)
    if any(str(run).partition("@")[0] == model.card["name"] for model in models.models()):
        return _run_of(models.find(str(run)))
    if not known:
        raise AscError(f"run {run}: no runs in {paths.runs()}; train one with asc train RECIPE")
    recipes = {p.name.rpartition("-")[0] for p in known}
    raise AscError(
        plugins.unknown("run", str(run), [*sorted(recipes), *sorted(p.name for p in known)])
    )


def _run_of(model: models.Model) -> Path:
    """The run that made a model. Raises AscError if it is gone, or was made elsewhere."""
    name = model.card.get("run") or ""
    if name and (paths.runs() / name / "recipe.yaml").is_file():
        return paths.runs() / name
    raise AscError(
        f"{model.id} is a model, not a run, and its run {name} is not in {paths.runs()}; say what "
        f"to test it on: asc evaluate {model.id} --dataset NAME"
    )


def _require_there(what: str | Path) -> None:
    """Raise AscError for what looks like a file and is none, rather than for an unknown name."""
    path = Path(what)
    if not path.exists() and (path.suffix.lower() == ".csv" or len(path.parts) > 1):
        raise AscError(f"{what}: there is no such file")


def _lists(source: Source) -> str:
    return audit.fingerprint(source.listing, {})


def _as_trained(model: models.Model, source: Source) -> Source:
    """The model's own dataset as its recipe takes it: the subset, less the excluded files."""
    settings = model.card["recipe"]
    if settings["subset"] is not None:
        source = open_source(source.dataset.name, source.root, settings["subset"])
    files = source.listing.by_file()
    return without(source, tuple(file for file in settings["exclude"] if file in files))


def _strangers(model: models.Model, source: Source, folds: Sequence[int] | None) -> list[str]:
    """What to say of a model on lists that it was not trained on.

    Raises AscError when its members have heard what they would be tested on, or may have.
    """
    trained, tested = model.card["dataset"]["name"], source.dataset.name
    if trained == tested != "table":
        raise AscError(
            f"model {model.id} was trained on other lists of {tested} than those at "
            f"{source.root}: its members may have heard what they would be tested on; evaluate it "
            "on the copy that it was trained on, or train on this one"
        )
    if trained in source.dataset.shares_with:
        raise AscError(
            f"model {model.id} was trained on {trained}, which has recordings in common with "
            f"{tested}: it would be tested on what it has heard; train on {tested}"
        )
    names = list(dict.fromkeys(file for _, file in submission.tested(source.listing, folds)))
    heard = model.heard()
    if known := [name for name in names if store.digest(source.path(name)) in heard]:
        raise AscError(
            f"model {model.id} was made from {len(known)} of these {len(names)} recordings, "
            f"{known[0]} among them: what it has heard is no test; leave them out of the list"
        )
    told = (
        "no file is one that it was made from; the same sound in another file cannot be told"
        if heard
        else "it does not say which files it was made from, so some may be among these"
    )
    on = tested if tested != trained else "another table"
    return [
        f"all {len(model.card['folds'])} members were averaged; none is tested by its own fold: "
        f"trained on {trained}, tested on {on}; {told}"
    ]
