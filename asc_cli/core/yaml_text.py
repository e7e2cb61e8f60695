"""YAML from outside, read safely: a sentence with the place for whatever cannot be read.

Only plain mappings, lists and scalars are made; no tag runs code. Before anything is built the text
is gone through event by event, which needs no recursion, and refused where it is larger, deeper, or
by its aliases longer than any recipe or card. Dates stay text.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import yaml

from asc_cli.core import atomic
from asc_cli.core.errors import AscError

MAX_CHARACTERS = 4_000_000
MAX_DEPTH = 60
MAX_DIGITS = 100  # of an integer
MAX_NODES = 200_000  # aliases count as what they stand for
BASE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C ten times as fast, as safe
TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(BASE):  # type: ignore[misc, valid-type]
    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _integer(loader: Any, node: yaml.ScalarNode) -> int:
    if len(node.value) > MAX_DIGITS:
        raise ValueError(f"a number of {len(node.value)} characters")
    return int(loader.construct_yaml_int(node))


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor(TIMESTAMP, _Loader.construct_yaml_str)


def read(path: Path, where: str = "") -> dict[str, Any]:
    """Return the mapping that a YAML file holds.

    Args:
        path: The file.
        where: What messages call it, such as "recipe /…/recipe.yaml"; its path when empty.

    Raises:
        AscError: It cannot be read, holds anything else, or differs from the checksum beside it;
            the text says where.
    """
    where = where or str(path)
    try:
        text = atomic.read_checked(path).decode()
    except (OSError, UnicodeDecodeError) as fault:
        raise AscError(f"{where}: cannot be read ({fault})") from fault
    values = load(text, where)
    if not isinstance(values, dict):
        raise AscError(f"{where}: holds no keys; a mapping was expected")
    return values


def load(text: str, where: str) -> Any:
    """Return the value of a YAML text; None for an empty one.

    Args:
        text: The text.
        where: What it is, for messages, such as "model card /…/card.yaml".

    Raises:
        AscError: It is no YAML, or unreasonably large; the text says where.
    """
    node = compose(text, where)
    return None if node is None else construct(node, where)


def compose(text: str, where: str) -> yaml.Node | None:
    """Return the tree of a YAML text, with the line of every node; None for an empty one.

    Raises:
        AscError: As `load`.
    """
    if len(text) > MAX_CHARACTERS:
        raise AscError(f"{where}: {len(text)} characters; at most {MAX_CHARACTERS} are read")
    try:
        _require_modest(yaml.parse(text, Loader=_Loader), where)
        node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 1
        raise AscError(f"{where}:{line}: not YAML: {fault.problem}") from fault
    except yaml.reader.ReaderError as fault:
        line = text.count("\n", 0, fault.position) + 1
        character = text[fault.position : fault.position + 1] or fault.character
        code = ord(character) if isinstance(character, str) else character
        what = f"a character that YAML does not allow (U+{code:04X})"
        raise AscError(f"{where}:{line}: {what}") from fault
    return node


def construct(node: yaml.Node, where: str) -> Any:
    """Return the value of a node.

    Raises:
        AscError: Its tag is none of YAML's own, or its text does not fit its tag.
    """
    loader = _Loader("")
    try:
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        line = mark.line + 1 if mark else node.start_mark.line + 1
        raise AscError(f"{where}:{line}: {fault.problem}") from fault
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as fault:
        line = node.start_mark.line + 1
        raise AscError(f"{where}:{line}: a value does not fit its type ({fault})") from fault
    finally:
        loader.dispose()


def _require_modest(events: Iterator[yaml.Event], where: str) -> None:
    """Raise AscError for nesting, or nodes with aliases written out, beyond the limits."""
    sizes: dict[str, int] = {}  # nodes under each anchor that is closed
    opened: list[tuple[str | None, int]] = []  # anchor, nodes before it
    n_nodes = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            if any(event.anchor == anchor for anchor, _ in opened):
                raise _at(event, where, f"*{event.anchor} stands within what it is an alias of")
            n_nodes += sizes.get(str(event.anchor), 1)
        elif isinstance(event, yaml.ScalarEvent):
            n_nodes += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            opened.append((event.anchor, n_nodes))
            n_nodes += 1
            if len(opened) > MAX_DEPTH:
                raise _at(event, where, f"nested more than {MAX_DEPTH} deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            if anchor:
                sizes[anchor] = n_nodes - before
        if n_nodes > MAX_NODES:
            raise _at(event, where, f"more than {MAX_NODES} values, aliases written out")


def _at(event: yaml.Event, where: str, what: str) -> AscError:
    line = event.start_mark.line + 1 if event.start_mark else 1
    return AscError(f"{where}:{line}: {what}")
