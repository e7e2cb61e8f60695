"""How work spreads: processes here, or whatever backend joblib was told to use (Dask, Ray).

Every task runs on one thread. BLAS adds up in another order with another number of threads, so
the bits would depend on how many workers there are; and tasks side by side use the processors
better than threads within each.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from typing import Any

from asc_cli.core.errors import AscError

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_alone: contextlib.AbstractContextManager | None = None  # holds a worker process to one thread


def cores() -> int:
    """Processors that this process may use."""
    import joblib

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
    n = min(workers(jobs), len(tasks)) if jobs is not None or len(tasks) > 1 else 1
    if n <= 1:
        with one_thread():
            yield from (function(*task) for task in tasks)
        return
    import joblib

    pool = joblib.Parallel(n_jobs=n, return_as="generator_unordered", batch_size="auto")
    results = pool(joblib.delayed(_in_worker)(function, task) for task in tasks)
    try:
        for result in results:  # noqa: UP028  `yield from` would close it before what follows
            yield result
    finally:
        with warnings.catch_warnings():  # whoever stops early knows that tasks are dropped
            warnings.filterwarnings("ignore", "[0-9]+ tasks", UserWarning)
            results.close()


@contextlib.contextmanager
def readers(jobs: int | None) -> Iterator[Executor | None]:
    """Processes that a stream can have read ahead; None, and nothing is started, for one or None:
    where the work between two reads is long, reading ahead wins nothing."""
    if jobs is None or workers(jobs) == 1:
        yield None
        return
    from joblib.externals.loky import get_reusable_executor

    pool = get_reusable_executor(max_workers=workers(jobs))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, kill_workers=True)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """One thread for numerical libraries: those that are loaded, and those that will be."""
    from threadpoolctl import threadpool_limits

    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        with threadpool_limits(1):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _in_worker(function: Callable[..., Any], task: tuple) -> Any:
    """Run a task in a worker process, which stays on one thread from its first task on."""
    global _alone
    if _alone is None:
        _alone = one_thread()
        _alone.__enter__()
    return function(*task)
