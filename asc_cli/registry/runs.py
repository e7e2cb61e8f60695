"""Where a run is stored, and how a run is found by its name."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asc_cli.core import atomic, paths, plugins
from asc_cli.core.code import write_copy
from asc_cli.core.errors import AscError
from asc_cli.core.kind import VIDEOS, kind_of_run
from asc_cli.registry import models, run_files
from asc_cli.registry.card import packages
from asc_cli.registry.run_files import ENVIRONMENT, METRICS, PREDICTIONS, SETTINGS

if TYPE_CHECKING:  # importing it takes 0.3 s
    from asc_cli.recipe.ensemble import AnyRecipe
    from asc_cli.recipe.load import Recipe
    from asc_cli.recipe.systems import Ensemble

DECODERS = ("soundfile", "soxr")  # soundfile brings libsndfile


def run_folder(recipe: Recipe, *data: str) -> Path:
    """Return the folder of a recipe's run on some data.

    Args:
        recipe: A resolved recipe.
        data: Fingerprints of the dataset and of the feature.

    Returns:
        The folder, whether it exists or not.
    """
    return _folder(recipe, *data)


def run_folder_0_1(recipe: Recipe, *data: str, key_of_0_1: str = "") -> Path | None:
    """Return the folder of the same run where version 0.1, which recorded no code, wrote one.

    Args:
        recipe: A resolved recipe.
        data: Fingerprints of the dataset, as of 0.1, and of the feature.
        key_of_0_1: The feature's key without the versions of the decoders; a run of it goes on if
            the same decoders are installed.

    Returns:
        The folder; None if there is none.
    """
    if is_of_0_1(old := _folder(recipe, *data, code=False)):
        return old
    if key_of_0_1 and key_of_0_1 != data[-1]:
        old = _folder(recipe, *data[:-1], key_of_0_1, code=False)
        if is_of_0_1(old) and _same_decoders(old):
            return old
    return None


def ensemble_folder(ensemble: Ensemble, systems: Sequence[Path]) -> Path:
    """Return the folder of an ensemble's run, from those of its systems' runs."""
    signature = ensemble.signature(*(folder.name for folder in systems))
    return paths.runs() / f"{ensemble.name}-{signature}"


def _folder(recipe: Recipe, *data: str, code: bool = True) -> Path:
    return paths.runs() / f"{recipe.name}-{recipe.signature(*data, code=code)}"


def is_of_0_1(run: Path) -> bool:
    """Return whether version 0.1, which recorded no code, began a run."""
    path = run / ENVIRONMENT
    return path.exists() and "code" not in atomic.read_json(path, packages=dict)


def _same_decoders(run: Path) -> bool:
    recorded = atomic.read_json(run / ENVIRONMENT, packages=dict)["packages"]
    return all(recorded.get(name) == packages()[name] for name in DECODERS)


def describe(
    run: Path,
    recipe: AnyRecipe,
    root: Path,
    fingerprints: dict[str, str],
    device: str,
    signed: Sequence[str] = (),
) -> None:
    """Write recipe.yaml, environment.json and the code that is not shipped.

    signed: What the run's name is the hash of, beside recipe and code.
    """
    atomic.write_checked(run / SETTINGS, recipe.yaml().encode())
    if recipe.catalog.code:
        write_copy(run / plugins.BESIDE, recipe.catalog.code)
    code = {} if is_of_0_1(run) else {"code": recipe.code()}
    atomic.write_json(
        run / ENVIRONMENT,
        {
            **code,
            "packages": packages(),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "processor": platform.machine(),
            "device": device,
            **fingerprints,
            **({"signed": [*signed]} if signed else {}),
            "audio_root": str(root.absolute()),
        },
    )


def recorded_metrics(folder: Path) -> dict[str, Any]:
    """Return the metrics of a finished run; a run of scenes needs its predictions too."""
    recorded = run_files.metrics(folder)
    has_all = kind_of_run(folder) == VIDEOS or (folder / PREDICTIONS).exists()
    if not recorded or not has_all:
        raise AscError(f"run {folder.name}: not finished; the same asc train command resumes it")
    return recorded


def find_run(run: str | Path) -> Path:
    """Return the folder of a run.

    Args:
        run: A folder; the name of a run; or the name of a recipe or model: its newest run that is
            finished, or its newest where none is.

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
    existing = folders()
    matching = [folder for folder in existing if str(run) in (folder.name, recipe_of(folder))]
    if matching:
        return max(matching, key=_finished_and_newest)
    require_file(run)
    if any(str(run).partition("@")[0] == model.card["name"] for model in models.models()):
        return _run_of(models.find(str(run)))
    raise unknown_run(str(run), existing)


def folders() -> list[Path]:
    """Return the folders of all runs, by name."""
    folders = paths.children(paths.runs())
    return [each for each in folders if each.name[0] != "." and (each / SETTINGS).is_file()]


def recipe_of(folder: Path) -> str:
    return folder.name.rpartition("-")[0]


def _finished_and_newest(folder: Path) -> tuple[bool, float]:
    return (folder / METRICS).exists(), (folder / SETTINGS).stat().st_mtime


def unknown_run(name: str, existing: list[Path]) -> AscError:
    if not existing:
        return AscError(f"run {name}: no runs in {paths.runs()}; train one with asc train RECIPE")
    names = dict.fromkeys(recipe_of(folder) for folder in existing)
    return AscError(plugins.unknown("run", name, [*names, *(folder.name for folder in existing)]))


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
    is_file = path.suffix.lower() == ".csv" or (len(path.parts) > 1 and not _is_system(str(what)))
    if not path.exists() and is_file:
        raise AscError(f"{what}: there is no such file")


def _is_system(reference: str) -> bool:
    """Return whether a text is MODEL/SYSTEM, of a model that is registered."""
    name = reference.partition("/")[0].partition("@")[0]
    return any(name == model.card["name"] for model in models.models() if model.is_ensemble)


def fold_folder(run: Path, fold: int) -> Path:
    return run / f"fold{fold:02d}"


def audio_root(folder: Path) -> str | None:
    """Return the folder of the recordings that a run was trained on, if it recorded that."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        return str(atomic.read_json(folder / ENVIRONMENT, audio_root=str)["audio_root"])
    return None
