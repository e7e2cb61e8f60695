"""Which recordings belong together: guessed from names, dates or folders, or read from the list.

A model that is tested where it was trained recognises the place, not the scene; so recordings of
one place belong into one fold. Rules, in the order in which they are tried:

    list     the column group of the list
    parent   scenes/park/north/a.wav                the folder below the scene: north
    name     line7_01.wav, park_03-2.wav            the parts of the name after the scene and
                                                    before the last ones: line7, 03
    date     20261128_1530.wav, 2026-11-28 15.30    the text before the date, and the day
    none     each recording is its own

A rule explains the names if every scene has two groups or more and a quarter of the recordings
share theirs. Of a name as few parts are used as give each scene a group per fold; parts that most
scenes share, as a city, a day or a published fold, are not enough; else, as few as give it two. A
group that is too large makes a test harder, one that is too small makes it too easy. A group is of
one scene, as the same word may be two places in two scenes; but what a list or an expression names
is used as it is.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from asc_cli.core.errors import AscError
from asc_cli.datasets import Recording

RULES = ("name", "date", "parent", "none")
FEWEST = 2  # groups of each scene
SHARED = 0.25  # of the recordings share their group
COMMON = 0.75  # of the scenes have a part of a name that is no place
PARTS = re.compile(r"[^\W_]+")
LAST_NUMBER = re.compile(r"(?<=[^\W\d_])\d+$")
DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_. ]?(0[1-9]|1[0-2])[-_. ]?(0[1-9]|[12]\d|3[01])"
    r"(?=\D|[0-2]\d[0-5]\d|$)"  # the time may follow at once
)

Groups = dict[str, str]  # file → group; files without one are left out


@dataclass(frozen=True)
class Grouping:
    """Which recordings belong together, and why.

    Attributes:
        rule: list, parent, name, date, none, or the regular expression.
        basis: What it rests on, in a sentence.
        groups: File → group.
    """

    rule: str
    basis: str
    groups: Groups


def group(recordings: Sequence[Recording], rule: str | None, folds: int) -> Grouping:
    """Return the groups of recordings.

    Args:
        recordings: Those to group.
        rule: name, date, parent, none, or a regular expression whose first group is the group;
            None: the first rule that explains the names.
        folds: How many folds there will be.

    Raises:
        AscError: The expression is none, has no group, or is in no name.
    """
    if rule is None:
        return _guessed(recordings, folds)
    if rule == "none":
        return _one_group_each(recordings, "by your wish")
    if rule in RULES:
        groups = _by_rule(recordings, rule, folds)
        if not groups:
            raise AscError(f"--group-from {rule}: no recording has one: {_WITHOUT[rule]}")
        return _completed(recordings, rule, _basis(rule, groups), groups)
    groups = _by_expression(recordings, rule)
    return _completed(recordings, rule, "the expression's first group in the path", groups)


def _guessed(recordings: Sequence[Recording], folds: int) -> Grouping:
    if listed := {r.file: r.group for r in recordings if r.group}:
        return _completed(recordings, "list", "the column group of the list", listed)
    for rule in ("parent", "name", "date"):
        groups = _by_rule(recordings, rule, folds)
        if _explains(recordings, groups):
            return _completed(recordings, rule, _basis(rule, groups), groups)
    return _one_group_each(
        recordings, "neither names, dates nor folders tell which belong together"
    )


def _by_rule(recordings: Sequence[Recording], rule: str, folds: int) -> Groups:
    if rule == "name":
        return _by_name(recordings, folds)
    of: Callable[[Recording], str] = _parent if rule == "parent" else _day
    return {r.file: f"{r.label}/{name}" for r in recordings if (name := of(r))}


_WITHOUT = {
    "parent": "there is no folder below the scenes' folders",
    "date": "no name has a date such as 20261128_1530 or 2026-11-28",
    "name": "no part of the names before the last one is shared",
}


def _basis(rule: str, groups: Groups) -> str:
    example = next(iter(groups))
    shown = f"as {groups[example]!r} of {PurePosixPath(example).name!r}"
    words = {
        "parent": "the folder below the scene",
        "name": "how the names begin",
        "date": "the day in the names, and the text before it",
    }
    return f"{words[rule]}, {shown}"


def _completed(recordings: Sequence[Recording], rule: str, basis: str, groups: Groups) -> Grouping:
    """Return a grouping in which each recording without a group is its own."""
    if lacking := [r.file for r in recordings if r.file not in groups]:
        basis += f"; {len(lacking)} recording(s) without, such as {lacking[0]}, are their own"
    return Grouping(rule, basis, {r.file: groups.get(r.file, r.file) for r in recordings})


def _one_group_each(recordings: Sequence[Recording], why: str) -> Grouping:
    return Grouping(
        "none", f"each recording is its own group: {why}", {r.file: r.file for r in recordings}
    )


def _explains(recordings: Sequence[Recording], groups: Mapping[str, str]) -> bool:
    """Return whether each scene has FEWEST groups, and enough recordings share theirs."""
    sizes = Counter(groups.values())
    shared = sum(sizes[groups[r.file]] > 1 for r in recordings if r.file in groups)
    return shared >= SHARED * len(recordings) and _fewest(recordings, groups) >= FEWEST


def _fewest(recordings: Sequence[Recording], groups: Mapping[str, str]) -> int:
    """Return how many groups the scene with the fewest has."""
    of_scene: dict[str, set[str]] = {recording.label: set() for recording in recordings}
    for recording in recordings:
        if recording.file in groups:
            of_scene[recording.label].add(groups[recording.file])
    return min(map(len, of_scene.values()), default=0)


def _parent(recording: Recording) -> str:
    """Return the folder below the scene's, "" where there is none."""
    folders = PurePosixPath(recording.file).parts[:-1]
    below = folders[folders.index(recording.label) + 1 :] if recording.label in folders else folders
    return below[0] if below else ""


