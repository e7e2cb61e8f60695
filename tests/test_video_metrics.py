"""GAP@20, Hit@1 and PERR: counted by hand, and against plain loops over 10 000 random videos."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch

from asc_cli.core.errors import AscError
from asc_cli.video.metrics import Streaming, best


def scored(probabilities, truth):
    streaming = Streaming()
    streaming.add(np.array(probabilities, dtype=np.float32), truth)
    return streaming.result()


def test_the_best_pairs():
    labels, confidences = best(np.array([[0.125, 0.5, 0.25], [0.75, 0.0, 0.5]]), k=2)
    assert labels.tolist() == [[1, 2], [0, 2]]
    assert confidences.tolist() == [[0.5, 0.25], [0.75, 0.5]]
    assert labels.dtype == np.int64 and confidences.dtype == np.float32


def test_equal_confidences_are_taken_by_label():
    assert best(np.full((2, 100), 0.5))[0].tolist() == [list(range(20))] * 2
    p = np.array([[0.5, 0.75, 0.5, 0.25, 0.5, 0.75]])
    assert best(p, k=3)[0].tolist() == [[1, 5, 0]]
    assert best(p, k=5)[0].tolist() == [[1, 5, 0, 2, 4]]


def test_fewer_labels_than_pairs():
    labels, confidences = best(np.array([[0.25, 0.5, 0.125]]))
    assert labels.tolist() == [[1, 0, 2]] and confidences.tolist() == [[0.5, 0.25, 0.125]]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_tensors_are_arrays(dtype):
    p = torch.rand(7, 50, generator=torch.Generator().manual_seed(0)).to(dtype).requires_grad_()
    for ours, theirs in zip(best(p), best(p.detach().float().numpy()), strict=True):
        assert np.array_equal(ours, theirs)


def test_the_best_are_those_of_a_plain_sort():
    rng = np.random.default_rng(0)
    p = rng.integers(0, 12, (200, 60)).astype(np.float32) / 16  # many ties
    labels, confidences = best(p)
    for row in range(200):
        plain = sorted(range(60), key=lambda label: (-p[row, label], label))[:20]
        assert labels[row].tolist() == plain
        assert confidences[row].tolist() == p[row, plain].tolist()


def test_counted_by_hand():
    # pooled: .9 hit, .8 hit, .7 miss, .6 hit, .4 miss, .3 hit, .2 miss, .1 miss
    results = scored([[0.9, 0.7, 0.6, 0.1], [0.4, 0.3, 0.8, 0.2]], [{0, 2}, {2, 1}])
    assert results == {
        "gap": pytest.approx((1 + 1 + 3 / 4 + 4 / 6) / 4),
        "hit_at_1": 1.0,
        "perr": pytest.approx((1 / 2 + 1 / 2) / 2),
        "videos": 2,
        "positives": 4,
    }


def test_ties_are_the_mean_over_their_orders():
    # .75 hit, then a hit and a miss at .5: hit first 2/2, hit last 2/3; the mean of both
    results = scored([[0.75, 0.5, 0.5]], [{0, 1}])
    assert results["gap"] == pytest.approx((1 + (1 + 2 / 3) / 2) / 2)
    assert results["perr"] == 1.0 and scored([[0.75, 0.5, 0.5]], [{0, 2}])["perr"] == 0.5
    assert scored([[0.5, 0.5]], [{0}])["hit_at_1"] == 1.0  # the smaller label first
    assert scored([[0.5, 0.5]], [{1}])["hit_at_1"] == 0.0


def test_ties_against_every_order_tried():
    """Three levels of equals with hits and misses among them; all 3! · 4! · 2! orders."""
    levels = [[1, 0, 0], [1, 1, 0, 1], [0, 1]]
    orders = list(itertools.product(*(itertools.permutations(level) for level in levels)))
    assert len(orders) == 6 * 24 * 2
    total = Fraction(0)
    for order in orders:
        pool = list(itertools.chain(*order))
        total += sum(Fraction(sum(pool[: i + 1]), i + 1) for i, hit in enumerate(pool) if hit)
    pool = np.repeat([0.75, 0.5, 0.25], [3, 4, 2])[None]
    truth = np.flatnonzero(list(itertools.chain(*levels))).tolist()
    assert scored(pool, [truth])["gap"] == pytest.approx(float(total / len(orders) / 5), rel=1e-14)


def test_fewer_than_20_labels():
    # .75 miss, .5 hit, .25 miss
    results = scored([[0.25, 0.75, 0.5]], [{2}])
    assert results["gap"] == pytest.approx(1 / 2)
    assert results["hit_at_1"] == results["perr"] == 0.0


def test_a_video_without_a_label_misses_and_its_pairs_stay():
    # pooled: .9 miss (of the video without), .8 hit, .3 miss, .2 miss
    results = scored([[0.9, 0.2], [0.3, 0.8]], [set(), {1}])
    assert results["gap"] == pytest.approx(1 / 2)
    assert results["hit_at_1"] == results["perr"] == 1 / 2
    assert (results["videos"], results["positives"]) == (2, 1)


def test_positives_outside_the_20_best():
    p = np.linspace(1, 0.5, 30)[None]  # label 0 is surest, label 29 least
    results = scored(p, [{0, 19, 20, 29}])
    assert results["gap"] == pytest.approx((1 + 2 / 20) / 4)
    assert results["perr"] == pytest.approx(1 / 4)
    results = scored(p, [set(range(25)) - {3} | {27}])  # 25 labels: PERR looks at 25 pairs
    assert results["perr"] == pytest.approx(24 / 25)
    hits = [i for i in range(1, 21) if i != 4]
    assert results["gap"] == pytest.approx(sum((i - (i > 4)) / i for i in hits) / 25)


def test_confidence_zero_is_no_prediction_in_perr():
    assert scored([[0.5, 0.0, 0.0]], [{0, 1}])["perr"] == 1 / 2


def test_labels_named_twice_count_once():
    assert scored([[0.75, 0.5]], [[0, 0]]) == scored([[0.75, 0.5]], [[0]])


def plain(p, truth):
    """Lists and loops only, from the definitions; confidences must not be equal."""
    pool, right, perr = [], 0, 0.0
    for row, labels in zip(p.tolist(), truth, strict=True):
        order = sorted(range(len(row)), key=lambda c: -row[c])
        pool += [(row[c], c in labels) for c in order[:20]]
        right += order[0] in labels
        if labels:
            perr += sum(c in labels for c in order[: len(labels)]) / len(labels)
    pool.sort(key=lambda pair: -pair[0])
    gap, hits = 0.0, 0
    for i, (_, hit) in enumerate(pool, start=1):
        hits += hit
        gap += hits / i if hit else 0.0
    positives = sum(len(labels) for labels in truth)
    return {
        "gap": gap / positives,
        "hit_at_1": right / len(truth),
        "perr": perr / len(truth),
        "videos": len(truth),
        "positives": positives,
    }


@pytest.fixture(scope="module")
def videos():
    """10 000 videos, 40 labels, 0 to 30 of them right; no two confidences equal."""
    rng = np.random.default_rng(7)
    n, C = 10_000, 40
    p = (rng.permutation(n * C).reshape(n, C) + 1).astype(np.float32) / 2**19
    truth = [
        {int(c) for c in rng.choice(C, count, p=row / row.sum(), replace=False)}
        for row, count in zip(p.astype(float), rng.integers(0, 31, n), strict=True)
    ]
    assert len(np.unique(p)) == n * C and set() in truth
    return p, truth, plain(p, truth)


@pytest.mark.parametrize("seed", [0, 1])
def test_streaming_is_the_plain_computation(videos, seed):
    p, truth, expected = videos
    rng, streaming = np.random.default_rng(seed), Streaming()
    order = rng.permutation(len(p))
    cuts = np.sort(rng.integers(0, len(p), 60))  # batches of 0 to about 1000
    for part in np.split(order, cuts):
        streaming.add(p[part], [truth[i] for i in part])
    assert streaming.result() == pytest.approx(expected, rel=1e-12)


def test_the_cut_and_the_order_do_not_matter_also_with_ties(videos):
    p, truth, _ = videos
    p, full, one_by_one = np.round(p[:500] * 20) / 20, Streaming(), Streaming()
    full.add(p, truth[:500])
    for i in reversed(range(500)):
        one_by_one.add(p[i : i + 1], truth[i : i + 1])
    ours = one_by_one.result()
    assert ours["gap"] == full.result()["gap"]  # the same bits
    assert ours == pytest.approx(full.result(), rel=1e-12)


def test_pairs_that_somebody_has_cut(videos):
    """The 20 best, in any order: the same but for PERR of videos with more than 20 labels."""
    p, truth, expected = videos
    labels, confidences = best(p)
    streaming = Streaming()
    streaming.add_best(labels[:, ::-1], confidences[:, ::-1], truth)
    results = streaming.result()
    assert results.pop("perr") < expected["perr"]
    assert results == pytest.approx({name: expected[name] for name in results}, rel=1e-12)


def test_rows_of_fewer_pairs():
    # video 1: .9 hit; video 2: .8 miss, .7 hit; pooled hits at 1 and 3, of 4 positives
    streaming = Streaming()
    labels = np.array([[5, -1], [3, 2]])
    streaming.add_best(labels, np.array([[0.9, 0.0], [0.8, 0.7]]), [[5, 1], [2, 4]])
    results = streaming.result()
    assert results["gap"] == pytest.approx((1 + 2 / 3) / 4)
    assert results["hit_at_1"] == results["perr"] == 1 / 2


def test_it_holds_no_more_than_the_pool(videos):
    import tracemalloc

    p, truth, _ = videos
    streaming = Streaming()
    tracemalloc.start()
    for start in range(0, 10_000, 100):
        streaming.add(p[start : start + 100], truth[start : start + 100])
    stored_, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert stored_ < 1.2 * 10_000 * 20 * 4  # 4 bytes a pair, and room to grow


def test_without_labels_or_videos_there_is_no_figure():
    nothing = Streaming().result()
    assert (nothing["videos"], nothing["positives"]) == (0, 0)
    assert all(np.isnan(nothing[name]) for name in ("gap", "hit_at_1", "perr"))
    unlabelled = scored([[0.5, 0.25]], [set()])
    assert np.isnan(unlabelled["gap"])
    assert (unlabelled["videos"], unlabelled["positives"]) == (1, 0)


def test_what_cannot_be_scored():
    streaming = Streaming()
    with pytest.raises(AscError, match="video 2 of the batch has the label 2, .* 2 labels, 0 to 1"):
        streaming.add(np.array([[0.5, 0.25]] * 2), [{0}, {2}])
    with pytest.raises(AscError, match="has the label -1; labels are counted from 0"):
        streaming.add(np.array([[0.5, 0.25]]), [{-1}])
    with pytest.raises(AscError, match="video 1 of .* not a number; .*training has diverged"):
        streaming.add(np.array([[0.5, np.nan]]), [{0}])
    with pytest.raises(AscError, match="video 1 of the batch has label 3 twice; give each"):
        streaming.add_best(np.array([[3, 1, 3]]), np.array([[0.5, 0.4, 0.3]]), [{0}])
    with pytest.raises(AscError, match=r"labels of shape \(1, 2\).* and 2 videos; expected"):
        streaming.add_best(np.array([[3, 1]]), np.array([[0.5, 0.4]]), [{0}, {1}])
    assert streaming.result()["videos"] == 0  # a refused batch leaves no trace


def test_nothing_hit_is_zero():
    assert scored([[0.5, 0.25]] * 2, [{1}, set()])["hit_at_1"] == 0.0
    p = np.linspace(1, 0.5, 30)[None]
    assert scored(p, [{29}])["gap"] == 0.0
