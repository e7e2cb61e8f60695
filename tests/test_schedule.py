"""Optimisers, schedules, averages and balance: known answers, and the same bits when resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from asc_cli.core.errors import AscError
from asc_cli.frontend import clips, standardise
from asc_cli.recipe import load as recipe
from asc_cli.training import descent, loss, optim, schedule
from asc_cli.training.average import WeightAverage


class Net(nn.Module):
    """Batch normalisation and dropout: buffers that are averaged, and random numbers."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3)
        )

    def forward(self, x, mask=None):
        return self.layers(x.mean(dim=1))


LABELS = np.array([0, 1, 2, 0, 0, 1, 0, 0] * 5)
ALL = {
    "optimiser": "sgd",
    "momentum": 0.9,
    "nesterov": True,
    "clip_norm": 0.5,
    "schedule": "one_cycle",
    "warm_up": 0.3,
    "ema_decay": 0.9,
    "label_smoothing": 0.1,
    "balance": "sampler",
}


def some_clips() -> clips.ClipSet:
    rng = np.random.default_rng(0)
    frames = [rng.normal(label, 1, (8, 4)).astype(np.float32) for label in LABELS]
    return clips.from_recordings(
        frames, clips.ClipGrid(8, 8.0), standardise.fit_standardisation(frames)
    )


class Killed(BaseException):
    pass


def fit(folder: Path, validate: Any = None, stop_after: int = -1, **more: Any) -> nn.Module:
    torch.manual_seed(0)
    model, batches = Net(), 0
    plain: dict[str, Any] = dict(
        epochs=3, batch_size=8, learning_rate=0.05, l2=0.0, seed=0, fold=1, curve_every=0
    )

    def forward(_: object, __: object) -> None:
        nonlocal batches
        batches += model.training
        if batches == stop_after:
            raise Killed

    model.register_forward_pre_hook(forward)
    settings = descent.Settings(**{**plain, **more})
    descent.fit_network(
        model, some_clips(), LABELS, settings, folder, None, lambda p: None, validate
    )
    return model


def same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


@pytest.mark.parametrize(
    "stop_after", [7, *(pytest.param(n, marks=pytest.mark.campaign) for n in (1, 5, 6, 15))]
)
@pytest.mark.parametrize("more", [ALL, {"optimiser": "adamw", "weight_decay": 0.1}])
def test_stopped_at_any_batch_it_ends_with_the_same_bits(
    tmp_path: Path, stop_after: int, more: dict[str, Any]
):
    full = fit(tmp_path / "a", **more)
    with pytest.raises(Killed):
        fit(tmp_path / "b", stop_after=stop_after, **more)
    assert same(full, fit(tmp_path / "b", **more))
    assert same(full, fit(tmp_path / "b", **more))  # from the checkpoint of a finished fit


def test_each_setting_changes_the_weights(tmp_path: Path):
    full = fit(tmp_path / "all", **ALL, epochs=1)
    together = {"optimiser": ("momentum", "nesterov"), "momentum": ("nesterov",)}
    for key in ALL:
        without = (key, *together.get(key, ()))
        others = {k: v for k, v in ALL.items() if k not in without}
        assert not same(full, fit(tmp_path / key, **others, epochs=1)), key


def test_rates_are_those_of_torch():
    parameter = nn.Parameter(torch.zeros(1))
    cosine, cycle = (torch.optim.SGD([parameter], lr=2.0) for _ in range(2))
    of_cosine = torch.optim.lr_scheduler.CosineAnnealingLR(cosine, T_max=50)
    of_cycle = torch.optim.lr_scheduler.OneCycleLR(
        cycle, max_lr=2.0, total_steps=50, pct_start=0.3, cycle_momentum=False
    )
    for step in range(50):
        ours = [
            2 * schedule.factor(*named, step, 50) for named in (("cosine", 0.0), ("one_cycle", 0.3))
        ]
        theirs = [each.param_groups[0]["lr"] for each in (cosine, cycle)]
        assert ours == pytest.approx(theirs, rel=1e-9)
        for each, scheduler in ((cosine, of_cosine), (cycle, of_cycle)):
            each.step()
            scheduler.step()


