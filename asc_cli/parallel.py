"""How work spreads: processes here, or whatever backend joblib was told to use (Dask, Ray)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import joblib

from asc_cli.errors import AscError


def cores() -> int:
    """Processors that this process may use."""
    return joblib.cpu_count()


def workers(jobs: int | None) -> int:
    """How many workers `--jobs` asks for: all processors when None. Raises AscError below 1."""
    if jobs is not None and jobs < 1:
        raise AscError(f"--jobs {jobs}: at least 1 was expected")
    return jobs or cores()


def each(function: Callable[..., Any], tasks: Iterable[tuple], jobs: int | None) -> Iterator[Any]:
    """function(*task) for each task, results as they come, in no particular order.

    One worker: here, without a second process. Inside a `joblib.parallel_config` with another
    backend, the tasks go there instead.
    """
    tasks = list(tasks)
    n = min(workers(jobs), len(tasks))
    if n <= 1:
        yield from (function(*task) for task in tasks)
        return
    pool = joblib.Parallel(n_jobs=n, return_as="generator_unordered", batch_size="auto")
    yield from pool(joblib.delayed(function)(*task) for task in tasks)
