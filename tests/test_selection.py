"""Validation by group, choosing on it, temperatures, and what a model costs."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from asc_cli import workflow
from asc_cli.core.errors import AscError
from asc_cli.datasets import Recording
from asc_cli.evaluation import calibration, complexity
from asc_cli.models import build
from asc_cli.protocol import holdout
from asc_cli.recipe import load as recipe
from tests.conftest import SMALL


def recordings(n_groups: int, per_group: int, scenes: int = 3) -> list[Recording]:
    return [
        Recording(f"{s}-{g}-{i}.wav", f"scene{s}", group=f"{s}-{g}")
        for s in range(scenes)
        for g in range(n_groups)
        for i in range(per_group)
    ]


def test_groups_are_not_split():
    known = recordings(10, 4)
    fitted, stored_ = holdout.split(known, 0.2, "group", (0, 1))
    groups = [{known[i].group for i in part} for part in (fitted, stored_)]
    assert not groups[0] & groups[1] and len(groups[1]) == 6  # 2 of 10 of each scene
    assert sorted(fitted + stored_) == list(range(120))
    assert holdout.split(known, 0.2, "group", (0, 1)) == (fitted, stored_)
    assert holdout.split(known, 0.2, "group", (0, 2)) != (fitted, stored_)


def test_each_scene_keeps_a_group():
    fitted, stored_ = holdout.split(recordings(2, 5), 0.9, "group", (0,))
    assert len(fitted) == len(stored_) == 15


@pytest.mark.parametrize("seed", range(12))
def test_a_scene_in_a_group_of_another_keeps_a_group(seed: int):
    shared = [Recording(f"{g}-{i}.wav", "bus", group=f"g{g}") for g in range(3) for i in range(4)]
    shared.append(Recording("car.wav", "car", group="g0"))
    fitted, stored_ = holdout.split(shared, 0.3, "group", (seed, 1))
    assert {shared[i].label for i in fitted} == {"bus", "car"}
    assert {shared[i].group for i in stored_} in ({"g1"}, {"g2"})


def test_a_fraction_that_holds_out_nothing_is_an_error():
    alone = [*recordings(1, 4), Recording("x.wav", "scene0", group="1-0")]
    alone.append(Recording("y.wav", "scene3", group="0-0"))
    with pytest.raises(AscError, match="or one that another scene needs"):
        holdout.split(alone, 0.2, "group", (0,))


def test_missing_groups_are_an_error():
    alone = [Recording(f"{i}.wav", "bus") for i in range(10)]
    with pytest.raises(AscError, match="names no group for 0.wav; give the table a column group"):
        holdout.split(alone, 0.2, "group", (0,))
    assert len(holdout.split(alone, 0.2, "recording", (0,))[1]) == 2
    with pytest.raises(AscError, match="holds out nothing: every scene has a single group"):
        holdout.split(recordings(1, 5), 0.2, "group", (0,))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "training.choose_epoch=validation",
            "nothing is held out; add validation: .* cannot be used",
        ),
        ("evaluation.calibrate=temperature", "nothing is held out; add validation"),
    ],
)
def test_choosing_without_validation_is_an_error_that_explains(override: str, message: str):
    with pytest.raises(AscError, match=message):
        recipe.load("toy_lstm", [override])


def test_votes_have_no_temperature():
    more = ["evaluation.calibrate=temperature", "evaluation.aggregate=vote"]
    with pytest.raises(AscError, match="votes do not change with it"):
        recipe.load("toy_lstm", [*more, "validation.fraction=0.2"])


def test_a_run_with_validation(toy_root: Path, home: Path):
    more = ["validation.fraction=0.4", "training.choose_epoch=validation"]
    chosen = recipe.load("toy_lstm", [*SMALL, *more, "evaluation.calibrate=temperature"])
    done = workflow.train(chosen, data=toy_root, folds=[1], jobs=1)
    folder = done.run / "fold01"
    lines = (folder / "history.csv").read_text().splitlines()[1:]
    losses = [float(line.split(",")[4]) for line in lines]
    assert len(losses) == 2 and (folder / "best.safetensors").is_file()
    again = workflow.evaluate(done.model, dataset="toy", data=toy_root, jobs=1)
    for name in ("accuracy", "log_loss", "ece"):  # the temperature travels with the model
        assert again[name] == pytest.approx(done.metrics[name], abs=1e-5)
    page = (done.run / "report.html").read_text()
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "temperature fitted on validation" in page


def test_a_temperature_is_found():
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 2, (4000, 3))
    p = np.exp(truth) / np.exp(truth).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(3, p=row) for row in p])
    sharpened = calibration.apply_temperature(np.log(p), 1 / 3)  # too sure by a factor of 3
    results = calibration.fit_temperature(sharpened, labels, np.exp)
    assert results == pytest.approx(3, rel=0.1)
    np.testing.assert_allclose(np.exp(calibration.apply_temperature(sharpened, 3)), p, atol=1e-12)
    assert calibration.apply_temperature(sharpened, 1) is sharpened


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(8, 16, batch_first=True)
        self.head = nn.Linear(16, 3)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        return self.head(self.rnn(x)[0][:, -1])


def test_costs_counted_by_hand():
    costs = complexity.measure(Net(), 10, 8, 0.5)
    assert costs.parameters == 4 * 16 * (8 + 16 + 2) + 16 * 3 + 3
    assert costs.bytes["float16"] == 2 * costs.parameters
    assert costs.macs_per_clip == 10 * 4 * 16 * (8 + 16) + 16 * 3
    assert costs.macs_per_second == 2 * costs.macs_per_clip


def test_buffers_of_an_estimator_count_too():
    class Kept(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("means", torch.zeros(5, 8, dtype=torch.float64))
            self.register_buffer("nodes", torch.zeros(3, dtype=torch.int32))
            self.register_buffer("scratch", torch.zeros(9), persistent=False)
            self.norm = nn.BatchNorm1d(4)

        def estimate(self) -> None: ...

        def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
            return (x.double() @ self.means.T).sum(dim=1)

    costs = complexity.measure(Kept(), 10, 8, 1.0)
    assert costs.parameters == 5 * 8 + 3 + 2 * 4, "no running statistics, no counter"
    assert costs.bytes == {"float32": 4 * 48 + 12, "float16": 2 * 48 + 12, "int8": 48 + 12}


def test_the_challenge_s_baseline_costs_what_the_challenge_says():
    costs = complexity.measure(
        build({"name": "cp_mobile"}, 256, 10), 65, 256, 1.0
    )  # a second: 65 frames of 256 bands
    assert costs.parameters == 61_148
    assert costs.bytes["float16"] == 122_296
    assert costs.macs_per_second == pytest.approx(29.42e6, rel=2e-4)  # official: 29 419 156
    check = complexity.check_limit(costs, "dcase2024", "float16")
    assert check.passes and check.precision == "float16"
    assert {name: within.member for name, within in check.precisions.items()} == {
        "float32": False,
        "float16": True,
        "int8": True,
    }
    assert not complexity.check_limit(costs, "dcase2024").passes, "at float32"


def test_the_recipe_names_the_deployed_precision(tmp_path: Path):
    plain, half = recipe.load("toy_lstm"), recipe.load("toy_lstm", ["deployment_precision=float16"])
    assert "deployment_precision" not in plain.settings
    assert half.settings["deployment_precision"] == "float16"
    with pytest.raises(AscError, match="deployment_precision"):
        recipe.load("toy_lstm", ["deployment_precision=float8"])


def test_limits_pass_and_fail():
    sizes = {"float32": 120_000, "float16": 60_000, "int8": 30_000}
    costs = complexity.Costs(30_000, sizes, 10_000_000, 20_000_000, members=4)
    check = complexity.check_limit(costs, "dcase2024")
    assert check.passes and not check.precisions["int8"].all_members
    unknown = dataclasses.replace(costs, macs_per_second=None, members=1)
    assert not complexity.check_limit(unknown, "dcase2024").passes
    with pytest.raises(AscError, match="--limit: unknown limit 'dcase24'; did you mean dcase2024"):
        complexity.check_limit(costs, "dcase24")
    assert math.isclose(complexity.LIMITS["dcase2024"].bytes, 128e3)
