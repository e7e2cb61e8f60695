"""Every metric against counts by hand, and against scikit-learn."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from sklearn import metrics as sk

from asc_cli.datasets import tau2020_mobile
from asc_cli.evaluation import aggregate, intervals, scores, scoring
from asc_cli.evaluation.predictions import Predictions

pytestmark = pytest.mark.usefixtures("full_reports")


def made(labels, guesses, C=3, folds=None, groups=None, sure=0.8) -> Predictions:
    n = len(labels)
    p = np.full((n, C), (1 - sure) / (C - 1))
    p[np.arange(n), guesses] = sure
    return Predictions(
        tuple("abcdefghij"[:C]),
        tuple(f"{i}.wav" for i in range(n)),
        np.array(folds if folds is not None else [1] * n),
        np.array(labels),
        tuple(groups or [""] * n),
        ("",) * n,
        p,
    )


# two folds: in fold 1 scene a 2/3 right, b 1/1; in fold 2 a 1/1, b 0/1, c 1/2
LABELS = [0, 0, 0, 1, 0, 1, 2, 2]
GUESSES = [0, 0, 1, 1, 0, 2, 2, 0]
FOLDS = [1, 1, 1, 1, 2, 2, 2, 2]


def test_counted_by_hand():
    m = scoring.score(made(LABELS, GUESSES, folds=FOLDS))
    assert m.recordings == 8
    assert m.metrics["accuracy"] == pytest.approx((3 / 4 + 2 / 4) / 2)
    assert m.metrics["macro_accuracy"] == pytest.approx(((2 / 3 + 1) / 2 + (1 + 0 + 1 / 2) / 3) / 2)
    assert m.metrics["fold_class_accuracy"] == pytest.approx((2 / 3 + 1 + 1 + 0 + 1 / 2) / 5)
    assert m.metrics["pooled_accuracy"] == pytest.approx(5 / 8)
    assert m.metrics["log_loss"] == pytest.approx(-(5 * math.log(0.8) + 3 * math.log(0.1)) / 8)
    assert m.error == pytest.approx(1 - m.metrics["accuracy"])
    assert m.confusion == [[3, 1, 0], [0, 1, 1], [1, 0, 1]]
    # F1 of fold 1: a 2·2/(2+3), b 2·1/(2+1); of fold 2: a 2/(2+1), b 0, c 2/(2+2)
    assert m.metrics["macro_f1"] == pytest.approx(
        ((4 / 5 + 2 / 3) / 2 + (2 / 3 + 0 + 1 / 2) / 3) / 2
    )


def test_the_headline_chooses_the_error():
    m = scoring.score(made(LABELS, GUESSES, folds=FOLDS), headline="fold_class_accuracy")
    assert m.error == pytest.approx(1 - (2 / 3 + 1 + 1 + 0 + 1 / 2) / 5)
    assert m.intervals.metric == "fold_class_accuracy"


def test_an_absent_scene_is_left_out_and_reported():
    m = scoring.score(made(LABELS, GUESSES, folds=FOLDS))
    assert [fold.absent for fold in m.folds] == [["c"], []]
    assert m.scenes["c"].accuracy == pytest.approx(0.5)  # of fold 2, which alone tests it
    never = scoring.score(made([0, 1], [0, 1]))
    assert never.scenes["c"] == scores.SceneScores(0, None, None, None)
    assert never.metrics["macro_accuracy"] == 1.0


@pytest.fixture(scope="module")
def random_predictions() -> Predictions:
    rng = np.random.default_rng(3)
    n, C = 500, 7
    p = rng.dirichlet(np.ones(C), n)
    names = tuple(f"{i}.wav" for i in range(n))
    labels = rng.integers(0, C, n)
    return Predictions(tuple("abcdefg"), names, np.ones(n, int), labels, ("",) * n, ("",) * n, p)


def test_equals_scikit_learn(random_predictions: Predictions):
    p = random_predictions
    m = scoring.score(p)
    guesses = p.probabilities.argmax(axis=1)
    exact = {"rel": 0, "abs": 1e-12}
    assert m.metrics["accuracy"] == pytest.approx(sk.accuracy_score(p.labels, guesses), **exact)
    balanced = sk.balanced_accuracy_score(p.labels, guesses)
    assert m.metrics["macro_accuracy"] == pytest.approx(balanced, **exact)
    assert m.metrics["macro_f1"] == pytest.approx(
        sk.f1_score(p.labels, guesses, average="macro"), **exact
    )
    assert m.metrics["log_loss"] == pytest.approx(sk.log_loss(p.labels, p.probabilities), **exact)
    assert m.confusion == sk.confusion_matrix(p.labels, guesses).tolist()
    precision = sk.precision_score(p.labels, guesses, average=None)
    for i, scene in enumerate(p.scenes):
        assert m.scenes[scene].precision == pytest.approx(precision[i], **exact)


def test_calibration_error_of_known_gaps():
    sure_and_right = made([0] * 4, [0] * 4, sure=1.0)
    assert scoring.score(sure_and_right).metrics["ece"] == 0
    half_right = made([0, 0, 1, 1], [0, 0, 0, 0], sure=0.9)
    assert scoring.score(half_right).metrics["ece"] == pytest.approx(0.4)


def test_wald_ends_where_shares_end():
    low, high = intervals.wald(8 / 9, 9)
    assert 0.6 < low < 0.7 and high == 1.0
    assert intervals.wald(1 / 9, 9)[0] == 0.0


@pytest.mark.parametrize(
    ("share", "n", "low", "high"), [(0.55, 100, 0.452, 0.648), (0.61, 3600, 0.594, 0.626)]
)
def test_wald_is_what_the_challenge_prints(share: float, n: int, low: float, high: float):
    assert [round(value, 3) for value in intervals.wald(share, n)] == [low, high]


def test_a_bootstrap_over_groups_is_wider_than_over_recordings():
    rng = np.random.default_rng(0)
    right = np.repeat(rng.random(20) < 0.5, 10)  # a place is right or wrong as a whole
    labels = np.zeros(200, int)
    guesses = np.where(right, 0, 1)
    alone = scoring.score(made(labels, guesses)).intervals
    grouped = made(labels, guesses, groups=[f"place{i // 10}" for i in range(200)])
    together = scoring.score(grouped).intervals
    width = lambda interval: interval.bootstrap[1] - interval.bootstrap[0]  # noqa: E731
    assert together.bootstrap_over == "groups" and alone.bootstrap_over == "recordings"
    assert width(together) > 2 * width(alone)
    assert width(alone) == pytest.approx(2 * 1.96 * math.sqrt(0.25 / 200), rel=0.15)


@pytest.mark.parametrize(
    ("headline", "value"),
    [("accuracy", 1), ("macro_accuracy", 1), ("fold_class_accuracy", 1), ("pooled_accuracy", 1)],
)
def test_all_right_has_no_interval(headline: str, value: float):
    m = scoring.score(made(LABELS, LABELS, folds=FOLDS), headline)
    assert m.metrics[headline] == value
    assert m.intervals.bootstrap == (1, 1)


def test_devices_are_scored_apart():
    p = made([0, 0, 1, 1], [0, 1, 1, 1])
    p = Predictions(
        p.scenes, p.files, p.folds, p.labels, p.groups, ("a", "s1") * 2, p.probabilities
    )
    m = scoring.score(p, seen_devices={1: frozenset({"a"})})
    assert {name: (d.scores.accuracy, d.seen) for name, d in m.devices.items()} == {
        "a": (1.0, True),
        "s1": (0.5, False),
    }
    assert m.device_groups["unseen"].recordings == 2
    assert m.device_groups["unseen"].macro_accuracy == 0.5
    assert m.device_groups["seen"].log_loss == pytest.approx(-math.log(0.8))


def test_the_groups_that_organisers_report_are_scored():
    dataset = tau2020_mobile.DATASET
    p = dataclasses.replace(
        made([0, 1, 0, 1], [0, 1, 1, 1]), devices=("a", "s1", "s4", "s5"), groups=("x-1",) * 4
    )
    m = scoring.score(p, dataset=dataset)
    assert {name: (g.recordings, g.accuracy) for name, g in m.device_groups.items()} == {
        "real": (1, 1.0),
        "seen simulated": (1, 1.0),
        "unseen simulated": (2, 0.5),
    }
    assert scoring.score(p).device_groups == {}


def test_cities_are_scored_as_devices_are():
    p = dataclasses.replace(
        made([0, 1, 0, 1], [0, 1, 1, 1]), groups=("lyon-1", "lyon-2", "milan-1", "milan-2")
    )
    m = scoring.score(p, dataset=tau2020_mobile.DATASET, seen_cities={1: frozenset({"lyon"})})
    assert {name: (c.scores.accuracy, c.seen) for name, c in m.cities.items()} == {
        "lyon": (1.0, True),
        "milan": (0.5, False),
    }
    assert m.city_groups["unseen"].recordings == 2
    assert scoring.score(p).cities == {}  # of a dataset whose groups are no cities


def test_the_log_loss_of_a_scene_is_of_its_recordings():
    p = made([0, 0, 1], [0, 1, 1])
    m = scoring.score(p)
    by_hand = -np.log(p.probabilities[[0, 1], 0]).mean()
    assert m.scenes[p.scenes[0]].log_loss == pytest.approx(by_hand)
    weighed = [m.scenes[s].log_loss * m.scenes[s].recordings for s in p.scenes[:2]]
    assert sum(weighed) / 3 == pytest.approx(m.metrics["log_loss"])
    assert scoring.score(dataclasses.replace(p, hard=True)).scenes[p.scenes[0]].log_loss is None


def test_labels_alone_have_no_log_loss():
    m = scoring.score(dataclasses.replace(made(LABELS, GUESSES, folds=FOLDS), hard=True))
    assert m.metrics["log_loss"] is None and m.metrics["ece"] is None and m.reliability == ()
    assert [(remark.code, remark.text) for remark in m.remarks] == [
        ("absent-scenes", "fold 1 does not test c: left out of its macro averages"),
        ("only-labels", "only labels were submitted: no log loss, no calibration"),
    ]


def test_folds_that_test_again_are_no_new_sample():
    """Twenty splits of the same recordings (LITIS) do not make the interval twenty times surer."""
    once = made([0] * 40, [0] * 20 + [1] * 20)
    again = made([0] * 160, ([0] * 20 + [1] * 20) * 4, folds=np.repeat([1, 2, 3, 4], 40))
    again = dataclasses.replace(again, files=once.files * 4)
    one, four = (scoring.score(p).intervals.bootstrap for p in (once, again))
    assert four == pytest.approx(one, abs=0.03)


# -- clips → recordings -----------------------------------------------------------------------

CLIPS = np.log([[0.6, 0.4], [0.6, 0.4], [0.05, 0.95], [0.3, 0.7]])
OWNERS = np.array([0, 0, 0, 1])


def test_the_mean_of_probabilities():
    out = aggregate.recording_scores(CLIPS, OWNERS, 2, "mean")
    np.testing.assert_allclose(out, [[1.25 / 3, 1.75 / 3], [0.3, 0.7]])


def test_a_vote_is_a_vote():
    out = aggregate.recording_scores(CLIPS, OWNERS, 2, "vote")
    np.testing.assert_allclose(out, [[2 / 3, 1 / 3], [0, 1]])


def test_summed_logs_are_the_normalised_product():
    out = aggregate.recording_scores(CLIPS, OWNERS, 2, "log_sum")
    a, b = 0.6 * 0.6 * 0.05, 0.4 * 0.4 * 0.95
    np.testing.assert_allclose(out, [[a / (a + b), b / (a + b)], [0.3, 0.7]])


def test_summed_logs_tell_apart_what_probabilities_cannot():
    logs = np.array([[-2000.0, 0.0], [0.0, -1999.0]])
    out = aggregate.recording_scores(logs, np.zeros(2, int), 1, "log_sum")
    np.testing.assert_allclose(out, [[1 / (1 + np.e), np.e / (1 + np.e)]])
