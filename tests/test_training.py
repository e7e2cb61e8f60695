"""Fitting learns, repeats itself, and resumes to the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import threadpoolctl
import torch
from torch import nn

from asc_cli.core.errors import AscError
from asc_cli.frontend import clips, standardise
from asc_cli.training import descent, loop, optim, progress


class Net(nn.Module):
    """Mean over time, one hidden layer, dropout: the least that can go wrong when resuming."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 2))

    def forward(self, x, mask=None):
        return self.layers(x.mean(dim=1))


@pytest.fixture
def data() -> tuple[clips.ClipSet, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    recordings = [rng.normal(label, 1, (12, 4)).astype(np.float32) for label in labels]
    st = standardise.fit_standardisation(recordings)
    created = clips.from_recordings(recordings, clips.ClipGrid(8, 4.0), st)
    return created, labels[created.owners]


def fit(data, folder: Path, epochs: int, report=lambda p: None, **more) -> tuple[nn.Module, list]:
    created, labels = data
    torch.manual_seed(0)
    model = Net()
    plain: dict[str, Any] = dict(
        epochs=epochs, batch_size=16, learning_rate=0.02, l2=1e-4, seed=0, fold=1, curve_every=2
    )
    settings = descent.Settings(**{**plain, **more})

    def accuracy(model: nn.Module) -> float:
        return float(
            (descent.log_probabilities(model, created, 32, "cpu").argmax(1) == labels).mean()
        )

    return model, descent.fit_network(model, created, labels, settings, folder, accuracy, report)


def test_it_learns_and_writes_its_history(data, tmp_path: Path):
    _, history = fit(data, tmp_path, 10)
    assert history[-1].train_loss < 0.5 * history[0].train_loss
    assert history[-1].test_accuracy > 0.9
    assert [e.test_accuracy is None for e in history[:4]] == [True, False, True, False]
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert (
        lines[0] == "epoch,train_loss,test_accuracy,seconds,validation_loss,learning_rate"
        and len(lines) == 11
    )


def same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def test_resumed_is_uninterrupted(data, tmp_path: Path):
    full, history = fit(data, tmp_path / "a", 6)

    class Killed(BaseException):
        pass

    def stop(model: nn.Module) -> float:
        raise Killed

    created, labels = data
    torch.manual_seed(0)
    settings = descent.Settings(
        epochs=6, batch_size=16, learning_rate=0.02, l2=1e-4, seed=0, fold=1, curve_every=2
    )
    with pytest.raises(Killed):  # in epoch 2, after its last step and before its checkpoint
        descent.fit_network(Net(), created, labels, settings, tmp_path / "b", stop, lambda p: None)
    torch.manual_seed(99)  # whatever else went on
    again, resumed = fit(data, tmp_path / "b", 6)
    assert same(full, again)
    assert [e.train_loss for e in resumed] == [e.train_loss for e in history]


def test_a_finished_fit_answers_from_its_checkpoint(data, tmp_path: Path):
    first, _ = fit(data, tmp_path, 3)
    again, history = fit(data, tmp_path, 3)
    assert same(first, again) and len(history) == 3


def test_another_seed_or_fold_is_another_order(data, tmp_path: Path):
    first, _ = fit(data, tmp_path / "a", 2)
    assert same(first, fit(data, tmp_path / "b", 2)[0])
    assert not same(first, fit(data, tmp_path / "c", 2, seed=1)[0])
    assert not same(first, fit(data, tmp_path / "d", 2, fold=2)[0])


def test_the_penalty_is_on_weights_not_biases():
    settings = descent.Settings(
        epochs=1, batch_size=1, learning_rate=1e-3, l2=0.5, seed=0, fold=1, curve_every=0
    )
    decayed, free = loop.optimiser_for(Net(), settings).param_groups
    assert {p.ndim for p in decayed["params"]} == {2} and decayed["weight_decay"] == 0.5
    assert {p.ndim for p in free["params"]} == {1} and free["weight_decay"] == 0.0


def test_one_step_is_adam_on_the_loss_with_the_penalty(data, tmp_path: Path):
    """Against the formula at the top of training/descent.py, written out."""
    created, labels = data
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Flatten(), nn.Linear(32, 2))
    theirs = nn.Sequential(nn.Flatten(), nn.Linear(32, 2))
    theirs.load_state_dict(ours.state_dict())
    wrapped = _Masked(ours)
    settings = descent.Settings(
        epochs=1, batch_size=len(created), learning_rate=0.01, l2=0.3, seed=0, fold=1, curve_every=0
    )
    descent.fit_network(wrapped, created, labels, settings, tmp_path, lambda m: 0.0, lambda p: None)
    order = np.random.default_rng([0, 1, 1]).permutation(len(created))
    x = torch.from_numpy(created.batch(order)[0])
    optimiser = torch.optim.Adam(theirs.parameters(), lr=0.01)
    loss = nn.functional.cross_entropy(theirs(x), torch.from_numpy(labels[order]))
    (loss + 0.5 * 0.3 * theirs[1].weight.square().sum()).backward()
    optimiser.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b)


