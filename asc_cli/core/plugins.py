"""Plug-ins by name: models/lstm.py is the model `lstm`, recipes/toy_lstm.yaml a recipe.

A plug-in is shipped, a file KIND/NAME.py in a plug-in folder, or an entry point of an installed
package in the group asc_cli.KIND. Plug-in folders are `plugins/` beside a recipe and those that
$ASC_PLUGINS lists. What a plug-in declares is read from its syntax tree, so that checking a recipe
and `asc --help` import no torch, and nobody else's code.
"""

from __future__ import annotations

import ast
import difflib
import functools
import importlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from asc_cli.core import declarations, outside
from asc_cli.core.code import Code, parsed, read_copy, shipped_code
from asc_cli.core.declarations import REQUIRED, MetricRow, Parameter
from asc_cli.core.errors import AscError

PACKAGE = Path(__file__).parent.parent
KINDS = ("models", "features", "variants", "augment", "datasets", "metrics", "cli")
SIMILAR, MISSPELT = 0.55, 0.7  # likeness of a name that is suggested; of one that is a mistake
RENAMED = {"models": {"cnn_1max": "label_tree_cnn", "gru": "label_tree_gru"}}  # since 0.1.0
FOLDERS = "ASC_PLUGINS"  # the environment variable; a list of folders, as PATH is
BESIDE = "plugins"  # the folder beside a recipe, and in a run and a registered model


