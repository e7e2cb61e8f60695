"""Which settings of a recipe differ from those of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NON_FUNCTIONAL_KEYS = (
    "description",
    "paper",
    "source",
    "licence",
    "deployment_precision",
)  # they change no result
NAMED = ("features", "model")  # their other keys depend on the name


@dataclass(frozen=True)
class Change:
    """A key that has another value than in a shipped recipe.

    Attributes:
        key: The key, such as training.epochs.
        value: Its value.
        shipped: The shipped recipe's value; None where that has no such key.
    """

    key: str
    value: Any
    shipped: Any

    def __str__(self) -> str:
        return (
            f"{self.key} {self.value} (not {'set there' if self.shipped is None else self.shipped})"
        )


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """Flatten {"model": {"name": …}} to {"model.name": …}; a system's behind systems.NAME."""
    rows: dict[str, object] = {}
    for key, value in settings.items():
        if key == "systems" and not prefix:
            for one in value:
                own = {"weight": one["weight"], **one["recipe"]}
                rows |= flat(own, f"systems.{one['name']}.")
        elif isinstance(value, Mapping):
            rows |= flat(value, f"{prefix}{key}.")
        elif isinstance(value, (list, tuple)):
            rows[prefix + key] = ", ".join(map(_entry, value)) or "none"
        else:
            rows[prefix + key] = value
    return rows


def _entry(value: object) -> str:
    """Return an entry of a list; one of augment or variants as "speed (factor 0.8)"."""
    if not isinstance(value, Mapping) or "name" not in value:
        return str(value)
    parameters = ", ".join(f"{key} {own}" for key, own in value.items() if key != "name")
    return f"{value['name']} ({parameters})" if parameters else str(value["name"])


def changes(settings: Mapping[str, Any], shipped: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return the keys whose values may change a result and differ from the shipped recipe's.

    The seed and the excluded files are conditions of their own, and not among them.
    """
    own_values, shipped_values = flat(settings), flat(shipped)
    ignored = (*NON_FUNCTIONAL_KEYS, "exclude", "training.seed", "training.curve_every")
    differing = [
        Change(key, own_values.get(key), shipped_values.get(key))
        for key in dict.fromkeys([*own_values, *shipped_values])
        if own_values.get(key) != shipped_values.get(key)
        and not any(key == name or key.startswith(f"{name}.") for name in ignored)
    ]
    renamed = [c.key.partition(".")[0] for c in differing if c.key in _names()]
    return tuple(
        c for c in differing if c.key in _names() or c.key.partition(".")[0] not in renamed
    )


def _names() -> tuple[str, ...]:
    return tuple(f"{section}.name" for section in NAMED)
