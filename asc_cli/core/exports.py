"""The public names of a package that imports each when it is asked for."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asc_cli.core import installation


def names(file: str) -> dict[str, str]:
    """Return {name: module} of the imports under `if TYPE_CHECKING:` in a package's __init__.py.

    So the names are written once, where editors and type checkers read them.
    """
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    [block] = [
        node.body
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    return {
        alias.name: str(statement.module)
        for statement in block
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }


def lazy(package: str, modules: dict[str, str]) -> Callable[[str], Any]:
    """Return a package's `__getattr__`: public name → its module, imported on first access.

    It raises AscError where the module needs an extra that is not installed.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        with installation.in_words(name):
            return getattr(importlib.import_module(modules[name]), name)

    return get