@dataclass(frozen=True)
class Catalog:
    """Where plug-ins are looked up.

    Attributes:
        code: Code that is used before all else: what a run or a registered model brought along.
        beside: Plug-in folders of the recipe at hand.
        sealed: Look nowhere but in `code` and among what is shipped.
    """

    code: tuple[Code, ...] = ()
    beside: tuple[Path, ...] = ()
    sealed: bool = False

    def names(self, kind: str) -> list[str]:
        """Return the public names of a kind ("datasets", "features", "models", …), sorted."""
        others = {code.name for code in self.code if code.kind == kind}
        if not self.sealed:
            others |= outside.names(self._folders(), kind)
        return sorted({*_shipped(PACKAGE, kind), *others})

    def find(self, kind: str, name: str) -> Code | None:
        """Return the code of a plug-in from outside; None for one that is shipped or not there.

        Raises:
            AscError: It has the name of a shipped one, or is in two places; its file is damaged.
        """
        for code in self.code:
            if (code.kind, code.name) == (kind, name):
                return code
        if self.sealed:
            return None
        return outside.find(self._folders(), kind, name, name in _shipped(PACKAGE, kind))

    def require(self, kind: str, name: str) -> None:
        """Raise AscError, with the nearest name there is, unless the kind has `name`."""
        if self.find(kind, name) is None and name not in _shipped(PACKAGE, kind):
            if kind == "datasets" and (hint := path_hint(name)):
                raise AscError(f"{name}: {hint}: table --data {name}")
            raise AscError(unknown(kind.removesuffix("s"), name, self.names(kind)))

    def load(self, kind: str, name: str) -> ModuleType:
        """Import and return the module of a name, or of the name that it had in 0.1.0.

        Raises AscError with the nearest name there is.
        """
        name = renamed(kind, name)
        self.require(kind, name)
        code = self.find(kind, name)
        if code is None:
            return importlib.import_module(f"asc_cli.{kind}.{name}")
        self._entry(kind, name)  # raises in words where it is none
        module = code.module()
        if kind == "datasets" and module.DATASET.name != name:
            raise AscError(
                f"{code.file} ({code.origin}): its dataset is called {module.DATASET.name!r}; "
                f"the file's name was expected: {name!r}"
            )
        return module

    def feature(self, name: str, parameters: dict[str, Any]) -> Any:
        """Return a feature with its parameters. Raises AscError for an unknown name."""
        return self.feature_class(name)(**parameters)

    def feature_class(self, name: str) -> Any:
        """Return the dataclass of a feature. Raises AscError for an unknown name."""
        return self.dataclass_of("features", name)

    def dataclass_of(self, kind: str, name: str) -> Any:
        """Return the dataclass of a feature or a transform. Raises AscError for an unknown name."""
        module = self.load(kind, name)
        own = (each for each in vars(module).values() if is_dataclass(each) and callable(each))
        return next(c for c in own if c.__module__ == module.__name__ and "__call__" in vars(c))

    def added(self, feature: str) -> Mapping[str, Any]:
        """Return parameters that a feature has had for some time only, with the value before."""
        return getattr(self.feature_class(feature), "ADDED", {})

    def parameters(self, kind: str, name: str) -> list[Parameter]:
        """Return the parameters of a feature or model, in order, without importing the module."""
        self.require(kind, name)
        return declarations.parameters(self._entry(kind, name), self._where(kind, name))

    def summary(self, kind: str, name: str) -> str:
        """Return the first line of a module's docstring, without importing the module."""
        return declarations.summary(self.tree(kind, name))

    def version(self, name: str, kind: str = "features") -> int:
        """Return the VERSION of the code of a feature or a variant."""
        number = getattr(self.load(kind, name), "VERSION", None)
        if number is None:
            where = f"{kind.removesuffix('s')} {name}: {self._where(kind, name)}"
            raise AscError(f"{where} defines no VERSION; add VERSION = 1")
        return int(number)

    def constant(self, kind: str, name: str, key: str, default: Any) -> Any:
        """Return the value of a module's constant, without importing it; `default` without one."""
        if self.find(kind, name) is None and name not in _shipped(PACKAGE, kind):
            return default
        return declarations.constant(self.tree(kind, name), key, default)

    def metric(self, name: str) -> MetricRow | None:
        """Return what a metric from outside declares; None without one. Raises AscError where its
        file declares one of another name."""
        if name in {row.name for row in metrics()} or (code := self.find("metrics", name)) is None:
            return None
        row = declarations.metric_row(self._entry("metrics", name).value, code.file)
        if row.name != name:
            raise AscError(f"{code.file} ({code.origin}): its metric is called {row.name!r}")
        return row

    def defines(self, kind: str, name: str, attribute: str) -> bool:
        """Return whether a plug-in's class defines an attribute, without importing it."""
        return declarations.defines(self._entry(kind, name), attribute)

    def tree(self, kind: str, name: str) -> ast.Module:
        """Return the syntax tree of a plug-in's file."""
        if code := self.find(kind, name):
            return code.tree
        return _parsed(PACKAGE / kind / f"{name}.py")

    def code_hash(self, kind: str, name: str) -> str:
        """Return the hash of a plug-in's code, whether it is shipped or not."""
        return self.code_of(kind, name).hash

    def code_of(self, kind: str, name: str) -> Code:
        """Return a plug-in's code, whether it is shipped or not."""
        return self.find(kind, name) or shipped_code(PACKAGE, kind, name)

    def only(self, parts: Iterable[tuple[str, str]]) -> Catalog:
        """Return a sealed catalogue with the code of these (kind, name) alone."""
        codes = (self.find(kind, name) for kind, name in parts)
        return Catalog(tuple(code for code in codes if code is not None), sealed=True)

    def _entry(self, kind: str, name: str) -> Any:
        return declarations.entry(self.tree(kind, name), kind, self._where(kind, name))

    def _where(self, kind: str, name: str) -> str:
        code = self.find(kind, name)
        return f"{code.file} ({code.origin})" if code else f"{kind}/{name}.py"

    def _folders(self) -> tuple[Path, ...]:
        return (*self.beside, *outside.listed(os.environ.get(FOLDERS, "")))


INSTALLED = Catalog()  # what is found without a recipe
names, require, load = INSTALLED.names, INSTALLED.require, INSTALLED.load
feature, parameters, summary = INSTALLED.feature, INSTALLED.parameters, INSTALLED.summary
version, constant = INSTALLED.version, INSTALLED.constant


