"""Groups of recordings that have no folds: those that belong together, and whether folds can be
formed of them. `assign` forms them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from asc_cli.core.errors import AscError
from asc_cli.datasets import Recording
from asc_cli.datasets._formats.stratified import assign as assign


def joined(groups: Mapping[str, str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the groups, those that a pair of files connects under the name of the first.

    Args:
        groups: File → group.
        pairs: Files that belong together.
    """
    parent = {name: name for name in groups.values()}

    def first(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for one, other in pairs:
        a, b = sorted((first(groups[one]), first(groups[other])))
        parent[b] = a
    return {file: first(name) for file, name in groups.items()}


def groups_by_scene(
    recordings: Sequence[Recording], groups: Mapping[str, str]
) -> dict[str, dict[str, int]]:
    """Return scene → group → how many of its recordings are in it."""
    result: dict[str, Counter[str]] = defaultdict(Counter)
    for recording in recordings:
        result[recording.label][groups[recording.file]] += 1
    return {scene: dict(sorted(result[scene].items())) for scene in sorted(result)}


def require_enough(by_scene: Mapping[str, Mapping[str, int]], folds: int) -> None:
    """Raise AscError where no folds can be formed: of one scene, with a scene that has one group,
    or where a fold would be empty.

    Args:
        by_scene: As `groups_by_scene` returns it.
        folds: How many folds.
    """
    if folds < 2:
        raise AscError(f"--folds {folds}: 2 or more were expected")
    if len(by_scene) == 1:
        raise AscError(
            f"all recordings are {next(iter(by_scene))!r}: there is nothing to classify; "
            "a folder per scene, or a column label with two scenes or more, was expected"
        )
    if single := {scene: next(iter(names)) for scene, names in by_scene.items() if len(names) == 1}:
        shown = ", ".join(f"{scene!r} ({name!r})" for scene, name in list(single.items())[:5])
        raise AscError(
            f"scene {shown}: a single group, which cannot be both trained and tested on. Record "
            "more places; or, if its recordings are of different places, name them by "
            "--group-from (none: each recording is its own)"
        )
    total = len({name for names in by_scene.values() for name in names})
    if total < folds:
        raise AscError(f"--folds {folds}: there are only {total} groups; --folds {total}")


def remarks(by_scene: Mapping[str, Mapping[str, int]], folds: int) -> list[str]:
    """Return a sentence for each scene that has fewer groups than there are folds.

    Args:
        by_scene: As `groups_by_scene` returns it.
        folds: How many folds.
    """
    return [
        f"scene {scene!r} has {len(names)} groups, so {folds - len(names)} of {folds} folds do "
        f"not test it; --folds {len(names)}, or record more places"
        for scene, names in by_scene.items()
        if len(names) < folds
    ]
