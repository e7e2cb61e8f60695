"""Candidates: a recipe with values that are tried for its keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asc_cli.core.errors import AscError
from asc_cli.core.kind import VIDEOS, kind_of
from asc_cli.recipe import load as recipes
from asc_cli.recipe import search_space
from asc_cli.recipe.changes import NON_FUNCTIONAL_KEYS
from asc_cli.recipe.load import Recipe
from asc_cli.recipe.search_space import Space

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


@dataclass(frozen=True)
class Search:
    """Candidates that are drawn one after the other, each by the scores of those before.

    Attributes:
        recipe: A shipped recipe's name, or a path.
        overrides: "key=value", as after --set; for all candidates.
        space: Key → what may be drawn.
        trials: How many are drawn for each fold.
    """

    recipe: str | Path
    overrides: tuple[str, ...]
    space: Space
    trials: int

    def candidate(self, values: Mapping[str, str]) -> Candidate:
        """Return the recipe with values of all keys. Raises AscError where it takes them not."""
        return _candidate(self.recipe, self.overrides, values)


def load(
    recipe: str | Path,
    tries: Sequence[str],
    overrides: Sequence[str] = (),
    trials: int | None = None,
) -> list[Candidate] | Search:
    """Read a recipe with the values that are tried.

    Args:
        recipe: A shipped recipe's name, or a path.
        tries: "key=value,value", "key=low..high" or "key=low..high:log": a text per key.
        overrides: "key=value", as after --set; for all candidates.
        trials: How many candidates to draw for each fold; None: every combination is one.

    Returns:
        The candidates, the first key's values change slowest; with trials, what draws them.

    Raises:
        AscError: There is nothing to choose from, a key is no setting to choose, two candidates
            are the same recipe; or as for a recipe.
    """
    if not tries:
        raise AscError("tune: --try KEY=VALUE,VALUE is missing, as in --try model.n_hidden=64,128")
    space = _space(tries, overrides)
    if trials is not None:
        return _search(recipe, overrides, space, trials)
    candidates: list[Candidate] = []
    for values in search_space.grid(space):
        candidate = _candidate(recipe, overrides, values)
        for other in candidates:
            if other.recipe.settings == candidate.recipe.settings:
                raise AscError(
                    f"--try: {', '.join(other.settings)} and {', '.join(candidate.settings)} are "
                    "the same settings; leave one away"
                )
        candidates.append(candidate)
    if len(candidates) < 2:
        raise AscError(
            f"--try {tries[0]}: two values or more were expected, as in {next(iter(space))}=1,2"
        )
    return candidates


def _search(recipe: str | Path, overrides: Sequence[str], space: Space, trials: int) -> Search:
    if trials < 2:
        raise AscError(f"--trials {trials}: 2 or more were expected")
    search = Search(recipe, tuple(overrides), space, trials)
    first = {key: drawn.examples()[0] for key, drawn in space.items()}
    for key, drawn in space.items():  # a fault in a value stops before anything is trained
        for value in drawn.examples():
            search.candidate({**first, key: value})
    return search


def _candidate(
    recipe: str | Path, overrides: Sequence[str], values: Mapping[str, str]
) -> Candidate:
    settings = [f"{key}={value}" for key, value in values.items()]
    candidate = Candidate(values, recipes.load(recipe, [*overrides, *settings]))
    if kind_of(candidate.recipe.settings) == VIDEOS:
        raise AscError(
            f"tune: {candidate.recipe.dataset} is a stream of shards, without folds; train each "
            "setting, and compare them on its validation part"
        )
    return candidate


def _space(tries: Sequence[str], overrides: Sequence[str]) -> Space:
    """Return what may be drawn for each key. Raises AscError for a key that is none to choose."""
    space: dict[str, search_space.Values | search_space.Range] = {}
    for text in tries:
        key, drawn = search_space.read(text)
        section = key.partition(".")[0]
        if reason := REFUSED.get(key) or REFUSED.get(section):
            raise AscError(f"--try {text}: {key} cannot be chosen: {reason}")
        if any(other.partition("=")[0].replace(" ", "") == key for other in overrides):
            raise AscError(f"--try {text}: --set sets {key} too; leave one of them away")
        if key in space:
            raise AscError(f"--try {key}: is there more than once; list its values in one")
        space[key] = drawn
    return space