def _day(recording: Recording) -> str:
    """Return the text before the date in a name and the day, "" without a date."""
    stem = PurePosixPath(recording.file).stem
    if not (match := DATE.search(stem)):
        return ""
    before = "_".join(PARTS.findall(stem[: match.start()]))
    return "_".join([*([before] if before else []), "-".join(match.groups())])


def _by_name(recordings: Sequence[Recording], folds: int) -> Groups:
    """Return groups by the first parts of names: the fewest parts that tell enough groups."""
    parts = {r.file: _without_scene(_parts(r.file), r.label) for r in recordings}
    choices = []
    for n in range(1, max(map(len, parts.values()), default=1)):
        groups = {
            r.file: f"{r.label}/{'_'.join(parts[r.file][:n])}"
            for r in recordings
            if len(parts[r.file]) > n
        }
        if _explains(recordings, groups):
            choices.append(groups)
    enough = (
        groups
        for groups in choices
        if _fewest(recordings, groups) >= folds and not _is_common(recordings, groups)
    )
    return next(enough, choices[0] if choices else {})


def _is_common(recordings: Sequence[Recording], groups: Mapping[str, str]) -> bool:
    """Return whether the groups' names, without their scene, are those of most scenes."""
    scenes_of: dict[str, set[str]] = defaultdict(set)
    for recording in recordings:
        if recording.file in groups:
            name = groups[recording.file].removeprefix(f"{recording.label}/")
            scenes_of[name].add(recording.label)
    n_scenes = len({recording.label for recording in recordings})
    return sum(map(len, scenes_of.values())) >= COMMON * n_scenes * len(scenes_of)


def _without_scene(parts: list[str], scene: str) -> list[str]:
    """Return the parts after the scene's own name, if they begin with it."""
    words = [word.casefold() for word in PARTS.findall(scene)]
    begins = [part.casefold() for part in parts[: len(words)]] == words
    return parts[len(words) :] if begins else parts


def _parts(file: str) -> list[str]:
    """ "park_03-2.wav" → park, 03, 2; the number that ends a word of the last part is its own."""
    stem = PurePosixPath(file).stem
    if match := DATE.search(stem):  # what follows is the time
        return [*PARTS.findall(stem[: match.start()]), stem[match.start() :]]
    parts = PARTS.findall(stem)
    if parts and (number := LAST_NUMBER.search(parts[-1])):
        parts[-1:] = [parts[-1][: number.start()], number[0]]
    return parts


def _by_expression(recordings: Sequence[Recording], expression: str) -> Groups:
    try:
        pattern = re.compile(expression)
    except re.error as fault:
        raise AscError(f"--group-from {expression}: is no regular expression ({fault})") from fault
    if not pattern.groups:
        raise AscError(
            f"--group-from {expression}: has no group in parentheses; {', '.join(RULES)} or an "
            r"expression was expected, such as '([a-z]+\d+)_'"
        )
    groups = {r.file: m[1] for r in recordings if (m := pattern.search(r.file)) and m[1]}
    if not groups:
        first = recordings[0].file if recordings else ""
        raise AscError(f"--group-from {expression}: is in no path, such as {first}")
    return groups
