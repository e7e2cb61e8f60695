"""Which recordings of a fold's training part validate, where a recipe holds some out."""

from __future__ import annotations

from collections.abc import Sequence

from asc_cli.datasets import Recording
from asc_cli.protocol import holdout
from asc_cli.recipe.load import Recipe


def split_validation(
    recipe: Recipe, fold: int, recordings: Sequence[Recording], audio_digests: Sequence[str]
) -> tuple[list[int], list[int]]:
    """Return the numbers of the recordings to fit on and to validate on.

    Args:
        recipe: Its `validation` says how many are held out; without, all are fitted on.
        fold: The fold, which the draw depends on.
        recordings: The fold's training part.
        audio_digests: The hash of each one's decoded samples.
    """
    if recipe.validation is None:
        return [*range(len(recordings))], []
    seed = (recipe.training.seed, fold)
    by, fraction = recipe.validation.by, recipe.validation.fraction
    return holdout.split(recordings, fraction, by, seed, audio_digests)
