"""Plug-ins by name: models/lstm.py is the model `lstm`, recipes/toy_lstm.yaml a recipe.

Parameters are read from the source's syntax tree, so that checking a recipe and `asc --help`
import no torch.
"""

from __future__ import annotations

import ast
import difflib
import functools
import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from asc_cli.core.errors import AscError

PACKAGE = Path(__file__).parent.parent
HAVE_PARAMETERS = ("features", "models")
RENAMED = {"models": {"cnn_1max": "label_tree_cnn", "gru": "label_tree_gru"}}  # since 0.1.0
REQUIRED = object()


@dataclass(frozen=True)
class Parameter:
    """A field of a feature's dataclass, or a keyword-only argument of a model's `build`."""

    name: str
    annotation: str
    default: Any  # REQUIRED if it has none


def names(kind: str) -> list[str]:
    """Return the public names of a kind ("datasets", "features", "models", "cli"), sorted.

    In models/ only files with a `build` at top level are models; the others are helpers.
    """
    return list(_names(PACKAGE, kind))


def load(kind: str, name: str) -> ModuleType:
    """Import and return the module of a name, or of the name that it had in 0.1.0.

    Raises AscError with the nearest name there is.
    """
    name = renamed(kind, name)
    require(kind, name)
    return importlib.import_module(f"asc_cli.{kind}.{name}")


def feature(name: str, parameters: dict[str, Any]) -> Any:
    """Return a feature with its parameters: a `features.Feature`. Raises AscError if unknown."""
    module, entry = load("features", name), _entry("features", name)
    assert entry is not None
    return getattr(module, entry.name)(**parameters)


def renamed(kind: str, name: str) -> str:
    """Return the current name of what an earlier version called otherwise; else `name`."""
    return RENAMED.get(kind, {}).get(name, name)


def first_name(kind: str, name: str) -> str:
    """Return the name that an earlier version used; else `name`."""
    return next((old for old, new in RENAMED.get(kind, {}).items() if new == name), name)


def lazy(package: str, modules: dict[str, str]) -> Callable[[str], Any]:
    """Return a package's `__getattr__`: public name → its module, imported on first access."""

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(modules[name]), name)

    return get


def require(kind: str, name: str) -> None:
    """Raise AscError, with the nearest name there is, unless the kind has `name`."""
    if name not in (available := names(kind)):
        if kind == "datasets" and (hint := path_hint(name)):
            raise AscError(f"{name}: {hint}: table --data {name}")
        raise AscError(unknown(kind.removesuffix("s"), name, available))


def path_hint(name: str) -> str | None:
    """Return a hint for a file or folder that is given where a dataset's name is expected."""
    path = Path(name)
    if path.is_file() or path.suffix.lower() in (".csv", ".tsv"):
        what = "a file"
    elif path.is_dir() and nearest(name, names("datasets")) is None:
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


def nearest(name: str, available: Iterable[str]) -> str | None:
    """Return the available name that is spelt most like `name`, if one is similar enough."""
    by_lower = {candidate.lower(): candidate for candidate in available}
    close = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.55)
    return by_lower[close[0]] if close else None


def parameters(kind: str, name: str) -> list[Parameter]:
    """Return the parameters of a feature or model, in order, without importing the module."""
    require(kind, name)
    entry = _entry(kind, name)
    assert entry is not None
    if isinstance(entry, ast.ClassDef):
        return [
            Parameter(
                ast.unparse(field.target),
                ast.unparse(field.annotation),
                REQUIRED if field.value is None else ast.literal_eval(field.value),
            )
            for field in entry.body
            if isinstance(field, ast.AnnAssign)
        ]
    arguments = entry.args
    return [
        Parameter(
            name=argument.arg,
            annotation=ast.unparse(argument.annotation) if argument.annotation else "Any",
            default=REQUIRED if default is None else ast.literal_eval(default),
        )
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]


def summary(kind: str, name: str) -> str:
    """Return the first line of a module's docstring, without importing the module."""
    doc = ast.get_docstring(_tree(kind, name)) or ""
    return doc.split("\n")[0].rstrip(".")


def version(name: str) -> int:
    """Return the VERSION of a feature's code, without importing it."""
    number = constant("features", name, "VERSION", None)
    if number is None:
        raise AscError(f"feature {name}: features/{name}.py defines no VERSION; add VERSION = 1")
    return int(number)


def constant(kind: str, name: str, key: str, default: Any) -> Any:
    """Return the value of a module's constant, without importing it; `default` without one."""
    if name not in names(kind):
        return default
    for node in _tree(kind, name).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == key:
            return ast.literal_eval(node.value)
    return default


@functools.cache
def metrics() -> tuple[dict[str, Any], ...]:
    """Return evaluation/metrics.py's METRICS, less the functions, without importing it.

    Each {name, title, share, definition}; one with a definition may head a report.
    """
    tree = _parsed(PACKAGE / "evaluation" / "metrics.py")
    [lines] = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "METRICS"
    ]
    assert isinstance(lines, ast.Tuple)
    calls = [call for call in lines.elts if isinstance(call, ast.Call)]
    return tuple(
        {
            "name": ast.literal_eval(call.args[0]),
            "share": True,
            "definition": "",
            **{k.arg: ast.literal_eval(k.value) for k in call.keywords if k.arg is not None},
        }
        for call in calls
    )


def recipes_folder() -> Path:
    """Return the folder of the shipped recipes: in the wheel, or beside the package in a clone."""
    inside = PACKAGE / "recipes"
    return inside if inside.is_dir() else PACKAGE.parent / "recipes"


def recipe_names() -> list[str]:
    return sorted(path.stem for path in recipes_folder().glob("[!_]*.yaml"))


@functools.cache
def _names(package: Path, kind: str) -> tuple[str, ...]:
    stems = sorted(path.stem for path in (package / kind).glob("[!_]*.py"))
    return tuple(name for name in stems if kind not in HAVE_PARAMETERS or _entry(kind, name))


def _tree(kind: str, name: str) -> ast.Module:
    return _parsed(PACKAGE / kind / f"{name}.py")


@functools.cache
def _parsed(path: Path) -> ast.Module:
    """Return a source file's syntax tree, read once per process."""
    return ast.parse(path.read_text(encoding="utf-8"))


def _entry(kind: str, name: str) -> ast.FunctionDef | ast.ClassDef | None:
    """Return the node of a file's feature or model; None in a helper file."""
    for node in _tree(kind, name).body:
        if kind == "models" and isinstance(node, ast.FunctionDef) and node.name == "build":
            return node
        if kind == "features" and isinstance(node, ast.ClassDef) and _is_feature(node):
            return node
    return None


def _is_feature(node: ast.ClassDef) -> bool:
    methods = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
    frozen = [ast.unparse(item) for item in node.decorator_list]
    return "__call__" in methods and "dataclass(frozen=True)" in frozen
