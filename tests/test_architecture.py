"""Every import of asc_cli, those inside functions too, is in docs/architecture.md's table."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path, PurePath
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "asc_cli"
PAGE = ROOT / "docs" / "architecture.md"
VERSION_FILE = "__init__"  # asc_cli/__init__.py: the version, which every package may import
DYNAMIC = {
    "core/exports.py",
    "core/plugins.py",
    "core/code.py",
    "cli/__init__.py",
}  # the files that may import by name
FILES = sorted(PACKAGE.rglob("*.py"))
MOST_ARROWS = 80  # from a package to another that it imports
MOST_WORKFLOW_LINES = 600  # it joins packages; what does the work is in them
MOST_UNTYPED = 26  # public functions that return dict[str, Any]: rows of files, cards, videos
VIDEO_FILES = (  # videos alone are their subject, and core/kind.py's
    "video/*",
    "core/kind.py",
    "datasets/yt8m*",
    "datasets/_yt8m/*",
    "models/lstm_video.py",
    "models/_mixture_of_experts.py",
)
VIDEO_SETTINGS = {"stream", "STREAMED", "MANY_LABELS"}  # what core/kind.py reads
VIDEO_WORDS = {*VIDEO_SETTINGS, "shards", "gap", "folds"}  # whose presence would tell as well


def table(page: str) -> dict[str, set[str]]:
    """Package → packages it may import, from the table headed `package | … | may import`."""
    lines = iter(page.splitlines())
    for line in lines:
        if cells(line)[:1] == ["package"]:
            break
    next(lines)  # the rule below the header
    rows = {}
    for line in lines:
        if not line.startswith("|"):
            break
        package, _, allowed = cells(line)
        rows[package.strip("`").removesuffix(".py").rstrip("/")] = allowed
    return {package: expanded(allowed, set(rows)) for package, allowed in rows.items()}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def expanded(allowed: str, packages: set[str]) -> set[str]:
    """ "errors, files", "–" for none, or "all but cli" → names of packages."""
    names_ = {
        name.strip("` ").removesuffix(".py") for name in allowed.removeprefix("all but ").split(",")
    } - {"–"}
    unusual = names_ - packages
    assert not unusual, f"the table allows packages that it does not describe: {unusual}"
    return packages - names_ if allowed.startswith("all but ") else names_


def package_holding(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """(line, package imported) of every import from asc_cli, wherever it stands in the file."""
    for line, name in imported(tree, package):
        top = name.split(".")[1]
        known = (PACKAGE / top).is_dir() or (PACKAGE / f"{top}.py").is_file()
        yield line, top if known else VERSION_FILE


def imported(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything imported from asc_cli."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.startswith("asc_cli."))


def file_of(name: str) -> Path:
    """The file that an imported dotted name stands in: a module, or a package's __init__.py."""
    path = PACKAGE.parent.joinpath(*name.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return file_of(name.rpartition(".")[0])


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def package_of(path: Path) -> str:
    return ".".join(["asc_cli", *path.relative_to(PACKAGE).parent.parts])


TABLE = table(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_what_the_table_allows_its_package(path: Path) -> None:
    package = package_holding(path)
    assert package in TABLE, f"{package} has no row in {PAGE.name}: add one, on purpose"
    allowed = TABLE[package] | {package, VERSION_FILE}
    names_ = imports(tree_of(path), package_of(path))
    unusual = [(n, other) for n, other in names_ if other not in allowed]
    assert not unusual, (
        f"{path.relative_to(ROOT)} imports "
        + ", ".join(f"{other} (line {line})" for line, other in unusual)
        + f"; the table in docs/architecture.md allows {package}: {', '.join(sorted(allowed))}"
    )


def test_every_row_is_a_package_that_exists() -> None:
    assert set(TABLE) == {package_holding(path) for path in FILES}


def test_a_package_may_import_only_those_above_it_in_the_table() -> None:
    """So that no two packages import each other, however long the way round."""
    order = list(TABLE)
    upward = {
        package: sorted(allowed - set(order[:n]) - {package})
        for n, (package, allowed) in enumerate(TABLE.items())
    }
    assert not {package: names for package, names in upward.items() if names}


def test_no_two_files_import_each_other() -> None:
    """However long the way round. asc_cli/__init__.py holds the version, and is left out."""
    left = {
        path: {file_of(name) for _, name in imported(tree_of(path), package_of(path))}
        - {path, PACKAGE / "__init__.py"}
        for path in FILES
    }
    while ends := {path for path, others in left.items() if not others & set(left)}:
        left = {path: others for path, others in left.items() if path not in ends}
    assert not left, f"these files import each other in a circle: {sorted(map(str, left))}"


def test_only_the_catalogue_and_the_command_line_import_by_name() -> None:
    results = {
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        for node in ast.walk(tree_of(path))
        if isinstance(node, (ast.Name, ast.Attribute))
        and ast.unparse(node) in ("importlib.import_module", "import_module", "__import__")
    }
    assert results == DYNAMIC


def video_signals(tree: ast.AST) -> Iterator[int]:
    """Lines that find out by themselves whether something is of videos."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            words = {side.value for side in sides if isinstance(side, ast.Constant)}
            results = is_stream(node.left) or bool(words & VIDEO_WORDS)
        elif isinstance(node, (ast.If, ast.IfExp)):
            results = is_stream(node.test)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            words = {value.value for value in node.args if isinstance(value, ast.Constant)}
            results = node.func.attr in ("get", "constant") and bool(words & VIDEO_SETTINGS)
        else:
            continue
        if results:
            yield node.lineno


def is_stream(node: ast.AST) -> bool:
    """Whether it is `….stream` or `…["stream"]`."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and node.slice.value == "stream"
    return isinstance(node, ast.Attribute) and node.attr == "stream"


def test_only_core_kind_decides_what_is_of_videos() -> None:
    lines = [
        f"{name}:{line}"
        for path in FILES
        if not any(
            PurePath(name := path.relative_to(PACKAGE).as_posix()).match(pattern)
            for pattern in VIDEO_FILES
        )
        for line in video_signals(tree_of(path))
    ]
    assert not lines, f"these lines branch on videos by a signal of their own: {lines}"


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("if recipe.stream is None: pass", True),
        ("x = 1 if recipe.stream else 2", True),
        ("if settings['stream']: pass", True),
        ("settings.get('stream')", True),
        ("plugins.constant('models', name, 'MANY_LABELS', False)", True),
        ("'gap' in result", True),
        ("'folds' not in metrics", True),
        ("row.get('feature') == 'shards'", True),
        ("kind_of(recipe.settings) == VIDEOS", False),
        ("frames = stream(feature, blocks)", False),
        ("rows = metrics['folds']", False),
    ],
)
def test_a_signal_of_videos_is_seen_however_it_is_written(source: str, seen: bool) -> None:
    assert bool(list(video_signals(ast.parse(source)))) == seen


