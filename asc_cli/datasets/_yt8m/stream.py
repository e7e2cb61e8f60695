"""Stream the videos of shards in an order that seed and epoch define, from any position.

    shards, shuffled ──► LANES of them, read in parallel, a video from each in turn
                     ──► a buffer: each new video replaces a random one, which is yielded

Only the buffer and a few videos ahead of it are in memory, whatever the size of the data. Lanes,
not worker processes, define the order: processes only read ahead; their number changes nothing.

A position holds the offset of each lane and those of the buffer's videos in their shards: a stream
that starts from it continues with the same videos, and reads again only the buffer.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.datasets._yt8m.records import records
from asc_cli.datasets._yt8m.videos import Layout, Video, parse

LANES = 4  # shards open at once
CHUNK = 16  # videos that a lane reads at a time


class Item(NamedTuple):
    """A record that was read: its video, or its fault."""

    offset: int
    end: int
    video: Video | None
    fault: str = ""


class Fault(NamedTuple):
    """A damaged record, which is skipped; or a file that cannot be read.

    Attributes:
        file: The shard.
        offset: The byte that the record begins at; None of a whole file.
        error: The error.
    """

    file: str
    offset: int | None
    error: str

    def __str__(self) -> str:
        where = "" if self.offset is None else f"record at byte {self.offset}: "
        return f"{self.file}: {where}{self.error}"

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, as `--json` prints them."""
        return self._asdict()


def read(path: Path, start: int, n: int, layout: Layout) -> tuple[list[Item], bool]:
    """Read up to n items from a shard's offset `start`; return them, and whether they are its
    last."""
    items: list[Item] = []
    try:
        for record in records(path, start):
            items.append(_item(record, layout))
            if len(items) == n:
                return items, False
    except OSError as fault:
        at = items[-1].end if items else start
        items.append(Item(at, at, None, f"cannot be read ({fault.strerror or fault})"))
    return items, True


def _item(record: Any, layout: Layout) -> Item:
    if record.fault:
        return Item(record.offset, record.end, None, record.fault)
    try:
        return Item(record.offset, record.end, parse(record.data, layout))
    except ValueError as fault:
        return Item(record.offset, record.end, None, str(fault))


class Lane:
    """Shards one after another. at: (shard, offset) of the next record."""

    def __init__(
        self, shards: Sequence[Path], at: tuple[int, int], layout: Layout, pool: Executor | None
    ):
        self.shards, self.at, self.layout, self.pool = shards, at, layout, pool
        self._ahead = at  # position after `_items`
        self._items: collections.deque[tuple[int, Item]] = collections.deque()
        self._pending: Future | None = self._read_ahead()

    def next_item(self) -> tuple[Path, Item] | None:
        """Return the next item and its shard; None at the end."""
        while not self._items:
            k, _ = self._ahead
            if k >= len(self.shards):
                return None
            path, offset = self.shards[k], self._ahead[1]
            items, done = (
                self._pending.result() if self._pending else read(path, offset, CHUNK, self.layout)
            )
            self._items.extend((k, item) for item in items)
            self._ahead = (k + 1, 0) if done else (k, items[-1].end)
            self._pending = self._read_ahead()
        k, item = self._items.popleft()
        last = not self._items and self._ahead[0] != k
        self.at = self._ahead if last else (k, item.end)
        return self.shards[k], item

    def remaining_bytes(self, sizes: dict[Path, int]) -> int:
        k, offset = self.at
        return max(0, sum(sizes[path] for path in self.shards[k:]) - offset)

    def _read_ahead(self) -> Future | None:
        """Let a process read ahead, if there is a pool and there is more."""
        k, offset = self._ahead
        if self.pool is None or k >= len(self.shards):
            return None
        return self.pool.submit(read, self.shards[k], offset, CHUNK, self.layout)


class Order(NamedTuple):
    """The order of videos; the defaults: the order in the shards."""

    seed: tuple[int, ...] | None = None  # None: shards are not shuffled
    buffer: int = 1  # videos of which a random one is next; 1: the first
    lanes: int = LANES


class Stream:
    """An iterator over videos; another can start from `position()`, between any two of them."""

    def __init__(
        self,
        shards: Sequence[Path],
        layout: Layout,
        order: Order,
        position: dict[str, Any] | None = None,
        pool: Executor | None = None,
        damaged: Callable[[Fault], None] = lambda fault: None,
    ):
        self.shards, self.layout, self.order, self.damaged = shards, layout, order, damaged
        self._random = np.random.default_rng(order.seed or 0)
        permuted = self._random.permutation(len(shards)) if order.seed else range(len(shards))
        lane_shards = [
            [shards[i] for i in permuted][lane :: order.lanes] for lane in range(order.lanes)
        ]
        starts = position["lanes"] if position else [[0, 0]] * order.lanes
        self._lanes = [
            Lane(own_shards, (at[0], at[1]), layout, pool)
            for own_shards, at in zip(lane_shards, starts, strict=True)
        ]
        self._turn = position["turn"] if position else 0
        self._numbers = {path: index for index, path in enumerate(shards)}
        self._sizes: dict[Path, int] = {}
        self._buffer: list[tuple[int, int, Video]] = []  # shard, offset, video
        if position:
            self._random.bit_generator.state = position["random"]
            self._buffer = [self._reread(shard, offset) for shard, offset in position["buffer"]]

    def position(self) -> dict[str, Any]:
        """Return the position, JSON-ready."""
        return {
            "lanes": [list(lane.at) for lane in self._lanes],
            "turn": self._turn,
            "random": self._random.bit_generator.state,
            "buffer": [[shard, offset] for shard, offset, _ in self._buffer],
        }

    def share(self) -> float:
        """Return how much of the shards' bytes was read, from 0 to 1."""
        if not self._sizes:
            self._sizes = {path: path.stat().st_size for path in self.shards}
        remaining = sum(lane.remaining_bytes(self._sizes) for lane in self._lanes)
        return 1 - remaining / max(1, sum(self._sizes.values()))

    def __iter__(self) -> Iterator[Video]:
        return self

    def __next__(self) -> Video:
        while len(self._buffer) < self.order.buffer and (arrival := self._next_video()):
            self._buffer.append(arrival)
        if not self._buffer:
            raise StopIteration
        if self.order.buffer == 1:
            return self._buffer.pop()[2]
        which = int(self._random.integers(len(self._buffer)))
        last = self._buffer.pop()  # replaces the one that is returned
        if which == len(self._buffer):
            return last[2]
        leaving, self._buffer[which] = self._buffer[which], last
        return leaving[2]

    def _next_video(self) -> tuple[int, int, Video] | None:
        """Return the next complete video of the lane whose turn it is; of the next if it is
        empty."""
        for _ in self._lanes:
            lane = self._lanes[self._turn]
            while result := lane.next_item():
                path, item = result
                if item.video is not None:
                    self._turn = (self._turn + 1) % len(self._lanes)
                    return self._numbers[path], item.offset, item.video
                self.damaged(Fault(str(path), item.offset, item.fault))
            self._turn = (self._turn + 1) % len(self._lanes)
        return None

    def _reread(self, shard: int, offset: int) -> tuple[int, int, Video]:
        items, _ = read(self.shards[shard], offset, 1, self.layout)
        if not items or items[0].video is None:
            raise AscError(
                f"{self.shards[shard]}: no video at byte {offset}, where there was one when "
                "training stopped; put the shard back as it was, or start another run"
            )
        return shard, offset, items[0].video
