"""The sections of a recipe that take something from registered models."""

from __future__ import annotations

from typing import Literal

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


class FineTune(Section):
    """Further training of a fold's network, for each recording device on its own recordings."""

    by: Literal["device"] = Field(
        "device",
        description="What has a member of its own: each recording device that the fold is trained "
        "on. Recordings of other devices, or of none, are classified by the general member.",
    )
    epochs: int = Field(10, ge=1, description="Passes over a device's training recordings.")
    learning_rate: float = Field(
        1e-4, gt=0, description="As in training, whose other keys hold here too."
    )
    start: str | None = Field(
        None,
        description="The general member: that of a run, or of a registered model, NAME or "
        "NAME@VERSION, which must not have seen what the fold tests; none: it is trained first.",
    )
