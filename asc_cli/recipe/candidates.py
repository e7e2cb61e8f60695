"""Candidates: every combination of the values that are tried for a recipe's keys."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asc_cli.core.errors import AscError
from asc_cli.core.kind import VIDEOS, kind_of
from asc_cli.recipe import load as recipes
from asc_cli.recipe.changes import NON_FUNCTIONAL_KEYS
from asc_cli.recipe.load import Recipe

OPENING, CLOSING = "[{(", "]})"
REFUSED = {  # keys that are no settings to choose, and why
    "training.seed": "a seed is not chosen; asc train --seeds 0-4 shows the spread over seeds",
    "training.curve_every": "it changes no result",
    "evaluation.headline": "scores by different metrics do not compare",
    **dict.fromkeys(("dataset", "data", "subset", "exclude"), "it changes what is tested"),
    **dict.fromkeys(NON_FUNCTIONAL_KEYS, "it changes no result"),
}


@dataclass(frozen=True)
class Candidate:
    """One combination of values.

    Attributes:
        values: Key → value, as they were written.
        recipe: The recipe with these values.
    """

    values: Mapping[str, str]
    recipe: Recipe

    @property
    def settings(self) -> list[str]:
        """What stands after --set to train it: "key=value"."""
        return [f"{key}={value}" for key, value in self.values.items()]


def load(
    recipe: str | Path, tries: Sequence[str], overrides: Sequence[str] = ()
) -> list[Candidate]:
    """Read a recipe with every combination of the values that are tried.

    Args:
        recipe: A shipped recipe's name, or a path.
        tries: "key=value,value", a text per key. A comma within brackets separates no values.
        overrides: "key=value", as after --set; for all candidates.

    Returns:
        The candidates; the first key's values change slowest.

    Raises:
        AscError: There is nothing to choose from, a key is no setting to choose, two candidates
            are the same recipe; or as for a recipe.
    """
    if not tries:
        raise AscError("tune: --try KEY=VALUE,VALUE is missing, as in --try model.n_hidden=64,128")
    tried = [_parsed(text, overrides) for text in tries]
    keys = [key for key, _ in tried]
    if repeated := [key for key in keys if keys.count(key) > 1]:
        raise AscError(f"--try {repeated[0]}: is there more than once; list its values in one")
    candidates: list[Candidate] = []
    for combination in itertools.product(*(values for _, values in tried)):
        values = dict(zip(keys, combination, strict=True))
        settings = [f"{key}={value}" for key, value in values.items()]
        candidate = Candidate(values, recipes.load(recipe, [*overrides, *settings]))
        for other in candidates:
            if other.recipe.settings == candidate.recipe.settings:
                raise AscError(
                    f"--try: {', '.join(other.settings)} and {', '.join(settings)} are the same "
                    "settings; leave one away"
                )
        candidates.append(candidate)
    if len(candidates) < 2:
        raise AscError(f"--try {tries[0]}: two values or more were expected, as in {keys[0]}=1,2")
    if kind_of(candidates[0].recipe.settings) == VIDEOS:
        raise AscError(
            f"tune: {candidates[0].recipe.dataset} is a stream of shards, without folds; train "
            "each setting, and compare them on its validation part"
        )
    return candidates


def _parsed(text: str, overrides: Sequence[str]) -> tuple[str, list[str]]:
    """Return key and values of "key=value,value"."""
    key, equals, listed = text.partition("=")
    key = ".".join(part.strip() for part in key.split("."))
    values = [value.strip() for value in _split(listed)]
    if not equals or not key or not all(values):
        raise AscError(f"--try {text}: KEY=VALUE,VALUE was expected, as in model.n_hidden=64,128")
    section = key.partition(".")[0]
    if reason := REFUSED.get(key) or REFUSED.get(section):
        raise AscError(f"--try {text}: {key} cannot be chosen: {reason}")
    if any(other.partition("=")[0].replace(" ", "") == key for other in overrides):
        raise AscError(f"--try {text}: --set sets {key} too; leave one of them away")
    return key, values


def _split(text: str) -> list[str]:
    """Split at commas that are in no brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in OPENING) - (character in CLOSING)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts
