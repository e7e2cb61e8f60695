"""Remarks: what a reader must know beside a score. One small function each, and the table RULES.

A remark has a stable code and a sentence. To add one, write a function that yields sentences, and
its line in RULES.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from asc_cli.evaluation.conditions import Conditions
from asc_cli.evaluation.intervals import Intervals
from asc_cli.evaluation.predictions import Predictions
from asc_cli.evaluation.scores import FoldScores, Remark

FEW_VALIDATION = 30  # recordings: one more that is right changes accuracy by over 3 points
LAST_PART = re.compile(r"[-_ .]+(\d+|[a-z])$")  # of a name: the number of a take, a device


@dataclass(frozen=True)
class Facts:
    """What the rules look at; conditions: None where nothing is known of a training."""

    predictions: Predictions
    folds: Sequence[FoldScores]
    intervals: Intervals
    conditions: Conditions | None


def remarks(facts: Facts) -> tuple[Remark, ...]:
    """Return the remarks of every rule that applies."""
    return tuple(Remark(code, text) for code, rule in RULES for text in rule(facts))


def fewer_folds(facts: Facts) -> Iterator[str]:
    c = facts.conditions
    if c and c.published_folds and len(c.folds) < c.published_folds:
        yield (
            f"not all folds were trained and tested ({len(c.folds)} of {c.published_folds}): folds "
            "differ in difficulty, so the average of all may be another"
        )


def excluded(facts: Facts) -> Iterator[str]:
    c = facts.conditions
    if c and c.excluded and c.excluded_tested != 0:
        of_them = "" if c.excluded_tested is None else f", {c.excluded_tested} of them tested ones"
        yield (
            f"the recipe excludes {c.excluded} recording(s){of_them}: the score is of another test "
            "set than the protocol's"
        )


def fewer_recordings(facts: Facts) -> Iterator[str]:
    c = facts.conditions
    for fold in c.folds if c and not c.excluded else ():
        if fold.published_tested is not None and fold.tested != fold.published_tested:
            yield (
                f"fold {fold.fold} tests {fold.tested} recordings where {fold.published_tested} "
                "were published"
            )


def places_in_names(facts: Facts) -> Iterator[str]:
    """No group is known, but names without their last number are shared by recordings."""
    p = facts.predictions
    if any(p.groups):
        return
    files = [*dict.fromkeys(p.files)]
    places = Counter(place for file in files if (place := _place(file)))
    several = [place for place, n in places.items() if n > 1]
    n_alike = sum(places[place] for place in several)
    if len(places) > len(p.scenes) and 2 * n_alike >= len(files):
        alike = [file for file in files if _place(file) == several[0]][:2]
        yield (
            f"no groups are known, but names such as {' and '.join(alike)} look like recordings of "
            "one place: a place may be in training and test; give the list a column group"
        )


def few_validation(facts: Facts) -> Iterator[str]:
    folds = facts.conditions.folds if facts.conditions else ()
    sizes = {fold.fold: fold.validated for fold in folds if fold.validated is not None}
    few = {fold: n for fold, n in sizes.items() if n < FEW_VALIDATION}
    if few:
        fold = min(few, key=lambda fold: few[fold])
        yield (
            f"fold {fold} chose its epoch or temperature on {few[fold]} validation recordings: "
            f"with fewer than {FEW_VALIDATION}, the choice is largely chance"
        )


def absent_scenes(facts: Facts) -> Iterator[str]:
    for fold in facts.folds:
        if fold.absent:
            names = ", ".join(fold.absent)
            yield f"fold {fold.fold} does not test {names}: left out of its macro averages"


def equal_probabilities(facts: Facts) -> Iterator[str]:
    p = facts.predictions
    if p.hard:
        return
    if len(p) > 1 and (p.probabilities == p.probabilities[0]).all():
        yield "every recording has the same probabilities: the model does not depend on the sound"
        return
    if p.submitted is not None:  # labels were submitted beside, and decide
        return
    highest = p.probabilities.max(axis=1, keepdims=True)
    n_ties = int(((p.probabilities == highest).sum(axis=1) > 1).sum())
    if n_ties:
        yield (
            f"{n_ties} recording(s) have two or more most probable scenes: the first of them in "
            "the order of scenes counts as the guess"
        )


def only_labels(facts: Facts) -> Iterator[str]:
    if facts.predictions.hard:
        yield "only labels were submitted: no log loss, no calibration"


def no_spread(facts: Facts) -> Iterator[str]:
    low, high = facts.intervals.bootstrap
    if low == high and facts.intervals.exact is None:
        yield (
            "the bootstrap interval has no width, because each draw has the same score: it says "
            "nothing about the error of the score"
        )


def audio_not_compared(facts: Facts) -> Iterator[str]:
    c = facts.conditions
    if c and not c.audio_compared and c.published_folds is not None:
        yield (
            "whether a test recording is in training under another name was not checked; "
            "asc datasets check does"
        )


def repeated_recordings(facts: Facts) -> Iterator[str]:
    c = facts.conditions
    if c and c.repeated:
        yield (
            f"{c.repeated} tested recording(s) have the same samples as another that their fold "
            "tests: the same sound counts more than once"
        )


RULES: tuple[tuple[str, Callable[[Facts], Iterator[str]]], ...] = (
    ("fewer-folds", fewer_folds),
    ("test-excluded", excluded),
    ("fewer-recordings", fewer_recordings),
    ("places-in-names", places_in_names),
    ("few-validation-recordings", few_validation),
    ("absent-scenes", absent_scenes),
    ("equal-probabilities", equal_probabilities),
    ("only-labels", only_labels),
    ("no-spread", no_spread),
    ("repeated-recordings", repeated_recordings),
    ("audio-not-compared", audio_not_compared),
)


def _place(file: str) -> str:
    """ "audio/b010_0_30.wav" → "b010": the name without the numbers at its end; "" without any."""
    name = stem = PurePosixPath(file).stem.lower()
    while (shorter := LAST_PART.sub("", stem)) != stem:
        stem = shorter
    return stem if stem != name else ""


__all__ = ["Facts", "Remark", "remarks"]
