"""Choose settings for each fold without its test part; train and score the folds with them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asc_cli.core import atomic, locks
from asc_cli.core.device import resolve_device
from asc_cli.core.errors import AscError
from asc_cli.evaluation.scores import Evaluation
from asc_cli.protocol import audit
from asc_cli.protocol.source import Source, chosen_folds, exclude, open_source
from asc_cli.recipe.candidates import Candidate, Search
from asc_cli.recipe.load import Recipe
from asc_cli.registry import run_files, runs
from asc_cli.registry.runs import fold_folder
from asc_cli.training import choice as choices
from asc_cli.training import fold as _fold
from asc_cli.training import run as run_of_folds
from asc_cli.training import search as searching
from asc_cli.training import transfer
from asc_cli.training.choice import Choice
from asc_cli.training.inner_trainings import Fitting, InnerTrainings, Prepared
from asc_cli.training.recordings import SCORING_SECONDS, Counting
from asc_cli.training.result import Training
from asc_cli.training.watch import watching


@dataclass(frozen=True)
class Tuning:
    """Settings chosen per fold, and the run that was trained with them.

    Attributes:
        choice: What was tried, every inner score, and what was chosen.
        training: The run whose folds have the chosen settings; no model is registered for it.
        for_use: "key=value" of the one candidate that is best over all folds: to train for use.
    """

    choice: Choice
    training: Training
    for_use: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc tune --json` prints.

        Returns:
            The run with its figures, the choice, and the settings for use.
        """
        row = self.training.to_dict()
        del row["model"]
        return {**row, "choice": self.choice.to_dict(), "for_use": [*self.for_use]}


def tune(
    recipe: Recipe,
    candidates: Sequence[Candidate] | Search,
    scored: Callable[[Path, Path, Evaluation], None],
    *,
    data: Path | None = None,
    folds: Sequence[int] | None = None,
    device: str = "auto",
    jobs: int | None = None,
    extracting: Counting | None = None,
    packing: Counting | None = None,
    judging: Counting | None = None,
    fitting: Fitting | None = None,
) -> Tuning:
    """Choose among candidates for each fold, train the folds with the choices, and score them.

    recipe: As it is without --try. judging: Called with (done, all) inner trainings. The others
    are as in `recordings.train`.
    """
    started = time.monotonic()
    if isinstance(candidates, Search):
        searching.require()
    protocol = open_source(recipe.dataset, data or recipe.data, recipe.subset, recipe.catalog)
    source = exclude(protocol, recipe.exclude)
    audit.require(source.dataset, source.listing, source.root)
    headline = run_of_folds.headline_metric(recipe, source.dataset)
    chosen = chosen_folds(folds, [split.fold for split in source.listing.splits])
    trainings = InnerTrainings(recipe, source, headline, device, jobs, extracting, packing, fitting)
    if isinstance(candidates, Search):
        rows, scores, for_use = searching.search(candidates, trainings, chosen, judging)
        tried = {key: str(drawn) for key, drawn in candidates.space.items()}
        trials: int | None = candidates.trials
    else:
        for each in candidates:  # features first, so that what fails there fails soon
            trainings.extract(each.recipe)
        rows = [trainings.prepare(n, each) for n, each in enumerate(candidates, start=1)]
        scores = for_use = trainings.score(rows, chosen, judging)
        tried, trials = _tried(candidates), None
    choice = choices.choose(
        trainings.plan(rows[0].outer).method,
        headline.name,
        [row.candidate.values for row in rows],
        scores,
        for_use,
        trials,
    )
    run, finished = _train_outer(
        recipe, rows, choice, tried, chosen, protocol, device, jobs, fitting, scored
    )
    training = Training(run, "", finished, time.monotonic() - started)
    [best] = [row.candidate for row in rows if row.number == choice.for_use]
    return Tuning(choice, training, tuple(best.settings))


def _tried(candidates: Sequence[Candidate]) -> dict[str, str]:
    """Return key → the values that were tried, for people."""
    return {
        key: ", ".join(dict.fromkeys(each.values[key] for each in candidates))
        for key in candidates[0].values
    }


def _train_outer(
    recipe: Recipe,
    rows: Sequence[Prepared],
    choice: Choice,
    tried: Mapping[str, str],
    chosen: list[int],
    protocol: Source,
    device: str,
    jobs: int | None,
    fitting: Fitting | None,
    scored: Callable[[Path, Path, Evaluation], None],
) -> tuple[Path, dict[str, Any]]:
    """Fit each fold with the candidate that was chosen for it; return the run and its metrics."""
    prints = run_of_folds.fingerprints(rows[0].outer)
    tuned = recipe.model_copy(update={"name": f"{recipe.name}_tuned"})
    run = runs.run_folder(tuned, prints["dataset_fingerprint"], *(r.folder.name for r in rows))

    folds = {r.number: [k for k in chosen if choice.chosen[k] == r.number] for r in rows}

    def unfinished() -> Iterator[_fold.Task]:
        for row in rows:
            yield from _fold.tasks(
                row.candidate.recipe,
                row.outer,
                row.packs,
                run,
                folds[row.number],
                device,
                taken[row.number],
            )

    if (metrics := _finished(run, choice, chosen)) is not None:
        return run, metrics
    _require_same_choice(run, choice)
    taken = {
        row.number: transfer.prepare(row.candidate.recipe, row.outer, folds[row.number], jobs)
        for row in rows
    }
    runs.describe(run, recipe, protocol.audio_root, prints, resolve_device(device))
    atomic.write_json(run / choices.FILE, choice.to_dict())
    with watching({fold: fold_folder(run, fold) for fold in chosen}, fitting):
        _fold.fit_all(unfinished, jobs)
    with locks.locked(run, f"run {run.name} is being scored", wait_s=SCORING_SECONDS):
        metrics, evaluation = run_of_folds.score_and_register(
            run,
            recipe,
            rows[0].outer,
            protocol.listing,
            chosen,
            tried,
            transfer.joined(taken.values()),
        )
        scored(run / "report.html", run, evaluation)
    return run, metrics


def _finished(run: Path, choice: Choice, chosen: list[int]) -> dict[str, Any] | None:
    """Return the metrics of a run that was trained on these folds with this choice; else None."""
    metrics = run_files.metrics(run)
    if metrics is None or [row["fold"] for row in metrics["folds"]] != chosen:
        return None
    return metrics if choices.read(run) == choice.to_dict() else None


def _require_same_choice(run: Path, choice: Choice) -> None:
    """Raise AscError if a fold was fitted with another candidate than is chosen for it now."""
    recorded = choices.read(run)
    for fold, number in choice.chosen.items():
        before = recorded["chosen"].get(str(fold), number) if recorded else number
        if before != number and fold_folder(run, fold).exists():
            raise AscError(
                f"{fold_folder(run, fold)}: was fitted with candidate {before}, and the inner "
                f"scores now choose candidate {number}, as can be after the inner trainings were "
                f"removed and trained with other packages; remove {run}"
            )
