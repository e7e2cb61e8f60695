"""Parts of pages in Markdown: tables, and a JSON schema's types in words."""

from __future__ import annotations

from typing import Any


def heading(definition: str) -> str:
    """features_log_mel → features: log_mel; models_lstm → model: lstm; Clips → clips."""
    room, _, name = definition.partition("_")
    return f"{'model' if room == 'models' else room}: {name}" if name else room.lower()


def shown(default: Any) -> str:
    """A default as it stands in YAML; a section's are listed in its own table."""
    if isinstance(default, dict):
        return "below"
    words = {None: "none", True: "`true`", False: "`false`", "": "empty"}
    is_word = default is None or isinstance(default, (bool, str))
    return words[default] if is_word and default in words else f"`{default}`"


def kind(value: dict[str, Any]) -> str:
    """A JSON schema's type, in words."""
    if either := value.get("anyOf", value.get("oneOf")):
        return " or ".join("none" if each == {"type": "null"} else kind(each) for each in either)
    if "$ref" in value:
        name = heading(value["$ref"].rsplit("/", 1)[-1])
        return f"[{name}](#{name.replace(': ', '-')})"
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{each}`" for each in value["enum"])
    if value.get("type") == "array":
        return f"list of {kind(value.get('items', {}))}"
    return value.get("type", "any") + limits(value)


def limits(value: dict[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{sign} {value[key]:g}" for key, sign in signs.items() if key in value]
    return f" {', '.join(found)}" if found else ""


def table(header: list[str], rows: list[str]) -> str:
    return "\n".join([row(*header), "|---" * len(header) + "|", *rows]) + "\n"


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def escaped(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
