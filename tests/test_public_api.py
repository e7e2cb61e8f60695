"""The public Python API and the plug-in protocols are documented as the site shows them.

Every parameter has its line in `Args:`, every field in `Attributes:`, every result `Returns:` or
`Yields:`; these become the tables of docs/reference/api.md, and what help() prints.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pydoc
import re
from collections.abc import Callable
from typing import Any

import pytest

import asc_cli
from asc_cli import models, variants, workflow
from asc_cli.core import errors
from tests import markdown

PAGE = (markdown.ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
LISTED = re.findall(r"^::: (asc_cli\.\S+)$", PAGE, re.MULTILINE)
NEW_KINDS = [variants.Variant]  # not on the page before recipes know them


def found(dotted: str) -> Any:
    """What a dotted name stands for, in whichever module it is."""
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)


EVERYTHING = [found(name) for name in LISTED if name != "asc_cli.core.errors"] + [
    errors.AscError,
    errors.FileFault,
    models.build,
    *NEW_KINDS,
]
SECTIONS = ("Args", "Attributes", "Examples", "Raises", "Returns", "Yields")
DIALECT = re.compile(r"\b(heard|hears?|listened|said|road|promises?d?|mend(ed)?|strangers?)\b")
NOT_IMPERATIVE = {"A", "All", "An", "Each", "The", "What", "Whether", "Which"}
SPECIAL = ("__call__", "__len__")


def name_of(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def sections(doc: str) -> dict[str, str]:
    """Google sections of a docstring: heading → its text, indented as it stands."""
    parts = re.split(rf"^({'|'.join(SECTIONS)}):\n", inspect.cleandoc(doc), flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def entries(text: str) -> list[str]:
    """Names that a section of `name: meaning` lists."""
    return re.findall(r"^    (\w+): \S", text, flags=re.MULTILINE)


def functions(classes: list[Any]) -> list[Callable[..., Any]]:
    return [
        member
        for cls in classes
        for name, member in vars(cls).items()
        if inspect.isfunction(member)
        and (name[0] != "_" or name in SPECIAL)
        and member.__module__ == cls.__module__
    ]


CLASSES = [each for each in EVERYTHING if inspect.isclass(each)]
FUNCTIONS = [each for each in EVERYTHING if inspect.isfunction(each)] + functions(CLASSES)


@pytest.mark.parametrize("function", FUNCTIONS, ids=name_of)
def test_every_parameter_and_result_of_a_function_is_described(
    function: Callable[..., Any],
) -> None:
    signature = inspect.signature(function)
    parts = sections(function.__doc__ or "")
    parameters = [name for name in signature.parameters if name not in ("self", "cls")]
    assert entries(parts.get("Args", "")) == parameters
    if signature.return_annotation not in ("None", None, inspect.Signature.empty):
        [result] = [parts[key] for key in ("Returns", "Yields") if key in parts]
        first = result.splitlines()[0]
        assert not re.match(r"    [^.;]*: ", first), "the site takes what precedes `: ` for a type"


@pytest.mark.parametrize("thing", [*FUNCTIONS, *CLASSES], ids=name_of)
def test_the_first_line_is_a_sentence_in_plain_words(thing: Any) -> None:
    doc = thing.__doc__ or ""
    first = doc.partition("\n")[0]
    assert re.fullmatch(r"[A-Z].*[.:]", first), first
    assert not DIALECT.search(doc), DIALECT.search(doc)
    if inspect.isfunction(thing):
        assert first.split()[0] not in NOT_IMPERATIVE, first


def fields_of(cls: Any) -> list[str]:
    """Public fields of a dataclass or of a pydantic model, in order."""
    if dataclasses.is_dataclass(cls):
        return [field.name for field in dataclasses.fields(cls) if field.name[0] != "_"]
    return [*getattr(cls, "model_fields", {})]


@pytest.mark.parametrize("cls", [c for c in CLASSES if fields_of(c)], ids=name_of)
def test_every_field_of_a_result_is_described(cls: Any) -> None:
    fields = fields_of(cls)
    assert entries(sections(cls.__doc__ or "").get("Attributes", "")) == fields
    for name, member in vars(cls).items():
        if isinstance(member, property) and name[0] != "_":
            assert member.__doc__, f"{cls.__name__}.{name}"


@pytest.mark.parametrize("name", [name for name in asc_cli.__all__ if name != "AscError"])
def test_help_shows_the_signature_and_the_sections(name: str) -> None:
    text = pydoc.plain(pydoc.render_doc(getattr(asc_cli, name)))
    function = inspect.unwrap(getattr(asc_cli, name))
    first, *_ = inspect.signature(function).parameters
    assert re.search(rf"^{name}\(.*?{first}: ", text, re.MULTILINE | re.DOTALL)
    assert all(f"    {part}:\n" in text for part in ("Args", "Raises"))


def test_the_page_lists_the_public_api() -> None:
    assert {f"asc_cli.workflow.{name}" for name in workflow.__all__} <= set(LISTED)
    assert set(asc_cli.__all__) - {"AscError"} <= set(workflow.__all__)
