"""JSON as text: the only place that writes it, so that NaN and Inf never stand in it."""

from __future__ import annotations

import json
from typing import Any

from asc_cli.core.errors import AscError


def dumps(
    value: Any, sort_keys: bool = False, indent: int | None = None, ascii: bool = True
) -> str:
    """Return a value as JSON.

    Args:
        value: Text, numbers, lists and mappings.
        sort_keys: Write the keys of mappings in order, as for a hash.
        indent: Blanks for each level; None: all on one line.
        ascii: Escape all other characters.

    Raises:
        AscError: A number in it is NaN or infinite; the text has its key.
    """
    try:
        return json.dumps(
            value, sort_keys=sort_keys, indent=indent, ensure_ascii=ascii, allow_nan=False
        )
    except ValueError as fault:
        raise AscError(
            f"{_not_finite(value) or fault}: JSON has neither NaN nor Inf; nothing was written"
        ) from fault


def shown(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON for stdout: readable, and safe on a terminal.

    Characters that cannot be seen, such as control characters and direction marks, are escaped.
    Raises AscError as `dumps`.
    """
    text = dumps(value, indent=indent, ascii=False)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _not_finite(value: Any, path: str = "") -> str:
    """Return the path and the value of a number that is not finite; "" where there is none."""
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return f"{path or 'the result'} is {value}"
    children: Any = ()
    if isinstance(value, dict):
        children = ((f"{path}.{key}" if path else str(key), each) for key, each in value.items())
    elif isinstance(value, (list, tuple)):
        children = ((f"{path}[{i}]", each) for i, each in enumerate(value))
    return next((text for key, each in children if (text := _not_finite(each, key))), "")
