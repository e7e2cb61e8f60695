"""The section `stream` of a recipe: how a dataset of shards is read and trained on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from asc_cli.recipe.section import Section


class Stream(Section):
    """A dataset of shards: what is in them, in which order it comes, and training by examples."""

    level: Literal["frame", "video"] = Field(
        "frame", description="A vector a second, or each video's mean alone."
    )
    rgb: int = Field(1024, ge=1, description="Numbers of a frame's picture.")
    audio: int = Field(128, ge=1, description="Numbers of a frame's sound.")
    n_labels: int = Field(4716, ge=1, description="4716 in 2017, 3862 since 2018.")
    max_frames: int = Field(300, ge=1, description="Frames after these are left out.")
    train_part: str = Field("train", description="Prefix of the names of training shards.")
    validation_part: str = Field(
        "validate",
        description="Prefix of the names of validation shards, evaluated after every epoch.",
    )
    buffer: int = Field(
        1024, ge=1, description="Videos of which a random one is next: 345 kB each at full length."
    )
    clip_norm: float | None = Field(
        1.0, gt=0, description="Largest norm of all gradients together; none: as they are."
    )
    decay: float = Field(0.95, gt=0, le=1, description="Factor of the learning rate …")
    decay_every: int = Field(4_000_000, ge=1, description="… after each so many examples.")
    checkpoint_every: int = Field(100_000, ge=1, description="Examples between checkpoints.")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="Of forward and backward; weights and moments are float32."
    )
