"""Items made by another thread before they are asked for; arrays regrouped into batches."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

DEPTH = 2  # items made before they are asked for
_END = object()


def prefetch(items: Iterable[Any]) -> Generator[Any, None, None]:
    """The items, made by another thread, at most DEPTH of them before they are asked for."""
    made: queue.Queue[Any] = queue.Queue(DEPTH)
    gone = threading.Event()

    def put(value: Any) -> None:
        while not gone.is_set():
            with contextlib.suppress(queue.Full):
                return made.put(value, timeout=0.1)

    def make() -> None:
        try:
            for item in items:
                put(item)
                if gone.is_set():
                    return
            put(_END)
        except BaseException as fault:
            put(fault)

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while (item := made.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        gone.set()
        thread.join()


def rebatch(parts: Iterable[tuple[np.ndarray, ...]], size: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Parts that share their first axis, put together into batches of `size`."""
    waiting: list[tuple[np.ndarray, ...]] = []
    n = 0
    for part in parts:
        waiting.append(part)
        n += len(part[0])
        if n >= size:
            whole = _concatenated(waiting)
            yield tuple(array[:size] for array in whole)
            waiting, n = [tuple(array[size:] for array in whole)], n - size
    if n:
        yield _concatenated(waiting)


def _concatenated(parts: Sequence[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))
