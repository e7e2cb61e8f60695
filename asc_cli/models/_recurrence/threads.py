"""Blocks of clips on torch's own threads.

torch's OpenMP threads spin for some milliseconds after every parallel operation, waiting for the
next. Threads of our own would have to share the cores with them (measured: a quarter of a training
step at 128 clips); so the blocks go to those same threads, through the OpenMP runtime that torch
brought along (GNU's, on Linux). Where it is another one, and in a forked process, where OpenMP's
threads do not exist any more, plain threads made for the call do the work.
"""

import ctypes
import os
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import torch

_OWNER = os.getpid()  # a forked child finds another number
_WORK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@cache
def _openmp() -> Any:
    """GOMP_parallel of the very library torch runs on; None where there is none."""
    try:
        parallel = ctypes.CDLL(torch._C.__file__).GOMP_parallel
    except (AttributeError, OSError):
        return None
    parallel.argtypes = [_WORK, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    parallel.restype = None
    return parallel


def run_blocks(n: int, run: Callable[[int], None]) -> None:
    """run(0) … run(n − 1), each once, on torch's number of threads; the first error is raised."""
    todo, lock = iter(range(n)), threading.Lock()
    failures: list[BaseException] = []

    def work(_: object = None) -> None:
        while not failures:
            with lock:
                block = next(todo, None)
            if block is None:
                return
            try:
                run(block)
            except BaseException as error:  # raised below, on the caller's thread
                failures.append(error)

    threads, openmp = min(torch.get_num_threads(), n), _openmp()
    if threads <= 1:
        work()
    elif openmp is not None and os.getpid() == _OWNER:
        openmp(_WORK(work), None, threads, 0)
    else:
        _on_new_threads(threads, work)
    if failures:
        raise failures[0]


def _on_new_threads(n_threads: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(n_threads - 1)]
    for thread in threads:
        thread.start()
    work()
    for thread in threads:
        thread.join()