@pytest.mark.parametrize(
    ("source", "packages"),
    [
        ("import asc_cli.frontend.store", ["frontend"]),
        ("from asc_cli import core, frontend", ["core", "frontend"]),
        ("from asc_cli import __version__", [VERSION_FILE]),
        ("from asc_cli.models.lstm import build", ["models"]),
        ("def f():\n    from asc_cli.training.descent import fit", ["training"]),
        ("class A:\n    def f(self):\n        import asc_cli.cli as c", ["cli"]),
        ("if True:\n    from . import console", ["report"]),
        ("from ..evaluation import scoring", ["evaluation"]),
        ("import os, torch\nfrom pathlib import Path", []),
    ],
)
def test_imports_are_seen_wherever_and_however_they_are_written(
    source: str, packages: list[str]
) -> None:
    results = [package for _, package in imports(ast.parse(source), "asc_cli.report")]
    assert results == packages


def test_the_table_is_read_as_it_is_written() -> None:
    page = (
        "text\n\n| package | what lives there | may import |\n|---|---|---|\n"
        "| `a.py` | x | – |\n| `b/` | y | a |\n| `c.py` | z | all but b |\n\nmore | text\n"
    )
    assert table(page) == {"a": set(), "b": {"a"}, "c": {"a", "c"}}
    with pytest.raises(AssertionError, match=r"packages that it does not describe: \{'d'\}"):
        table(page.replace("| a |", "| d |"))