def test_a_warm_up_rises_evenly_to_the_highest_rate():
    rates = [schedule.factor("cosine", 0.2, step, 20) for step in range(20)]
    assert rates[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert rates[4:] == sorted(rates[4:], reverse=True) and 0 < rates[-1] < 0.02
    assert {schedule.factor("constant", 0.0, step, 7) for step in range(7)} == {1.0}


def test_adamw_takes_weights_down_apart_from_the_gradient():
    model = nn.Linear(2, 1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimiser = optim.optimiser(model, "adamw", 0.1, weight_decay=0.5)
    optim.step(model, optimiser, model(torch.zeros(1, 2)).sum() * 0, 0.1, None)
    torch.testing.assert_close(model.weight, before["weight"] * (1 - 0.1 * 0.5))
    torch.testing.assert_close(model.bias, before["bias"])


def test_gradients_are_cut_at_their_norm():
    model = nn.Linear(2, 1, bias=False)
    before = model.weight.detach().clone()
    optimiser = optim.optimiser(model, "sgd", 1.0)
    optim.step(model, optimiser, model(torch.tensor([[30.0, 40.0]])).sum(), 1.0, 2.0)
    torch.testing.assert_close(before - model.weight, torch.tensor([[1.2, 1.6]]))


def test_the_average_is_the_formula_s():
    model = nn.Linear(1, 1)
    average = WeightAverage(model, 0.5)
    expected = model.weight.item()
    for step, d in enumerate([0.1, 2 / 11, 0.25]):  # (1 + step) / (10 + step), below 0.5
        with torch.no_grad():
            model.weight += 1
        average.update(model, step)
        expected = d * expected + (1 - d) * model.weight.item()
    assert average.values["weight"].item() == pytest.approx(expected)
    own = model.weight.item()
    with average.applied(model):
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == own


@pytest.mark.parametrize("choose_epoch", ["last", "validation"])
def test_the_average_is_validated_and_saved(tmp_path: Path, choose_epoch: str):
    seen: list[nn.Module] = []

    def validate(model: nn.Module) -> float:
        copy = Net()
        copy.load_state_dict(model.state_dict())
        seen.append(copy)
        return -float(len(seen))  # the last epoch is the best

    averaged = fit(tmp_path / "a", validate, **{**ALL, "choose_epoch": choose_epoch})
    assert same(averaged, seen[-1])
    assert not same(averaged, fit(tmp_path / "b", **{**ALL, "ema_decay": None}))


def test_the_loss_of_smoothed_and_weighted_labels():
    scores, labels = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 0, 1])
    weights = torch.tensor([0.5, 1.0, 2.0])
    soft = loss.one_hot(labels, 3)
    plain = nn.functional.cross_entropy
    torch.testing.assert_close(loss.cross_entropy(scores, soft), plain(scores, labels))
    torch.testing.assert_close(
        loss.cross_entropy(scores, labels, weights=weights), plain(scores, labels, weights)
    )
    torch.testing.assert_close(
        loss.cross_entropy(scores, soft, 0.2), plain(scores, labels, label_smoothing=0.2)
    )
    even = loss.cross_entropy(torch.zeros(6, 3), soft, 0.3, weights)
    assert even.item() == pytest.approx(np.log(3))


def test_balanced_scenes():
    weights = loss.class_weights(LABELS, 4)
    assert (weights[:3].numpy() * np.bincount(LABELS)).tolist() == pytest.approx([10.0] * 3)
    assert weights[3] == 1  # a scene without clips
    labels = np.repeat([0, 1], [900, 100])
    drawn = labels[loss.balanced_order(labels, np.random.default_rng(0))]
    assert len(drawn) == 1000 and 450 < drawn.sum() < 550


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["optimiser=adamw", "l2=0.1"], "training.l2 = 0.1: adamw takes off weight_decay in pla"),
        (["weight_decay=0.1"], "training.weight_decay = 0.1: is of adamw; adam has l2"),
        (["momentum=0.9"], "training.momentum = 0.9: is of sgd; remove it"),
        (["optimiser=sgd", "nesterov=true"], "training.nesterov = True: needs optimiser: sgd and"),
        (["schedule=one_cycle", "warm_up=0"], "training.warm_up = 0.0: one_cycle rises before"),
        (["balance=[weights, sampler]"], "training.balance = .*: input should be 'none', 'weigh"),
    ],
)
def test_settings_that_do_not_go_together(changed: list[str], message: str):
    with pytest.raises(AscError, match=message):
        recipe.load("toy_cnn_mel", [f"training.{each}" for each in changed])


def test_streams_refuse_what_they_do_not_use():
    with pytest.raises(AscError, match="training.clip_norm: yt8m_toy is a stream .*stream.clip_n"):
        recipe.load("yt8m_toy_lstm", ["training.clip_norm=1"])


def test_defaults_are_no_part_of_the_settings():
    plain = recipe.load("toy_lstm")
    spelt_out = [
        *("optimiser=adam", "weight_decay=0", "momentum=0", "schedule=constant", "warm_up=0"),
        *("ema_decay=null", "label_smoothing=0", "balance=none", "clip_norm=null"),
    ]
    assert recipe.load("toy_lstm", [f"training.{each}" for each in spelt_out]) == plain
    assert not set(ALL) - {"optimiser"} & set(plain.settings["training"])
    changed = recipe.load("toy_lstm", ["training.schedule=one_cycle"])
    assert changed.settings["training"]["warm_up"] == 0.3
    assert changed.signature() != plain.signature()
    settings = {**plain.settings, "training": {"optimiser": "adamw", "weight_decay": 0.02}}
    adamw = recipe.from_settings("adamw", settings)
    assert adamw.training.l2 == 0 and adamw.settings["training"]["weight_decay"] == 0.02
    assert recipe.from_settings("again", adamw.settings).training == adamw.training
