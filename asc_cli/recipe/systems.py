"""A recipe of several systems as an object: the systems, their weights, its signature.

A member is what one fold trained; a system is a recipe with a member for each fold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, InstanceOf

from asc_cli.core import json_text
from asc_cli.core.code import Code
from asc_cli.core.plugins import Catalog
from asc_cli.recipe.changes import Change, changes
from asc_cli.recipe.ensemble_keys import SharedTraining
from asc_cli.recipe.load import Recipe


class System(BaseModel):
    """One system of an ensemble.

    Attributes:
        name: The name of its recipe.
        weight: What its probabilities weigh, above 0.
        recipe: Its recipe, with the seed that the ensemble sets.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    weight: float
    recipe: Recipe


class Ensemble(BaseModel):
    """A recipe of several systems, with every key resolved.

    Attributes:
        name: The name of its file.
        dataset: The dataset's name, of all systems.
        data: Where the dataset is; None: as the systems' recipes have it.
        subset: A published subset to train on, in per cent; None: all.
        exclude: Files that are left out.
        training: The seed of all systems, if it sets one.
        systems: The systems, in the order of the mean.
        settings: All keys as they are in YAML, the systems' settings included.
        catalog: Code from outside asc that the systems name, and what is shipped.
        shipped: The shipped recipe that it is, or that it extends; None: neither.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    dataset: str
    data: Path | None
    subset: int | None
    exclude: tuple[str, ...]
    training: SharedTraining
    systems: tuple[System, ...]
    settings: dict[str, Any]
    catalog: InstanceOf[Catalog]
    shipped: str | None = None

    @property
    def weights(self) -> list[float]:
        """The weight of each system."""
        return [system.weight for system in self.systems]

    @property
    def seed(self) -> int | None:
        """The seed that all systems have; None where they have different ones."""
        seeds = {system.recipe.training.seed for system in self.systems}
        return seeds.pop() if len(seeds) == 1 else None

    def yaml(self) -> str:
        """Return the resolved recipe as YAML.

        Returns:
            Text that can be trained as it is, without the systems' files.
        """
        return yaml.safe_dump(self.settings, sort_keys=False, allow_unicode=True)

    def code(self) -> list[dict[str, str]]:
        """Return what the systems' results are computed by.

        Returns:
            kind, name, origin and hash, each once, as of a recipe.
        """
        rows = [row for system in self.systems for row in system.recipe.code()]
        return list({(row["kind"], row["name"]): row for row in rows}.values())

    def signature(self, *runs: str) -> str:
        """Hash the systems' runs and weights.

        Args:
            runs: The name of each system's run, which has the signature of its recipe, its code
                and its data.

        Returns:
            12 hexadecimal digits.
        """
        text = json_text.dumps([list(pair) for pair in zip(runs, self.weights, strict=True)])
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def changes(self, shipped: Ensemble) -> tuple[Change, ...]:
        """Return what differs from the shipped ensemble: weights, and the systems' settings.

        Args:
            shipped: The ensemble as it is shipped.

        Returns:
            The changes, a system's keys behind its name.
        """
        others = {system.name: system for system in shipped.systems}
        return tuple(
            change for own in self.systems for change in _changes(own, others.get(own.name))
        )

    def functional_settings(self) -> list[tuple[float, Mapping[str, Any]]]:
        """Return what may change the result, to tell runs apart.

        Returns:
            Each system's weight and settings, without description, sources and the like.
        """
        return [(system.weight, system.recipe.functional_settings()) for system in self.systems]


def outside_code(systems: Sequence[System]) -> dict[tuple[str, str], Code]:
    """Return the code from outside that systems name; where two have the same, the first's."""
    return {
        (code.kind, code.name): code
        for system in reversed(systems)
        for code in system.recipe.catalog.code
    }


def _changes(own: System, other: System | None) -> Iterator[Change]:
    if other is None:
        yield Change(f"systems.{own.name}", own.weight, None)
        return
    if own.weight != other.weight:
        yield Change(f"systems.{own.name}.weight", own.weight, other.weight)
    for change in changes(own.recipe.settings, other.recipe.settings):
        yield Change(f"{own.name}.{change.key}", change.value, change.shipped)