def beside(recipe: Path) -> Catalog:
    """Return where the plug-ins of a recipe's file are looked up.

    Args:
        recipe: The file. `plugins/` beside it, if there is one, is a plug-in folder; in a run it
            holds copies, which are used whatever else has their names.

    Raises:
        AscError: A copy was damaged.
    """
    folder = recipe.parent / BESIDE
    if copies := read_copy(folder):
        return Catalog(copies)
    return Catalog(beside=(folder,) if folder.is_dir() else ())


def brought_along(folder: Path) -> Catalog:
    """Return the catalogue of a run's or a registered model's folder: its own copies first. Raises
    AscError for a copy that is missing or was changed."""
    return Catalog(read_copy(folder / BESIDE), sealed=True)


def joined(first: Catalog, second: Catalog) -> Catalog:
    """Return a catalogue that looks in the first, then in the second; in a folder of both once."""
    folders = {folder.resolve(): folder for folder in (*first.beside, *second.beside)}
    return replace(first, code=(*first.code, *second.code), beside=tuple(folders.values()))


def renamed(kind: str, name: str) -> str:
    """Return the current name of what an earlier version called otherwise; else `name`."""
    return RENAMED.get(kind, {}).get(name, name)


def first_name(kind: str, name: str) -> str:
    """Return the name that an earlier version used; else `name`."""
    return next((old for old, new in RENAMED.get(kind, {}).items() if new == name), name)


def path_hint(name: str) -> str | None:
    """Return a hint for a file or folder that is given where a dataset's name is expected."""
    path = Path(name)
    if os.path.isfile(path) or path.suffix.lower() in (".csv", ".tsv"):
        what = "a file"
    elif os.path.isdir(path) and nearest(name, names("datasets"), MISSPELT) is None:
        what = "a folder"
    else:
        return None
    return f"{what}, where a dataset's name was expected; recordings of your own are `table`"


def unknown(kind: str, name: str, available: Iterable[str]) -> str:
    """Return the message for an unknown name: the nearest name, and those there are."""
    available = list(available)
    hint = nearest(name, available)
    suggestion = f"; did you mean {hint}?" if hint else "."
    return f"unknown {kind} {name!r}{suggestion} Known: {', '.join(available)}"


def nearest(name: str, available: Iterable[str], cutoff: float = SIMILAR) -> str | None:
    """Return the available name that is spelt most like `name`, if one is similar enough."""
    by_lower = {candidate.lower(): candidate for candidate in available}
    close = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=cutoff)
    return by_lower[close[0]] if close else None


@functools.cache
def metrics() -> tuple[MetricRow, ...]:
    """Return evaluation/metrics.py's METRICS, less the functions, without importing it."""
    path = PACKAGE / "evaluation" / "metrics.py"
    [lines] = [
        node.value
        for node in _parsed(path).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "METRICS"
    ]
    assert isinstance(lines, ast.Tuple)
    return tuple(declarations.metric_row(call, path.name) for call in lines.elts)


def shipped(kind: str) -> tuple[str, ...]:
    """Return the names of a kind that come with asc, sorted."""
    return _shipped(PACKAGE, kind)


def recipes_folder() -> Path:
    """Return the folder of the shipped recipes: in the wheel, or beside the package in a clone."""
    inside = PACKAGE / "recipes"
    return inside if inside.is_dir() else PACKAGE.parent / "recipes"


def recipe_names() -> list[str]:
    return sorted(path.stem for path in recipes_folder().glob("[!_]*.yaml"))


@functools.cache
def _shipped(package: Path, kind: str) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in (package / kind).glob("[!_]*.py")))


@functools.cache
def _parsed(path: Path) -> ast.Module:
    """Return a source file's syntax tree, read once per process."""
    return parsed(str(path), path.read_text(encoding="utf-8"))


__all__ = ["REQUIRED", "Catalog", "Parameter"]
