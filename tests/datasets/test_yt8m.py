"""YouTube-8M's shards: read back exactly, in an order to be taken up anywhere; damage is said."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from asc_cli.core.errors import AscError
from asc_cli.datasets import yt8m
from asc_cli.datasets._yt8m import records

tfrecord = pytest.importorskip("tfrecord", reason="the extra `yt8m` is not installed")

RGB, AUDIO = 6, 3
LAYOUT = yt8m.Layout(rgb=RGB, audio=AUDIO, n_labels=10, max_frames=5)
PLAIN = yt8m.Order()


def write(path: Path, videos: Sequence[tuple[str, Sequence[int], np.ndarray]], key="id") -> Path:
    """A frame-level shard, by the tfrecord package's own writer."""
    writer = tfrecord.TFRecordWriter(str(path))
    for name, labels, q in videos:
        lists = {"rgb": q[:, :RGB], "audio": q[:, RGB:]}
        writer.write(
            {key: (name.encode(), "byte"), "labels": (list(labels), "int")},
            {k: ([frame.tobytes() for frame in frames], "byte") for k, frames in lists.items()},
        )
    writer.close()
    return path


def made(n: int, seed: int = 0, longest: int = 7) -> list[tuple[str, list[int], np.ndarray]]:
    rng = np.random.default_rng(seed)
    return [
        (
            f"v{seed}-{i}",
            sorted({int(x) for x in rng.integers(0, 10, 3)}),
            rng.integers(0, 256, (int(rng.integers(1, longest + 1)), RGB + AUDIO), dtype=np.uint8),
        )
        for i in range(n)
    ]


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Five shards of different lengths; the third has keys of 2017."""
    sizes = (20, 3, 17, 1, 9)
    keys = ("id", "id", "video_id", "id", "id")
    return [
        write(tmp_path / f"train{i}.tfrecord", made(n, i), key)
        for i, (n, key) in enumerate(zip(sizes, keys, strict=True))
    ]


def read(shards: Sequence[Path], order=PLAIN, layout=LAYOUT, **more):
    faults: list[yt8m.Fault] = []
    videos = list(yt8m.Stream(shards, layout, order, damaged=faults.append, **more))
    return videos, faults


def test_what_the_packages_writer_wrote_is_read_back_exactly(shards: list[Path]):
    videos, faults = read(shards, yt8m.Order(lanes=1))
    written = [video for i, n in enumerate((20, 3, 17, 1, 9)) for video in made(n, i)]
    assert not faults and len(videos) == len(written) == 50
    for video, (name, labels, q) in zip(videos, written, strict=True):
        assert (video.id, video.labels) == (name, tuple(labels))
        assert video.frames.dtype == np.uint8
        np.testing.assert_array_equal(video.frames, q[: LAYOUT.max_frames])


def test_dequantised_values_are_exact():
    x = yt8m.dequantise(torch.arange(256, dtype=torch.uint8)).numpy()
    assert (x.dtype, x[0], x[255]) == (np.float32, -1.9921875, 2.0078125)
    exact = np.arange(256) * 4 / 255 + 4 / 512 - 2
    np.testing.assert_allclose(x, exact, rtol=0, atol=2.0**-21)  # two roundings


def test_a_batch_is_padded_with_zeros_and_masked(tmp_path: Path):
    q = np.full((2, RGB + AUDIO), 255, np.uint8)
    path = write(tmp_path / "a.tfrecord", [("short", [1, 3], q), ("long", [], q.repeat(4, axis=0))])
    [batch] = yt8m.batches(read([path])[0], 8, LAYOUT)
    assert batch.ids == ("short", "long") and batch.truth == ((1, 3), ())
    x, mask = batch.tensors("cpu")
    assert x.shape == (2, 5, RGB + AUDIO) and mask.tolist() == batch.mask.tolist()
    assert batch.mask.tolist() == [[True, True, False, False, False], [True] * 5]
    assert (x[mask] == 2.0078125).all() and not x[~mask].any()
    assert batch.targets(10)[0].tolist() == [0, 1, 0, 1, 0, 0, 0, 0, 0, 0]
    assert not batch.targets(10)[1].any()


def test_video_level_shards(tmp_path: Path):
    writer = tfrecord.TFRecordWriter(str(tmp_path / "train0.tfrecord"))
    mean = np.linspace(-1, 1, RGB + AUDIO).astype(np.float32)
    for key in ("id", "video_id"):
        writer.write(
            {
                key: (key.encode(), "byte"),
                "labels": ([7, 2], "int"),
                "mean_rgb": (mean[:RGB], "float"),
                "mean_audio": (mean[RGB:], "float"),
            }
        )
    writer.close()
    layout = LAYOUT._replace(level="video")
    videos, faults = read([tmp_path / "train0.tfrecord"], layout=layout)
    assert not faults and [v.id for v in videos] == ["id", "video_id"]
    assert videos[0].labels == (2, 7)
    batch = yt8m.collate(videos, layout)
    assert batch.frames.shape == (2, 1, RGB + AUDIO) and batch.mask.all()
    np.testing.assert_array_equal(batch.tensors("cpu")[0][1, 0], mean)


def test_a_video_without_frames_is_fully_masked(tmp_path: Path):
    path = write(tmp_path / "a.tfrecord", [("none", [1], np.zeros((0, RGB + AUDIO), np.uint8))])
    [video], _ = read([path])
    assert video.frames.shape == (0, RGB + AUDIO)
    assert not yt8m.collate([video], LAYOUT).mask.any()


# -- order ------------------------------------------------------------------------------------


def names(videos) -> list[str]:
    return [video.id for video in videos]


def test_every_video_comes_once_and_seed_and_epoch_decide_when(shards: list[Path]):
    orders = [
        names(read(shards, yt8m.Order((seed, epoch), 16))[0])
        for seed, epoch in ((0, 1), (0, 1), (0, 2), (1, 1))
    ]
    assert all(sorted(order) == sorted(orders[0]) and len(set(order)) == 50 for order in orders)
    assert orders[0] == orders[1]
    assert orders[0] != orders[2] and orders[0] != orders[3]


def test_the_buffer_mixes_within_and_the_lanes_across_shards(shards: list[Path]):
    mixed = names(read(shards, yt8m.Order((0, 1), 16, lanes=1))[0])
    plain = names(read(shards, yt8m.Order((0, 1), 1, lanes=1))[0])
    assert mixed != plain
    side_by_side = names(read(shards, yt8m.Order(lanes=4))[0])
    assert [name.split("-")[0] for name in side_by_side[:4]] == ["v0", "v1", "v2", "v3"]


def test_readers_ahead_change_nothing(shards: list[Path]):
    order = yt8m.Order((3, 1), 8)
    alone = names(read(shards, order)[0])
    for n in (1, 3):
        with ThreadPoolExecutor(n) as pool:
            assert names(read(shards, order, pool=pool)[0]) == alone


@pytest.mark.parametrize("buffer", [1, 7, 64])
def test_a_stream_resumes_from_a_position(shards: list[Path], buffer: int):
    order = yt8m.Order((0, 1), buffer)
    full = names(read(shards, order)[0])
    for taken in range(51):
        stream = yt8m.Stream(shards, LAYOUT, order)
        before = [next(stream).id for _ in range(taken)]
        position = json.loads(json.dumps(stream.position()))
        after = yt8m.Stream(shards, LAYOUT, order, position)
        assert after.share() == pytest.approx(stream.share())
        assert before + names(after) == full, taken
    assert stream.share() == 1


def test_a_position_in_changed_shards_is_reported(shards: list[Path]):
    stream = yt8m.Stream(shards, LAYOUT, yt8m.Order((0, 1), 16))
    next(stream)
    for path in shards:
        path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(AscError, match=r"no video at byte \d+, where there was one when training"):
        yt8m.Stream(shards, LAYOUT, yt8m.Order((0, 1), 16), stream.position())


# -- damage -----------------------------------------------------------------------------------


def damaged(path: Path, record: int, at: int) -> int:
    """Change the byte `at` bytes into a record; the record's offset."""
    offsets = [r.offset for r in records.records(path)]
    full = bytearray(path.read_bytes())
    full[offsets[record] + at] ^= 0x40
    path.write_bytes(full)
    return offsets[record]


