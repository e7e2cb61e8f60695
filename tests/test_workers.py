"""Worker processes of one machine."""

from __future__ import annotations

import os
import time

import pytest

from asc_cli.core import parallel

GROWTH = 350_000_000  # bytes; beyond the growth at which loky would replace a worker
_memory: list[bytearray] = []


def grown(number: int) -> int:
    """Return the process, a second after it has grown on its second task."""
    if number > 1 and not _memory:
        _memory.append(bytearray(os.urandom(1) * GROWTH))
    time.sleep(0.6)
    return os.getpid()


@pytest.mark.campaign
def test_a_worker_that_grows_is_not_replaced() -> None:
    pytest.importorskip("psutil")
    tasks = [(number,) for number in range(6)]
    assert len(set(parallel.map_unordered(grown, tasks, 2))) == 2
