"""Parse a record of a YouTube-8M shard: a video's id, labels and frames.

    frame level   SequenceExample   context: id (2017: video_id), labels
                                    feature lists: rgb (1024,), audio (128,) uint8, one a second
    video level   Example           id (2017: video_id), labels, mean_rgb, mean_audio floats

    x = q · 4/255 + 4/512 − 2       q uint8, x from −1.9921875 to 2.0078125; padding is 0 after that

T frames, F numbers a frame, rgb first.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from asc_cli.core import installation

ID_KEYS = ("id", "video_id")
LEVELS = ("frame", "video")


class Layout(NamedTuple):
    """The expected format of a shard's videos."""

    level: str = "frame"  # or "video"
    rgb: int = 1024
    audio: int = 128
    n_labels: int = 4716
    max_frames: int = 300  # frames after these are left out

    @property
    def F(self) -> int:
        return self.rgb + self.audio


class Video(NamedTuple):
    id: str
    labels: tuple[int, ...]  # sorted; () in a test part
    frames: np.ndarray  # (T, F) uint8; of video level (1, F) float32


def parse(data: bytes, layout: Layout) -> Video:
    """Parse the video in a record. Raises ValueError if it is not as expected."""
    messages = protocol_buffers()
    from google.protobuf.message import DecodeError

    try:
        if layout.level == "frame":
            sequence = messages.packed.FromString(data)
            context, lists = sequence.context.feature, sequence.feature_lists.feature_list
        else:
            context, lists = messages.example.FromString(data).features.feature, {}
    except DecodeError as fault:
        raise ValueError("is no tf.train.SequenceExample, and no Example") from fault
    frames = _frames(lists, layout) if layout.level == "frame" else _means(context, layout)
    return Video(_id(context), _labels(context, layout.n_labels), frames)


class Messages(NamedTuple):
    """Classes of protocol buffers."""

    example: Any  # tf.train.Example
    packed: Any  # tf.train.SequenceExample, each of its feature lists as bytes
    feature_list: Any  # the message in those bytes


@functools.cache
def protocol_buffers() -> Messages:
    """Return the tfrecord package's messages. Raises AscError if it is not installed.

    `packed` has the wire format of its SequenceExample, but a feature list, hundreds of messages of
    one frame each, is kept as bytes, which `_packed` reads as one array.
    """
    with installation.in_words("YouTube-8M shards"):
        from tfrecord import example_pb2
    return Messages(example_pb2.Example, _packed_class(), example_pb2.FeatureList)


def _packed_class() -> Any:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(
        name="asc_yt8m.proto", package="asc", syntax="proto3", dependency=["example.proto"]
    )
    text, data, message = 9, 12, 11  # FieldDescriptorProto.Type: string, bytes, message
    lists = file.message_type.add(name="Lists")
    entry = lists.nested_type.add(name="FeatureListEntry", options={"map_entry": True})
    entry.field.add(name="key", number=1, type=text, label=1)
    entry.field.add(name="value", number=2, type=data, label=1)
    lists.field.add(
        name="feature_list",
        number=1,
        type=message,
        label=3,
        type_name=".asc.Lists.FeatureListEntry",
    )
    packed = file.message_type.add(name="Packed")
    for number, name, kind in (
        (1, "context", ".tensorflow.Features"),
        (2, "feature_lists", ".asc.Lists"),
    ):
        packed.field.add(name=name, number=number, type=message, label=1, type_name=kind)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("asc.Packed"))


def _id(context: Any) -> str:
    for key in ID_KEYS:
        if key in context and len(values := context[key].bytes_list.value) == 1:
            return values[0].decode("utf-8", errors="backslashreplace")
    raise ValueError("has neither an id nor a video_id")


def _labels(context: Any, n_labels: int) -> tuple[int, ...]:
    if "labels" not in context:
        return ()
    labels = tuple(sorted(set(context["labels"].int64_list.value)))
    if labels and not 0 <= labels[0] <= labels[-1] < n_labels:
        invalid = labels[0] if labels[0] < 0 else labels[-1]
        raise ValueError(f"has label {invalid}; 0 to {n_labels - 1} were expected")
    return labels


def _frames(lists: Mapping[str, bytes], layout: Layout) -> np.ndarray:  # -> (T, F) uint8
    parts = []
    for key, width in (("rgb", layout.rgb), ("audio", layout.audio)):
        if key not in lists:
            raise ValueError(f"has no {key} frames; is it a shard of level video?")
        parts.append(_packed(key, lists[key], width))
    if len(parts[0]) != len(parts[1]):
        raise ValueError(f"has {len(parts[0])} rgb frames and {len(parts[1])} of audio")
    return np.concatenate([part[: layout.max_frames] for part in parts], axis=1)


def _packed(key: str, frames: bytes, width: int) -> np.ndarray:  # -> (T, width) uint8
    """Read all frames at once: each has the same few bytes of tags and lengths, then `width`
    bytes of data."""
    tags = _tags(width)
    row = len(tags) + width
    if len(frames) % row == 0:
        rows = np.frombuffer(frames, np.uint8).reshape(-1, row)
        if (rows[:, : len(tags)] == tags).all():
            return rows[:, len(tags) :]
    raise ValueError(
        f"has an {key} frame of {_describe_invalid(frames, width)}; {width} bytes were expected"
    )


def _describe_invalid(frames: bytes, width: int) -> str:
    """Describe the first frame that does not have `width` bytes."""
    from google.protobuf.message import DecodeError

    try:
        frame_list = protocol_buffers().feature_list.FromString(frames).feature
    except DecodeError:
        return "nothing that can be read"
    values = [list(frame.bytes_list.value) for frame in frame_list]
    first = next((value for value in values if len(value) != 1 or len(value[0]) != width), [])
    return f"{len(first[0])} bytes" if len(first) == 1 else f"{len(first)} values"


@functools.cache
def _tags(width: int) -> np.ndarray:
    frame = {"bytes_list": {"value": [bytes(width)]}}
    row = protocol_buffers().feature_list(feature=[frame]).SerializeToString()
    return np.frombuffer(row[: len(row) - width], np.uint8)


def _means(context: Any, layout: Layout) -> np.ndarray:  # -> (1, F) float32
    parts = []
    for key, width in (("mean_rgb", layout.rgb), ("mean_audio", layout.audio)):
        if key not in context:
            raise ValueError(f"has no {key}; is it a shard of level frame?")
        values = np.array(context[key].float_list.value, np.float32)
        if len(values) != width:
            raise ValueError(f"has {len(values)} numbers in {key}; {width} were expected")
        parts.append(values)
    return np.concatenate(parts)[None]
