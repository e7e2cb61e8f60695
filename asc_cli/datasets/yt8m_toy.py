"""Made-up videos in YouTube-8M's format, whose labels depend on *when* things happen.

    <root>/yt8m_toy.json                the arguments they were generated from
    <root>/train00.tfrecord …           ids as since 2018 (id)
    <root>/validate00.tfrecord …        ids as in 2017 (video_id), so that both are tested

A video is noise in which two of EVENTS events happen, each for EVENT_FRAMES frames, one after the
other. It has three labels, and every one of them is about order: a model that knows only *which*
two events happened can only guess all three, a GAP of 1/2.

    label e                 event e comes first                   e < E = EVENTS
    label E + e             event e comes last
    label 2 E + k           the k-th of PAIRS: a comes first, b last
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core import atomic
from asc_cli.core.errors import AscError
from asc_cli.datasets import yt8m
from asc_cli.datasets._formats.generated import claim_folder
from asc_cli.datasets._yt8m.videos import protocol_buffers
from asc_cli.datasets.yt8m import fingerprint, read, shards

STREAMED = True
EVENTS = 4
PAIRS = tuple(itertools.permutations(range(EVENTS), 2))  # (first, then)
N_LABELS = 2 * EVENTS + len(PAIRS)
EVENT_FRAMES = 2
NOISE, LOUDNESS = 25.0, 14.0  # deviations, in quantisation steps
FEWEST_FRAMES = 4 * EVENT_FRAMES
PARTS = (("train", 0.8), ("validate", 0.2))
VERSION = 1

DATASET = replace(
    yt8m.DATASET,
    name="yt8m_toy",
    title="Made-up videos in YouTube-8M's format; labels depend on when things happen",
    homepage="",
    licence="none needed: made up",
    citation="",
    obtain="To make it: asc datasets make yt8m-toy",
)


def make(
    root: Path,
    *,
    videos: int = 5000,
    frames: int = 40,
    seed: int = 0,
    rgb: int = 24,
    audio: int = 8,
    shard_videos: int = 250,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write `videos` videos of up to `frames` frames, four fifths of them to train on.

    A shard depends on its name and these arguments alone; shards of an interrupted call are
    kept. Raises AscError for fewer than 10 videos or FEWEST_FRAMES frames, and for a folder that
    holds something else.
    """
    if videos < 10 or frames < FEWEST_FRAMES:
        raise AscError(
            f"{videos} videos of up to {frames} frames; at least 10 videos of {FEWEST_FRAMES} "
            "frames (a second each) were expected"
        )
    arguments = {
        "version": VERSION,
        "videos": videos,
        "frames": frames,
        "seed": seed,
        "rgb": rgb,
        "audio": audio,
        "shard_videos": shard_videos,
    }
    others = sorted(root.glob("*.tfrecord"))
    claim_folder(root / "yt8m_toy.json", arguments, "made-up videos", others)
    done = 0
    for part, share in PARTS:
        count = round(videos * share)
        for number, start in enumerate(range(0, count, shard_videos)):
            n = min(shard_videos, count - start)
            path = root / f"{part}{number:02d}.tfrecord"
            if not path.exists():  # complete if it exists
                _write_shard(path, n, arguments)
            done += n
            if progress:
                progress(done, videos)


def _write_shard(path: Path, n: int, arguments: dict[str, Any]) -> None:
    """Write a shard with the tfrecord package's own writer."""
    protocol_buffers()  # raises AscError if the package is not installed
    from tfrecord.writer import TFRecordWriter

    key = "id" if path.name.startswith("train") else "video_id"
    random = np.random.default_rng([arguments["seed"], *path.stem.encode()])
    looks = _looks(arguments)
    with atomic.replacing(path) as temporary:
        writer = TFRecordWriter(str(temporary))
        for index in range(n):
            labels, q = _video(random, looks, arguments["frames"])
            rgb, audio = q[:, : arguments["rgb"]], q[:, arguments["rgb"] :]
            writer.write(
                {key: (f"{path.stem}-{index:04d}".encode(), "byte"), "labels": (labels, "int")},
                {
                    "rgb": ([frame.tobytes() for frame in rgb], "byte"),
                    "audio": ([frame.tobytes() for frame in audio], "byte"),
                },
            )
        writer.close()


def _looks(arguments: dict[str, Any]) -> np.ndarray:  # -> (EVENTS, F)
    """Return what each event adds to a frame, in quantisation steps."""
    random = np.random.default_rng([arguments["seed"], EVENTS])
    return LOUDNESS * random.normal(size=(EVENTS, arguments["rgb"] + arguments["audio"]))


def _video(
    random: np.random.Generator, looks: np.ndarray, longest: int
) -> tuple[list[int], np.ndarray]:
    """Return labels, and frames (T, F) uint8."""
    T = int(random.integers(max(FEWEST_FRAMES, longest // 2), longest + 1))
    pair = int(random.integers(len(PAIRS)))
    first = int(random.integers(0, T - 2 * EVENT_FRAMES + 1))
    then = int(random.integers(first + EVENT_FRAMES, T - EVENT_FRAMES + 1))
    x = random.normal(128, NOISE, (T, looks.shape[1]))
    for event, start in zip(PAIRS[pair], (first, then), strict=True):
        x[start : start + EVENT_FRAMES] += looks[event]
    a, b = PAIRS[pair]
    labels = [a, EVENTS + b, 2 * EVENTS + pair]
    return labels, np.clip(np.rint(x), 0, 255).astype(np.uint8)


__all__ = ["DATASET", "N_LABELS", "STREAMED", "fingerprint", "make", "read", "shards"]
