"""Under which conditions a score was obtained: what must be the same for two scores to compare."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from asc_cli.core.errors import AscError
from asc_cli.core.kind import OUTSIDE_DATA
from asc_cli.datasets import Dataset, Listing
from asc_cli.recipe.changes import Change
from asc_cli.report.console.table import ranges

FEW_CHANGES = 4  # shown in a line


@dataclass(frozen=True)
class FoldConditions:
    """The recordings of one fold.

    Attributes:
        fold: Its number, from 1.
        tested: Recordings that were tested.
        trained: Recordings of its training part; None where that is not known.
        validated: Of them, those that were held out to choose an epoch or to calibrate; None where
            nothing was chosen by them.
        published_tested: Test recordings of the published protocol; None where not known.
        published_trained: Training recordings of the published protocol; None where not known.
    """

    fold: int
    tested: int
    trained: int | None = None
    validated: int | None = None
    published_tested: int | None = None
    published_trained: int | None = None


@dataclass(frozen=True)
class Conditions:
    """The conditions of a score.

    Attributes:
        dataset: The dataset's name.
        folds: The folds that were tested.
        published_folds: How many folds the protocol has; None where not known.
        excluded: Recordings that the recipe leaves out under `exclude`.
        excluded_tested: Of them, those that the protocol tests in these folds; None: not known.
        recipe: The shipped recipe that was trained, or that the trained one extends; None for
            another recipe, or for the predictions of another system.
        changed: Keys that have another value than in that recipe.
        seed: The recipe's seed; None for the predictions of another system.
        fingerprint: Of lists and audio; None where not known.
        fingerprint_0_1: The same as version 0.1 computed it.
        lists: Of the lists alone; None where not known.
        audio_compared: Whether the audio of training and test was compared by its samples.
        repeated: Tested recordings that have the samples of another of the same fold.
        averaged: The runs whose probabilities were averaged; none of a score of one run.
        outside_data: What it uses that was trained on other recordings than the dataset's: encoders
            from outside, of its own or of models that it was distilled from. None: from scratch.
    """

    dataset: str
    folds: tuple[FoldConditions, ...]
    published_folds: int | None
    excluded: int = 0
    excluded_tested: int | None = 0
    recipe: str | None = None
    changed: tuple[Change, ...] = ()
    seed: int | None = None
    fingerprint: str | None = None
    fingerprint_0_1: str | None = None
    lists: str | None = None
    audio_compared: bool = False
    repeated: int = 0
    averaged: tuple[str, ...] = ()
    outside_data: tuple[str, ...] = ()

    def of_folds(self, folds: Collection[int] | None) -> Conditions:
        """Return the conditions of some of the folds.

        Args:
            folds: Their numbers; all when None.

        Returns:
            The same with these folds alone.
        """
        if folds is None or {fold.fold for fold in self.folds} <= {*folds}:
            return self
        chosen = tuple(fold for fold in self.folds if fold.fold in folds)
        return replace(self, folds=chosen, excluded_tested=None if self.excluded else 0)

    def unlike_protocol(self) -> list[str]:
        """Return how the score differs from one of the published protocol.

        Returns:
            A phrase per difference; none if all of the protocol was trained and tested.
        """
        return [*_folds_missing(self), *_other_recordings(self)]

    def unlike_recipe(self) -> list[str]:
        """Return the settings that the shipped recipe has otherwise.

        Returns:
            A phrase per key.
        """
        return [f"{c.key} is {c.value}, not {c.shipped}" for c in self.changed]

    def unlike(self, other: Conditions) -> list[str]:
        """Return in what another score was obtained on other data, folds or audio.

        Args:
            other: The conditions of the other score.

        Returns:
            A phrase per difference; none if both were trained and tested on the same.
        """
        if self.dataset != other.dataset:
            return [f"another dataset ({self.dataset}, not {other.dataset})"]
        phrases = []
        own_folds, other_folds = ([fold.fold for fold in each.folds] for each in (self, other))
        if own_folds != other_folds:
            phrases.append(f"other folds ({ranges(own_folds)}, not {ranges(other_folds)})")
        if not _same_data(self, other):
            what = "lists or audio"
            if self.lists and other.lists:
                what = "audio" if self.lists == other.lists else "lists"
            phrases.append(f"other {what}")
        if self.tested != other.tested:
            phrases.append(f"{self.tested} recordings tested, not {other.tested}")
        return phrases

    @property
    def tested(self) -> int:
        """Recordings that were tested, of all folds together."""
        return sum(fold.tested for fold in self.folds)

    def summary(self) -> list[str]:
        """Return the conditions in words.

        Returns:
            Phrases on folds, recordings, exclusions, settings and seed.
        """
        return [phrase for phrase in _summary(self) if phrase]

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, and the conditions in words.

        Returns:
            As in JSON.
        """
        values = asdict(self)
        for key in ("averaged", "outside_data"):  # so that other scores are stored as before
            if not values[key]:
                del values[key]
        return {
            **values,
            "folds": [asdict(fold) for fold in self.folds],
            "changed": [asdict(change) for change in self.changed],
            "summary": self.summary(),
        }