def hops(page: str) -> list[tuple[str, str]]:
    """(file, function) of each numbered step of the page: 1. `cli/predict.py:command` …"""
    results = re.findall(r"^\d+\. `([\w/]+\.py):([\w.]+)`", page, re.MULTILINE)
    assert results, f"{PAGE.name} lists no steps from a command to the maths"
    return results


def function(file: str, name: str) -> ast.FunctionDef:
    """The node of a function, or of a method as `Class.method`."""
    node: ast.AST = tree_of(PACKAGE / file)
    for part in name.split("."):
        [node] = [each for each in ast.iter_child_nodes(node) if getattr(each, "name", "") == part]
    assert isinstance(node, ast.FunctionDef)
    return node


STEPS = hops(PAGE.read_text(encoding="utf-8"))


def test_a_prediction_reaches_the_maths_in_six_hops() -> None:
    assert len(STEPS) - 1 <= 6
    assert STEPS[0][0].startswith("cli/") and STEPS[-1][0].startswith("features/")


@pytest.mark.parametrize(
    ("caller", "called"), [*itertools.pairwise(STEPS)], ids=lambda step: ":".join(step)
)
def test_each_step_of_a_prediction_names_the_next(
    caller: tuple[str, str], called: tuple[str, str]
) -> None:
    node = function(*caller)
    names = {ast.unparse(each).rpartition(".")[2] for each in ast.walk(node) if is_name(each)}
    name = called[1].rpartition(".")[2]
    if name == "__call__":  # of a feature that is handed in
        function(*called)
        name = next(a.arg for a in node.args.args if ast.unparse(a.annotation) == "Feature")
        names = {ast.unparse(c.func) for c in ast.walk(node) if isinstance(c, ast.Call)}
    assert name in names, f"{':'.join(caller)} does not use {name}; see {PAGE.name}"


def is_name(node: ast.AST) -> bool:
    return isinstance(node, (ast.Name, ast.Attribute))


# -- the measures of the house: each has a limit, which only shrinks ------------------------------


def test_nothing_lies_beside_the_packages() -> None:
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py"}


def test_few_arrows_lead_from_package_to_package() -> None:
    arrows = {
        (package_holding(path), other)
        for path in FILES
        for _, other in imports(tree_of(path), package_of(path))
    }
    between = {(one, other) for one, other in arrows if other not in (one, VERSION_FILE)}
    assert len(between) <= MOST_ARROWS


def test_the_formatter_is_never_switched_off() -> None:
    switches = re.compile(r"#\s*fmt:\s*(skip|off)")
    found = [str(path) for path in FILES if switches.search(path.read_text(encoding="utf-8"))]
    assert not found


def test_workflow_is_short() -> None:
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in PACKAGE.glob("workflow/*.py"))
    assert lines <= MOST_WORKFLOW_LINES


def test_the_picture_is_valid() -> None:
    """A drawing that is no XML shows nothing on the site."""
    [picture] = re.findall(r"!\[.*?\]\((assets/.+?\.svg)\)", PAGE.read_text(encoding="utf-8"))
    texts = [node.text for node in ElementTree.parse(PAGE.parent / picture).iter() if node.text]
    assert {"recording", "samples", "features", "clips", "model", "scores"} <= set(texts)


def test_few_functions_return_plain_mappings() -> None:
    """Results are dataclasses; in report/ and cli/ they are what `to_dict()` makes of them."""
    untyped = [
        f"{path.relative_to(PACKAGE)}: {node.name}"
        for path in FILES
        if package_holding(path) not in ("report", "cli")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef) and node.returns
        if node.name[0] != "_" and node.name != "to_dict"
        if "dict[str, Any]" in ast.unparse(node.returns)
    ]
    assert len(untyped) <= MOST_UNTYPED, untyped
