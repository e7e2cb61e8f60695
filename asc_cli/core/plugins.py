"""Names are file names: models/lstm.py is the model `lstm`, recipes/toy_lstm.yaml a recipe.

Parameters are read from the source's syntax tree, so that a recipe is checked, and `asc --help`
answers, without importing torch.
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


def names(room: str) -> list[str]:
    """Public names in a room ("datasets", "features", "models", "cli"), sorted.

    In models/ only files with a `build` at top level are models; the others serve them.
    """
    return list(_names(PACKAGE, room))


def load(room: str, name: str) -> ModuleType:
    """The module behind a name, or behind the name that it had in 0.1.0.

    Raises AscError with the nearest known name.
    """
    name = renamed(room, name)
    require(room, name)
    return importlib.import_module(f"asc_cli.{room}.{name}")


def feature(name: str, parameters: dict[str, Any]) -> Any:
    """A feature with its parameters: a `features.Feature`. Raises AscError for an unknown name."""
    module, entry = load("features", name), _entry("features", name)
    assert entry is not None
    return getattr(module, entry.name)(**parameters)


def renamed(room: str, name: str) -> str:
    """Today's name of what an earlier version called otherwise; else the name itself."""
    return RENAMED.get(room, {}).get(name, name)


def first_name(room: str, name: str) -> str:
    """The name that an earlier version gave; else the name itself."""
    return next((old for old, new in RENAMED.get(room, {}).items() if new == name), name)


def lazy(package: str, homes: dict[str, str]) -> Callable[[str], Any]:
    """A package's `__getattr__`: public name → its module, imported when the name is asked for."""

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes[name]), name)

    return get


def require(room: str, name: str) -> None:
    """Raise AscError, with the nearest known name, unless the room has `name`."""
    if name not in (known := names(room)):
        if room == "datasets" and (hint := own_recordings(name)):
            raise AscError(f"{name}: {hint}: table --data {name}")
        raise AscError(unknown(room.removesuffix("s"), name, known))


def own_recordings(name: str) -> str | None:
    """What to say of a file or folder that is given where a dataset's name is expected."""
    path = Path(name)
    if path.is_file() or path.suffix.lower() in (".csv", ".tsv"):
        what = "a file"
    elif path.is_dir() and nearest(name, names("datasets")) is None:
        what = "a folder"
    else:
        return None
    return f"{what}, where a dataset's name was expected; recordings of your own are `table`"


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a name that is not known: what is nearest, and what there is."""
    known = list(known)
    hint = nearest(name, known)
    meant = f"; did you mean {hint}?" if hint else "."
    return f"unknown {kind} {name!r}{meant} Known: {', '.join(known)}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is spelt most like `name`, if any is like it at all."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.55)
    return by_lower[close[0]] if close else None


def parameters(room: str, name: str) -> list[Parameter]:
    """What a feature or a model may be given, in order, without importing the module."""
    require(room, name)
    entry = _entry(room, name)
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


def summary(room: str, name: str) -> str:
    """First line of a module's docstring, without importing the module."""
    doc = ast.get_docstring(_tree(room, name)) or ""
    return doc.split("\n")[0].rstrip(".")


def version(name: str) -> int:
    """VERSION of a feature's code, without importing it."""
    found = constant("features", name, "VERSION", None)
    if found is None:
        raise AscError(f"feature {name}: features/{name}.py defines no VERSION; add VERSION = 1")
    return int(found)


def constant(room: str, name: str, key: str, default: Any) -> Any:
    """What a module sets `key` to at its top level, without importing it; default: nothing."""
    if name not in names(room):
        return default
    for node in _tree(room, name).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == key:
            return ast.literal_eval(node.value)
    return default


@functools.cache
def metrics() -> tuple[dict[str, Any], ...]:
    """The lines of evaluation/metrics.py's METRICS, less the functions, without importing it.

    Each {name, words, share, definition}; one with a definition may head a report.
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
    """Where the shipped recipes are: inside the wheel, or beside the package in a checkout."""
    inside = PACKAGE / "recipes"
    return inside if inside.is_dir() else PACKAGE.parent / "recipes"


def recipe_names() -> list[str]:
    return sorted(path.stem for path in recipes_folder().glob("[!_]*.yaml"))


@functools.cache
def _names(package: Path, room: str) -> tuple[str, ...]:
    found = sorted(path.stem for path in (package / room).glob("[!_]*.py"))
    return tuple(name for name in found if room not in HAVE_PARAMETERS or _entry(room, name))


def _tree(room: str, name: str) -> ast.Module:
    return _parsed(PACKAGE / room / f"{name}.py")


@functools.cache
def _parsed(path: Path) -> ast.Module:
    """A source file's syntax tree, read once a process."""
    return ast.parse(path.read_text(encoding="utf-8"))


def _entry(room: str, name: str) -> ast.FunctionDef | ast.ClassDef | None:
    """The node of a file's feature or model; None in a file that only serves others."""
    for node in _tree(room, name).body:
        if room == "models" and isinstance(node, ast.FunctionDef) and node.name == "build":
            return node
        if room == "features" and isinstance(node, ast.ClassDef) and _is_feature(node):
            return node
    return None


def _is_feature(node: ast.ClassDef) -> bool:
    methods = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
    frozen = [ast.unparse(each) for each in node.decorator_list]
    return "__call__" in methods and "dataclass(frozen=True)" in frozen
