"""Paired tests against counts by hand and against scipy; refusals by name."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from asc_cli.core.errors import AscError
from asc_cli.evaluation import comparison, intervals
from asc_cli.evaluation.predictions import Predictions

pytestmark = pytest.mark.usefixtures("full_reports")


def made(labels, guesses, folds=None, files=None, groups=None) -> Predictions:
    n = len(labels)
    return Predictions(
        ("a", "b"),
        tuple(files or [f"{i}.wav" for i in range(n)]),
        np.array(folds if folds is not None else [1] * n),
        np.array(labels),
        tuple(groups or [""] * n),
        ("",) * n,
        np.eye(2)[np.array(guesses)],
    )


LABELS = [0] * 10 + [1] * 10
FIRST = made(LABELS, [0] * 6 + [1] * 4 + [1] * 10)  # 16 right
SECOND = made(LABELS, [0] * 9 + [1] + [0] + [1] * 9)  # 18 right: gains 3, loses 1
TRAINED = {1: 80, 2: 80}


def test_mcnemar_counts_who_alone_is_right():
    results = comparison.mcnemar(FIRST, SECOND)
    assert (results.only_first, results.only_second) == (1, 3)
    assert results.p == pytest.approx(2 * (1 + 4) / 16)  # both tails of 4 fair coins, 1 or fewer
    assert comparison.mcnemar(FIRST, FIRST).p == 1.0


def test_the_difference_and_its_interval_are_paired():
    results = comparison.compare(FIRST, SECOND, "accuracy", TRAINED)
    assert results.difference == pytest.approx(0.1)
    low, high = results.interval
    assert low <= 0.1 <= high
    unpaired = np.ptp(intervals.bootstrap(FIRST, "accuracy")) + np.ptp(
        intervals.bootstrap(SECOND, "accuracy")
    )
    assert high - low < unpaired
    same = comparison.compare(FIRST, FIRST, "accuracy", TRAINED)
    assert (same.difference, same.interval) == (0.0, (0.0, 0.0))


def test_rows_in_another_order_are_the_same_rows():
    order = np.random.default_rng(0).permutation(20)
    shuffled = dataclasses.replace(
        SECOND,
        files=tuple(SECOND.files[i] for i in order),
        labels=SECOND.labels[order],
        probabilities=SECOND.probabilities[order],
    )
    expected = comparison.compare(FIRST, SECOND, "accuracy", TRAINED)
    assert comparison.compare(FIRST, shuffled, "accuracy", TRAINED) == expected


def test_splits_that_overlap_get_the_corrected_t_test():
    files = [f"{i}.wav" for i in range(20)] * 2
    folds = [1] * 20 + [2] * 20
    first = made(LABELS * 2, list(FIRST.guesses) * 2, folds, files)
    second = made(LABELS * 2, list(SECOND.guesses) + [0] * 6 + [1] * 14, folds, files)
    results = comparison.compare(first, second, "accuracy", TRAINED)
    assert results.mcnemar is None
    d = np.array([0.1, 0.0])  # gains of the two splits
    t = d.mean() / math.sqrt((1 / 2 + 20 / 80) * d.var(ddof=1))
    assert results.corrected_t.t == pytest.approx(t)
    assert results.corrected_t.p == pytest.approx(2 * stats.t.sf(t, 1))


def test_without_the_correction_it_is_the_ordinary_t_test():
    d = np.array([0.01, 0.03, -0.01, 0.02, 0.05])
    ours, theirs = comparison.corrected_t(d, 0.0), stats.ttest_1samp(d, 0)
    assert ours.t == pytest.approx(theirs.statistic) and ours.p == pytest.approx(theirs.pvalue)
    assert comparison.corrected_t(d, 0.25).p > ours.p


def test_differences_that_do_not_vary():
    assert comparison.corrected_t(np.zeros(3), 0.25).p == 1.0
    assert comparison.corrected_t(np.full(3, 0.5), 0.25).p == 0.0
    with pytest.raises(AscError, match="the t-test over splits needs two splits or more"):
        comparison.corrected_t(np.zeros(1), 0.25)


def test_per_fold_values_follow_the_headline():
    p = made([0, 0, 0, 1], [0, 0, 1, 1])
    assert comparison.fold_values(p, "accuracy").tolist() == [0.75]
    assert comparison.fold_values(p, "macro_accuracy") == pytest.approx([(2 / 3 + 1) / 2])


def test_other_recordings_are_refused_by_name():
    other = made(LABELS, SECOND.guesses, files=[f"{i}.flac" for i in range(20)])
    with pytest.raises(
        AscError, match="not the same test recordings: 20 and 20 rows, fold 1 of 0."
    ):
        comparison.compare(FIRST, other, "accuracy", TRAINED)
    fewer = made(LABELS[:5], LABELS[:5])
    with pytest.raises(AscError, match="20 and 5 rows, fold 1 of 5.wav in only one of the runs"):
        comparison.compare(FIRST, fewer, "accuracy", TRAINED)