@pytest.mark.parametrize(
    ("at", "what"),
    [
        (40, "its data do not match their checksum"),
        (0, r"its length does not match its checksum; \d+ bytes lost"),
        (6, r"its length does not match its checksum; \d+ bytes lost"),
        (9, r"its length does not match its checksum; \d+ bytes lost"),
    ],
)
def test_a_corrupt_record_is_named_and_only_it_is_left_out(shards: list[Path], at: int, what: str):
    path = shards[0]
    offset = damaged(path, 4, at)
    videos, [fault] = read([path])
    assert names(videos) == [f"v0-{i}" for i in range(20) if i != 4]
    assert (fault.file, fault.offset) == (str(path), offset)
    with pytest.raises(AssertionError, match=f"record at byte {offset}: {what}"):
        raise AssertionError(str(fault))


def test_two_damaged_records_one_after_the_other(shards: list[Path]):
    first, second = damaged(shards[0], 4, 0), damaged(shards[0], 6, 3)
    videos, faults = read([shards[0]])
    assert len(videos) == 18 and [fault.offset for fault in faults] == [first, second]


@pytest.mark.parametrize("left", [1, 11, 13, 60, -1])
def test_a_shard_that_was_cut_is_named_and_the_others_go_on(shards: list[Path], left: int):
    path = shards[2]
    last = [r.offset for r in records.records(path)][-1]
    full = path.read_bytes()
    path.write_bytes(full[: last + left] if left > 0 else full[:left])
    videos, [fault] = read(shards)
    assert len(videos) == 49 and (fault.file, fault.offset) == (str(path), last)
    assert "cut short" in fault.error


