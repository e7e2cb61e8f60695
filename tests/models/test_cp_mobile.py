"""CP-Mobile: the published figures of the DCASE 2024 baseline, and short clips."""

from __future__ import annotations

from pathlib import Path

import pytest

from asc_cli import workflow
from asc_cli.core.errors import AscError
from asc_cli.datasets import toy
from asc_cli.evaluation import complexity
from asc_cli.models import cp_mobile
from asc_cli.recipe import load as recipe

PUBLISHED = {  # parameters, layer by layer: README of CPJKU/dcase2024_task1_baseline
    "stem.0": 88,
    "stem.1": 2368,
    "blocks.0": 2176 + 704 + 2112,
    "blocks.1": 2176 + 704 + 2112,
    "blocks.2": 2176 + 704 + 2112,
    "blocks.3": 2176 + 704 + 3696,
    "blocks.4": 6960 + 1320 + 6832,
    "blocks.5": 6960 + 1320 + 12_688,
    "classify": 1040 + 20,
}


def test_every_layer_has_the_published_number_of_parameters():
    network = cp_mobile.build(256, 10)
    counts = {
        name: sum(parameter.numel() for parameter in network.get_submodule(name).parameters())
        for name in PUBLISHED
    }
    assert counts == PUBLISHED
    assert sum(p.numel() for p in network.parameters()) == sum(PUBLISHED.values()) == 61_148


def test_a_network_of_the_family_is_smaller_with_its_width():
    sizes = [
        complexity.measure(cp_mobile.build(256, 10, width=width), 65, 256, 1.0)
        for width in (8, 16, 24)
    ]
    assert [costs.parameters for costs in sizes] == [5722, 18_624, 35_062]
    assert [costs.macs_per_second for costs in sizes] == [2_486_528, 8_448_512, 16_853_760]


def test_channels_are_multiples_of_8_and_never_a_tenth_less():
    assert [cp_mobile.rounded(n) for n in (1, 12, 57.6, 67.2, 103.68, 20, 10.9)] == [
        8, 16, 56, 64, 104, 24, 16
    ]  # fmt: skip


def test_strides_without_a_bottleneck_and_empty_networks_are_refused():
    with pytest.raises(AscError, match=r"model.halve_bands = \[7\]: .*bottlenecks 1 to 6"):
        cp_mobile.build(64, 3, halve_bands=(7,))
    with pytest.raises(AscError, match="model: width 0"):
        cp_mobile.build(64, 3, width=0)
    with pytest.raises(AscError, match=r"n_blocks \[\]"):
        cp_mobile.build(64, 3, n_blocks=(), halve_frames=(), halve_bands=())


@pytest.mark.campaign
def test_its_recipe_learns(tmp_path: Path):
    toy.make(tmp_path / "toy", recordings=120, seconds=3.0)
    run = workflow.train(recipe.load("toy_cp_mobile"), data=tmp_path / "toy", folds=[1], jobs=1)
    assert run.metrics["accuracy"] > 0.4  # chance: 1 in 15
