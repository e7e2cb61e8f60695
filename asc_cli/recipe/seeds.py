"""One recipe with several seeds: a run each, as if it had been trained alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asc_cli.core.errors import AscError
from asc_cli.recipe import ensemble
from asc_cli.recipe.ensemble import AnyRecipe


def load(
    recipe: str | Path, seeds: Sequence[int], overrides: Sequence[str] = ()
) -> list[AnyRecipe]:
    """Read a recipe once per seed, each as with `--set training.seed=N`.

    Args:
        recipe: A shipped recipe's name, or a path.
        seeds: The seeds.
        overrides: "section.key=value", as after --set.

    Returns:
        The recipes, in the order of their seeds.

    Raises:
        AscError: A seed is there more than once, or `overrides` set one too; or as for a recipe.
    """
    for text in overrides:
        if [part.strip() for part in text.partition("=")[0].split(".")] == ["training", "seed"]:
            raise AscError(
                f"--seeds and --set {text}: both set the seed; leave --set {text} away, or --seeds"
            )
    if repeated := [seed for seed in seeds if seeds.count(seed) > 1]:
        raise AscError(f"--seeds: seed {repeated[0]} is there more than once")
    return [ensemble.load(recipe, [*overrides, f"training.seed={seed}"]) for seed in seeds]
