"""Inner splits: judge settings for a fold without the recordings that the fold tests.

Pairs. Where test folds are disjoint and together cover the dataset, and there are three or more:
for each pair {a, b} of folds, train on the recordings that both train on. The score on b's test
part judges settings for fold a, the score on a's judges those for b. K folds need K (K − 1) / 2
trainings, and each fold has K − 1 scores.

Validation. Where test folds overlap, or there are one or two: a share of each fold's training part
is held out by group, and judges; by recording, where the dataset names no groups.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from asc_cli.core.errors import AscError
from asc_cli.datasets import Listing, Recording, Split
from asc_cli.protocol import holdout

PAIRS, VALIDATION = "pairs", "validation"
HELD_OUT = 0.2  # share of a fold's training part that judges, where pairs are not possible


@dataclass(frozen=True)
class Judgement:
    """Recordings whose predictions judge settings for a fold.

    Attributes:
        outer: The fold that settings are chosen for.
        files: The recordings.
        name: What they are, for people.
    """

    outer: int
    files: tuple[str, ...]
    name: str


@dataclass(frozen=True)
class InnerSplit:
    """One inner training.

    Attributes:
        number: Names its folder and its seed, from 1; the same whichever folds are chosen.
        train: Recordings that it is trained on.
        judgements: What it predicts, and for which folds.
    """

    number: int
    train: tuple[str, ...]
    judgements: tuple[Judgement, ...]

    def as_split(self, published: Collection[str] = ()) -> Split:
        """Return it as a fold: its test part is everything that it predicts.

        published: Files that are published for validation.
        """
        tested = (file for judgement in self.judgements for file in judgement.files)
        validation = tuple(file for file in self.train if file in published)
        return Split(self.number, self.train, tuple(dict.fromkeys(tested)), validation)


@dataclass(frozen=True)
class Plan:
    """The inner splits of a protocol; method: PAIRS or VALIDATION."""

    method: str
    splits: tuple[InnerSplit, ...]

    def of_folds(self, folds: Sequence[int]) -> Plan:
        """Return the splits that judge settings for some of the folds."""
        needed = [s for s in self.splits if any(j.outer in folds for j in s.judgements)]
        return Plan(self.method, tuple(needed))


def plan(
    listing: Listing, by: str | None, seed: int, audio_digests: Mapping[str, str] | None = None
) -> Plan:
    """Return the inner splits for all folds of a protocol.

    by: The unit that is held out where pairs are not possible: "group" or "recording"; None:
    groups, if any is named. seed: Of that draw. audio_digests: Per file, the hash of its decoded
    samples, where it is known.
    """
    if _has_pairs(listing):
        return Plan(PAIRS, tuple(_pairs(listing.splits)))
    recordings = listing.by_file()
    by = by or ("group" if any(r.group for r in listing.recordings) else "recording")
    splits = []
    for split in listing.splits:
        part = [recordings[file] for file in split.train]
        splits.append(_cut(split, part, by, seed, audio_digests))
    return Plan(VALIDATION, tuple(splits))


def _has_pairs(listing: Listing) -> bool:
    tested = [file for split in listing.splits for file in split.test]
    files = {recording.file for recording in listing.recordings}
    return len(listing.splits) > 2 and len(tested) == len(files) and {*tested} == files


def _pairs(splits: Sequence[Split]) -> list[InnerSplit]:
    pairs = []
    for number, (a, b) in enumerate(itertools.combinations(splits, 2), start=1):
        also = {*b.train}
        train = tuple(file for file in a.train if file in also)
        judgements = (
            Judgement(a.fold, b.test, f"fold {b.fold}"),
            Judgement(b.fold, a.test, f"fold {a.fold}"),
        )
        pairs.append(InnerSplit(number, train, judgements))
    return pairs


def _cut(
    split: Split,
    recordings: Sequence[Recording],
    by: str,
    seed: int,
    audio_digests: Mapping[str, str] | None,
) -> InnerSplit:
    digests = [audio_digests[r.file] for r in recordings] if audio_digests else None
    try:
        fitted, held_out = holdout.split(recordings, HELD_OUT, by, (seed, split.fold), digests)
    except AscError as fault:
        raise AscError(
            f"tune: nothing of fold {split.fold}'s training part can judge settings ({fault}); a "
            "recipe's validation.by says what is held out"
        ) from fault
    files = tuple(recordings[i].file for i in held_out)
    judgement = Judgement(split.fold, files, "held-out recordings")
    return InnerSplit(split.fold, tuple(recordings[i].file for i in fitted), (judgement,))


def require_unseen(plan: Plan, listing: Listing, audio_digests: Mapping[str, str]) -> None:
    """Raise AscError if an inner training could see what the fold tests that it judges for.

    Recordings are compared by name and by the hash of their samples, and so is what it is trained
    on with what it predicts.
    """
    tests = {split.fold: split.test for split in listing.splits}

    def names(files: Sequence[str]) -> set[str]:
        return {*files, *(audio_digests[file] for file in files if file in audio_digests)}

    def common(files: Sequence[str], others: set[str]) -> list[str]:
        return [f for f in files if f in others or audio_digests.get(f) in others]

    for split in plan.splits:
        trained = names(split.train)
        for judgement in split.judgements:
            tested = names(tests[judgement.outer])
            where = f"tune: inner training {split.number}"
            if seen := common(split.train, tested):
                raise AscError(
                    f"{where}, which judges settings for fold {judgement.outer}, is trained on "
                    f"{len(seen)} recording(s) that this fold tests, such as {seen[0]}: the fold's "
                    "score would depend on them twice. The inner splits are wrong; nothing was "
                    "trained"
                )
            if seen := common(judgement.files, tested):
                raise AscError(
                    f"{where} judges settings for fold {judgement.outer} on {len(seen)} "
                    f"recording(s) that this fold tests, such as {seen[0]}: they would be chosen "
                    "by the test part. The inner splits are wrong; nothing was trained"
                )
            if seen := common(judgement.files, trained):
                raise AscError(
                    f"{where} is trained on {len(seen)} of the recordings that it judges by, such "
                    f"as {seen[0]}: the largest model would look best. The inner splits are "
                    "wrong; nothing was trained"
                )
