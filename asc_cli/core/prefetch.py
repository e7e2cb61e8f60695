"""Prefetch items in another thread; regroup arrays into batches."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

DEPTH = 2  # items produced ahead
_END = object()


def prefetch(items: Iterable[Any]) -> Generator[Any, None, None]:
    """Yield the items, produced by another thread, at most DEPTH of them ahead."""
    ready: queue.Queue[Any] = queue.Queue(DEPTH)
    stopped = threading.Event()

    def put(value: Any) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                return ready.put(value, timeout=0.1)

    def produce() -> None:
        try:
            for item in items:
                put(item)
                if stopped.is_set():
                    return
            put(_END)
        except BaseException as fault:
            put(fault)

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()


def rebatch(parts: Iterable[tuple[np.ndarray, ...]], size: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield parts that share their first axis, joined into batches of `size`."""
    pending: list[tuple[np.ndarray, ...]] = []
    n = 0
    for part in parts:
        pending.append(part)
        n += len(part[0])
        if n >= size:
            joined = _concatenated(pending)
            yield tuple(array[:size] for array in joined)
            pending, n = [tuple(array[size:] for array in joined)], n - size
    if n:
        yield _concatenated(pending)


def _concatenated(parts: Sequence[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))
