"""Label trees: a planted hierarchy is found, forests are scikit-learn's, no recording is seen."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier

from asc_cli.core.errors import AscError
from asc_cli.frontend import clips, standardise
from asc_cli.models._label_tree.forest import Forests
from asc_cli.models._label_tree.tree import LEFT, RIGHT, Forest, LabelTree, bipartition
from asc_cli.models._sklearn import stratified_group_folds

GROW = Forest(n_trees=8, n_features=3, smallest_leaf=5, n_segments=2000, out_of_fold=4)


def families(seed: int = 0) -> tuple[clips.ClipSet, np.ndarray]:
    """Five scenes: {0, 2, 4} far from {1, 3}; 0 and 4 are nearly the same."""
    rng = np.random.default_rng(seed)
    centres = np.zeros((5, 6))
    centres[[0, 2, 4], 0], centres[[1, 3], 0] = -5, 5
    centres[2, 1], centres[3, 2] = 2, 2
    centres[4, 3] = 0.3
    labels = np.repeat(np.arange(5), 8)
    recordings = [rng.normal(centres[c], 1, (30, 6)).astype("f4") for c in labels]
    plain = standardise.no_standardisation(recordings[0].shape[1])
    created = clips.from_recordings(recordings, clips.ClipGrid(20, 10.0), plain)
    return created, labels[created.owners]


@pytest.fixture(scope="module")
def grown():
    created, labels = families()
    tree = LabelTree(5, segment_frames=5, segment_hop=5, grow=GROW)
    return tree, tree.estimate(created, labels, 0), created, labels


def test_a_planted_hierarchy_is_found(grown):
    sides = grown[0].sides.numpy()
    assert sides.shape == (4, 5)
    assert sorted(map(tuple, (np.flatnonzero(sides[0] == s) for s in (LEFT, RIGHT)))) == [
        (0, 2, 4),
        (1, 3),
    ]
    last = next(side for side in sides if (side > 0).sum() == 2 and side[1] == 0)
    assert np.flatnonzero(last).tolist() == [0, 4]  # the two most alike part last


def test_every_scene_has_a_way_of_its_own(grown):
    sides = grown[0].sides.numpy()
    assert len({tuple(column) for column in sides.T}) == 5


def test_an_embedding_is_pairs_of_child_posteriors(grown):
    tree, embedded, created, labels = grown
    x, _ = created.batch(np.arange(len(created)))
    images, mask = tree(torch.from_numpy(x), None)
    assert images.shape == (len(created), 4, 8) and mask is None
    pairs = images.unflatten(2, (4, 2))
    torch.testing.assert_close(pairs.sum(dim=3), torch.ones(len(created), 4, 4))
    goes_left = tree.sides[0, labels].numpy() == LEFT
    assert (((embedded.images[:, :, 0] > 0.5).mean(axis=1) > 0.5) == goes_left).mean() > 0.95


def test_training_clips_are_embedded_by_forests_that_did_not_see_them():
    """On noise, a forest knows what it has seen; out of fold it knows nothing."""
    rng = np.random.default_rng(0)
    recordings = [rng.normal(0, 1, (8, 4)).astype("f4") for _ in range(80)]
    created = clips.from_recordings(
        recordings, clips.ClipGrid(8, 8.0), standardise.no_standardisation(recordings[0].shape[1])
    )
    labels = np.arange(80) % 2
    grow = Forest(n_trees=20, n_features=4, smallest_leaf=1, n_segments=10_000, out_of_fold=4)
    tree = LabelTree(2, segment_frames=1, segment_hop=1, grow=grow)
    embedded = tree.estimate(created, labels, 0)
    images = tree(torch.from_numpy(created.batch(np.arange(80))[0]), None)[0].numpy()
    goes_left = (labels == 0)[:, None]
    assert ((images[:, :, 0] > 0.5) == goes_left).mean() > 0.95
    assert ((embedded.images[:, :, 0] > 0.5) == goes_left).mean() < 0.6


def test_forests_are_scikit_learns_to_the_last_digit():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (400, 5)).astype(np.float32)
    fitted = [
        RandomForestClassifier(7, min_samples_leaf=3, random_state=k, class_weight="balanced").fit(
            x, x[:, k] + 0.5 * rng.normal(size=400) > 0
        )
        for k in range(3)
    ]
    forests = Forests()
    forests.load_trees(fitted)
    new = np.concatenate([rng.normal(0, 1, (200, 5)).astype(np.float32), x])
    expected = np.stack([forest.predict_proba(new)[:, 0] for forest in fitted], axis=1)
    assert forests(torch.from_numpy(new)).numpy() == pytest.approx(expected, abs=1e-6)
    twin = Forests()
    twin.load_state_dict(forests.state_dict())
    assert torch.equal(twin(torch.from_numpy(new)), forests(torch.from_numpy(new)))


def test_cuts():
    apart = np.full((4, 4), 0.02)
    apart[np.ix_([0, 3], [0, 3])] = apart[np.ix_([1, 2], [1, 2])] = 0.48
    assert bipartition(apart).tolist() == [True, False, False, True]
    assert bipartition(np.eye(2)).tolist() == [True, False]
    assert 0 < bipartition(np.full((4, 4), 0.25)).sum() < 4
    assert 0 < bipartition(np.eye(5)).sum() < 5


def test_segments_are_means_of_frames_that_count():
    tree = LabelTree(2, segment_frames=3, segment_hop=2, grow=GROW)
    x = torch.arange(14.0).reshape(2, 7, 1)
    mask = torch.tensor([[True] * 7, [True, True, False, False, False, False, False]])
    means, none = tree.segments(x, None)
    assert means[0, :, 0].tolist() == [1, 3, 5] and none is None
    means, full = tree.segments(x * mask[:, :, None], mask)
    assert means[:, :, 0].tolist() == [[1, 3, 5], [7.5, 0, 0]]
    assert full.tolist() == [[True] * 3, [True, False, False]]


def test_folds_are_grouped_by_recording_and_stratified_by_scene():
    owners = np.repeat(np.arange(30), 3)
    labels = np.repeat(np.arange(30) % 3, 3)
    hand = stratified_group_folds(owners, labels, 5, np.random.default_rng(0))
    assert all(len(set(hand[owners == r])) == 1 for r in range(30))
    assert all(np.bincount(hand[labels == c]).tolist() == [6] * 5 for c in range(3))
    few = stratified_group_folds(owners[:12], labels[:12], 5, np.random.default_rng(0))
    assert set(few) == {0}  # one scene has a single recording: one hand


def test_too_few_recordings_or_segments_are_reported():
    created, labels = families()
    few = np.where((labels == 3) & (created.owners != 24), 1, labels)
    with pytest.raises(AscError, match=r"scene 4 of 5 .* has 1 recording\(s\) .* at least 2"):
        LabelTree(5, 5, 5, GROW).estimate(created, few, 0)
    tiny = Forest(n_trees=2, n_features=3, smallest_leaf=1, n_segments=2, out_of_fold=2)
    with pytest.raises(AscError, match="forest_segments = 2: the drawn segments lack a scene"):
        LabelTree(5, 5, 5, tiny).estimate(created, labels, 0)
