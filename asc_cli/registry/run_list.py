"""The runs on this machine: what each is, how far it is, how large; and removing one."""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from asc_cli.core import atomic as files
from asc_cli.core import paths as home
from asc_cli.core import plugins as catalog
from asc_cli.core.errors import AscError

SAFE_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C ten times as fast, as safe
SETTINGS = "recipe.yaml"


@dataclass(frozen=True)
class Run:
    """A run's folder in figures. folds: fitted; published: how many the protocol has, if known."""

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
    """Every run, oldest first; and what is wrong with each that cannot be read."""
    found, faults = [], []
    for path in sorted(home.runs().glob(f"[!.]*/{SETTINGS}")):
        try:
            found.append(read(path.parent))
        except AscError as fault:
            faults.append(str(fault))
    return sorted(found, key=lambda run: (run.created, run.run)), faults


def read(folder: Path) -> Run:
    """A run, finished or not. Raises AscError where its recipe cannot be read."""
    settings, metrics = _settings(folder), _metrics(folder)
    stamps = list(_stamps(folder))
    created = datetime.datetime.fromtimestamp(
        min(stamp.st_mtime for stamp in stamps), datetime.timezone.utc
    )
    headline = metrics.get("headline")
    return Run(
        run=folder.name,
        recipe=folder.name.rpartition("-")[0],
        dataset=str(settings.get("dataset")),
        folds=len(list(folder.glob("fold*/model.safetensors"))),
        published=_published(settings),
        finished=bool(metrics),
        headline=headline,
        value=metrics.get(headline) if headline else None,
        error=metrics.get("error"),
        created=created.isoformat(timespec="seconds"),
        bytes=sum(stamp.st_size for stamp in stamps),
        model=metrics.get("model"),
    )


def audio_root(folder: Path) -> str | None:
    """Where the recordings lay that a run was trained on, as it wrote down."""
    with contextlib.suppress(FileNotFoundError, KeyError):
        return str(files.read_json(folder / "environment.json")["audio_root"])
    return None


def remove(name: str) -> Run:
    """Delete a run's folder, features and registered models not. Raises AscError without one."""
    folder = find(name)
    run = read(folder)
    gone = folder.with_name(f".tmp-removed-{os.urandom(4).hex()}")
    folder.rename(gone)  # for readers it is there as a whole, or not at all
    shutil.rmtree(gone)
    return run


def find(name: str) -> Path:
    """The folder of exactly one run: its name, or its recipe's where that has one run alone."""
    known = sorted(path.parent for path in home.runs().glob(f"[!.]*/{SETTINGS}"))
    exact = [folder for folder in known if folder.name == name]
    named = exact or [folder for folder in known if folder.name.rpartition("-")[0] == name]
    if not named and not known:
        raise AscError(f"run {name}: no runs in {home.runs()}")
    if not named:
        names = [folder.name for folder in known]
        recipes = dict.fromkeys(run.rpartition("-")[0] for run in names)
        raise AscError(catalog.unknown("run", name, [*recipes, *names]))
    if len(named) > 1:
        listed = ", ".join(folder.name for folder in named)
        raise AscError(f"run {name}: which of {listed}? Name one")
    return named[0]


def _stamps(folder: Path) -> Iterator[os.stat_result]:
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a run that is being trained replaces files
            if path.is_file():
                yield path.stat()


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / SETTINGS
    try:
        settings = yaml.load(path.read_text(encoding="utf-8"), Loader=SAFE_YAML)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as fault:
        reason = " ".join(str(fault).split())  # YAML's is of several lines
        raise AscError(f"{path}: cannot be read ({reason})") from fault
    if not isinstance(settings, dict):
        raise AscError(f"{path}: holds no keys; the recipe of a run was expected")
    return settings


def _metrics(folder: Path) -> dict[str, Any]:
    """Of a finished run; {} of one that is not."""
    with contextlib.suppress(FileNotFoundError):
        return dict(files.read_json(folder / "metrics.json"))
    return {}


def _published(settings: dict[str, Any]) -> int | None:
    """How many folds the run's dataset has; a stream of shards is fitted once."""
    name = settings.get("dataset")
    if settings.get("stream"):
        return 1
    if name not in catalog.names("datasets"):
        return None
    return len(catalog.load("datasets", name).DATASET.fold_sizes) or None
