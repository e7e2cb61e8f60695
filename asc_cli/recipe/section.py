"""What every section of a recipe is: keys that are checked, with defaults."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Keys of a recipe. `ADDED` names those that version 0.1.0 did not have: `Recipe.settings`
    leaves them out where they have their defaults, so that signatures of then go on."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        protected_namespaces=(),
        validate_default=True,
        allow_inf_nan=False,  # which no JSON holds, so that no run could be written
    )
    ADDED: ClassVar[tuple[str, ...]] = ()
