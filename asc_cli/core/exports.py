"""The public names of a package that imports each when it is asked for."""

from __future__ import annotations

import ast
from pathlib import Path


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
