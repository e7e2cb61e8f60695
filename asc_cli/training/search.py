"""Draw candidates for each fold, guided by the inner scores of that fold alone (extra tune).

One search per fold: what guides it never comes from the fold's own test part. Optuna's sampler
(tree-structured Parzen estimators: Bergstra et al., Algorithms for hyper-parameter optimization,
NIPS 2011) draws from the recipe's seed and the scores so far, so the same command draws the same
candidates, and what is trained already is not trained again.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from asc_cli.core import installation
from asc_cli.recipe.candidates import Search
from asc_cli.recipe.search_space import Range, Values
from asc_cli.training import choice as choices
from asc_cli.training.choice import InnerScore
from asc_cli.training.inner_trainings import InnerTrainings, Prepared
from asc_cli.training.recordings import Counting

Scores = list[InnerScore]


def require() -> None:
    """Raise AscError, with the command that installs it, if Optuna is not installed."""
    with installation.in_words("--trials"):
        import optuna  # noqa: F401


def search(
    search: Search, trainings: InnerTrainings, folds: Sequence[int], judging: Counting | None
) -> tuple[list[Prepared], Scores, Scores]:
    """Draw and train candidates for each fold.

    judging: Called with (done, all) inner trainings.

    Returns:
        All candidates; the scores that choose for the folds, each candidate's for the folds that
        it was drawn for; and the scores for all folds of those that are best for one.
    """
    first = search.candidate({key: drawn.examples()[0] for key, drawn in search.space.items()})
    plan = trainings.plan(trainings.extract(first.recipe))
    per_trial = {fold: len(plan.of_folds([fold]).splits) for fold in folds}
    last = len(folds) * len(plan.of_folds(folds).splits)
    total, before = search.trials * sum(per_trial.values()) + last, 0

    def count(done: int, _: int) -> None:
        if judging:
            judging(before + done, total)

    rows: dict[tuple[str, ...], Prepared] = {}
    scores: Scores = []
    for fold in folds:
        study, distributions = _study(search, trainings.recipe.training.seed, fold)
        judged: set[int] = set()
        for _ in range(search.trials):
            trial = study.ask(distributions)
            values = _values(search, trial.params)
            key = tuple(values.values())
            if key not in rows:
                rows[key] = trainings.prepare(len(rows) + 1, search.candidate(values))
            row = rows[key]
            judgements = trainings.score([row], [fold], count)
            study.tell(trial, statistics.fmean(each.score for each in judgements))
            if row.number not in judged:
                scores.extend(judgements)
            judged.add(row.number)
            before += per_trial[fold]
    best = sorted(set(choices.best_of_folds(scores).values()))
    chosen = [row for row in rows.values() if row.number in best]
    return [*rows.values()], scores, trainings.score(chosen, folds, count)


def _study(search: Search, seed: int, fold: int) -> tuple[Any, dict[str, Any]]:
    """Return an Optuna study for a fold, and its distributions."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    [number] = np.random.SeedSequence((seed, fold)).generate_state(1)
    sampler = optuna.samplers.TPESampler(seed=int(number))
    study = optuna.create_study(direction="maximize", sampler=sampler)
    return study, {key: _distribution(drawn) for key, drawn in search.space.items()}


def _distribution(drawn: Values | Range) -> Any:
    import optuna

    if isinstance(drawn, Values):
        return optuna.distributions.CategoricalDistribution(drawn.values)
    if drawn.integer:
        low, high = int(drawn.low), int(drawn.high)
        return optuna.distributions.IntDistribution(low, high, log=drawn.log)
    return optuna.distributions.FloatDistribution(drawn.low, drawn.high, log=drawn.log)


def _values(search: Search, drawn: dict[str, Any]) -> dict[str, str]:
    """Return what Optuna drew as it stands in a recipe."""
    return {
        key: each.text(drawn[key]) if isinstance(each, Range) else drawn[key]
        for key, each in search.space.items()
    }
