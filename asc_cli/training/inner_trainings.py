"""Inner trainings: each a fold of a run of its own under $ASC_HOME/tuning.

They are fitted, locked and resumed as folds are, and used again when more values are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core import paths
from asc_cli.core.device import resolve_device
from asc_cli.core.errors import AscError
from asc_cli.evaluation import metrics, predictions
from asc_cli.frontend.fill import Extraction
from asc_cli.protocol import inner
from asc_cli.protocol.inner import Plan
from asc_cli.protocol.source import Source
from asc_cli.recipe.candidates import Candidate
from asc_cli.recipe.load import Recipe
from asc_cli.registry import run_files, runs
from asc_cli.registry.runs import fold_folder
from asc_cli.training import fold as _fold
from asc_cli.training import recordings, remote_folds, transfer
from asc_cli.training import run as run_of_folds
from asc_cli.training.choice import InnerScore
from asc_cli.training.recordings import Counting
from asc_cli.training.watch import watching

Fitting = Callable[[dict[Any, dict[str, Any]]], None]


@dataclass(frozen=True)
class Prepared:
    """A candidate with its features and the folder of its inner trainings."""

    number: int
    candidate: Candidate
    outer: Extraction
    inner: Extraction  # the same recordings, with inner splits as folds
    packs: tuple[Path, ...]
    folder: Path


@dataclass
class InnerTrainings:
    """Candidates of one recipe, trained on the inner splits of its protocol.

    Attributes:
        recipe: As it is without --try.
        source: The recordings, without what the recipe excludes.
        headline: The metric of the inner scores.
        device, jobs, extracting, packing, fitting: As in `recordings.train`.
    """

    recipe: Recipe
    source: Source
    headline: metrics.Metric
    device: str = "auto"
    jobs: int | None = None
    extracting: Counting | None = None
    packing: Counting | None = None
    fitting: Fitting | None = None
    _extractions: dict[str, Extraction] = field(default_factory=dict)
    _plan: Plan | None = None

    def extract(self, recipe: Recipe) -> Extraction:
        """Return the features of a candidate's recipe, computed where they are missing."""
        key = repr((recipe.features, recipe.variants, recipe.evaluation.variants))
        if key not in self._extractions:
            self._extractions[key] = recordings.features(
                self.source, recipe, self.jobs, self.extracting
            )
        return self._extractions[key]

    def plan(self, first: Extraction) -> Plan:
        """Return the inner splits; the hashes of any features' audio tell equal sounds."""
        if self._plan is None:
            by = self.recipe.validation.by if self.recipe.validation else None
            by = "group" if by == "published" else by  # that part stays to choose the epoch
            listing, digests = self.source.listing, first.audio_digests
            self._plan = inner.plan(listing, by, self.recipe.training.seed, digests)
            inner.require_unseen(self._plan, listing, digests)
        return self._plan

    def prepare(self, number: int, candidate: Candidate) -> Prepared:
        """Return a candidate with its features and the folder of its inner trainings."""
        outer = self.extract(candidate.recipe)
        published = {f for split in outer.source.listing.splits for f in split.validation}
        splits = tuple(split.as_split(published) for split in self.plan(outer).splits)
        listing = replace(outer.source.listing, splits=splits)
        extraction = replace(outer, source=replace(outer.source, listing=listing))
        prints = run_of_folds.fingerprints(extraction)
        data = (prints["dataset_fingerprint"], outer.key, *transfer.identities(candidate.recipe))
        signature = candidate.recipe.signature(*data)
        folder = paths.tuning() / f"{candidate.recipe.name}-{signature}"
        packs = recordings.packs(outer, self.packing)
        return Prepared(number, candidate, outer, extraction, packs, folder)

    def score(
        self, rows: Sequence[Prepared], folds: Sequence[int], judging: Counting | None = None
    ) -> list[InnerScore]:
        """Train candidates on the splits that judge for some folds; return scores for these.

        judging: Called with (done, all) inner trainings.
        """
        plan = self.plan(rows[0].outer).of_folds(folds)
        self._train(rows, plan, judging)
        return [score for row in rows for score in _scores(row, plan, folds, self.headline)]

    def _train(self, rows: Sequence[Prepared], plan: Plan, judging: Counting | None) -> None:
        """Fit every inner split with every candidate, unless that is done."""
        numbers = [split.number for split in plan.splits]
        for row in rows:
            prints = run_of_folds.fingerprints(row.inner)
            _require_same_lists(row.folder, prints)
            root = row.inner.source.audio_root
            device = resolve_device(self.device)
            runs.describe(row.folder, row.candidate.recipe, root, prints, device)
        taken = {
            row.number: transfer.prepare(
                row.candidate.recipe, row.inner, numbers, self.jobs, self.extracting
            )
            for row in rows
        }

        def unfinished() -> Iterator[_fold.Task]:
            for row in rows:
                recipe = _without_curve(row.candidate.recipe)
                yield from _fold.tasks(
                    recipe,
                    row.inner,
                    row.packs,
                    row.folder,
                    numbers,
                    self.device,
                    taken[row.number],
                )

        folders = {
            f"candidate {row.number}, {_name(plan, number)}": fold_folder(row.folder, number)
            for row in rows
            for number in numbers
        }

        def report(progress: dict[Any, dict[str, Any]]) -> None:
            n_fitted = sum("fitted" in row for row in progress.values())
            if judging:
                judging(n_fitted, len(folders))
            if self.fitting:
                self.fitting({name: row for name, row in progress.items() if "fitted" not in row})

        remote_folds.fetch(unfinished())
        with (
            watching(folders, report if judging or self.fitting else None),
            remote_folds.Upload() as upload,
        ):
            _fold.fit_all(unfinished, self.jobs, fitted=upload.add)


