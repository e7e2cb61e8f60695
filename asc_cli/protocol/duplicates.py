"""Duplicate recordings: the same audio under two names, or nearly the same name.

Audio is compared decoded, so a copy with other tags or in another lossless container is found.
Files are first compared by length and an excerpt from their middle; only those that agree are
read completely.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath

from asc_cli.audio import hashing
from asc_cli.core.errors import AscError, FileFault
from asc_cli.datasets import Listing
from asc_cli.protocol.audit import Finding

# suffixes that programs and people add to the name of a copy
COPY_SUFFIXES = re.compile(
    r"([\s_.-]*(\(\d+\)|\(?copy\)?( ?\(?\d+\)?)?|dup(licate)?\d*|aug(mented)?\d*|nois[ye]\d*"
    r"|pitch(ed)?\d*|stretch(ed)?\d*|denoised|normali[sz]ed|resampled|converted|edit(ed)?|final"
    r"|\d+ ?k?hz|\d+k))+$"
)


def same_audio(
    listing: Listing, audio_root: Path, progress: Callable[[int, int], None] | None = None
) -> list[Finding]:
    """Return files with equal samples, and unreadable files; missing ones are skipped.

    A pair across train and test is a leak; one with two labels is a fault; others are remarks.
    """
    names = list(dict.fromkeys(recording.file for recording in listing.recordings))
    alike: dict[object, list[str]] = defaultdict(list)
    findings = []
    for done, file in enumerate(names, start=1):
        try:
            if os.path.isfile(audio_root / file):
                alike[hashing.excerpt(audio_root / file)].append(file)
        except FileFault as fault:
            findings.append(Finding("unreadable file", file, fault.reason))
        if progress:
            progress(done, len(names))
    for candidates in alike.values():
        for group in _equal(candidates, audio_root, findings):
            findings += _findings_of(listing, group, "content", "hold the same audio")
    return findings


def require_no_shared_audio(
    source: str,
    listing: Listing,
    audio_root: Path,
    audio_digests: Mapping[str, str],
    folds: Collection[int] | None = None,
) -> None:
    """Raise AscError if a fold tests a recording that it trains on, under whatever name.

    audio_digests: File → hash of its decoded samples; files that are not in it are not compared.
    folds: Those that are checked; all when None.
    """
    for split in listing.splits:
        if folds is not None and split.fold not in folds:
            continue
        trained = {audio_digests[file]: file for file in split.train if file in audio_digests}
        shared = [(file, trained.get(audio_digests.get(file, ""))) for file in split.test]
        pairs = [(tested, other) for tested, other in shared if other is not None]
        if pairs:
            tested, other = pairs[0]
            same = os.path.samefile(audio_root / tested, audio_root / other)
            how = "is the same file as" if same else "holds the same audio as"
            raise AscError(
                f"{source}: fold {split.fold} would train on {len(pairs)} of its test recordings: "
                f"{tested} {how} {other}; correct the lists, or list one of each pair in the "
                "recipe under exclude"
            )


def repeated(listing: Listing, audio_digests: Mapping[str, str], folds: Collection[int]) -> int:
    """Return how many recordings have the samples of another that the same fold tests."""
    parts = [split.test for split in listing.splits if split.fold in folds]
    digests = [[audio_digests[file] for file in part if file in audio_digests] for part in parts]
    return sum(len(part) - len(set(part)) for part in digests)


def near_names(listing: Listing) -> list[Finding]:
    """Return names that differ only in case, accents, extension, folder or a copy's suffix.

    Remarks, not violations: the audio may differ. Compared across train and test, or among all
    where there are no folds.
    """
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for recording in dict.fromkeys(listing.recordings):
        if key := base_name(recording.file):
            alike[recording.label, key].append(recording.file)
    groups = [list(dict.fromkeys(group)) for group in alike.values() if len(group) > 1]
    return [
        Finding(f.check, f.where, f.what, broken=False)
        for group in groups
        if len(group) > 1
        for f in _findings_of(listing, group, "name", "have nearly the same name")
        if f.check == "leak by name" or not listing.splits
    ]


def base_name(file: str) -> str:
    """ "audio/Bus 01 (copy).WAV" → "bus01": the name without case, folder and a copy's suffix."""
    stem = unicodedata.normalize("NFKD", PurePosixPath(file).stem).casefold()
    stem = "".join(letter for letter in stem if not unicodedata.combining(letter))
    return re.sub(r"[\s_.-]+", "", COPY_SUFFIXES.sub("", stem))


def _equal(candidates: list[str], audio_root: Path, findings: list[Finding]) -> Iterator[list[str]]:
    """Yield groups of two or more files whose audio is equal."""
    if len(candidates) < 2:
        return
    by_content: dict[str, list[str]] = defaultdict(list)
    for file in candidates:
        try:
            by_content[hashing.content(audio_root / file)].append(file)
        except FileFault as fault:
            findings.append(Finding("unreadable file", file, fault.reason))
    yield from (group for group in by_content.values() if len(group) > 1)


def _findings_of(listing: Listing, group: list[str], by: str, what: str) -> list[Finding]:
    """Return the findings of a group of similar files: leaks if any, else one remark or fault."""
    leaks = []
    for split in listing.splits:
        train, test = set(split.train), set(split.test)
        trained = [file for file in group if file in train]
        for file in group:
            if file in test and (others := [other for other in trained if other != file]):
                message = f"{file} (test) and {others[0]} (train) {what}"
                leaks.append(Finding(f"leak by {by}", f"fold {split.fold}", message))
    if leaks:
        return leaks
    labels = {r.label for r in listing.recordings if r.file in set(group)}
    shown = ", ".join(group[:3]) + (f" and {len(group) - 3} more" if len(group) > 3 else "")
    if by == "content" and len(labels) > 1:
        message = f"{shown} {what}, under {len(labels)} labels"
        return [Finding("labels differ", group[0], message)]
    return [Finding(f"same {by}", group[0], f"{shown} {what}", broken=False)]
