"""Hold validation recordings out of the training part, by group; never from the test fold.

Groups (places, sources) are drawn in a random order that depends on the seed and the fold; per
scene, they are held out until the requested share of its recordings is reached. Groups are not
split; each scene keeps at least one group to train on, so the last remaining group of a scene is
skipped. Groups that have the same audio are held out together.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.datasets import Recording


def split(
    recordings: Sequence[Recording],
    fraction: float,
    by: str,
    seed: Sequence[int],
    audio_digests: Sequence[str] | None = None,
) -> tuple[list[int], list[int]]:
    """Return the indices of the recordings to fit on and to validate on.

    by: "group", or "recording" where none are known. audio_digests: The hash of each recording's
    decoded samples, where known. Raises AscError when no group is known, or there are too few to
    hold any out.
    """
    groups = [r.group if by == "group" else r.file for r in recordings]
    if by == "group" and not all(groups):
        raise AscError(
            "validation: by: group, but the dataset names no group for "
            f"{recordings[groups.index('')].file}; give the table a column group, or say "
            "by: recording, which may put recordings of one place on both sides"
        )
    groups = _joined(groups, audio_digests) if audio_digests else groups
    held_out = _draw_groups(recordings, groups, fraction, seed)
    validation = [i for i, group in enumerate(groups) if group in held_out]
    if not validation:
        raise AscError(
            f"validation: fraction {fraction} holds out nothing: every scene has a single group, "
            "or one that another scene needs; use by: recording"
        )
    return [i for i, group in enumerate(groups) if group not in held_out], validation


def _joined(groups: Sequence[str], audio_digests: Sequence[str]) -> list[str]:
    """Return the groups, those that share audio under the name of one of them."""
    name = {group: group for group in groups}

    def first(group: str) -> str:
        while name[group] != group:
            group = name[group]
        return group

    group_of: dict[str, str] = {}
    for group, digest in zip(groups, audio_digests, strict=True):
        name[first(group)] = first(group_of.setdefault(digest, group))
    return [first(group) for group in groups]


def _draw_groups(
    recordings: Sequence[Recording], groups: list[str], fraction: float, seed: Sequence[int]
) -> set[str]:
    """Return the groups to hold out: per scene, the number nearest to the share."""
    sizes = Counter(groups)
    scenes = _main_scene(recordings, groups)
    scenes_of: dict[str, set[str]] = defaultdict(set)  # all scenes of a group
    by_scene: dict[str, list[str]] = defaultdict(list)
    for group, recording in zip(groups, recordings, strict=True):
        scenes_of[group].add(recording.label)
    for group in sorted(sizes):
        by_scene[scenes[group]].append(group)
    remaining = Counter(scene for group in scenes_of for scene in scenes_of[group])
    rng = np.random.default_rng(list(seed))
    held_out: set[str] = set()
    for scene in sorted(by_scene):
        order = [by_scene[scene][i] for i in rng.permutation(len(by_scene[scene]))]
        target = fraction * sum(sizes[group] for group in order)
        available, n_held_out = len(order) - 1, 0  # one group stays to train on
        for group in order:
            if not available or (n_held_out and n_held_out + sizes[group] / 2 > target):
                break
            if any(remaining[other] == 1 for other in scenes_of[group]):
                continue
            held_out.add(group)
            remaining.subtract(scenes_of[group])
            available, n_held_out = available - 1, n_held_out + sizes[group]
    return held_out


def _main_scene(recordings: Sequence[Recording], groups: list[str]) -> dict[str, str]:
    """Return each group's most frequent scene."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for recording, group in zip(recordings, groups, strict=True):
        counts[group][recording.label] += 1
    return {group: min(c, key=lambda scene: (-c[scene], scene)) for group, c in counts.items()}
