"""Every protocol at its real number of recordings and splits, in processes that may open 256 files.

Recordings and epochs are cut short so that this ends in minutes; `make rehearse-full` takes all
splits, the 50 % subset of TAU 2022, and 30 s recordings for LITIS.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaign.rehearsal import rehearse

pytestmark = pytest.mark.campaign


def test_litis_3026_recordings_two_of_20_splits(tmp_path: Path) -> None:
    costs = rehearse("litis", tmp_path, tmp_path, seconds=1.0, folds="1-2")
    assert costs[0].answer["recordings"] == 3026
    assert [fold["recordings"] for fold in costs[2].answer["folds"]] == [607, 607]
    assert max(cost.peak_process_mb for cost in costs) < 1000


def test_tut2016_1170_recordings_four_folds(tmp_path: Path, real_data: Path) -> None:
    costs = rehearse("tut2016", tmp_path, real_data / "protocols", seconds=1.0)
    assert costs[0].answer["recordings"] == 1170
    assert len(costs[2].answer["folds"]) == 4
    assert max(cost.peak_process_mb for cost in costs) < 1000


def test_tau2022_36660_recordings(tmp_path: Path, real_data: Path) -> None:
    """The smallest training subset, and all 29 680 recordings of the test."""
    lists = real_data / "protocols"
    costs = rehearse("tau2022_mobile", tmp_path, lists, seconds=0.1, subset=5)
    assert costs[0].answer["recordings"] == 6980 + 29_680
    assert costs[2].answer["folds"][0]["recordings"] == 29_680
    assert max(cost.peak_process_mb for cost in costs) < 1000
