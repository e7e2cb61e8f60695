"""Gaussian mixtures: known answers, scikit-learn's likelihoods, scenes with too little data."""

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture

from asc_cli.core.errors import AscError
from asc_cli.frontend import clips, standardise
from asc_cli.models import Estimator, gmm

MEANS = np.array([[-4.0, 0.0], [4.0, 1.0]])  # of a planted mixture of two


def clip_set(frames, n_frames=1):
    """All frames (n, F) as clips of n_frames of one recording each."""
    cut = frames.reshape(-1, n_frames, frames.shape[1])
    where = clips.ClipGrid(n_frames, n_frames)
    plain = standardise.no_standardisation(cut[0].shape[1])
    return clips.from_recordings(list(cut.astype(np.float32)), where, plain)


def planted(n, seed=0):
    rng = np.random.default_rng(seed)
    which = rng.random(n) < 0.25
    return np.where(which[:, None], MEANS[0], MEANS[1]) + rng.normal(0, [0.5, 1.0], (n, 2))


@pytest.fixture(scope="module")
def fitted():
    model = gmm.build(2, 2, n_components=2)
    frames = np.concatenate([planted(4000), planted(4000, 1) + 10])
    model.estimate(clip_set(frames), np.repeat([0, 1], 4000), None, 3)
    return model


def test_is_an_estimator():
    assert isinstance(gmm.build(2, 2), Estimator)


def test_finds_a_planted_mixture(fitted):
    order = fitted.means[0, :, 0].argsort()
    assert fitted.means[0][order].numpy() == pytest.approx(MEANS, abs=0.1)
    assert fitted.weights[0][order].numpy() == pytest.approx([0.25, 0.75], abs=0.03)
    assert fitted.variances[0][order].sqrt().numpy() == pytest.approx(
        np.array([[0.5, 1.0], [0.5, 1.0]]), abs=0.06
    )


def test_log_likelihoods_are_those_of_scikit_learn(fitted):
    frames = planted(50, 2)
    for scene in (0, 1):
        reference = GaussianMixture(2, covariance_type="diag")
        reference.weights_, reference.means_ = fitted.weights[scene], fitted.means[scene].numpy()
        reference.covariances_ = fitted.variances[scene].numpy()
        reference.precisions_cholesky_ = 1 / np.sqrt(reference.covariances_)
        reference.weights_ = reference.weights_.numpy()
        ours = fitted.log_likelihoods(torch.from_numpy(frames))[:, scene]
        assert ours.numpy() == pytest.approx(reference.score_samples(frames), abs=1e-9)


def test_a_clip_is_the_sum_over_its_frames_that_count(fitted):
    x = torch.from_numpy(planted(12, 4)).float().reshape(3, 4, 2)
    mask = torch.tensor([[True] * 4, [True, True, False, False], [True] * 4])
    each = fitted.log_likelihoods(x.flatten(0, 1)).reshape(3, 4, 2)
    assert torch.allclose(fitted(x), each.sum(dim=1))
    assert torch.allclose(fitted(x, mask)[1], each[1, :2].sum(dim=0))


def test_it_separates_scenes(fitted):
    x = torch.from_numpy(np.stack([planted(5, 5), planted(5, 6) + 10])).float()
    assert fitted(x).argmax(dim=1).tolist() == [0, 1]


def test_too_little_data_names_the_scene():
    frames = np.concatenate([planted(40), planted(10)])
    labels = np.repeat([0, 1], [40, 10])
    with pytest.raises(AscError, match=r"scene 2 of 2 .* has 10 frames .* at least 16 are needed"):
        gmm.build(2, 2).estimate(clip_set(frames), labels, None, 0)


def test_the_same_seed_gives_the_same_bits():
    twins = [gmm.build(2, 2, n_components=3) for _ in range(2)]
    frames, labels = np.concatenate([planted(200), planted(200) + 3]), np.repeat([0, 1], 200)
    for twin in twins:
        twin.estimate(clip_set(frames), labels, None, 7)
    first, second = (twin.state_dict() for twin in twins)
    assert all(torch.equal(first[name], second[name]) for name in first)
