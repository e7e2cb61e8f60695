"""Parallel work in processes: on this machine or, within `cluster.cluster`, on a Dask cluster.

Every task runs on one thread. BLAS adds up in another order with another number of threads, so
the bits would depend on how many workers there are; and tasks side by side use the processors
better than threads within each.

A worker ends within a second of the process that started it, however that one ended.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor
from typing import Any

from asc_cli.core import cluster, streams
from asc_cli.core.errors import AscError
from asc_cli.core.importing import fault_in_plugin

PARENT_SECONDS = 0.5  # between a worker's looks at its parent
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_one_thread: Any = None  # of a worker process: limits its libraries until it ends


def cores() -> int:
    """Return the number of processors that this process may use."""
    import joblib

    return joblib.cpu_count()


def workers(jobs: int | None) -> int:
    """Return the number of workers for `--jobs`; None: all processors, or all of the cluster.
    Raises AscError below 1."""
    if jobs is not None and jobs < 1:
        raise AscError(f"--jobs {jobs}: at least 1 was expected")
    if cluster.connected is not None:
        return cluster.n_workers(cluster.connected)
    return jobs or cores()


def map_unordered(
    function: Callable[..., Any], tasks: Iterable[tuple], jobs: int | None, here: bool = False
) -> Generator[Any, None, None]:
    """Yield function(*task) for each task, as results arrive, in no particular order.

    One worker: in this process. Within `cluster.cluster`: on its workers, whatever `jobs` is,
    unless a task needs what this machine alone has (`here`).
    """
    tasks = list(tasks)
    if cluster.connected is not None and not here:
        calls = [(function, task) for task in tasks]
        yield from cluster.map_unordered(cluster.connected, _in_worker, calls)
        return
    n = min(workers(jobs), len(tasks)) if jobs is not None or len(tasks) > 1 else 1
    if n <= 1:
        with one_thread():
            yield from (function(*task) for task in tasks)
        return
    import joblib
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    pool = joblib.Parallel(
        n_jobs=n,
        backend="loky",
        return_as="generator_unordered",
        batch_size="auto",
        initializer=_start_worker,
        initargs=(os.getpid(),),
    )
    results = pool(joblib.delayed(_in_worker)(function, task) for task in tasks)
    try:
        for result in results:  # noqa: UP028  `yield from` would close it before what follows
            yield result
    except TerminatedWorkerError as fault:
        raise AscError(
            f"a worker process was ended from outside, as the system does where memory runs out; "
            f"run the same command again, with fewer workers (now {n}): --jobs {max(1, n // 2)}"
        ) from fault
    finally:
        with warnings.catch_warnings():  # a caller that stops early expects dropped tasks
            warnings.filterwarnings("ignore", "[0-9]+ tasks", UserWarning)
            results.close()


@contextlib.contextmanager
def prefetch_pool(jobs: int | None) -> Iterator[Executor | None]:
    """Yield a pool of processes that read ahead for a stream; None for one job or None:
    where the work between two reads is long, reading ahead saves no time. Raises AscError within
    `cluster.cluster`: a stream is read where it is used."""
    if cluster.connected is not None:
        raise AscError("--cluster: a stream of shards is read by one machine; leave --cluster out")
    if jobs is None or workers(jobs) == 1:
        yield None
        return
    from joblib.externals.loky import get_reusable_executor

    pool = get_reusable_executor(
        max_workers=workers(jobs), initializer=_start_worker, initargs=(os.getpid(),)
    )
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, kill_workers=True)


def end_with_parent(parent: int) -> None:
    """End this process soon after its parent: one that was killed cannot end its workers.

    Args:
        parent: The parent's process number. The system gives an orphan another parent.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="end_with_parent", daemon=True).start()


def _start_worker(parent: int) -> None:
    """Prepare a worker process of a pool.

    Where psutil is installed, loky takes a worker that grew by 300 MB for one that leaks memory,
    and replaces it. One that fits a second fold grows as much, since it keeps what it freed
    (`memory.retain_freed`), and a new one imports torch again.
    """
    from joblib.externals.loky import process_executor

    process_executor._USE_PSUTIL = False
    end_with_parent(parent)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Limit numerical libraries to one thread: those loaded now, and those loaded later."""
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
    """Run a task in a worker process, which uses one thread from its first task on."""
    global _one_thread
    streams.separate()
    if _one_thread is None:
        from threadpoolctl import threadpool_limits

        os.environ.update(dict.fromkeys(THREADS, "1"))
        _one_thread = threadpool_limits(1)
    try:
        return function(*task)
    except AscError:
        raise
    except Exception as fault:
        if (text := fault_in_plugin(fault)) is not None:
            raise AscError(text) from fault
        raise
