"""A variant with every parameter resolved: what changes a recording before its features."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from asc_cli.core import json_text, plugins
from asc_cli.core.errors import AscError

KIND = "variants"
CARD_KEY = "test_variants"  # of a model's card: what `evaluation.variants` were when it was trained


@dataclass(frozen=True)
class StoredVariant:
    """A variant with every parameter resolved."""

    name: str
    parameters: dict[str, Any]
    version: int
    catalog: plugins.Catalog = field(default=plugins.INSTALLED, compare=False)

    def __reduce__(self) -> Any:  # without what is cached
        return StoredVariant, tuple(getattr(self, each.name) for each in fields(self))

    @functools.cached_property
    def compute(self) -> Any:
        """The variant itself: compute(samples (N,), sample_rate) -> (M,)."""
        return self.catalog.dataclass_of(KIND, self.name)(**self.parameters)

    def to_dict(self) -> dict[str, Any]:
        """Return what stands for it in a feature's key."""
        described = {"name": self.name, "version": self.version, "parameters": self.parameters}
        if (code := self.catalog.find(KIND, self.name)) is not None:
            described["code"] = code.hash
        if hasattr(self.compute, "files"):
            described["files"] = self.compute.files()
        return described

    def changed(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:  # (N,) -> (M,)
        """Return a recording's samples, changed. Raises AscError where they cannot be."""
        try:
            output = np.asarray(self.compute(samples, sample_rate), np.float32)
        except (ValueError, TypeError, ArithmeticError) as fault:
            raise AscError(f"variant {self.name} cannot be computed ({fault})") from fault
        if output.ndim != 1 or not np.isfinite(output).all():
            raise AscError(f"variant {self.name} gives {output.shape}, or is not finite")
        return output


def of_card(card: Mapping[str, Any], catalog: plugins.Catalog) -> tuple[StoredVariant, ...]:
    """Return the variants that a model scores beside each recording, as they are computed here.

    Raises:
        AscError: One is not there, or is computed otherwise than when the model was trained.
    """
    settings = card["recipe"]["evaluation"].get("variants", ())
    described = card.get(CARD_KEY, [])
    variants = tuple(resolve(each, catalog) for each in settings)
    now = json.loads(json_text.dumps([variant.to_dict() for variant in variants]))
    if now != json.loads(json_text.dumps(described)):
        names = ", ".join(variant.name for variant in variants)
        raise AscError(
            f"the model was tested with variants ({names}) that this asc computes otherwise, or "
            "from other files. Train it again, or use the version of asc that trained it"
        )
    return variants


def resolve(settings: Mapping[str, Any], catalog: plugins.Catalog) -> StoredVariant:
    """Return the variant of an entry of a recipe's `variants`. Raises AscError."""
    name = settings["name"]
    defaults = {f.name: f.default for f in fields(catalog.dataclass_of(KIND, name))}
    parameters = {key: value for key, value in settings.items() if key != "name"}
    return StoredVariant(name, {**defaults, **parameters}, catalog.version(name, KIND), catalog)
