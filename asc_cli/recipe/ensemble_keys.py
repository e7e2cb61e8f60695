"""The keys of an ensemble: a recipe of systems, each a recipe of its own."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from asc_cli.recipe.schema import Source
from asc_cli.recipe.section import Section


class System(Section):
    """One system of an ensemble: a recipe, and what its class probabilities weigh."""

    recipe: str | dict[str, Any] = Field(
        description="A recipe's name or file; or all its settings, as asc writes them into runs "
        "and cards."
    )
    name: str | None = Field(
        None, description="What the system is called, beside settings; else the name of its recipe."
    )
    weight: float = Field(
        1.0,
        gt=0,
        strict=True,
        allow_inf_nan=False,
        description="What its probabilities weigh, above 0. Weights need not sum to 1.",
    )


class SharedTraining(Section):
    """What an ensemble sets for the training of all its systems."""

    seed: int | None = Field(
        None, ge=0, description="The seed of all systems; none: that of each recipe."
    )


class EnsembleKeys(Section):
    """All keys of a recipe of several systems."""

    description: str = Field("", description="One line for `asc recipes list`.")
    dataset: str = Field(description="Name of the dataset of all systems.")
    data: str | None = Field(None, description="Where the dataset is, for all systems.")
    subset: int | None = Field(
        None, description="A published subset for all systems; none: that of each recipe."
    )
    exclude: tuple[str, ...] | None = Field(
        None, description="Files that all systems leave out; none: those of each recipe."
    )
    training: SharedTraining = Field(SharedTraining(), description="The seed of all systems.")
    systems: tuple[System, ...] = Field(
        description="In place of features and model: two or more recipes of the same dataset. Each "
        "is trained as it is alone, and their class probabilities are averaged with weights.",
    )
    source: Source | None = Field(None, description="Where the settings come from.")
    licence: str | None = Field(None, description="Licence of the trained model.")
    deployment_precision: Literal["float32", "float16", "int8"] | None = Field(
        None, description="Precision that the model is deployed at; none: float32."
    )