def _name(plan: Plan, number: int) -> str:
    [split] = [split for split in plan.splits if split.number == number]
    outer = sorted(judgement.outer for judgement in split.judgements)
    return f"without fold{'s' * (len(outer) > 1)} {' and '.join(map(str, outer))}"


def _without_curve(recipe: Recipe) -> Recipe:
    """Return the recipe without a curve on what an inner training predicts: nobody sees it."""
    return recipe.model_copy(
        update={"training": recipe.training.model_copy(update={"curve_every": 0})}
    )


def _require_same_lists(folder: Path, prints: Mapping[str, str]) -> None:
    """Raise AscError if a folder holds inner trainings on other lists or other audio."""
    if not (folder / run_files.ENVIRONMENT).exists():
        return
    recorded = run_files.environment(folder)["dataset_fingerprint"]
    if recorded != prints["dataset_fingerprint"]:
        raise AscError(
            f"tune: the inner trainings in {folder} are of other lists or audio, so they may have "
            "seen what a fold tests; remove that folder, and the same command trains them again"
        )


def _scores(
    row: Prepared, plan: Plan, chosen: Sequence[int], headline: metrics.Metric
) -> Iterator[InnerScore]:
    """Yield a candidate's inner scores. Raises AscError where stored predictions are of others."""
    for split in plan.splits:
        path = fold_folder(row.folder, split.number) / run_files.PREDICTIONS
        rows = predictions.read(path)
        if set(rows.files) != set(split.as_split().test):
            raise AscError(
                f"{path}: its recordings are not those that this inner training judges by; remove "
                f"{row.folder}, and the same command trains it again"
            )
        for judgement in split.judgements:
            if judgement.outer not in chosen:
                continue
            part = rows.take(np.isin(rows.files, judgement.files))
            matrix = metrics.confusion(part.labels, part.guesses, len(part.scenes))
            value = headline.of([matrix])
            assert value is not None  # a metric with a definition follows from labels alone
            yield InnerScore(
                row.number, split.number, judgement.outer, judgement.name, len(part), float(value)
            )
