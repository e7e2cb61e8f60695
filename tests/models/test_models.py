"""The contract of every model. The LSTMs' tests are in their own files."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.frontend import clips, standardise
from asc_cli.models import Estimator
from asc_cli.training import descent

F, C, T = 12, 3, 10
SMALL = {  # parameters that make each model small
    "cnn": {"n_channels": (4, 4), "dense": 8},
    "cp_mobile": {"width": 8, "n_blocks": (1, 1), "halve_frames": (1,), "halve_bands": (2,)},
    "label_tree_cnn": {"segment_frames": 4, "widths": (2, 3), "n_filters": 4, "n_trees": 3},
    "gmm": {"n_components": 2},
    "label_tree_gru": {"segment_frames": 4, "n_hidden": 8, "n_trees": 3},
    "mlp": {"n_frames": T, "n_hidden": 8},
    "crnn": {
        "n_channels": (4, 4),
        "pool_bands": (2, 2),
        "attention": ("temporal", "semantic"),
        "n_hidden": 8,
        "attention_size": 4,
        "classifier_hidden": 8,
    },
    "resnet": {"n_channels": (4, 8), "halve": (2,)},
    "svm": {},
    "sparse_nmf": {"n_parts": 8, "n_passes": 2, "n_steps": 20},
}

NAMES = [
    name
    for name in plugins.names("models")
    if name != "lstm" and not plugins.constant("models", name, "MANY_LABELS", False)
]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """As a fold is fitted; small sums only wait for more threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def build(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    module = plugins.load("models", name)
    return module.build(F, C, **SMALL[name])


def scenes(n_recordings: int = 24, n_frames: int = 25) -> tuple[clips.ClipSet, np.ndarray]:
    """Recordings of three scenes that differ in their nonnegative mean frames; one is short."""
    rng = np.random.default_rng(0)
    means = rng.uniform(1, 3, (C, F))
    labels = np.arange(n_recordings) % C
    recordings = [rng.gamma(4, means[label] / 4, (n_frames, F)).astype("f4") for label in labels]
    recordings[5] = recordings[5][:6]
    created = clips.from_recordings(
        recordings, clips.ClipGrid(T, 5.0), standardise.no_standardisation(recordings[0].shape[1])
    )
    return created, labels[created.owners]


SLOW = ("cp_mobile", "resnet", "label_tree_cnn", "label_tree_gru")


@pytest.fixture(
    scope="module",
    params=[pytest.param(n, marks=pytest.mark.campaign) if n in SLOW else n for n in NAMES],
)
def fitted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    name = request.param
    created, labels = scenes()
    model = build(name)
    settings = descent.Settings(
        epochs=20, batch_size=16, learning_rate=0.01, l2=0.0, seed=0, fold=1, curve_every=0
    )
    folder = tmp_path_factory.mktemp(name)
    descent.fit(model, created, labels, settings, folder, lambda m: 0.0, lambda p: None)
    return name, model, created, labels


def test_every_model_is_tried_here():
    assert set(SMALL) == set(NAMES)


def test_it_learns_scenes_that_are_plain(fitted):
    _, model, created, labels = fitted
    logs = descent.log_probabilities(model, created, 64, "cpu")
    assert logs.shape == (len(created), C) and np.isfinite(logs).all()
    np.testing.assert_allclose(np.exp(logs).sum(axis=1), 1)
    assert (logs.argmax(axis=1) == labels).mean() > 0.9


def test_a_reloaded_twin_predicts_the_same_bits(fitted):
    name, model, created, _ = fitted
    twin = build(name)
    twin.load_state_dict({key: value.clone() for key, value in model.state_dict().items()})
    np.testing.assert_array_equal(
        descent.log_probabilities(twin, created, 64, "cpu"),
        descent.log_probabilities(model, created, 64, "cpu"),
    )


def test_a_mask_that_counts_every_frame_is_no_mask(fitted):
    _, model, created, _ = fitted
    x = torch.from_numpy(created.batch(np.arange(4))[0])
    model.eval()
    with torch.inference_mode():
        full = torch.log_softmax(model(x, None).double(), dim=1)
        masked = torch.log_softmax(model(x, torch.ones(4, T, dtype=torch.bool)).double(), dim=1)
    torch.testing.assert_close(full, masked, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_of_a_network_has_a_gradient(name: str):
    model = build(name)
    if isinstance(model, Estimator):
        pytest.skip("fits itself")
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):  # some begin with scale 0, and pass nothing on
            torch.nn.init.ones_(layer.weight)
    model(torch.rand(4, T, F)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


@pytest.mark.parametrize("name", ["gmm", "sparse_nmf", "label_tree_gru", "label_tree_cnn"])
def test_the_same_seed_gives_the_same_bits_and_no_data_is_an_error(name: str, tmp_path):
    created, labels = scenes(9)
    settings = descent.Settings(
        epochs=2, batch_size=16, learning_rate=0.01, l2=0.0, seed=0, fold=1, curve_every=0
    )
    twins = []
    for folder in ("a", "b"):
        twins.append(build(name))
        descent.fit(
            twins[-1], created, labels, settings, tmp_path / folder, lambda m: 0, lambda p: None
        )
    first, second = (twin.state_dict() for twin in twins)
    assert all(torch.equal(first[key], second[key]) for key in first)
    with pytest.raises(AscError, match=r"scene 3 of 3 .* has \d+ .* to train on in this fold"):
        removed = np.where(labels == 2, 1, labels)
        removed[:0] = 2
        descent.fit(build(name), created, removed, settings, tmp_path, lambda m: 0, lambda p: None)
