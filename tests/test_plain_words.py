"""Names and texts use plain words: the worst ones of version 0.1 stay out."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from asc_cli.core.plugins import PACKAGE

FILES = sorted(PACKAGE.rglob("*.py"))
TEMPLATES = sorted(PACKAGE.rglob("*.j2"))
PARTS = {  # of names, also as a part of one: _heard, told_s
    *("heard", "hear", "hears", "said", "told", "strange", "doomed", "mend"),
    *("promise", "promises", "dealt", "its", "known", "given", "kept"),
}
NAMES = {  # whole names: its, _found
    *("its", "sure", "found", "made", "whole", "kept", "known", "given", "asked"),
    *("mine", "gone", "theirs"),
}
TEXTS = re.compile(  # in docstrings, comments and messages
    r"\b(heard|hears|listened|mends?|mended|promis(e|es|ed|ing)|doomed|strangers?|dealt|"
    r"stands? twice|the (whole )?road|say out loud|whoever|anybody)\b"
)
ALLOWED = {"heard.txt", "(training_files|heard)"}  # a file of version 0.1.0 is read


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def bound(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and name of every definition, argument and assigned variable."""
    for node in ast.walk(module):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


def is_plain(name: str) -> bool:
    words = name.lower().strip("_").split("_")
    return not PARTS.intersection(words) and "_".join(words) not in NAMES


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_names_are_plain(path: Path) -> None:
    assert [(line, name) for line, name in bound(tree(path)) if not is_plain(name)] == []


@pytest.mark.parametrize("path", FILES + TEMPLATES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_texts_are_plain(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for allowed in ALLOWED:
        text = text.replace(allowed, "")
    lines = enumerate(text.splitlines(), start=1)
    assert [(number, line.strip()) for number, line in lines if TEXTS.search(line)] == []


def test_the_check_finds_both_kinds() -> None:
    names = [name for _, name in bound(ast.parse("def _heard(said, valid_keys): told_s = 1"))]
    assert [is_plain(name) for name in names] == [False, False, True, False]
    assert TEXTS.search("it keeps its promise") and not TEXTS.search("compromises a hearing")