class _Masked(nn.Module):
    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner = inner

    def forward(self, x, mask=None):
        return self.inner(x)


class SelfMade(Net):
    """An estimator: a mean of its own, and the network as a stage."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(4))

    def estimate(self, made, labels, descend, seed):
        self.mean += torch.from_numpy(made.frames.mean(axis=0)) + seed % 7
        self.threads = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
        descend(self.layers, Averaged(made), labels)


class Averaged:
    """Clips as their mean frames."""

    def __init__(self, made):
        self.made = made

    def __len__(self):
        return len(self.made)

    def batch(self, which):
        return self.made.batch(which)[0].mean(axis=1), None


class Stage(nn.Sequential):
    def forward(self, x, mask=None):
        return super().forward(x)


def self_made(data, folder: Path, epochs: int) -> SelfMade:
    created, labels = data
    torch.manual_seed(0)
    model = SelfMade()
    model.layers = Stage(*model.layers)
    settings = descent.Settings(
        epochs=epochs,
        batch_size=16,
        learning_rate=0.02,
        l2=1e-4,
        seed=0,
        fold=1,
        curve_every=1,
        optimiser="rmsprop",
    )

    def no_curve(model: nn.Module) -> float:
        raise AssertionError("a stage has no curve of the whole")

    descent.fit(model, created, labels, settings, folder, no_curve, lambda p: None)
    return model


def test_an_estimator_fits_itself_on_one_thread_and_its_network_resumes(data, tmp_path: Path):
    full = self_made(data, tmp_path / "a", 6)
    self_made(data, tmp_path / "b", 3)
    resumed = self_made(data, tmp_path / "b", 6)
    assert full.mean.abs().sum() > 0 and same(full, resumed)
    assert set(full.threads) == {1}
    assert (tmp_path / "a" / "history.csv").read_text().count("\n") == 7


def test_rmsprop_is_another_rule_and_resumes_too(data, tmp_path: Path):
    adam, _ = fit(data, tmp_path / "a", 2)
    full, _ = fit(data, tmp_path / "b", 4, optimiser="rmsprop")
    fit(data, tmp_path / "c", 2, optimiser="rmsprop")
    resumed, _ = fit(data, tmp_path / "c", 4, optimiser="rmsprop")
    assert same(full, resumed) and not same(adam, full)


def test_a_loss_that_is_no_number_stops_with_a_remedy(data, tmp_path: Path):
    with pytest.raises(
        AscError, match="the loss of fold 1 is (nan|inf) in epoch .*learning_rate m"
    ):
        fit(data, tmp_path, 20, learning_rate=1e30)


def test_a_loss_that_is_no_number_is_not_reported_as_progress(data, tmp_path: Path, monkeypatch):
    """Progress is written as JSON, which holds no NaN: the remedy comes before it."""
    monkeypatch.setattr(progress, "REPORT_SECONDS", 0.0)
    seen: list[progress.Progress] = []
    with pytest.raises(AscError, match="the loss of fold 1 is"):
        fit(data, tmp_path, 20, report=seen.append, learning_rate=1e30)
    assert all(np.isfinite(p.loss) for p in seen)


def test_progress_has_share_and_speed(data, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(progress, "REPORT_SECONDS", 0.0)
    seen: list[progress.Progress] = []
    fit(data, tmp_path, 3, report=seen.append)
    shares = [p.share for p in seen]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert {p.epoch for p in seen} == {1, 2, 3} and all(p.clips_per_s > 0 for p in seen)


def test_seeds_of_neighbours_are_far_apart():
    seeds = {optim.seed(0, fold, epoch) for fold in range(20) for epoch in range(100)}
    assert len(seeds) == 2000
