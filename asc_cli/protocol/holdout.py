"""Validation recordings, cut from training by group, never from the test fold.

Groups (places, sources) are drawn in a random order that depends on the seed and the fold; per
scene, they are taken until the wanted share of its recordings is held out. A group goes as a
whole; each scene keeps at least one group to train on, so a group that is the last one left of
any scene in it is passed over.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.datasets import Recording


def cut(
    recordings: Sequence[Recording], fraction: float, by: str, seed: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Indices of the recordings to fit on and of those to validate on.

    by: "group", or "recording" where none are known. Raises AscError when no group is known, or
    there are too few to hold any out.
    """
    groups = [r.group if by == "group" else r.file for r in recordings]
    if by == "group" and not all(groups):
        raise AscError(
            "validation: by: group, but the dataset names no group for "
            f"{recordings[groups.index('')].file}; give the table a column group, or say "
            "by: recording, which lets recordings of one place fall on both sides"
        )
    held = _drawn(recordings, groups, fraction, seed)
    validation = [i for i, group in enumerate(groups) if group in held]
    if not validation:
        raise AscError(
            f"validation: fraction {fraction} holds out nothing: every scene has a single group, "
            "or one that another scene cannot spare; by: recording is what is left"
        )
    return [i for i, group in enumerate(groups) if group not in held], validation


def _drawn(
    recordings: Sequence[Recording], groups: list[str], fraction: float, seed: Sequence[int]
) -> set[str]:
    """Groups to hold out: per scene, as many as come nearest to the share."""
    sizes = Counter(groups)
    scenes = _main_scene(recordings, groups)
    heard: dict[str, set[str]] = defaultdict(set)  # all scenes of a group
    by_scene: dict[str, list[str]] = defaultdict(list)
    for group, recording in zip(groups, recordings, strict=True):
        heard[group].add(recording.label)
    for group in sorted(sizes):
        by_scene[scenes[group]].append(group)
    left = Counter(scene for group in heard for scene in heard[group])  # groups to train on
    rng = np.random.default_rng(list(seed))
    held: set[str] = set()
    for scene in sorted(by_scene):
        order = [by_scene[scene][i] for i in rng.permutation(len(by_scene[scene]))]
        wanted = fraction * sum(sizes[group] for group in order)
        spare, taken = len(order) - 1, 0  # one is kept to train on
        for group in order:
            if not spare or (taken and taken + sizes[group] / 2 > wanted):
                break
            if any(left[other] == 1 for other in heard[group]):
                continue
            held.add(group)
            left.subtract(heard[group])
            spare, taken = spare - 1, taken + sizes[group]
    return held


def _main_scene(recordings: Sequence[Recording], groups: list[str]) -> dict[str, str]:
    """The scene that most recordings of a group are of."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for recording, group in zip(recordings, groups, strict=True):
        counts[group][recording.label] += 1
    return {group: min(c, key=lambda scene: (-c[scene], scene)) for group, c in counts.items()}
