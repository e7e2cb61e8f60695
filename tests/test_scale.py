"""The simulation of docs/scale.md: answers that can be computed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.benchmarks.scale import Job, Times, bound, serial_share, stages, total, wall

TIMES = Times(start=2, audio=0.01, pack=1e-6, clip=0.001, fold=5, scores=3)
JOB = Job(
    recordings=100,
    seconds=10,
    bytes_a_second=88_200,
    feature_bytes=1000,
    trained=(80, 80),
    epochs=10,
    clips=20,
)


def test_each_free_worker_takes_the_next_task():
    assert wall([3, 1, 1, 1], 2) == 3
    assert wall([1, 1, 1, 3], 2) == 4
    assert wall([2, 2, 2], 1) == 6
    assert wall([2, 2, 2], 8) == 2


def test_stages_of_one_worker_add_up():
    own = stages(JOB, TIMES)
    assert own["start"] == [2] and own["scores"] == [3] and own["pack"] == [1]
    assert len(own["features"]) == 50 and sum(own["features"]) == pytest.approx(10)
    assert own["folds"] == [pytest.approx(21)] * 2
    assert total(JOB, TIMES, 1) == pytest.approx(58)
    assert serial_share(JOB, TIMES) == pytest.approx(6 / 58)


def test_start_of_workers_and_a_busy_neighbour_are_in_it():
    times = replace(TIMES, warm=1, worker=4, busy=1.5)
    assert total(JOB, times, 1) == pytest.approx(58 + 1)
    assert total(JOB, times, 2) == pytest.approx(2 + 4 + 1.5 * 5 + 1 + 1.5 * 21 + 3)
    assert serial_share(JOB, times) == pytest.approx(7 / 59)
    slow = replace(times, worker=100)
    assert bound(JOB, slow, 2) == "workers" and bound(JOB, slow, 1) == "folds"


def test_more_workers_leave_the_longest_task_and_the_serial_part():
    assert total(JOB, TIMES, 2) == pytest.approx(2 + 5 + 1 + 21 + 3)
    assert total(JOB, TIMES, 1000) == pytest.approx(2 + 0.2 + 1 + 21 + 3)
    assert bound(JOB, TIMES, 1000) == "folds"
