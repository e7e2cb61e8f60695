"""What the folds of a run take from registered models, which must not have seen what they test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from asc_cli.core import paths
from asc_cli.core.errors import AscError
from asc_cli.evaluation.scores import Remark
from asc_cli.frontend import negatives
from asc_cli.frontend.feature import StoredFeature, of_card
from asc_cli.frontend.fill import Extraction, fill_feature
from asc_cli.inference import ensemble, logits
from asc_cli.inference.free_member import HeldOut, free_member
from asc_cli.recipe.load import Recipe
from asc_cli.recipe.schema import Clips
from asc_cli.registry import models, run_files, runs
from asc_cli.registry.identity import identity
from asc_cli.registry.training_files import TrainingFile
from asc_cli.training.distillation import TeacherLogits
from asc_cli.training.fine_tuning import Start, require_devices
from asc_cli.training.held_out import split_validation

Counting = Callable[[int, int], None]


@dataclass(frozen=True)
class Transfer:
    """What each fold takes from registered models.

    Attributes:
        teaching: Fold → the logits of its teachers' members.
        starts: Fold → the member that it starts from.
    """

    teaching: Mapping[int, tuple[TeacherLogits, ...]] = field(default_factory=dict)
    starts: Mapping[int, Start] = field(default_factory=dict)

    def sources(self) -> Iterator[tuple[int, str, int]]:
        """Yield each fold with a model that it takes something from, and the member's fold."""
        for fold, teaching in self.teaching.items():
            yield from ((fold, one.teacher, one.member) for one in teaching)
        for fold, start in self.starts.items():
            yield fold, start.model, start.fold

    def trained_on(self) -> Iterator[TrainingFile]:
        """Yield what members of other models were trained on, with the folds that learn from them.

        A network that learnt from them counts as trained on their recordings.
        """
        for fold, model, member in self.sources():
            for row in models.find(model).training_files():
                if member in (row.folds or ()):
                    yield TrainingFile(row.digest, row.audio_digest, (fold,))

    def remarks(self) -> list[Remark]:
        """Return a remark for the run's figures; none where nothing was taken."""
        unseen = "none was trained on a recording that its fold tests or validates on"
        taught = sorted(
            f"fold {fold} by the member of fold {one.member} of {one.teacher}"
            for fold, teaching in self.teaching.items()
            for one in teaching
        )
        started = sorted(
            f"fold {fold} from the member of fold {start.fold} of {start.model}"
            for fold, start in self.starts.items()
        )
        remarks = []
        if taught:
            remarks.append(Remark("distilled", f"taught {'; '.join(taught)}: {unseen}"))
        if started:
            remarks.append(Remark("started", f"started {'; '.join(started)}: {unseen}"))
        return remarks


NOTHING = Transfer()


def identities(recipe: Recipe) -> tuple[str, ...]:
    """Return what the signature of a run counts of the models, and of the folder with recordings of
    none of the scenes, that its recipe names."""
    counted = [f"teacher {identity(teacher)}" for teacher in _teachers(recipe)]
    if recipe.fine_tune and recipe.fine_tune.start:
        counted.append(f"start {identity(_start_model(recipe.fine_tune.start))}")
    if folder := _negatives(recipe):
        counted.append(f"negatives {negatives.identity(folder)}")
    return tuple(counted)


def joined(parts: Iterable[Transfer]) -> Transfer:
    """Return what different folds take as one."""
    parts = [*parts]
    return Transfer(
        {fold: own for part in parts for fold, own in part.teaching.items()},
        {fold: own for part in parts for fold, own in part.starts.items()},
    )


def prepare(
    recipe: Recipe,
    extraction: Extraction,
    folds: Sequence[int],
    jobs: int | None,
    progress: Counting | None = None,
) -> Transfer:
    """Choose the members that may be used, and compute teachers' logits where they are missing.

    Args:
        recipe: May name models under `distil` and `fine_tune.start`.
        extraction: Its recordings.
        folds: Those that are to be trained.
        jobs: Worker processes; one per processor when None.
        progress: Called with (done, all) recordings.

    Returns:
        What each fold takes; nothing for a recipe that names no model.

    Raises:
        AscError: A model has no member that may be used, or does not fit; or recordings of the
            dataset are among those of none of the scenes.
    """
    listing = extraction.source.listing
    negatives.require_others(
        _negatives(recipe), extraction.source.dataset.name, extraction.audio_digests
    )
    require_devices(recipe, extraction.source.dataset.name, listing.recordings)
    teachers = _teachers(recipe)
    start = recipe.fine_tune.start if recipe.fine_tune else None
    if not teachers and start is None:
        return NOTHING
    held_out = {fold: _held_out(recipe, extraction, fold) for fold in folds}
    teaching = {
        fold: tuple(_logits_of(teacher, extraction, held_out[fold]) for teacher in teachers)
        for fold in folds
    }
    digests, splits = extraction.digests, listing.splits
    files = dict.fromkeys(f for split in splits if split.fold in folds for f in split.train)
    starts = {}
    if start is not None:
        model = _start_model(start)
        starts = {fold: _start(model, recipe, extraction, held_out[fold]) for fold in folds}
    for feature in _features(each for own in teaching.values() for each in own):
        filled = fill_feature(extraction.source, feature, files, jobs, False, progress)
        if filled.failed:
            raise AscError(f"distil: a teacher's feature has no frames of {filled.failed[0]}")
    trained = {split.fold: [digests[file] for file in split.train] for split in splits}
    needed = [
        (stored, trained[fold])
        for fold, own in teaching.items()
        for one in own
        for stored in one.logits
    ]
    logits.compute(needed, jobs, progress)
    return Transfer(teaching, starts)


