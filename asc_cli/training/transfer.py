"""What the folds of a run take from registered models, which must not have seen what they test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from asc_cli.core.errors import AscError
from asc_cli.evaluation.scores import Remark
from asc_cli.frontend.feature import StoredFeature
from asc_cli.frontend.fill import Extraction, fill_feature
from asc_cli.inference import ensemble, logits
from asc_cli.inference.free_member import HeldOut, free_member
from asc_cli.recipe.load import Recipe
from asc_cli.registry import models
from asc_cli.registry.identity import identity
from asc_cli.registry.training_files import TrainingFile
from asc_cli.training.distillation import Lesson
from asc_cli.training.held_out import split_validation

Counting = Callable[[int, int], None]


@dataclass(frozen=True)
class Transfer:
    """What each fold takes from registered models.

    Attributes:
        lessons: Fold → what its teachers' members say.
    """

    lessons: Mapping[int, tuple[Lesson, ...]] = field(default_factory=dict)

    def trained_on(self) -> Iterator[TrainingFile]:
        """Yield what members of other models were trained on, with the folds that learn from them.

        A model that was distilled knows its teachers' recordings, and counts as trained on them.
        """
        for fold, lessons in self.lessons.items():
            for lesson in lessons:
                for row in models.find(lesson.teacher).training_files():
                    if lesson.member in (row.folds or ()):
                        yield TrainingFile(row.digest, row.audio_digest, (fold,))

    def remarks(self) -> list[Remark]:
        """Return a remark for the run's figures; none where nothing was taken."""
        taught = sorted(
            {
                f"fold {fold} by the member of fold {lesson.member} of {lesson.teacher}"
                for fold, lessons in self.lessons.items()
                for lesson in lessons
            }
        )
        if not taught:
            return []
        text = (
            f"taught {'; '.join(taught)}: none of these members was trained on a recording that "
            "its fold tests or validates on"
        )
        return [Remark("distilled", text)]


NOTHING = Transfer()


def identities(recipe: Recipe) -> tuple[str, ...]:
    """Return what the signature of a run counts of the models that its recipe names."""
    if recipe.distil is None:
        return ()
    return tuple(f"teacher {identity(models.find(name))}" for name in recipe.distil.teachers)


def joined(parts: Iterable[Transfer]) -> Transfer:
    """Return what different folds take as one."""
    return Transfer({fold: own for part in parts for fold, own in part.lessons.items()})


def prepare(
    recipe: Recipe,
    extraction: Extraction,
    folds: Sequence[int],
    jobs: int | None,
    progress: Counting | None = None,
) -> Transfer:
    """Choose the members that may teach, and compute their logits where they are missing.

    Args:
        recipe: May name teachers under `distil`.
        extraction: Its recordings.
        folds: Those that are to be trained.
        jobs: Worker processes; one per processor when None.
        progress: Called with (done, all) recordings.

    Returns:
        What each fold takes; nothing for a recipe that names no model.

    Raises:
        AscError: A teacher has no member that may teach a fold, or other scenes.
    """
    if recipe.distil is None:
        return NOTHING
    teachers = [models.find(name) for name in recipe.distil.teachers]
    held_out = {fold: _held_out(recipe, extraction, fold) for fold in folds}
    lessons = {
        fold: tuple(_lesson(teacher, extraction, held_out[fold]) for teacher in teachers)
        for fold in folds
    }
    digests, splits = extraction.digests, extraction.source.listing.splits
    files = dict.fromkeys(f for split in splits if split.fold in folds for f in split.train)
    for feature in _features(each for own in lessons.values() for each in own):
        filled = fill_feature(extraction.source, feature, files, jobs, False, progress)
        if filled.failed:
            raise AscError(f"distil: a teacher's feature has no frames of {filled.failed[0]}")
    trained = {split.fold: [digests[file] for file in split.train] for split in splits}
    needed = [
        (stored, trained[fold])
        for fold, own in lessons.items()
        for lesson in own
        for stored in lesson.logits
    ]
    logits.compute(needed, jobs, progress)
    return Transfer(lessons)


def _features(lessons: Iterable[Lesson]) -> list[StoredFeature]:
    return [*{each.feature.folder: each.feature for own in lessons for each in own.logits}.values()]


def _lesson(teacher: models.Model, extraction: Extraction, held_out: HeldOut) -> Lesson:
    ensemble.require_scenes(teacher)
    listing = extraction.source.listing
    labels = teacher.card["labels"]
    if {*labels} != {*listing.labels}:
        other = sorted({*labels} ^ {*listing.labels})[0]
        raise AscError(
            f"distil: the teacher {teacher.id} has other scenes than "
            f"{extraction.source.dataset.name}: {other} is not in both"
        )
    member = free_member(teacher, extraction.source.dataset, held_out)
    if isinstance(member, str):
        raise AscError(
            f"distil: the teacher {teacher.id} {member}. What it says of the other recordings "
            "depends on these, so the student's score would too"
        )
    variants = (None, *(feature.variant for feature in extraction.variants))
    return Lesson(
        teacher.id,
        tuple(
            logits.stored_logits(system, member, variant)
            for system in teacher.systems()
            for variant in variants
        ),
        tuple(labels.index(label) for label in listing.labels),
        teacher.weights,
    )


def _held_out(recipe: Recipe, extraction: Extraction, fold: int) -> HeldOut:
    """Return the recordings that a fold tests, and those that it validates on."""
    listing = extraction.source.listing
    recordings = listing.by_file()
    [split] = [each for each in listing.splits if each.fold == fold]
    train = [recordings[file] for file in split.train]
    audio = [extraction.audio_digests[file] for file in split.train]
    _, validation = split_validation(recipe, fold, train, audio)
    files = [*split.test, *(split.train[i] for i in validation)]
    return HeldOut(fold, files, extraction.digests, extraction.audio_digests)
