"""asc tune: settings chosen for each fold by trainings that saw nothing the fold tests."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from asc_cli import workflow
from asc_cli.core import atomic, paths
from asc_cli.core.errors import AscError
from asc_cli.datasets import Listing, Recording, Split
from asc_cli.evaluation import predictions
from asc_cli.protocol import inner
from asc_cli.recipe import candidates
from asc_cli.training import choice, fold
from asc_cli.training.choice import InnerScore
from asc_cli.workflow import _report
from tests.conftest import SMALL, Asc

FILES = [f"{scene}{place}" for place in range(8) for scene in "ab"]  # 8 places, both scenes each


def listing(tests: list[list[str]]) -> Listing:
    recordings = tuple(Recording(file, file[0], group=f"place{file[1]}") for file in FILES)
    splits = tuple(
        Split(k, tuple(f for f in FILES if f not in test), tuple(test))
        for k, test in enumerate(tests, start=1)
    )
    return Listing(("a", "b"), recordings, splits)


DISJOINT = listing([FILES[4 * k : 4 * k + 4] for k in range(4)])
OVERLAPPING = listing([FILES[:6], FILES[2:8], FILES[8:]])
ONE = listing([FILES[:6]])


def test_pairs_of_folds_judge_each_other() -> None:
    plan = inner.plan(DISJOINT, "group", 0)
    assert plan.method == inner.PAIRS and len(plan.splits) == 6
    tests = {split.fold: set(split.test) for split in DISJOINT.splits}
    for split, pair in zip(plan.splits, itertools.combinations((1, 2, 3, 4), 2), strict=True):
        assert set(split.train) == set(FILES) - tests[pair[0]] - tests[pair[1]]
        judged = {j.outer: set(j.files) for j in split.judgements}
        assert judged == {pair[0]: tests[pair[1]], pair[1]: tests[pair[0]]}
        assert set(split.as_split().test) == tests[pair[0]] | tests[pair[1]]
    assert [s.number for s in plan.of_folds([2]).splits] == [1, 4, 5]


@pytest.mark.parametrize("lists", [OVERLAPPING, ONE])
def test_else_groups_of_the_training_part_judge(lists: Listing) -> None:
    plan = inner.plan(lists, "group", 0)
    assert plan.method == inner.VALIDATION and len(plan.splits) == len(lists.splits)
    for split, outer in zip(plan.splits, lists.splits, strict=True):
        [judgement] = split.judgements
        assert judgement.outer == outer.fold and set(judgement.files) | set(split.train) == set(
            outer.train
        )
        assert not {file[1] for file in split.train} & {file[1] for file in judgement.files}
    assert inner.plan(lists, "group", 0) == plan
    inner.require_unseen(plan, lists, {})


def test_where_no_groups_are_known_recordings_judge() -> None:
    unknown = replace(ONE, recordings=tuple(replace(r, group="") for r in ONE.recordings))
    [split] = inner.plan(unknown, None, 0).splits
    assert split == inner.plan(unknown, "recording", 0).splits[0] and split.judgements[0].files
    assert inner.plan(ONE, None, 0) == inner.plan(ONE, "group", 0)
    with pytest.raises(AscError, match="fold 1's training part .* names no group for"):
        inner.plan(unknown, "group", 0)


def planted(plan: inner.Plan, **changes: object) -> inner.Plan:
    return replace(plan, splits=(replace(plan.splits[0], **changes), *plan.splits[1:]))


def test_an_inner_training_that_could_see_the_test_fold_is_refused() -> None:
    plan = inner.plan(DISJOINT, "group", 0)
    inner.require_unseen(plan, DISJOINT, {})
    first, tested = plan.splits[0], DISJOINT.splits[0].test
    leak = planted(plan, train=(*first.train, tested[0]))
    with pytest.raises(
        AscError,
        match=r"inner training 1, which judges settings for fold 1, is trained on 1 .*, such as a0",
    ):
        inner.require_unseen(leak, DISJOINT, {})
    same_sound = {first.train[3]: "x" * 64, tested[0]: "x" * 64}  # under another name
    with pytest.raises(AscError, match=f"is trained on 1 .*, such as {first.train[3]}"):
        inner.require_unseen(plan, DISJOINT, same_sound)
    judged_by_the_test = replace(first.judgements[0], files=tested)
    leak = planted(plan, judgements=(judged_by_the_test, first.judgements[1]))
    with pytest.raises(AscError, match="judges settings for fold 1 on 4 recording.*the test part"):
        inner.require_unseen(leak, DISJOINT, {})
    cut = inner.plan(ONE, "group", 0)
    leak = planted(cut, train=(*cut.splits[0].train, cut.splits[0].judgements[0].files[0]))
    with pytest.raises(AscError, match="is trained on 1 of the recordings that it judges by"):
        inner.require_unseen(leak, ONE, {})


def test_every_combination_is_a_candidate() -> None:
    tried = candidates.load(
        "toy_lstm", ["model.attention=[],[temporal,semantic]", "training.l2 = 0, 1e-3"], SMALL
    )
    assert [c.settings for c in tried] == [
        ["model.attention=[]", "training.l2=0"],
        ["model.attention=[]", "training.l2=1e-3"],
        ["model.attention=[temporal,semantic]", "training.l2=0"],
        ["model.attention=[temporal,semantic]", "training.l2=1e-3"],
    ]
    assert tried[3].recipe.model["attention"] == ["temporal", "semantic"]
    assert tried[1].recipe.training.l2 == 1e-3


@pytest.mark.parametrize(
    ("tries", "message"),
    [
        ([], "--try KEY=VALUE,VALUE is missing"),
        (["training.l2"], "KEY=VALUE,VALUE was expected"),
        (["training.l2=0,"], "KEY=VALUE,VALUE was expected"),
        (["training.l2=0"], "two values or more were expected, as in training.l2=1,2"),
        (["training.l2=0,1", "training.l2=2"], "--try training.l2: is there more than once"),
        (["training.l2=0,0.0"], "training.l2=0 and training.l2=0.0 are the same settings"),
        (["training.seed=0,1"], "a seed is not chosen; asc train --seeds"),
        (["exclude=[],[a]"], "exclude cannot be chosen: it changes what is tested"),
        (["paper.error=1,2"], "it changes no result"),
        (["training.epochs=1,2"], "--set sets training.epochs too"),
        (["model.n_hiden=1,2"], "n_hidden"),
    ],
)
def test_what_is_nothing_to_choose_from_is_refused(tries: list[str], message: str) -> None:
    with pytest.raises(AscError, match=message):
        candidates.load("toy_lstm", tries, SMALL)


def test_the_best_for_each_fold_and_over_all() -> None:
    rows = [
        InnerScore(candidate, 1, outer, "x", 4, score)
        for candidate, outer, score in [
            *[(1, 1, 0.6), (1, 1, 0.8), (1, 2, 0.5)],
            *[(2, 1, 0.7), (2, 1, 0.7), (2, 2, 0.9)],
        ]
    ]
    made = choice.choose("pairs", "accuracy", [{"a": "1"}, {"a": "2"}], rows)
    assert made.chosen == {1: 1, 2: 2} and made.for_use == 2  # of equals, the first
    row = made.to_dict()["candidates"][1]
    assert row["means"] == pytest.approx({"1": 0.7, "2": 0.9}) and row["mean"] == pytest.approx(0.8)
    assert row["chosen_for"] == [2] and row["values"] == {"a": "2"}


Share = Callable[[int, bool], float]  # of hidden units, and whether fold 1 tests the recording


def right(n_hidden: int, in_first: bool) -> float:
    """The share that is right: 8 units are best in fold 1, 16 in the others, 12 everywhere."""
    return {8: (0.4, 1.0), 16: (0.6, 0.2), 12: (1.0, 1.0)}[n_hidden][in_first]


def predict(task: fold.Task, share: Share, first: set[str]) -> None:
    """Predict at once what is as good as `share`."""
    truth = fold.label_indices(task.test, task.labels)
    scores = np.full((len(truth), len(task.labels)), 0.01)
    for i, (recording, _) in enumerate(task.test):
        n_right = 10 * share(task.recipe.model["classifier_hidden"], recording.file in first)
        is_right = i % 15 % 10 < n_right
        scores[i, truth[i] if is_right else (truth[i] + 1) % len(task.labels)] = 1
    scores /= scores.sum(axis=1, keepdims=True)
    predictions.write(task.folder / "predictions.csv", fold.as_predictions(task, truth, scores))


def parts_of(toy_root: Path) -> dict[int, set[str]]:
    listing = workflow.open_source("toy", toy_root).listing
    return {split.fold: set(split.test) for split in listing.splits}


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch, toy_root: Path) -> list[fold.Task]:
    """The fits that ran; they predict at once, as well as `right` says."""
    return fitting(monkeypatch, toy_root, right)


def fitting(patch: pytest.MonkeyPatch, toy_root: Path, share: Share) -> list[fold.Task]:
    first, tasks = parts_of(toy_root)[1], []

    def fit(task: fold.Task) -> None:
        tasks.append(task)
        predict(task, share, first)

    patch.setattr(fold, "fit", fit)
    patch.setattr(_report, "WRONG", 1)  # a page with one picture is drawn sooner
    return tasks


def test_the_choice_is_stored_shown_and_resumed(
    asc: Asc, toy_root: Path, fitted: list[fold.Task]
) -> None:
    tests = parts_of(toy_root)
    words = ("tune", "toy_lstm", "--data", toy_root, "--jobs", 1)
    done = asc(*words, "--try", "model.classifier_hidden=8,16", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert len(fitted) == 2 * 6 + 4
    for task in fitted[:12]:  # no inner training sees what the folds it judges for test
        trained, judged = ({r.file for r, _ in part} for part in (task.train, task.test))
        pair = [k for k in tests if tests[k] <= judged]
        assert len(pair) == 2 and not trained & judged
    chosen = {t.fold: t.recipe.model["classifier_hidden"] for t in fitted[12:]}
    assert chosen == {1: 16, 2: 8, 3: 8, 4: 8}  # 8 is best in fold 1 itself, which is no judge
    made = result["choice"]
    assert made["method"] == "pairs" and len(made["scores"]) == 2 * 12
    assert made["chosen"] == {"1": 2, "2": 1, "3": 1, "4": 1} and made["for_use"] == 1
    assert result["for_use"] == ["model.classifier_hidden=8"]
    assert result["command"][:5] == ["asc", "train", "toy_lstm", "--data", str(toy_root)]
    assert result["command"][-2:] == ["--set", "model.classifier_hidden=8"]
    run = Path(result["run"])
    assert atomic.read_json(run / "choice.json") == made and "model" not in result
    page = (run / "report.html").read_text()
    assert "Choice of settings" in page and "model.classifier_hidden=16" in page
    (changed,) = [
        c for c in result["conditions"]["changed"] if c["key"] == "model.classifier_hidden"
    ]
    assert changed["value"] == "chosen per fold of 8, 16"
    assert "chosen-per-fold" in [remark["code"] for remark in result["remarks"]]
    # again: nothing is fitted; with another value: what is new; after a kill: what is missing
    shown = asc(*words, "--try", "model.classifier_hidden=8,16").stdout
    assert len(fitted) == 16 and "* " in shown and "for use, the best over these folds" in shown
    assert json.loads(asc("evaluate", "toy_lstm_tuned", "--json").stdout)["run"] == str(run)
    checked = workflow.evaluate_bundle(workflow.write_bundle(run, run / "run.zip"), toy_root, 1)
    assert not checked.differs
    asc(*words, "--try", "model.classifier_hidden=8,16,12", "--folds", "1,2")
    assert len(fitted) == 16 + 5 + 2 and fitted[-1].recipe.model["classifier_hidden"] == 12
    for path in (*paths.tuning().glob("*/fold03/predictions.csv"), run / "metrics.json"):
        path.unlink()
    again = json.loads(asc(*words, "--try", "model.classifier_hidden=8,16", "--json").stdout)
    assert len(fitted) == 16 + 7 + 2 and again["choice"] == made


@pytest.mark.campaign
def test_inner_trainings_of_other_lists_are_refused(
    toy_root: Path, fitted: list[fold.Task], asc: Asc
) -> None:
    words = ("tune", "toy_lstm", "--data", toy_root, "--folds", "1", "--jobs", 1)
    words = (*words, "--try", "model.classifier_hidden=8,16")
    assert asc(*words).returncode == 0
    one = next(paths.tuning().iterdir())
    path = one / "environment.json"
    atomic.write_json(path, {**atomic.read_json(path), "dataset_fingerprint": "0" * 16})
    refused = asc(*words)
    assert refused.returncode == 1 and "are of other lists or audio" in refused.stderr
    path.unlink()
    other = predictions.read(one / "fold01/predictions.csv")
    predictions.write(one / "fold01/predictions.csv", other.take(np.arange(len(other)) > 0))
    assert "its recordings are not those that this inner training" in asc(*words).stderr


@pytest.mark.campaign
def test_choosing_with_two_processes_gives_the_same_bits(toy_root: Path, home: Path) -> None:
    words = ["training.learning_rate=1e-3,1e-2"]
    one = workflow.tune("toy_lstm", words, SMALL, data=toy_root, folds=[1, 2], jobs=1)
    files = {p.relative_to(home): p.read_bytes() for p in sorted(home.rglob("predictions.csv"))}
    assert len(files) == 2 * 5 + 3
    for name in ("tuning", "runs"):
        (home / name).rename(home / f"first-{name}")
    two = workflow.tune("toy_lstm", words, SMALL, data=toy_root, folds=[1, 2], jobs=2)
    assert one.choice == two.choice
    assert {name: (home / name).read_bytes() for name in files} == files
