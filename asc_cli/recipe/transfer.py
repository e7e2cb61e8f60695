"""The sections of a recipe that take something from registered models."""

from __future__ import annotations

from pydantic import Field

from asc_cli.recipe.section import Section


class Distil(Section):
    """Registered models whose answers the network learns besides the labels."""

    teachers: tuple[str, ...] = Field(
        min_length=1,
        description="Registered models, NAME or NAME@VERSION; the mean of their logits is learnt.",
    )
    weight: float = Field(
        0.98, ge=0, le=1, description="Of the teachers in the loss; the labels have the rest."
    )
    temperature: float = Field(
        2.0,
        gt=0,
        description="Both answers are divided by it before they are compared: above 1, unlikely "
        "scenes count more.",
    )
