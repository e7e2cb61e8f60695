"""What the structure costs: functions per prediction, parses of sources, defaults written once."""

from __future__ import annotations

import ast
import collections
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import asc_cli
from asc_cli.cli import application
from asc_cli.core import code, plugins
from asc_cli.inference import graphs
from asc_cli.registry import models
from tests.conftest import write
from tests.test_export import registered

PACKAGE = Path(asc_cli.__file__).parent
MOST_FUNCTIONS, MOST_FILES = 173, 50  # of ours, called by asc_cli.predict for one file
OPTIMISED = 1  # flag of a code object that is a function, not a class body


def test_a_prediction_calls_few_functions(tmp_path: Path) -> None:
    """Comprehensions, lambdas and what runs when a module is imported do not count."""
    graphs.ensure_graphs(models.find(registered("m")))
    path = write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 66_150))
    asc_cli.predict([path])  # what is done once in a process is done, whatever ran before this test
    called: set[tuple[str, int]] = set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        is_function = code.co_flags & OPTIMISED and not code.co_name.startswith("<")
        if event == "call" and is_function and code.co_filename.startswith(str(PACKAGE)):
            called.add((code.co_filename, code.co_firstlineno))

    previous = sys.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        [prediction] = asc_cli.predict([path])
    finally:
        sys.setprofile(previous)
        threading.setprofile(None)  # type: ignore[arg-type]
    assert prediction.error is None
    assert 50 < len(called) <= MOST_FUNCTIONS
    assert len({file for file, _ in called}) <= MOST_FILES


def test_listing_recipes_parses_no_source_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    times: collections.Counter[str] = collections.Counter()
    parse = ast.parse

    def counting(source: Any, *given: Any, **named: Any) -> ast.AST:
        times[str(source)] += 1
        return parse(source, *given, **named)

    plugins._parsed.cache_clear()
    code._tree.cache_clear()
    code.shipped_code.cache_clear()
    monkeypatch.setattr(ast, "parse", counting)
    result = CliRunner().invoke(application(), ["recipes", "list"])
    assert result.exit_code == 0, result.output
    assert times and max(times.values()) == 1, times.most_common(1)[0][0][:200]


@pytest.mark.parametrize("name", plugins.names("features"))
def test_a_default_of_a_feature_is_written_once(name: str) -> None:
    """In the fields of its dataclass; no function of its files repeats one."""
    fields = {parameter.name for parameter in plugins.parameters("features", name)}
    files = [PACKAGE / "features" / f"{name}.py", PACKAGE / "export" / "frontends" / f"{name}.py"]
    for file in filter(Path.is_file, files):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                assert not fields & with_defaults(node.args), f"{file.name}: {node.name}"


def with_defaults(arguments: ast.arguments) -> set[str]:
    positional = [*arguments.posonlyargs, *arguments.args]
    names_ = positional[len(positional) - len(arguments.defaults) :]
    keyword = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return {a.arg for a in names_} | {a.arg for a, default in keyword if default is not None}
