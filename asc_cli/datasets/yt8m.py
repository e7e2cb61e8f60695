"""YouTube-8M: features of millions of videos in TFRecord shards, each video with many labels.

    <root>/train*.tfrecord      or <root>/frame/…, <root>/video/… with a folder for each level
    <root>/validate*.tfrecord
    <root>/test*.tfrecord       without labels

A dataset that is a stream (STREAMED): its videos are neither listed nor loaded all at once. In
place of lists it has `shards` and `Stream`; `collate` makes a batch for a network out of videos.

B videos, T frames, F numbers a frame, C labels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.datasets import Dataset, Listing
from asc_cli.datasets._yt8m.stream import Fault, Order, Stream
from asc_cli.datasets._yt8m.videos import LEVELS, Layout, Video, parse

if TYPE_CHECKING:
    from torch import Tensor

STREAMED = True  # read as a stream of shards; recipes have a `stream` section
ENDS_HASHED = 4096  # bytes of each end of a shard that its fingerprint covers

DATASET = Dataset(
    name="yt8m",
    title="YouTube-8M, frame-level features: 7 million videos, 4716 labels (2017)",
    labels=(),  # numbers, up to a recipe's stream.n_labels: 4716 in 2017, 3862 since 2018
    sample_rate=1,  # frames a second: there is no audio
    homepage="https://research.google.com/youtube8m/",
    licence="CC BY 4.0, of the features; the videos are their owners'",
    citation="Abu-El-Haija, Kothari, Lee, Natsev, Toderici, Varadarajan, Vijayanarasimhan: "
    "YouTube-8M: A large-scale video classification benchmark. arXiv:1609.08675, 2016.",
    obtain="By hand, with the download script of its homepage: train*, validate* and "
    "test*.tfrecord into $ASC_DATA/yt8m/, or into frame/ and video/ below it.",
    metric="global average precision of the 20 best labels of each video (GAP@20)",
    headline="gap",
)


def read(root: Path) -> Listing:
    """Raise AscError: there are no lists of recordings."""
    raise AscError(
        f"{root}: shards of videos' features, not recordings; train on them with asc train "
        "yt8m_lstm, and read docs/video.md"
    )


def shards(root: Path, part: str, level: str = "frame") -> list[Path]:
    """Return the shards of a part (train, validate, test), sorted. Raises AscError if there are
    none."""
    for folder in (root, root / level):
        if files := sorted(folder.glob(f"{part}*.tfrecord")):
            return files
    raise AscError(
        f"{root}: no {part}*.tfrecord there, and none in {level}/ below it; put the shards of "
        "that part there, or give their folder with --data"
    )


def fingerprint(shards: Sequence[Path]) -> str:
    """Return a hash of names, sizes and both ends of every shard, not of all terabytes."""
    digest = hashlib.sha256()
    for path in shards:
        size = path.stat().st_size
        digest.update(f"{path.name}\0{size}\0".encode())
        with path.open("rb") as file:
            digest.update(file.read(ENDS_HASHED))
            file.seek(max(0, size - ENDS_HASHED))
            digest.update(file.read(ENDS_HASHED))
    return digest.hexdigest()[:16]


class Batch(NamedTuple):
    """A batch of videos, quantised: dequantised only when used, a quarter of the bytes."""

    ids: tuple[str, ...]
    frames: np.ndarray  # (B, T, F) uint8; float32 of level video; 0 after a video's last frame
    mask: np.ndarray  # (B, T) True where there is a frame
    truth: tuple[tuple[int, ...], ...]  # each video's labels

    def tensors(self, device: str) -> tuple[Tensor, Tensor]:  # (B, T, F) float32, (B, T) bool
        """Return on the device: dequantised frames, zero after each video's last, and the mask."""
        import torch

        mask = torch.from_numpy(self.mask).to(device)
        x = dequantise(torch.from_numpy(self.frames).to(device))
        return x if self.mask.all() else x.mul_(mask[..., None]), mask

    def targets(self, C: int) -> np.ndarray:  # -> (B, C) float32
        matrix = np.zeros((len(self.truth), C), np.float32)
        for row, labels in zip(matrix, self.truth, strict=True):
            row[list(labels)] = 1
        return matrix


def dequantise(q: Tensor) -> Tensor:  # (…) uint8 -> (…) float32
    """Return q · 4/255 + 4/512 − 2; floats are only copied. The result is in torch's own memory,
    aligned to 64 bytes, which numpy's is not: kernels round by alignment."""
    return q.clone() if q.is_floating_point() else q.float().mul_(4 / 255).add_(4 / 512 - 2)


def batches(videos: Iterable[Video], size: int, layout: Layout) -> Iterator[Batch]:
    """Yield batches of up to `size` videos."""
    pending: list[Video] = []
    for video in videos:
        pending.append(video)
        if len(pending) == size:
            yield collate(pending, layout)
            pending = []
    if pending:
        yield collate(pending, layout)


def collate(videos: Sequence[Video], layout: Layout) -> Batch:
    """Join videos to a batch, padded to the recipe's longest video, so that bits do not depend on
    which videos share it."""
    T = layout.max_frames if layout.level == "frame" else 1
    kind = np.uint8 if layout.level == "frame" else np.float32
    frames = np.zeros((len(videos), T, layout.F), kind)
    mask = np.zeros((len(videos), T), bool)
    for b, video in enumerate(videos):
        frames[b, : len(video.frames)] = video.frames
        mask[b, : len(video.frames)] = True
    ids = tuple(video.id for video in videos)
    return Batch(ids, frames, mask, tuple(video.labels for video in videos))


__all__ = [
    "DATASET",
    "LEVELS",
    "STREAMED",
    "Batch",
    "Fault",
    "Layout",
    "Order",
    "Stream",
    "Video",
    "batches",
    "collate",
    "dequantise",
    "fingerprint",
    "parse",
    "read",
    "shards",
]
