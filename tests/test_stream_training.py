"""Training by examples: schedule, clipping, precision, and resuming to the same bits anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from asc_cli.core.errors import AscError
from asc_cli.datasets.yt8m import Batch
from asc_cli.models import lstm_video
from asc_cli.video import descent

C, F, T, B = 4, 6, 5, 8


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Part:
    """80 videos in 10 batches; label c is that number c was high in the last frame."""

    def __init__(self, epoch: int, position: dict[str, Any] | None):
        self.order = np.random.default_rng(epoch).permutation(80)
        self.done = position["done"] if position else 0

    def __iter__(self) -> Iterator[Batch]:
        rng = np.random.default_rng(0)
        x = rng.normal(size=(80, T, F)).astype(np.float32)
        labels = [tuple(np.flatnonzero(row[-1, :C] > 0.5).tolist()) for row in x]
        while self.done < 80:
            which = self.order[self.done : self.done + B]
            self.done += len(which)
            truth = tuple(labels[i] for i in which)
            yield Batch(tuple(map(str, which)), x[which], np.ones((B, T), bool), truth)

    def position(self) -> dict[str, Any]:
        return {"done": self.done}

    def share(self) -> float:
        return self.done / 80


def settings(**more: Any) -> descent.Settings:
    plain = dict(
        epochs=3,
        learning_rate=0.03,
        l2=0.0,
        seed=0,
        optimiser="adam",
        choose_epoch="last",
        clip_norm=None,
        decay=1.0,
        decay_every=1,
        checkpoint_every=24,
        precision="float32",
        device="cpu",
    )
    return descent.Settings(**{**plain, **more})


GAPS = {1: 0.2, 2: 0.7, 3: 0.5}


def fit(folder: Path, part=Part, gaps=GAPS, **more: Any):
    torch.manual_seed(0)
    model = lstm_video.build(F, C, attention=("semantic",), n_hidden=8, n_mixtures=2)
    seen = iter(gaps[epoch] for epoch in range(len(_history(folder)) + 1, 4))

    def evaluate(_: torch.nn.Module) -> dict[str, float]:
        return {"gap": next(seen), "hit_at_1": 0.5, "perr": 0.5, "videos": 1, "positives": 1}

    state = descent.fit_network(model, part, evaluate, settings(**more), C, folder, faults=[])
    return model, state


def _history(folder: Path) -> list[dict[str, Any]]:
    path = folder / "checkpoint.safetensors"
    if not path.exists():
        return []
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["state"])["history"]


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


class Killed(BaseException):
    pass


@pytest.mark.parametrize(
    "stop_after",
    [3, 10, *(pytest.param(n, marks=pytest.mark.campaign) for n in (1, 4, 9, 11, 17, 29))],
)
def test_stopped_after_any_batch_it_ends_with_the_same_bits(tmp_path: Path, stop_after: int):
    full, done = fit(tmp_path / "a")
    batches = 0

    class Stopping(Part):
        def __iter__(self) -> Iterator[Batch]:
            nonlocal batches
            for batch in super().__iter__():
                if batches == stop_after:
                    raise Killed
                batches += 1
                yield batch

    with pytest.raises(Killed):
        fit(tmp_path / "b", Stopping)
    torch.manual_seed(99)  # whatever else went on
    again, resumed = fit(tmp_path / "b")
    assert same(full, again)
    timeless = [[{**row, "seconds": 0} for row in state.history] for state in (done, resumed)]
    assert timeless[0] == timeless[1] and resumed.examples == 240


def test_a_checkpoint_is_written_every_so_many_examples(tmp_path: Path, monkeypatch):
    at: list[int] = []
    write = descent.checkpoint
    monkeypatch.setattr(
        descent,
        "checkpoint",
        lambda folder, m, o, state: (at.append(state.examples), write(folder, m, o, state)),
    )
    fit(tmp_path, epochs=1)
    assert at == [24, 48, 72, 80, 80]  # the epoch's end: before and after its evaluation


def test_the_best_epoch_s_weights_stay_where_the_recipe_says_so(tmp_path: Path):
    last, _ = fit(tmp_path / "last")
    second, _ = fit(tmp_path / "two", epochs=2)
    best, state = fit(tmp_path / "best", choose_epoch="validation")
    assert same(best, second) and not same(best, last)
    assert descent.best(state.history)["epoch"] == 2
    again, _ = fit(tmp_path / "best", choose_epoch="validation")  # finished: from its files
    assert same(again, best)


def test_history(tmp_path: Path):
    _, state = fit(tmp_path)
    assert state.history[-1]["train_loss"] < 0.8 * state.history[0]["train_loss"]
    header, *rows = (tmp_path / "history.csv").read_text().splitlines()
    assert header == (
        "epoch,examples,train_loss,learning_rate,gap,hit_at_1,perr,videos,positives,seconds"
    )
    assert [row.split(",")[1] for row in rows] == ["80", "160", "240"]


def test_the_learning_rate_falls_by_examples_seen():
    falling = settings(learning_rate=1e-3, decay=0.95, decay_every=4_000_000)
    seen = (0, 3_999_999, 4_000_000, 7_999_999, 8_000_000)
    rates = [descent.rate(falling, examples) for examples in seen]
    assert rates == pytest.approx([1e-3, 1e-3, 0.95e-3, 0.95e-3, 0.9025e-3])


def test_the_optimiser_gets_that_rate(tmp_path: Path, monkeypatch):
    rates: list[float] = []
    step = torch.optim.Adam.step

    def spied(self, *rest):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *rest)

    monkeypatch.setattr(torch.optim.Adam, "step", spied)
    fit(tmp_path, epochs=1, decay=0.5, decay_every=40)
    assert rates == pytest.approx([0.03] * 5 + [0.015] * 5)


def test_gradients_are_clipped_to_one_norm_over_all(tmp_path: Path, monkeypatch):
    norms: list[float] = []
    step = torch.optim.Adam.step

    def spied(self, *rest):
        every = [p.grad for group in self.param_groups for p in group["params"]]
        norms.append(float(torch.cat([g.flatten() for g in every]).norm()))
        return step(self, *rest)

    monkeypatch.setattr(torch.optim.Adam, "step", spied)
    fit(tmp_path / "free", epochs=1)
    free, norms[:] = norms[:], []
    fit(tmp_path / "clipped", epochs=1, clip_norm=0.05)
    assert min(free) > 0.1 and norms == pytest.approx([0.05] * 10, rel=1e-4)


def test_bfloat16_is_near_and_its_weights_stay_float32(tmp_path: Path):
    [batch, *_] = Part(1, None)
    plain, _ = fit(tmp_path / "a", epochs=1)
    with torch.inference_mode():
        full, half = (
            descent.probabilities(plain, batch, precision, "cpu")
            for precision in ("float32", "bfloat16")
        )
    assert half.dtype == torch.float32 and not torch.equal(full, half)
    torch.testing.assert_close(full, half, atol=0.02, rtol=0)
    model, state = fit(tmp_path / "b", precision="bfloat16")
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert state.history[-1]["train_loss"] < 0.8 * state.history[0]["train_loss"]


def test_a_loss_that_is_no_number_is_an_error(tmp_path: Path):
    class Strange(Part):
        def __iter__(self) -> Iterator[Batch]:
            for batch in super().__iter__():
                yield batch._replace(frames=batch.frames * np.float32("nan"))

    with pytest.raises(AscError, match=r"the loss is nan after 0 examples; a lower .* may help"):
        fit(tmp_path, Strange)


def test_a_part_without_videos_is_an_error(tmp_path: Path):
    class Empty(Part):
        def __iter__(self) -> Iterator[Batch]:
            return iter(())

    with pytest.raises(AscError, match="no complete video in the training part's shards"):
        fit(tmp_path, Empty)