def _negatives(recipe: Recipe) -> str | None:
    return recipe.evaluation.unknown.negatives if recipe.evaluation.unknown else None


def _features(teaching: Iterable[TeacherLogits]) -> list[StoredFeature]:
    return [
        *{each.feature.folder: each.feature for own in teaching for each in own.logits}.values()
    ]


def _logits_of(teacher: models.Model, extraction: Extraction, held_out: HeldOut) -> TeacherLogits:
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
            f"distil: the teacher {teacher.id} {member}. Its logits of the other recordings "
            "depend on these, so the student's score would too"
        )
    variants = (None, *(feature.variant for feature in extraction.variants))
    return TeacherLogits(
        teacher.id,
        tuple(
            logits.stored_logits(system, member, variant)
            for system in teacher.systems()
            for variant in variants
        ),
        tuple(labels.index(label) for label in listing.labels),
        teacher.weights,
    )


def _teachers(recipe: Recipe) -> list[models.Model]:
    """Return the models that teach; none where the recipe names none."""
    names = recipe.distil.teachers if recipe.distil else ()
    return [_find("distil.teachers", name) for name in names]


def _start_model(reference: str) -> models.Model:
    """Return the model that a run's name or folder, or a model's name, stands for."""
    if (paths.runs() / reference / run_files.SETTINGS).is_file():
        reference = runs.recorded_metrics(runs.find_run(reference))["model"]
    return _find("fine_tune.start", reference)


def _find(key: str, name: str) -> models.Model:
    """Return a model that a recipe's key names. Raises AscError, with the key, if it is gone."""
    try:
        return models.find(name)
    except AscError as fault:
        raise AscError(f"{key}: {fault}") from fault


def _start(model: models.Model, recipe: Recipe, extraction: Extraction, held_out: HeldOut) -> Start:
    """Return the member that a fold may start from."""
    _require_same_network(model, recipe, extraction)
    member = free_member(model, extraction.source.dataset, held_out)
    if isinstance(member, str):
        raise AscError(
            f"fine_tune: {model.id}, whose weights it would start from, {member}. They stay in the "
            "weights, however long these are trained further"
        )
    return Start(model.id, member, model.folder)


def _require_same_network(model: models.Model, recipe: Recipe, extraction: Extraction) -> None:
    """Raise AscError for a model whose weights are not those of the recipe's network."""
    ensemble.require_scenes(model)
    ensemble.require_one_system(model, "fine_tune.start")
    settings = model.card["recipe"]
    feature = of_card(model.card["feature"], models.catalog(model))
    unlike = {
        "model": {**settings["model"]} != {**recipe.model},
        "features": feature.description() != extraction.feature.description(),
        "clips": Clips(**settings["clips"]) != recipe.clips,
        "scenes": tuple(model.card["labels"]) != extraction.source.listing.labels,
    }
    if wrong := [key for key, differs in unlike.items() if differs]:
        raise AscError(
            f"fine_tune: {model.id} has other {' and other '.join(wrong)} than the recipe, so its "
            "weights are no start for it; extend its recipe"
        )


def _held_out(recipe: Recipe, extraction: Extraction, fold: int) -> HeldOut:
    """Return the recordings that a fold tests, and those that it validates on."""
    listing = extraction.source.listing
    recordings = listing.by_file()
    [split] = [each for each in listing.splits if each.fold == fold]
    train = [recordings[file] for file in split.train]
    audio = [extraction.audio_digests[file] for file in split.train]
    _, validation = split_validation(recipe, fold, train, audio, {*split.validation})
    files = [*split.test, *(split.train[i] for i in validation)]
    return HeldOut(fold, files, extraction.digests, extraction.audio_digests)


def outside_data(recipe: Recipe) -> tuple[str, ...]:
    """Return what the recipe, or a teacher of it, uses that was trained on other recordings."""
    names = [*recipe.outside_data()]
    for teacher in recipe.distil.teachers if recipe.distil else ():
        names += (models.find(teacher).card.get("conditions") or {}).get("outside_data", ())
    return tuple(dict.fromkeys(names))
