"""Plug-ins from outside the package: files in folders, and entry points of installed packages.

Nothing is imported: entry points are read from the packages' metadata, and their modules' source is
found as Python would find it.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from asc_cli.core.code import Code, read
from asc_cli.core.errors import AscError
from asc_cli.core.paths import expanded


@functools.cache
def listed(folders: str) -> tuple[Path, ...]:
    """Return the folders of a list like PATH."""
    return tuple(expanded(each, "ASC_PLUGINS") for each in folders.split(os.pathsep) if each)


def missing(variable: str) -> list[str]:
    """Return a sentence for each entry of an environment variable like PATH that is no folder."""
    folders = [each for each in listed(os.environ.get(variable, "")) if not each.is_dir()]
    return [
        f"{variable} lists {each}, which is no folder; nothing is found there" for each in folders
    ]


def names(folders: Iterable[Path], kind: str) -> set[str]:
    """Return the names of a kind in these folders and among the entry points."""
    return {path.stem for path in _files(folders, kind)} | {p.name for p in _entry_points(kind)}


def _files(folders: Iterable[Path], kind: str) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in sorted((folder / kind).glob("[!_]*.py")) if path.is_file())


@functools.cache
def _all_entry_points() -> Any:
    """The installed packages' entry points, from their metadata, read once a process."""
    from importlib import metadata

    return metadata.entry_points()


@functools.cache
def _entry_points(kind: str) -> tuple[Any, ...]:
    return tuple(_all_entry_points().select(group=f"asc_cli.{kind}"))


@functools.cache
def find(folders: tuple[Path, ...], kind: str, name: str, is_shipped: bool) -> Code | None:
    """Return the one plug-in of a name in these folders and among the entry points, if any.

    Raises:
        AscError: It has the name of a shipped one, or there are two, or it cannot be read.
    """
    matches = [
        (folder, f"{kind}/{name}.py")
        for folder in folders
        if (folder / kind / f"{name}.py").is_file()
    ]
    points = [point for point in _entry_points(kind) if point.name == name]
    places = [str(folder / file) for folder, file in matches]
    places += [f"{point.value} of {_distribution(point)}" for point in points]
    if places and is_shipped:
        raise AscError(
            f"{places[0]} has the name of one that comes with asc ({kind}/{name}.py); rename it"
        )
    if len(places) > 1:
        raise AscError(f"{kind} {name}: there are two, {places[0]} and {places[1]}; rename one")
    if matches:
        folder, file = matches[0]
        return read(kind, name, f"{folder.absolute()}", folder, file)
    return _of_entry_point(kind, points[0]) if points else None


def _of_entry_point(kind: str, point: Any) -> Code:
    """The code of an entry point: its top package as Python would find it, but nothing is run."""
    top, *rest = point.module.split(".")
    specs = (finder.find_spec(top, None) for finder in sys.meta_path)
    spec = next((each for each in specs if each is not None), None)
    folders = [Path(each) for each in (spec and spec.submodule_search_locations) or []]
    if spec and spec.origin and not rest:
        folders = [Path(spec.origin).parent, *folders]
    for folder in folders:
        root = folder.parent if folder.name == top else folder
        for file in ("/".join([top, *rest]) + end for end in (".py", "/__init__.py")):
            if (root / file).is_file():
                return read(kind, point.name, _distribution(point), root, file, top)
    raise AscError(
        f"{_distribution(point)}: its entry point {point.value} names no module in Python source"
    )


def _distribution(point: Any) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an installed package"
