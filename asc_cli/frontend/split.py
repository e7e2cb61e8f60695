"""Recordings without folds → a CSV with folds: by scene, with what belongs together in one fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asc_cli.core import paths
from asc_cli.core.errors import AscError, FileFault
from asc_cli.frontend.alike import Pair, alike
from asc_cli.protocol import folds as assignment
from asc_cli.protocol import folds_csv, places
from asc_cli.protocol.source import Source, open_source

NAME = "recordings.csv"
UNGROUPED = (
    "nothing tells which recordings are of one place, so a place may be in training and in test, "
    "which makes scores too good; name the places by --group-from, or in a column group"
)


@dataclass(frozen=True)
class FoldsOfRecordings:
    """A CSV with folds, and what it rests on.

    Attributes:
        root: The folder or the list that was read.
        output: The CSV that was written.
        folds: How many.
        rule: Which recordings belong together: list, parent, name, date, none or an expression.
        basis: What the groups rest on, in a sentence.
        scenes: Scene → group → how many recordings.
        example: Files that share a group; empty where none do.
        pairs: Recordings of the same sound, whose groups were joined.
        failed: Files that cannot be read, which are not in the CSV.
        remarks: What to know, a sentence each.
    """

    root: Path
    output: Path
    folds: int
    rule: str
    basis: str
    scenes: dict[str, dict[str, int]]
    example: tuple[str, ...]
    pairs: tuple[Pair, ...]
    failed: tuple[FileFault, ...]
    remarks: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc datasets split --json` prints, without the audit.

        Returns:
            The attributes, paths as text.
        """
        return {
            "root": str(self.root),
            "output": str(self.output),
            "folds": self.folds,
            "rule": self.rule,
            "basis": self.basis,
            "scenes": self.scenes,
            "example": [*self.example],
            "pairs": [asdict(pair) for pair in self.pairs],
            "failed": [{"file": str(f.path), "error": f.reason} for f in self.failed],
            "remarks": [*self.remarks],
        }


def split_recordings(
    data: Path,
    output: Path | None = None,
    *,
    folds: int = 5,
    group_from: str | None = None,
    seed: int = 0,
    overwrite: bool = False,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FoldsOfRecordings:
    """Write a CSV with folds for recordings that have none.

    Folds are stratified by scene; a group is in one fold. Recordings with equal samples, and
    those of which one holds a part of another's sound, are in one group.

    Args:
        data: A folder with a sub-folder per scene, or a CSV with filename and label.
        output: The CSV to write; recordings.csv beside `data` when None. It lists files relative to
            its folder, so they must be in it.
        folds: How many.
        group_from: name, date, parent, none, or a regular expression whose first group is the
            group; None: the list's column group, or the first that explains the names.
        seed: Another seed, other folds.
        overwrite: Replace an existing CSV.
        jobs: Worker processes. None: one per processor, and a single one for a few files.
        progress: Called with (done, all) as files are decoded.

    Returns:
        What was written, and what it rests on. Files that cannot be read are not in it.

    Raises:
        AscError: There is nothing to divide, it has folds already, a scene has a single group, or
            the CSV exists or cannot hold a name.
    """
    source = _without_folds(data)
    target = paths.expanded(output or source.root.parent / NAME, "--output")
    folds_csv.require_writable(target, source.root, overwrite)
    recordings = source.listing.recordings
    names = folds_csv.relative_names(recordings, source.audio_root, target)
    places.group(recordings, group_from, folds)  # what is wrong with the rule, before decoding
    pairs, failed = alike({r.file: source.path(r.file) for r in recordings}, jobs, progress)
    unreadable = {str(fault.path) for fault in failed}
    readable = [r for r in recordings if r.file not in unreadable]
    if not readable:
        raise AscError(f"{source.root}: no recording can be read; the first: {failed[0]}")
    grouping = places.group(readable, group_from, folds)
    assignment.require_enough(assignment.groups_by_scene(readable, grouping.groups), folds)
    groups = assignment.joined(grouping.groups, ((pair.first, pair.second) for pair in pairs))
    scenes = assignment.groups_by_scene(readable, groups)
    _require_enough_joined(scenes, folds, pairs)
    fold_of = assignment.assign(readable, groups, folds, seed)
    ungrouped = grouping.rule == "none"
    written = None if ungrouped and not pairs else groups
    folds_csv.write(target, readable, names, fold_of, written)
    remarks = [*([UNGROUPED] if ungrouped else []), *assignment.remarks(scenes, folds)]
    return FoldsOfRecordings(
        source.root,
        target,
        folds,
        grouping.rule,
        grouping.basis,
        scenes,
        _example(list(groups.items())),
        tuple(pairs),
        tuple(failed),
        tuple(remarks),
    )


def _without_folds(data: Path) -> Source:
    """Return a list or a folder that can be divided. Raises AscError."""
    source = open_source("table", data)
    if source.listing.splits:
        raise AscError(
            f"{source.root}: has folds already; train on it as it is, or remove its column fold or "
            "split to have others"
        )
    files = [recording.file for recording in source.listing.recordings]
    if len(set(files)) < len(files):
        twice = next(file for i, file in enumerate(files) if file in files[:i])
        raise AscError(f"{source.root}: {twice} is listed twice; list it once")
    return source


def _require_enough_joined(
    scenes: dict[str, dict[str, int]], folds: int, pairs: Sequence[Pair]
) -> None:
    """Raise AscError where there were enough groups before those of the same sound were joined."""
    try:
        assignment.require_enough(scenes, folds)
    except AscError as fault:
        raise AscError(
            f"{fault}. Groups were joined because {len(pairs)} pair(s) of recordings hold the same "
            f"sound, such as {pairs[0].first} and {pairs[0].second}: remove what is a copy"
        ) from fault


def _example(groups: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return up to three files of the first group that has several."""
    members: dict[str, list[str]] = {}
    for file, name in groups:
        members.setdefault(name, []).append(file)
    several = (files for files in members.values() if len(files) > 1)
    return tuple(next(several, [])[:3])