def read(recorded: object) -> Conditions:
    """Return conditions from what `to_dict` wrote. Raises AscError for anything else."""
    import pydantic

    try:
        return pydantic.TypeAdapter(Conditions).validate_python(recorded)
    except pydantic.ValidationError as fault:
        first = fault.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise AscError(
            f"conditions of a score: not of the form that this asc writes ({key}: {first['msg']}); "
            "use the version of asc that wrote them, or train again"
        ) from fault


def of_lists(
    dataset: Dataset, listing: Listing, folds: Collection[int] | None, trained: bool = True
) -> Conditions:
    """Return the conditions of a score on a dataset's lists, without those of a recipe.

    folds: Those that are tested; all when None. trained: Whether it is of a system that was trained
    on these lists.
    """
    if not listing.splits:
        tested = len({recording.file for recording in listing.recordings})
        return Conditions(dataset.name, (FoldConditions(1, tested),), None)
    sizes = dict(enumerate(dataset.fold_sizes, start=1))
    rows = tuple(
        FoldConditions(
            split.fold,
            len(split.test),
            len(split.train) if trained else None,
            published_trained=sizes.get(split.fold, (None, None))[0],
            published_tested=sizes.get(split.fold, (None, None))[1],
        )
        for split in listing.splits
        if folds is None or split.fold in folds
    )
    return Conditions(dataset.name, rows, len(dataset.fold_sizes) or len(listing.splits))


def with_exclusions(
    conditions: Conditions, protocol: Listing, excluded: Collection[str]
) -> Conditions:
    """Add how many recordings of the protocol a recipe excludes, and how many of them it tests."""
    folds = {fold.fold for fold in conditions.folds}
    names = {*excluded} & {recording.file for recording in protocol.recordings}
    tested = sum(
        file in names for split in protocol.splits if split.fold in folds for file in split.test
    )
    return replace(conditions, excluded=len(names), excluded_tested=tested)


def require_alike(runs: Sequence[tuple[str, Conditions]], command: str, remedy: str) -> None:
    """Raise AscError unless all runs have the same audio, labels and folds.

    runs: Each run's name and conditions. command, remedy: Begin and end of the sentence; {0} and
    {1} are the names of the two runs that differ.
    """
    first_name, first = runs[0]
    for name, own in runs[1:]:
        if unlike := own.unlike(first):
            raise AscError(
                f"{command}: {name} was not trained and tested on the recordings, lists and "
                f"folds of {first_name}: {'; '.join(unlike)}; {remedy.format(name, first_name)}"
            )


def _same_data(one: Conditions, other: Conditions) -> bool:
    if one.fingerprint and other.fingerprint:
        return one.fingerprint == other.fingerprint
    return one.fingerprint_0_1 == other.fingerprint_0_1


def _folds_missing(c: Conditions) -> Iterator[str]:
    if c.published_folds is not None and len(c.folds) != c.published_folds:
        yield f"{len(c.folds)} of {c.published_folds} folds"


def _excluded(c: Conditions) -> Iterator[str]:
    if c.excluded:
        tested = "" if c.excluded_tested is None else f", {c.excluded_tested} of them test ones"
        yield f"{c.excluded} recording(s) left out by exclude{tested}"


def _recordings_missing(c: Conditions) -> Iterator[str]:
    excluded = c.excluded_tested or 0
    tested = [(f.tested, f.published_tested) for f in c.folds if f.published_tested is not None]
    n, published = sum(n for n, _ in tested), sum(p for _, p in tested if p is not None)
    if tested and n + excluded != published:
        yield f"{n} of {published} published test recordings"
    if c.excluded:
        return
    trained = [(f.trained, f.published_trained) for f in c.folds if f.published_trained is not None]
    if any(n is not None and n != published for n, published in trained):
        smallest, full = min((n, p) for n, p in trained if n is not None and n != p)
        yield f"{smallest} of {full} published training recordings in a fold"


def _other_recordings(c: Conditions) -> Iterator[str]:
    yield from _excluded(c)
    yield from _recordings_missing(c)
    if c.outside_data:
        yield f"{OUTSIDE_DATA} ({', '.join(c.outside_data)})"


def _summary(c: Conditions) -> Iterator[str]:
    numbers = [fold.fold for fold in c.folds]
    if not numbers:  # a stream
        pass
    elif c.published_folds is None:
        yield f"{c.tested} recordings, no folds"
    elif len(numbers) == c.published_folds:
        yield "its one fold" if len(numbers) == 1 else f"all {len(numbers)} folds"
    else:
        name = "fold" if len(numbers) == 1 else "folds"
        yield f"{name} {ranges(numbers)} of {c.published_folds}"
    yield from _other_recordings(c)
    if c.averaged:
        yield f"mean of {len(c.averaged)} runs: {', '.join(c.averaged)}"
    if c.seed is not None or c.recipe is not None:
        yield from _settings(c)
    if c.seed is not None:
        yield f"seed {c.seed}"


def _settings(c: Conditions) -> Iterator[str]:
    if c.recipe is None:
        yield "a recipe that is not shipped"
    elif not c.changed:
        yield f"settings of {c.recipe}"
    else:
        shown = [str(change) for change in c.changed[:FEW_CHANGES]]
        more = len(c.changed) - len(shown)
        others = f" and {more} more" if more else ""
        yield f"settings of {c.recipe} but {', '.join(shown)}{others}"
