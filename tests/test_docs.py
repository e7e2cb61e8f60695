"""Every command has help, an example and a docs entry; generated pages are current."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import typer

from asc_cli.cli import application
from tests import markdown


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """docs/generate.py, which is a script and no part of a package."""
    spec = importlib.util.spec_from_file_location("generate", markdown.ROOT / "docs/generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    for key, sub in getattr(command, "commands", {}).items():
        yield from leaves(sub, f"{name} {key}")
    if not hasattr(command, "commands"):
        yield name, command


COMMANDS = dict(leaves(typer.main.get_command(application()), "asc"))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_help_an_example_and_a_docs_entry(name: str, generate: ModuleType) -> None:
    words, examples = generate.helped(COMMANDS[name])
    assert words, f"{name} has no docstring"
    assert examples, f"{name}'s docstring has no paragraph 'Example: **{name} …**'"
    assert all(f"{name} " in f"{example} " for example in examples)
    page = (markdown.ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
    assert f"# {name}\n" in page, f"{name} is not in commands.md; run make reference"
    assert all(f"```sh\n{example}\n" in page for example in examples)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_and_option_has_a_meaning(name: str) -> None:
    lacking = [p.name for p in COMMANDS[name].params if not getattr(p, "help", None)]
    assert not lacking, f"{name}: no help for {lacking}"


def test_generated_pages_are_current(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["generate.py", "--check"])
    generate.main()


def test_every_recipe_key_has_a_meaning_and_its_values(generate: ModuleType) -> None:
    rows = [line for line in generate.recipes_page().splitlines() if line.startswith("| `")]
    keys = [row for row in rows if row.count(" | ") == 3]
    assert len(keys) > 100
    lacking = [row for row in keys if not row.strip("|").split(" | ")[3].strip()]
    assert lacking == []
    assert any("list of `temporal`, `semantic`" in row for row in keys)


def test_a_meaning_ends_where_the_next_key_begins(generate: ModuleType) -> None:
    output = "Summary: x.\n\na: one. b_c: two,\nmore. c: three\n\nOther words: no.\n\nd: four"
    assert generate.meanings(output, ["a", "b_c", "c", "d"]) == {
        "a": "one.",
        "b_c": "two,\nmore.",
        "c": "three",
        "d": "four",
    }


@pytest.mark.campaign
def test_a_page_that_is_not_current_is_named_and_can_be_written_again(
    generate: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name, text in {**generate.pages(), "commands.md": "old"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(generate, "REFERENCE", tmp_path)
    monkeypatch.setattr(generate, "PICTURES", tmp_path)
    monkeypatch.setattr(generate, "DRAWN", dict.fromkeys(generate.DRAWN, lambda name: b"drawn"))
    monkeypatch.setattr(sys, "argv", ["generate.py", "--check"])
    with pytest.raises(
        SystemExit, match=r"band_mask\.png, .*commands\.md not as the code has it: make reference"
    ):
        generate.main()
    monkeypatch.setattr(sys, "argv", ["generate.py"])
    generate.main()
    assert (tmp_path / "commands.md").read_text(encoding="utf-8") == generate.commands_page()
    assert (tmp_path / "augment" / "gain.png").read_bytes() == b"drawn"


def test_an_augmentation_s_picture_shows_what_it_does(generate: ModuleType) -> None:
    drawn = generate.augment_pictures.picture("gain")
    assert drawn.startswith(b"\x89PNG") and len(drawn) < 10_000


def test_the_navigation_names_pages_that_exist() -> None:
    """mkdocs says the same, strictly; but only where it is installed."""
    import yaml

    text = (markdown.ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [page for page in strings(yaml.safe_load(text)["nav"]) if page.endswith(".md")]
    assert len(pages) == len(set(pages)) >= 14
    assert [page for page in pages if not (markdown.ROOT / "docs" / page).is_file()] == []


def strings(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    for value in (
        tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    ):
        yield from strings(value)
