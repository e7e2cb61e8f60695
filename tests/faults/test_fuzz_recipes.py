"""Recipes and `--set` with faults: loaded, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import fuzz_recipes, fuzzing


def test_recipes_with_faults_are_loaded_or_refused(tmp_path: Path) -> None:
    for inputs in (fuzz_recipes.texts(4, 40), fuzz_recipes.overrides(4, 40)):
        ends = fuzzing.run(inputs, lambda each: fuzz_recipes.attack(each, tmp_path / "r.yaml"))
        assert set(ends) == {"loaded", "refused"}


@pytest.mark.campaign
def test_many_recipes_with_faults(tmp_path: Path, seed: int, whole: bool) -> None:
    count = 2_500 if whole else 400
    for inputs in (fuzz_recipes.texts(seed, count), fuzz_recipes.overrides(seed, count)):
        ends = fuzzing.run(inputs, lambda each: fuzz_recipes.attack(each, tmp_path / "r.yaml"))
        assert set(ends) == {"loaded", "refused"}