def test_files_that_are_no_shards(shards: list[Path], tmp_path: Path):
    empty, text, removed = (tmp_path / name for name in ("empty", "text", "gone"))
    empty.touch()
    text.write_text("VideoId,LabelConfidencePairs\n" * 100)
    videos, faults = read([empty, text, removed, shards[1]])
    assert len(videos) == 3
    assert {(fault.file, fault.error) for fault in faults} == {
        (str(empty), "the file is empty"),
        (
            str(text),
            "its length does not match its checksum; 2900 bytes lost, to the end of the file",
        ),
        (str(removed), "cannot be read (No such file or directory)"),
    }


def record(path: Path, context: dict, lists: dict | None = None) -> Path:
    writer = tfrecord.TFRecordWriter(str(path))
    writer.write(context, lists)
    writer.close()
    return path


FRAMES = {"rgb": ([bytes(RGB)] * 2, "byte"), "audio": ([bytes(AUDIO)] * 2, "byte")}
NAMED = {"id": (b"a", "byte"), "labels": ([1], "int")}


@pytest.mark.parametrize(
    ("context", "lists", "what"),
    [
        ({"labels": ([1], "int")}, FRAMES, "has neither an id nor a video_id"),
        ({**NAMED, "labels": ([1, 10], "int")}, FRAMES, "has label 10; 0 to 9 were expected"),
        ({**NAMED, "labels": ([-1, 1], "int")}, FRAMES, "has label -1; 0 to 9 were expected"),
        (NAMED, {"rgb": FRAMES["rgb"]}, "has no audio frames; is it a shard of level video?"),
        (NAMED, None, "has no rgb frames; is it a shard of level video?"),
        (NAMED, {**FRAMES, "rgb": ([bytes(RGB)] * 3, "byte")}, "has 3 rgb frames and 2 of audio"),
        (
            NAMED,
            {**FRAMES, "rgb": ([bytes(RGB), b"12"], "byte")},
            "has an rgb frame of 2 bytes; 6 bytes were expected",
        ),
        (
            NAMED,
            {**FRAMES, "rgb": ([1, 2], "int")},
            "has an rgb frame of 0 values; 6 bytes were expected",
        ),
        (
            NAMED,
            {**FRAMES, "audio": ([[b"1", b"23"], bytes(AUDIO)], "byte")},
            "has an audio frame of 2 values; 3 bytes were expected",
        ),
    ],
)
def test_records_that_are_not_as_expected(tmp_path: Path, context, lists, what: str):
    videos, [fault] = read([record(tmp_path / "a.tfrecord", context, lists)])
    assert not videos and (fault.offset, fault.error) == (0, what)


