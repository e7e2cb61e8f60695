"""Which recordings of a fold's training part validate, where a recipe holds some out."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from asc_cli.core.errors import AscError
from asc_cli.datasets import Recording
from asc_cli.protocol import holdout
from asc_cli.recipe.load import Recipe


def split_validation(
    recipe: Recipe,
    fold: int,
    recordings: Sequence[Recording],
    audio_digests: Sequence[str],
    published: Collection[str],
) -> tuple[list[int], list[int]]:
    """Return the numbers of the recordings to fit on and to validate on.

    Args:
        recipe: Its `validation` says how many are held out; without, all are fitted on.
        fold: The fold, which the draw depends on.
        recordings: The fold's training part.
        audio_digests: The hash of each one's decoded samples.
        published: Files that the dataset publishes for validation.

    Raises:
        AscError: Nothing can be held out as the recipe says.
    """
    if recipe.validation is None:
        return [*range(len(recordings))], []
    if recipe.validation.by == "published":
        return _published(recipe, recordings, published)
    seed = (recipe.training.seed, fold)
    by, fraction = recipe.validation.by, recipe.validation.fraction
    return holdout.split(recordings, fraction, by, seed, audio_digests)


def _published(
    recipe: Recipe, recordings: Sequence[Recording], published: Collection[str]
) -> tuple[list[int], list[int]]:
    held_out = [i for i, recording in enumerate(recordings) if recording.file in published]
    if not held_out or len(held_out) == len(recordings):
        raise AscError(
            f"validation: by: published, but {recipe.dataset} publishes no validation part of its "
            "training recordings; by: group holds groups out"
        )
    chosen = {*held_out}
    return [i for i in range(len(recordings)) if i not in chosen], held_out
