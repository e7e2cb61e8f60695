"""Every import of asc_cli, those inside functions too, is in docs/architecture.md's table."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "asc_cli"
PAGE = ROOT / "docs" / "architecture.md"
VERSION_ROOM = "__init__"  # asc_cli/__init__.py: the version, which every room may import
DYNAMIC = {"catalog.py", "cli/__init__.py"}  # the files that may import by name
FILES = sorted(PACKAGE.rglob("*.py"))


def table(page: str) -> dict[str, set[str]]:
    """Room → rooms it may import, from the table headed `room | what lives there | may import`."""
    lines = iter(page.splitlines())
    for line in lines:
        if cells(line)[:1] == ["room"]:
            break
    next(lines)  # the rule below the header
    rows = {}
    for line in lines:
        if not line.startswith("|"):
            break
        room, _, allowed = cells(line)
        rows[room.strip("`").removesuffix(".py").rstrip("/")] = allowed
    return {room: expanded(allowed, set(rows)) for room, allowed in rows.items()}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def expanded(allowed: str, rooms: set[str]) -> set[str]:
    """ "errors, files", "–" for none, or "all but cli" → names of rooms."""
    named = {
        name.strip("` ").removesuffix(".py") for name in allowed.removeprefix("all but ").split(",")
    } - {"–"}
    assert named <= rooms, f"the table allows rooms that it does not describe: {named - rooms}"
    return rooms - named if allowed.startswith("all but ") else named


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """(line, room) of every import from asc_cli, wherever it stands in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            head, _, rest = name.partition(".")
            if head == "asc_cli":
                room = rest.split(".")[0]
                known = (PACKAGE / room).is_dir() or (PACKAGE / f"{room}.py").is_file()
                yield node.lineno, room if room and known else VERSION_ROOM


def package_of(path: Path) -> str:
    return ".".join(["asc_cli", *path.relative_to(PACKAGE).parent.parts])


ROOMS = table(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_what_the_table_allows_its_room(path: Path) -> None:
    room = room_of(path)
    assert room in ROOMS, f"{room} has no row in {PAGE.name}: add one, on purpose"
    allowed = ROOMS[room] | {room, VERSION_ROOM}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    strange = [(n, other) for n, other in imports(tree, package_of(path)) if other not in allowed]
    assert not strange, (
        f"{path.relative_to(ROOT)} imports "
        + ", ".join(f"{other} (line {line})" for line, other in strange)
        + f"; the table in docs/architecture.md allows {room}: {', '.join(sorted(allowed))}"
    )


def test_every_row_is_a_room_that_exists() -> None:
    assert set(ROOMS) == {room_of(path) for path in FILES}


def test_the_table_has_no_circles() -> None:
    """Data runs one way, so no two rooms may import each other, however long the way round."""
    left = {room: set(allowed) - {room} for room, allowed in ROOMS.items()}
    while ends := {room for room, allowed in left.items() if not allowed & set(left)}:
        left = {room: allowed for room, allowed in left.items() if room not in ends}
    assert not left, f"these rooms import each other in a circle: {sorted(left)}"


def test_only_the_catalogue_and_the_command_line_import_by_name() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.Name, ast.Attribute))
        and ast.unparse(node) in ("importlib.import_module", "import_module", "__import__")
    }
    assert found == DYNAMIC


@pytest.mark.parametrize(
    ("source", "rooms"),
    [
        ("import asc_cli.store", ["store"]),
        ("from asc_cli import store, home", ["store", "home"]),
        ("from asc_cli import __version__", [VERSION_ROOM]),
        ("from asc_cli.models.lstm import build", ["models"]),
        ("def f():\n    from asc_cli.training import fit", ["training"]),
        ("class A:\n    def f(self):\n        import asc_cli.cli as c", ["cli"]),
        ("if True:\n    from . import tables", ["report"]),
        ("from ..scoring import score", ["scoring"]),
        ("import os, torch\nfrom pathlib import Path", []),
    ],
)
def test_imports_are_seen_wherever_and_however_they_are_written(
    source: str, rooms: list[str]
) -> None:
    found = [room for _, room in imports(ast.parse(source), "asc_cli.report")]
    assert found == rooms


def test_the_table_is_read_as_it_is_written() -> None:
    page = (
        "text\n\n| room | what lives there | may import |\n|---|---|---|\n"
        "| `a.py` | x | – |\n| `b/` | y | a |\n| `c.py` | z | all but b |\n\nmore | text\n"
    )
    assert table(page) == {"a": set(), "b": {"a"}, "c": {"a", "c"}}
    with pytest.raises(AssertionError, match=r"rooms that it does not describe: \{'d'\}"):
        table(page.replace("| a |", "| d |"))
