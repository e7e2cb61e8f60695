"""What each augmentation changes and what it must not; the same bits when a fit is resumed."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from asc_cli.augment import Batch, Scale
from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.features.log_mel import LogMel
from asc_cli.frontend import clips, standardise
from asc_cli.frontend.feature import resolve
from asc_cli.training import descent
from asc_cli.training.augmentation import Augmentation, augmentation

NAMES = plugins.names("augment")
N, T, F, C = 6, 20, 12, 3
LENGTHS = torch.tensor([20, 20, 7, 20, 13, 20])
MASK = torch.arange(T) < LENGTHS[:, None]
SCALE = Scale(torch.linspace(-9, -5, F), torch.linspace(2, 3, F), 1.0)


def batch(mask: torch.Tensor | None = None) -> Batch:
    frames = torch.randn(N, T, F, generator=torch.Generator().manual_seed(0))
    frames = frames if mask is None else frames * mask[:, :, None]
    return Batch(frames, mask, torch.eye(C)[torch.arange(N) % C], SCALE)


def apply(name: str, given: Batch, seed: int = 0, **parameters: Any) -> Batch:
    transform = plugins.INSTALLED.dataclass_of("augment", name)(**parameters)
    before = [given.frames.clone(), given.targets.clone()]
    changed = transform(given, np.random.default_rng(seed))
    assert torch.equal(given.frames, before[0]) and torch.equal(given.targets, before[1])
    return changed


@pytest.mark.parametrize("mask", [None, MASK], ids=["full", "short"])
@pytest.mark.parametrize("name", NAMES)
def test_shapes_targets_and_repeatability(name: str, mask: torch.Tensor | None):
    given = batch(mask)
    first, again, other = (apply(name, given, seed) for seed in (1, 1, 2))
    assert first.frames.shape == given.frames.shape and first.frames.dtype == torch.float32
    assert torch.equal(first.frames, again.frames) and torch.equal(first.targets, again.targets)
    assert not torch.equal(first.frames, other.frames)
    torch.testing.assert_close(first.targets.sum(dim=1), torch.ones(N))
    valid = torch.ones(N, T, dtype=torch.bool) if first.mask is None else first.mask
    assert first.frames[valid].isfinite().all()
    if name not in ("mixup", "between_class"):
        assert torch.equal(first.targets, given.targets)
        assert first.mask is None if mask is None else torch.equal(first.mask, mask)


def test_frames_beyond_a_clip_s_end_stay_zero():
    given = batch(MASK)
    transforms = [plugins.INSTALLED.dataclass_of("augment", name)() for name in NAMES]
    for listed in (*zip(transforms, strict=True), tuple(transforms)):
        x, mask, targets = Augmentation(listed, SCALE, C)(
            given.frames, MASK, given.targets.argmax(dim=1), (0, 1)
        )
        assert mask is not None and x.isfinite().all() and not x[~mask].any()
        assert (mask >= MASK).all() and targets.shape == (N, C)


@pytest.mark.parametrize("spectrum", ["power", "magnitude"])
def test_gain_is_that_of_a_louder_recording(spectrum: Any):
    """Of samples × 2, features and gain agree."""
    samples = np.random.default_rng(0).normal(0, 0.1, 8000).astype("f4")
    feature = LogMel(spectrum=spectrum)
    quiet, loud = (torch.from_numpy(feature(a * samples, 16_000))[None] for a in (1, 2))
    mean, deviation = quiet.mean(dim=(0, 1)), quiet.std(dim=(0, 1))
    scale = Scale(mean, deviation, feature.log_of_power)
    raised = (quiet - mean) / deviation + scale.of_decibels(torch.tensor([[[20 * math.log10(2)]]]))
    torch.testing.assert_close(raised, (loud - mean) / deviation, atol=1e-4, rtol=0)


def test_gain_and_equaliser_stay_within_their_decibels():
    given = batch()
    in_db = 10 / math.log(10) * SCALE.deviation
    flat = (apply("gain", given, db=4.0).frames - given.frames) * in_db
    torch.testing.assert_close(flat, flat[:, :1, :1].expand_as(flat), atol=1e-4, rtol=0)
    assert 2 < flat.abs().max() <= 4 and len(flat[:, 0, 0].unique()) == N
    curve = (apply("equaliser", given, db=4.0, n_knots=3).frames - given.frames) * in_db
    torch.testing.assert_close(curve, curve[:, :1].expand_as(curve), atol=1e-4, rtol=0)
    bends = curve[:, 0].diff(dim=1).diff(dim=1).abs() > 1e-3  # straight lines but at the knot
    assert bends[:, :4].sum() == bends[:, 6:].sum() == 0 and curve.abs().max() <= 4.0001
    assert apply("gain", given, db=0.0).frames.equal(given.frames)


@pytest.mark.parametrize(("name", "axis", "size"), [("band_mask", 1, F), ("time_mask", 2, T)])
def test_masks_hide_few_neighbours_and_leave_the_rest(name: str, axis: int, size: int):
    given = batch()
    masked = apply(name, given, width=3, times=1)
    hidden = (masked.frames != given.frames).all(dim=axis)  # (N, size)
    touched = (masked.frames != given.frames).any(dim=axis)
    assert torch.equal(hidden, touched) and 0 < hidden.sum(dim=1).max() <= 3
    runs = hidden.int().diff(dim=1).eq(1).sum(dim=1) + hidden[:, 0]
    assert runs.max() == 1
    means = given.frames.mean(dim=(1, 2))
    for clip in range(N):
        values = masked.frames[clip].movedim(axis - 1, 1)[hidden[clip]]
        torch.testing.assert_close(values, means[clip].expand_as(values))
    widths = [
        int(
            (apply(name, given, s, width=3, times=1).frames != given.frames)
            .all(dim=axis)
            .sum(dim=1)
            .max()
        )
        for s in range(20)
    ]
    assert max(widths) == 3


def test_a_roll_moves_frames_and_loses_none():
    given = batch(MASK)
    moves = set()
    for seed in range(40):
        rolled = apply("time_roll", given, seed, share=0.2)
        for clip, length in enumerate(LENGTHS.tolist()):
            before, after = given.frames[clip, :length], rolled.frames[clip, :length]
            [move] = [m for m in range(-4, 5) if torch.equal(before.roll(m, 0), after)]
            assert abs(move) <= int(0.2 * length)
            moves |= {move} if length == T else set()
    assert moves == set(range(-4, 5))
    assert apply("time_roll", given, share=0.0).frames.equal(given.frames)


def test_mixup_is_a_mixture_of_two_with_their_labels():
    given = batch()
    mixed = apply("mixup", given, seed=3, alpha=1.0)
    for clip in range(N):
        own = mixed.targets[clip, clip % C].item()
        assert own >= 0.5 - 1e-6
        options = [own * given.frames[clip] + (1 - own) * given.frames[k] for k in range(N)]
        assert min((mixed.frames[clip] - each).abs().max().item() for each in options) < 1e-5
    none = apply("mixup", given, share=0.0)
    assert none.frames.equal(given.frames) and none.targets.equal(given.targets)


def test_sounds_are_mixed_in_power_by_their_shares_of_the_energy():
    given = batch()
    loud = replace(given, frames=given.frames + 4 * (torch.arange(N) % 2)[:, None, None])
    mixed = apply("between_class", loud, seed=1, share=1.0)
    power, mixture = SCALE.power(loud.frames), SCALE.power(mixed.frames)
    energy = power.mean(dim=(1, 2))
    pairs = 0
    for clip in range(N):
        r = mixed.targets[clip, clip % C].item()
        for other in range(N):
            level = r * energy[clip] + (1 - r) * energy[other]
            expected = level * (
                r * power[clip] / energy[clip] + (1 - r) * power[other] / energy[other]
            )
            pairs += torch.allclose(mixture[clip], expected, rtol=1e-3)
    assert pairs >= N - 1  # of a pair of one scene the target does not tell r
    none = apply("between_class", loud, share=0.0)
    assert none.frames.equal(loud.frames) and none.targets.equal(loud.targets)


def test_mixstyle_changes_the_bands_statistics_alone():
    given = batch()
    mixed = apply("freq_mixstyle", given, share=1.0)

    def shape(frames: torch.Tensor) -> torch.Tensor:
        return (frames - frames.mean(dim=1, keepdim=True)) / frames.std(dim=1, keepdim=True)

    torch.testing.assert_close(shape(mixed.frames), shape(given.frames), atol=1e-4, rtol=1e-4)
    low, high = given.frames.mean(dim=1).amin(dim=0), given.frames.mean(dim=1).amax(dim=0)
    mean = mixed.frames.mean(dim=1)
    assert (mean >= low - 1e-5).all() and (mean <= high + 1e-5).all()
    assert not torch.allclose(mean, given.frames.mean(dim=1))
    changed = [apply("freq_mixstyle", given, s).frames.equal(given.frames) for s in range(200)]
    assert 0.5 < np.mean(changed) < 0.7  # 0.4 of the batches are changed


# -- in training ------------------------------------------------------------------------------

LISTED = [{"name": name} for name in NAMES]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 2)

    def forward(self, x, mask=None):
        return self.layer(x.mean(dim=1))


class Killed(BaseException):
    pass


def fit(folder: Path, listed: list[dict[str, Any]], model: nn.Module, stop_after: int = -1):
    rng = np.random.default_rng(0)
    labels = np.arange(12) % 2
    frames = [
        rng.normal(label - 5, 1, (6 + i % 3, 64)).astype("f4") for i, label in enumerate(labels)
    ]
    spread = standardise.fit_standardisation(frames)
    created = clips.from_recordings(frames, clips.ClipGrid(8, 8.0), spread)
    settings = descent.Settings(
        epochs=3, batch_size=5, learning_rate=0.1, l2=0.0, seed=0, fold=1, curve_every=0
    )
    feature = resolve("log_mel", 22_050, {})
    chain = augmentation(listed, feature, spread, 2, "cpu", plugins.INSTALLED)
    batches = 0

    def forward(_: object, __: object) -> None:
        nonlocal batches
        batches += 1
        if batches == stop_after:
            raise Killed

    model.register_forward_pre_hook(forward)
    descent.fit(
        model, created, labels, settings, folder, lambda m: 0.0, lambda p: None, augment=chain
    )
    return model.state_dict()["layer.weight"]


def net() -> Net:
    torch.manual_seed(0)
    return Net()


@pytest.mark.parametrize(
    "stop_after", [5, *(pytest.param(n, marks=pytest.mark.campaign) for n in (1, 3, 4, 9))]
)
def test_stopped_at_any_batch_it_ends_with_the_same_bits(tmp_path: Path, stop_after: int):
    full = fit(tmp_path / "a", LISTED, net())
    with pytest.raises(Killed):
        fit(tmp_path / "b", LISTED, net(), stop_after)
    torch.manual_seed(9)  # whatever else went on
    assert torch.equal(full, fit(tmp_path / "b", LISTED, net()))
    assert not torch.equal(full, fit(tmp_path / "c", LISTED[::-1], net()))  # their order counts


def test_a_model_that_fits_itself_refuses_them(tmp_path: Path):
    class FitsItself(Net):
        def estimate(self, clips, labels, fit_network, seed):
            raise AssertionError

    with pytest.raises(AscError, match="augment: this model fits itself"):
        fit(tmp_path, LISTED, FitsItself())
