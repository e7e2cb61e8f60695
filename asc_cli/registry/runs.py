"""The runs on this machine: where they are stored, what each is, its result; removing one."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asc_cli.core import atomic, paths, plugins, yaml_text
from asc_cli.core.code import write_copy
from asc_cli.core.errors import AscError
from asc_cli.core.kind import VIDEOS, kind_of, kind_of_run
from asc_cli.registry import models
from asc_cli.registry.card import packages

if TYPE_CHECKING:  # reading recipes takes 0.3 s to import: only `result` does
    from asc_cli.recipe.load import Recipe

SETTINGS = "recipe.yaml"
NON_FUNCTIONAL_KEYS = ("description", "paper", "source", "licence")  # they change no result


@dataclass(frozen=True)
class Result:
    """The result of a finished run.

    Attributes:
        error: 1 − the headline metric, from 0 to 1.
        run: The name of the run's folder.
    """

    error: float
    run: str


def result(recipe: Recipe) -> Result | None:
    """Return the newest finished run of exactly this recipe on all folds.

    Args:
        recipe: A resolved recipe; its description and sources do not count.

    Returns:
        Its error and its name; None if there is no such run on this machine.
    """
    expected = len(
        recipe.catalog.load("datasets", recipe.dataset).DATASET.fold_sizes
    )  # 0: not known
    finished = []
    for path in paths.runs().glob(f"{recipe.name}-*/metrics.json"):
        metrics = atomic.read_json(path)
        complete = len(metrics["folds"]) == expected if expected else True
        if complete and _settings_of(path.parent / SETTINGS) == _functional_settings(recipe):
            finished.append((path.stat().st_mtime, metrics["error"], path.parent.name))
    if not finished:
        return None
    _, error, run = max(finished)
    return Result(error, run)


def _settings_of(path: Path) -> dict[str, Any] | None:
    """Return a run's settings with current defaults; None if this version refuses them."""
    from asc_cli.recipe import load as recipes

    try:
        return _functional_settings(recipes.load(path))
    except AscError:
        return None


def _functional_settings(recipe: Recipe) -> dict[str, Any]:
    return {key: value for key, value in recipe.settings.items() if key not in NON_FUNCTIONAL_KEYS}


def run_folder(recipe: Recipe, *data: str) -> Path:
    """Return the folder of a recipe's run on some data.

    Args:
        recipe: A resolved recipe.
        data: Fingerprints of the dataset and of the feature.

    Returns:
        The folder, whether it exists or not. A run of 0.1, which recorded no code, is resumed in
        its own.
    """
    run, old = (
        paths.runs() / f"{recipe.name}-{recipe.signature(*data, code=code)}"
        for code in (True, False)
    )
    return old if not run.exists() and _of_0_1(old) else run


def _of_0_1(run: Path) -> bool:
    path = run / "environment.json"
    return path.exists() and "code" not in atomic.read_json(path)


def describe(run: Path, recipe: Recipe, root: Path, fingerprint: str, device: str) -> None:
    """Write recipe.yaml, environment.json and the code that is not shipped."""
    atomic.write_text(run / SETTINGS, recipe.yaml())
    if recipe.catalog.code:
        write_copy(run / plugins.BESIDE, recipe.catalog.code)
    code = {} if _of_0_1(run) else {"code": recipe.code()}
    atomic.write_json(
        run / "environment.json",
        {
            **code,
            "packages": packages(),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "processor": platform.machine(),
            "device": device,
            "dataset_fingerprint": fingerprint,
            "audio_root": str(root.absolute()),
        },
    )


def recorded_metrics(folder: Path) -> dict[str, Any]:
    """Return the metrics of a finished run; a run of scenes needs its predictions too."""
    path = folder / "metrics.json"
    recorded = atomic.read_json(path) if path.exists() else {}
    has_all = kind_of_run(folder) == VIDEOS or (folder / "predictions.csv").exists()
    if not recorded or not has_all:
        raise AscError(f"run {folder.name}: not finished; the same asc train command resumes it")
    return recorded


def find_run(run: str | Path) -> Path:
    """Return the folder of a run.

    Args:
        run: A folder; the name of a run; or the name of a recipe or model: its newest run.

    Returns:
        The folder, which holds recipe.yaml.

    Raises:
        AscError: There is no such run; the text names the nearest, and those there are.
    """
    path = Path(run)
    if (path / SETTINGS).is_file():
        return path
    if path.is_file():
        raise AscError(f"{run}: predictions need their protocol: --dataset NAME or --data PATH")
    folders = _folders()
    matching = [folder for folder in folders if str(run) in (folder.name, _recipe_of(folder))]
    if matching:
        return max(matching, key=lambda folder: (folder / SETTINGS).stat().st_mtime)
    require_file(run)
    if any(str(run).partition("@")[0] == model.card["name"] for model in models.models()):
        return _run_of(models.find(str(run)))
    raise _unknown(str(run), folders)