def test_a_record_that_is_no_example(tmp_path: Path):
    data = b"\xff" * 9
    header = struct.pack("<Q", len(data))
    crc = [struct.pack("<I", records.masked_crc(part)) for part in (header, data)]
    (tmp_path / "a").write_bytes(header + crc[0] + data + crc[1])
    _, [fault] = read([tmp_path / "a"])
    assert fault.error == "is no tf.train.SequenceExample, and no Example"


def test_level_frame_read_as_level_video(shards: list[Path]):
    _, faults = read([shards[1]], layout=LAYOUT._replace(level="video"))
    assert {fault.error for fault in faults} == {"has no mean_rgb; is it a shard of level frame?"}
    wrong = {**NAMED, "mean_rgb": ([0.5], "float"), "mean_audio": ([0.5], "float")}
    path = record(shards[0].parent / "b", wrong)
    _, [fault] = read([path], layout=LAYOUT._replace(level="video"))
    assert fault.error == "has 1 numbers in mean_rgb; 6 were expected"


def test_the_search_for_the_next_record_crosses_blocks(shards: list[Path], monkeypatch):
    damaged(shards[0], 0, 2)
    expected = names(read([shards[0]])[0])
    for size in (1, 13, 64):
        monkeypatch.setattr(records, "SEARCHED", size)
        assert names(read([shards[0]])[0]) == expected == [f"v0-{i}" for i in range(1, 20)]


# -- where they are ---------------------------------------------------------------------------


def test_shards_of_a_part(tmp_path: Path):
    (tmp_path / "frame").mkdir()
    for name in ("train01", "train00", "validate00"):
        write(tmp_path / "frame" / f"{name}.tfrecord", made(1))
    assert [p.name for p in yt8m.shards(tmp_path, "train")] == [
        "train00.tfrecord",
        "train01.tfrecord",
    ]
    with pytest.raises(AscError, match=r"no test\*.tfrecord there, and none in video/ below it"):
        yt8m.shards(tmp_path, "test", "video")


def test_there_are_no_lists_to_read(tmp_path: Path):
    with pytest.raises(AscError, match="shards of videos' features, not recordings"):
        yt8m.read(tmp_path)


def test_a_fingerprint_sees_other_videos_and_other_names(shards: list[Path]):
    first = yt8m.fingerprint(shards)
    assert first == yt8m.fingerprint(shards) != yt8m.fingerprint(shards[1:])
    damaged(shards[0], 0, 40)
    assert yt8m.fingerprint(shards) != first


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    from asc_cli.datasets._yt8m import videos as _yt8m_videos

    monkeypatch.setitem(__import__("sys").modules, "tfrecord", None)
    _yt8m_videos.protocol_buffers.cache_clear()
    with pytest.raises(AscError, match=r"shards: the extra `yt8m` is needed .*\[yt8m\]"):
        _yt8m_videos.protocol_buffers()
    _yt8m_videos.protocol_buffers.cache_clear()


@pytest.mark.campaign
def test_memory_does_not_grow_with_the_shards(tmp_path: Path):
    """What a stream holds is its buffer and some videos ahead, not what went through."""
    import tracemalloc

    path = write(tmp_path / "a.tfrecord", made(250, longest=5))
    stream = yt8m.Stream([path] * 40, LAYOUT, yt8m.Order(buffer=32))
    for _ in range(500):
        next(stream)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    left = sum(1 for _ in stream)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert left == 9_500 and peak < 2_000_000, peak


def test_the_shard_on_disk_is_only_read(shards: list[Path]):
    for path in shards:
        os.chmod(path, 0o444)
    assert len(read(shards)[0]) == 50
