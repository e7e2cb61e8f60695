"""What each run on this machine is; removing one."""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.core.kind import VIDEOS, is_ensemble, kind_of
from asc_cli.registry import run_files
from asc_cli.registry.runs import SETTINGS, folders, recipe_of, unknown_run


@dataclass(frozen=True)
class Run:
    """Facts about a run's folder. folds: of the result, or fitted while there is none; published:
    how many the protocol has, if known; outside_data: encoders from outside that it uses."""

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
    outside_data: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def runs() -> tuple[list[Run], list[str]]:
    """Return every run, oldest first; and an error message for each that cannot be read."""
    readable, faults = [], []
    for folder in folders():
        try:
            readable.append(read(folder))
        except AscError as fault:
            faults.append(str(fault))
    return sorted(readable, key=lambda run: (run.created, run.run)), faults


def read(folder: Path) -> Run:
    """Return a run, finished or not. Raises AscError where its recipe cannot be read."""
    settings, metrics = run_files.settings(folder), run_files.metrics(folder) or {}
    stamps = list(_stamps(folder))
    created = datetime.datetime.fromtimestamp(
        min(stamp.st_mtime for stamp in stamps), datetime.timezone.utc
    )
    headline = metrics.get("headline")
    fitted = 0 if is_ensemble(settings) else len(list(folder.glob("fold*/model.safetensors")))
    return Run(
        run=folder.name,
        recipe=recipe_of(folder),
        dataset=str(settings.get("dataset")),
        folds=len(metrics.get("folds") or ()) or fitted,
        published=_published(folder, settings),
        finished=bool(metrics),
        headline=headline,
        value=metrics.get(headline) if headline else None,
        error=metrics.get("error"),
        created=created.isoformat(timespec="seconds"),
        bytes=sum(stamp.st_size for stamp in stamps),
        model=metrics.get("model"),
        outside_data=tuple((metrics.get("conditions") or {}).get("outside_data", ())),
    )


def conditions(folder: Path) -> list[str]:
    """Return under which conditions a run was scored, in phrases; [] where none are recorded."""
    recorded = (run_files.metrics(folder) or {}).get("conditions") or {}
    return list(recorded.get("summary", ()))


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
    existing = folders()
    exact = [folder for folder in existing if folder.name == name]
    matching = exact or [folder for folder in existing if recipe_of(folder) == name]
    if len(matching) > 1:
        names = ", ".join(folder.name for folder in matching)
        raise AscError(f"run {name}: which of {names}? Name one")
    if not matching:
        raise unknown_run(name, existing)
    return matching[0]


def _stamps(folder: Path) -> Iterator[os.stat_result]:
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a run that is being trained replaces files
            if path.is_file():
                yield path.stat()


def _published(folder: Path, settings: Mapping[str, Any]) -> int | None:
    """Return how many folds the run's dataset has, if known; videos are fitted once."""
    name = settings.get("dataset")
    if kind_of(settings) == VIDEOS:
        return 1
    catalog = plugins.beside(folder / SETTINGS)
    if name not in catalog.names("datasets"):
        return None
    return len(catalog.load("datasets", name).DATASET.fold_sizes) or None