def _folders() -> list[Path]:
    """Return the folders of all runs, by name."""
    return sorted(path.parent for path in paths.runs().glob(f"[!.]*/{SETTINGS}"))


def _recipe_of(folder: Path) -> str:
    return folder.name.rpartition("-")[0]


def _unknown(name: str, folders: list[Path]) -> AscError:
    if not folders:
        return AscError(f"run {name}: no runs in {paths.runs()}; train one with asc train RECIPE")
    names = dict.fromkeys(_recipe_of(folder) for folder in folders)
    return AscError(plugins.unknown("run", name, [*names, *(folder.name for folder in folders)]))


def _run_of(model: models.Model) -> Path:
    """Return the run that trained a model. Raises AscError if it is not on this machine."""
    name = model.card.get("run") or ""
    if name and (paths.runs() / name / SETTINGS).is_file():
        return paths.runs() / name
    raise AscError(
        f"{model.id} is a model, not a run, and its run {name} is not in {paths.runs()}; name "
        f"a dataset: asc evaluate {model.id} --dataset NAME"
    )


def require_file(what: str | Path) -> None:
    """Raise AscError if `what` looks like a path but does not exist."""
    path = Path(what)
    if not path.exists() and (path.suffix.lower() == ".csv" or len(path.parts) > 1):
        raise AscError(f"{what}: there is no such file")


def fold_folder(run: Path, fold: int) -> Path:
    return run / f"fold{fold:02d}"


@dataclass(frozen=True)
class Run:
    """Facts about a run's folder. folds: fitted; published: how many the protocol has, if known."""

    run: str
    recipe: str
    dataset: str
    folds: int
    published: int | None
    finished: bool
    headline: str | None
    value: float | None
    error: float | None
    created: str  # UTC, ISO 8601
    bytes: int
    model: str | None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def runs() -> tuple[list[Run], list[str]]:
    """Return every run, oldest first; and an error message for each that cannot be read."""
    readable, faults = [], []
    for folder in _folders():
        try:
            readable.append(read(folder))
        except AscError as fault:
            faults.append(str(fault))
    return sorted(readable, key=lambda run: (run.created, run.run)), faults


def read(folder: Path) -> Run:
    """Return a run, finished or not. Raises AscError where its recipe cannot be read."""
    settings, metrics = yaml_text.read(folder / SETTINGS), _metrics(folder)
    stamps = list(_stamps(folder))
    created = datetime.datetime.fromtimestamp(
        min(stamp.st_mtime for stamp in stamps), datetime.timezone.utc
    )
    headline = metrics.get("headline")
    return Run(
        run=folder.name,
        recipe=_recipe_of(folder),
        dataset=str(settings.get("dataset")),
        folds=len(list(folder.glob("fold*/model.safetensors"))),
        published=_published(folder, settings),
        finished=bool(metrics),
        headline=headline,
        value=metrics.get(headline) if headline else None,
        error=metrics.get("error"),
        created=created.isoformat(timespec="seconds"),
        bytes=sum(stamp.st_size for stamp in stamps),
        model=metrics.get("model"),
    )


def audio_root(folder: Path) -> str | None:
    """Return the folder of the recordings that a run was trained on, if it recorded that."""
    with contextlib.suppress(FileNotFoundError, KeyError):
        return str(atomic.read_json(folder / "environment.json")["audio_root"])
    return None


def remove(name: str) -> Run:
    """Delete a run's folder, features and registered models not. Raises AscError without one."""
    folder = find(name)
    run = read(folder)
    trash = folder.with_name(f".tmp-removed-{os.urandom(4).hex()}")
    folder.rename(trash)  # readers see all of it or nothing
    shutil.rmtree(trash)
    return run


def find(name: str) -> Path:
    """Return the folder of exactly one run: its name, or its recipe's where that has one alone."""
    folders = _folders()
    exact = [folder for folder in folders if folder.name == name]
    matching = exact or [folder for folder in folders if _recipe_of(folder) == name]
    if len(matching) > 1:
        names = ", ".join(folder.name for folder in matching)
        raise AscError(f"run {name}: which of {names}? Name one")
    if not matching:
        raise _unknown(name, folders)
    return matching[0]


def _stamps(folder: Path) -> Iterator[os.stat_result]:
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a run that is being trained replaces files
            if path.is_file():
                yield path.stat()


def _metrics(folder: Path) -> dict[str, Any]:
    """Return metrics.json of a finished run; {} of one that is not."""
    with contextlib.suppress(FileNotFoundError):
        return dict(atomic.read_json(folder / "metrics.json"))
    return {}


def _published(folder: Path, settings: dict[str, Any]) -> int | None:
    """Return how many folds the run's dataset has, if known; videos are fitted once."""
    name = settings.get("dataset")
    if kind_of(settings) == VIDEOS:
        return 1
    catalog = plugins.beside(folder / SETTINGS)
    if name not in catalog.names("datasets"):
        return None
    return len(catalog.load("datasets", name).DATASET.fold_sizes) or None
