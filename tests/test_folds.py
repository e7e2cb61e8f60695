"""Folds for recordings that have none: by scene, groups in one piece."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asc_cli.core.errors import AscError
from asc_cli.datasets import Recording
from asc_cli.protocol import folds

SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=12)  # of a scene's groups


def listed(scenes: list[list[int]]) -> tuple[list[Recording], dict[str, str]]:
    recordings, groups = [], {}
    for s, sizes in enumerate(scenes):
        for g, size in enumerate(sizes):
            for n in range(size):
                recordings.append(Recording(f"{s}/{g}_{n}.wav", f"scene{s}"))
                groups[recordings[-1].file] = f"{s}/{g}"
    return recordings, groups


@settings(max_examples=60, deadline=None)
@given(st.lists(SIZES, min_size=1, max_size=5), st.integers(2, 6), st.integers(0, 3))
def test_groups_scenes_and_sizes(scenes: list[list[int]], n: int, seed: int) -> None:
    recordings, groups = listed(scenes)
    fold_of = folds.assign(recordings, groups, n, seed)
    assert set(fold_of) == set(groups) and set(fold_of.values()) <= set(range(1, n + 1))
    of_group = defaultdict(set)
    for file, name in groups.items():
        of_group[name].add(fold_of[file])
    assert all(len(numbers) == 1 for numbers in of_group.values())
    for s, sizes in enumerate(scenes):
        counts = Counter(fold_of[r.file] for r in recordings if r.label == f"scene{s}")
        assert len(counts) == min(n, len(sizes))
        if len(sizes) >= n:
            assert max(counts.values()) - min(counts.values()) <= max(sizes)
    assert folds.assign(recordings, groups, n, seed) == fold_of


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(2, 30), min_size=1, max_size=6), st.integers(2, 5))
def test_single_recordings_are_divided_evenly(sizes: list[int], n: int) -> None:
    recordings, groups = listed([[1] * size for size in sizes])
    fold_of = folds.assign(recordings, groups, n)
    total = Counter(fold_of.values())
    assert max(total.values()) - min(total.values() if len(total) == n else [0]) <= len(sizes)
    for s in range(len(sizes)):
        counts = Counter(fold_of[r.file] for r in recordings if r.label == f"scene{s}")
        assert max(counts.values()) - min(counts[k] for k in range(1, n + 1)) <= 1


def test_another_seed_gives_other_folds_and_a_group_of_two_scenes_stays_together() -> None:
    recordings, groups = listed([[1] * 12, [2] * 6])
    assert folds.assign(recordings, groups, 3, 0) != folds.assign(recordings, groups, 3, 1)
    groups |= dict.fromkeys(("0/0_0.wav", "1/0_0.wav", "1/0_1.wav"), "both")
    fold_of = folds.assign(recordings, groups, 3)
    assert len({fold_of[file] for file, name in groups.items() if name == "both"}) == 1


def test_groups_that_a_pair_connects_are_one() -> None:
    groups = {"a": "g1", "b": "g2", "c": "g3", "d": "g4", "e": "g2"}
    assert folds.joined(groups, [("c", "b"), ("e", "a")]) == {
        "a": "g1",
        "b": "g1",
        "c": "g1",
        "d": "g4",
        "e": "g1",
    }


def test_what_cannot_be_divided_is_a_sentence() -> None:
    with pytest.raises(AscError, match="--folds 1: 2 or more were expected"):
        folds.require_enough({"bus": {"a": 1, "b": 1}, "park": {"c": 1, "d": 1}}, 1)
    with pytest.raises(AscError, match="all recordings are 'bus': there is nothing to classify"):
        folds.require_enough({"bus": {"a": 1, "b": 1}}, 2)
    with pytest.raises(AscError, match=r"scene 'park' \('c'\): a single group, which cannot be"):
        folds.require_enough({"bus": {"a": 1, "b": 1}, "park": {"c": 9}}, 2)
    with pytest.raises(AscError, match="--folds 5: there are only 4 groups; --folds 4"):
        folds.require_enough({"bus": {"a": 1, "b": 1}, "park": {"c": 1, "d": 1}}, 5)


def test_a_scene_with_fewer_groups_than_folds_has_a_sentence_with_the_remedy() -> None:
    by_scene = {"bus": dict.fromkeys("abcde", 1), "park": {"x": 2, "y": 1}}
    assert folds.remarks(by_scene, 5) == [
        "scene 'park' has 2 groups, so 3 of 5 folds do not test it; --folds 2, or record more "
        "places"
    ]
