"""Sparse NMF: planted nonnegative parts come back, and activations solve their problem."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import SparseCoder

from asc_cli.core.errors import AscError
from asc_cli.frontend import clips, standardise
from asc_cli.models import sparse_nmf

F, K = 20, 5


def planted(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(frames (n, F), parts (F, K) with their own bands each, activations (n, K), two at a time)"""
    rng = np.random.default_rng(seed)
    parts = np.zeros((F, K))
    for k in range(K):
        parts[4 * k : 4 * k + 4, k] = np.random.default_rng(k).uniform(0.5, 1, 4)
    parts /= np.linalg.norm(parts, axis=0)
    active = np.zeros((n, K))
    for row in active:
        row[rng.choice(K, 2, replace=False)] = rng.uniform(1, 2, 2)
    return (active @ parts.T).astype(np.float32), parts, active


def as_clips(frames: np.ndarray, n_frames: int) -> clips.ClipSet:
    cut = list(frames.reshape(-1, n_frames, frames.shape[1]))
    plain = standardise.no_standardisation(cut[0].shape[1])
    return clips.from_recordings(cut, clips.ClipGrid(n_frames, n_frames), plain)


@pytest.fixture(scope="module")
def fitted():
    frames, parts, active = planted(600)
    model = sparse_nmf.build(F, 2, n_parts=K, sparsity=0.02, n_passes=15)
    labels = (active.reshape(100, 6, K)[:, :, 0].mean(axis=1) > 0.6).astype(int)
    model.estimate(as_clips(frames, 6), labels, None, 0)
    return model, frames, parts, labels


@pytest.mark.campaign
def test_planted_parts_come_back(fitted):
    model, _, parts, _ = fitted
    learnt = model.parts.numpy()
    assert (learnt >= 0).all() and (np.linalg.norm(learnt, axis=0) <= 1 + 1e-9).all()
    likeness = (learnt / np.linalg.norm(learnt, axis=0)).T @ parts  # cosine of each pair
    assert sorted(likeness.argmax(axis=1)) == list(range(K))
    assert likeness.max(axis=1).min() > 0.99


def test_activations_are_those_of_scikit_learns_solver(fitted):
    model, frames, *_ = fitted
    scaled = frames[:50].astype(float) / float(model.scale)
    model.n_steps = 2000
    ours = model.encode(torch.from_numpy(frames[:50])).numpy()
    theirs = SparseCoder(
        model.parts.numpy().T,
        transform_algorithm="lasso_cd",
        positive_code=True,
        transform_alpha=model.sparsity,
        transform_max_iter=100_000,
    ).transform(scaled)
    model.n_steps = 100
    np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_activations_tell_the_scene(fitted):
    model, frames, _, labels = fitted
    x = torch.from_numpy(frames.reshape(100, 6, F))
    assert (model(x).argmax(dim=1).numpy() == labels).mean() > 0.9


def test_negative_features_are_refused():
    frames = -planted(40)[0]
    with pytest.raises(AscError, match=r"the features hold negative values; .*standardise: false"):
        sparse_nmf.build(F, 2).estimate(as_clips(frames, 2), np.arange(20) % 2, None, 0)


def test_silence_alone_is_learnt_as_silence():
    model = sparse_nmf.build(F, 2, n_parts=3, n_passes=1)
    model.estimate(as_clips(np.zeros((40, F), np.float32), 2), np.arange(20) % 2, None, 0)
    assert torch.isfinite(model(torch.zeros(1, 2, F))).all()
