"""Made-up audio files with a wrong byte, field or end: what reads audio must answer in words.

`files` makes them from a seed; `attack` reads one in every way that asc does.
"""

from __future__ import annotations

import ctypes
import io
import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from asc_cli import features
from asc_cli.audio import decode, hashing
from asc_cli.core.errors import AscError
from asc_cli.features.log_mel import LogMel
from tests.faults.fuzzing import cut, flip, mutated

RATE = 22_050
MAX_SECONDS = 600  # of sound that half a second, mutated, may become
HEADER_BYTES = 220
KINDS = (  # format, subtype, channels
    ("WAV", "PCM_16", 1),
    ("WAV", "PCM_24", 2),
    ("WAV", "PCM_U8", 1),
    ("WAV", "FLOAT", 1),
    ("WAV", "DOUBLE", 2),
    ("WAV", "ULAW", 1),
    ("WAV", "IMA_ADPCM", 1),
    ("WAV", "MS_ADPCM", 2),
    ("WAV", "GSM610", 1),
    ("WAV", "G721_32", 1),
    ("AU", "G723_24", 1),
    ("AU", "G721_32", 1),
    ("AU", "PCM_16", 2),
    ("AIFF", "PCM_16", 1),
    ("AIFF", "IMA_ADPCM", 1),
    ("CAF", "PCM_16", 1),
    ("CAF", "ALAC_16", 1),
    ("W64", "PCM_16", 1),
    ("RF64", "PCM_16", 1),
    ("FLAC", "PCM_16", 2),
    ("FLAC", "PCM_24", 1),
    ("OGG", "VORBIS", 1),
    ("OGG", "OPUS", 1),
    ("MP3", "MPEG_LAYER_III", 1),
    ("VOC", "PCM_16", 1),
    ("NIST", "PCM_16", 1),
    ("SDS", "PCM_16", 1),
    ("SVX", "PCM_16", 1),
    ("PAF", "PCM_16", 1),
    ("AVR", "PCM_16", 1),
    ("IRCAM", "PCM_16", 1),
    ("PVF", "PCM_16", 1),
    ("HTK", "PCM_16", 1),
    ("MAT4", "PCM_16", 1),
    ("MAT5", "FLOAT", 1),
    ("XI", "DPCM_16", 1),
    ("MPC2K", "PCM_16", 1),
    ("WVE", "ALAW", 1),
)
FIELDS = (0, 1, 2, 3, 7, 16, 255, 1000, 32_767, 65_535, 40_000_000, 2**31 - 1, 2**31, 2**32 - 1)


def originals() -> list[bytes]:
    """A good file of every kind: noise under a tone, half a second."""
    noise = np.random.default_rng(0).normal(0, 0.05, (RATE // 2, 2))
    sound = noise + 0.2 * np.sin(np.arange(RATE // 2) / 9)[:, None]
    sounds = []
    for kind, subtype, channels in KINDS:
        if not soundfile.check_format(kind, subtype):
            continue
        rate = {"OPUS": 24_000, "GSM610": 8_000, "ALAW": 8_000}.get(subtype, RATE)
        out = io.BytesIO()
        soundfile.write(out, sound[:, :channels], rate, subtype, format=kind)
        sounds.append(out.getvalue())
    return sounds


def files(seed: int, count: int) -> Iterator[bytes]:
    """Mutated files, the same for the same seed."""
    return mutated(seed, count, originals(), MUTATIONS)


def _flip_header(data: bytearray, draw: random.Random) -> None:
    if data:
        data[draw.randrange(min(HEADER_BYTES, len(data)))] = draw.randrange(256)


def _field(data: bytearray, draw: random.Random) -> None:
    at, size = draw.randrange(HEADER_BYTES), draw.choice((1, 2, 4, 8))
    value = draw.choice(FIELDS) % 2 ** (8 * size)
    data[at : at + size] = value.to_bytes(size, draw.choice(("little", "big")))


def _rate(data: bytearray, draw: random.Random) -> None:
    """Write another rate wherever the header has it."""
    rate = draw.choice(FIELDS) % 2**32
    for order in ("little", "big"):
        written = RATE.to_bytes(4, order)  # type: ignore[arg-type]
        data[:] = data.replace(written, rate.to_bytes(4, order), 2)  # type: ignore[arg-type]


def _insert(data: bytearray, draw: random.Random) -> None:
    at = draw.randrange(len(data) + 1)
    data[at:at] = draw.randbytes(draw.randrange(1, 40))


def _drop(data: bytearray, draw: random.Random) -> None:
    at = draw.randrange(len(data) + 1)
    del data[at : at + draw.randrange(1, 40)]


def _blank(data: bytearray, draw: random.Random) -> None:
    at = draw.randrange(len(data) + 1)
    data[at : at + 64] = bytes([draw.choice((0, 255))]) * len(data[at : at + 64])


def _noise(data: bytearray, draw: random.Random) -> None:
    at = draw.randrange(len(data) + 1)
    data[at:] = draw.randbytes(len(data) - at)


MUTATIONS = (flip, _flip_header, _flip_header, _field, _field, _rate, cut, _insert, _drop)
MUTATIONS += (_blank, _noise)


def attack(path: Path) -> str:
    """Read a file in every way; return how it ended. Only AscError may be raised."""
    ends = []
    for read in (decode.inspect, _frames, hashing.excerpt, hashing.content):
        try:
            read(path)
            ends.append("read")
        except AscError as fault:
            assert str(fault).strip() and "\n" not in str(fault)
            ends.append("refused")
    return " ".join(ends)


def _frames(path: Path) -> None:
    """Decode and extract log-mel features, as predicting does; all finite, and not for ever."""
    blocks = decode.blocks(path, RATE)
    total, frames = 0, features.stream(LogMel(), blocks, RATE)
    for part in itertools.chain(frames):
        assert np.isfinite(part).all()
        total += len(part) * LogMel().framing(RATE).hop_samples
        assert total <= MAX_SECONDS * RATE, "hours of sound out of half a second"


def flush_c() -> None:
    """Write out what C libraries have printed and not yet written."""
    ctypes.CDLL(None).fflush(None)
