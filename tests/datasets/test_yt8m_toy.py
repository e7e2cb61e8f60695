"""Made-up videos: in the real format, the same bytes each time, labels that are about order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asc_cli.core.errors import AscError
from asc_cli.datasets import yt8m, yt8m_toy
from asc_cli.video import metrics

pytest.importorskip("tfrecord", reason="the extra `yt8m` is not installed")

LAYOUT = yt8m.Layout(rgb=24, audio=8, n_labels=yt8m_toy.N_LABELS, max_frames=12)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    yt8m_toy.make(folder, videos=100, frames=12, shard_videos=30)
    return folder


def videos(root: Path, part: str) -> list[yt8m.Video]:
    return list(yt8m.Stream(yt8m_toy.shards(root, part), LAYOUT, yt8m.Order(lanes=1)))


def test_parts_shards_and_lengths(root: Path):
    train, validation = videos(root, "train"), videos(root, "validate")
    assert (len(train), len(validation)) == (80, 20)
    assert sorted(path.name for path in root.iterdir()) == [
        *(f"train0{i}.tfrecord" for i in range(3)),
        "validate00.tfrecord",
        "yt8m_toy.json",
    ]
    assert len({video.id for video in [*train, *validation]}) == 100
    lengths = {len(video.frames) for video in train}
    assert min(lengths) >= yt8m_toy.FEWEST_FRAMES and max(lengths) == 12


def test_labels_depend_on_which_event_is_first(root: Path):
    """Found by matching each frame with the events' looks: none of it is in the labels' code."""
    looks = yt8m_toy._looks({"seed": 0, "rgb": 24, "audio": 8})
    right = 0
    for video in videos(root, "train"):
        first, last, pair = video.labels
        a, b = yt8m_toy.PAIRS[pair - 2 * yt8m_toy.EVENTS]
        assert (first, last) == (a, yt8m_toy.EVENTS + b)
        match = (video.frames - 128.0) @ looks.T  # (T, EVENTS)
        when = match.argmax(axis=0)
        loud = set(np.argsort(match.max(axis=0))[-2:].tolist())
        right += loud == {a, b} and when[a] < when[b]
    assert right >= 64  # by chance 7


def test_events_without_their_order_give_half_the_gap(root: Path):
    E = yt8m_toy.EVENTS
    scores = metrics.Streaming()
    for video in videos(root, "train"):
        a, b = yt8m_toy.PAIRS[video.labels[2] - 2 * E]
        p = np.zeros((1, yt8m_toy.N_LABELS))
        pairs = [2 * E + yt8m_toy.PAIRS.index(pair) for pair in ((a, b), (b, a))]
        p[0, [a, b, E + a, E + b, *pairs]] = 0.5
        scores.add(p, [video.labels])
    assert 0.49 < scores.result()["gap"] < 0.52


def test_the_same_call_writes_the_same_bytes_and_keeps_existing_files(root: Path, tmp_path: Path):
    yt8m_toy.make(tmp_path, videos=100, frames=12, shard_videos=30)
    assert all(p.read_bytes() == (root / p.name).read_bytes() for p in tmp_path.iterdir())
    removed = tmp_path / "train01.tfrecord"
    stored = (tmp_path / "train00.tfrecord").stat().st_mtime_ns
    full = removed.read_bytes()
    removed.unlink()
    reported: list[tuple[int, int]] = []
    yt8m_toy.make(
        tmp_path, videos=100, frames=12, shard_videos=30, progress=lambda *now: reported.append(now)
    )
    assert removed.read_bytes() == full and reported[-1] == (100, 100)
    assert (tmp_path / "train00.tfrecord").stat().st_mtime_ns == stored
    yt8m_toy.make(tmp_path / "other", videos=100, frames=12, shard_videos=30, seed=1)
    assert (tmp_path / "other/train00.tfrecord").read_bytes() != full


def test_it_never_writes_among_other_data(root: Path, tmp_path: Path):
    with pytest.raises(AscError, match=r'holds made-up videos of .*"videos": 100.* another folder'):
        yt8m_toy.make(root, videos=200, frames=12, shard_videos=30)
    (tmp_path / "trainaa.tfrecord").write_bytes(b"real")
    with pytest.raises(AscError, match=r"holds trainaa\.tfrecord, which was not generated here"):
        yt8m_toy.make(tmp_path)


@pytest.mark.parametrize(("n", "frames"), [(9, 40), (100, 7)])
def test_too_few(tmp_path: Path, n: int, frames: int):
    with pytest.raises(AscError, match="at least 10 videos of 8 frames"):
        yt8m_toy.make(tmp_path, videos=n, frames=frames)
