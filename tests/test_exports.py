"""Names that are imported on first access: each that asc itself uses is there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from asc_cli import report, workflow
from asc_cli.core.plugins import PACKAGE

EXPORTED = {"report": report.__all__, "workflow": workflow.__all__}


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_every_name_that_is_used_is_exported(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    imported = {
        alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module == "asc_cli"
        for alias in node.names
    }
    used = {
        (node.value.id, node.attr)
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    for package in imported & EXPORTED.keys():
        assert {name for owner, name in used if owner == package} <= {*EXPORTED[package]}
