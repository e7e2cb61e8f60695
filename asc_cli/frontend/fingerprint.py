"""Fingerprints of recordings, and which recordings hold the same sound.

    E[t, m]   power in band m of frame t: 33 mel bands below 4 kHz, frames of 256 ms, 16 ms apart
    d[t, m] = (E[t, m] − E[t, m + 1]) − (E[t − 1, m] − E[t − 1, m + 1])
    bit m of word t is 1 where d[t, m] > 0                             m = 0 … 31

Haitsma and Kalker: A highly robust audio fingerprinting system, ISMIR 2002; the bands and the rate
are ours. A gain changes no sign, lossy coding few; independent sounds agree in half of the bits,
steady noise too, as no two stretches of noise are alike. Recordings that share a
word are candidates: they are aligned where most of their equal words are, and all bits compared.
Those that may differ are fewer the shorter the overlap: 0.5 − DEVIATIONS · 0.5 / √(independent
bits), as bits of frames that overlap are no independent ones.

A copy at another speed or pitch has other bits and is not noticed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from asc_cli import features
from asc_cli.features.mel import Mel

SAMPLE_RATE = 8_000  # Hz
FRAME, HOP = 2_048, 128  # samples
BITS = 32
QUIETEST = 1e-6  # of the loudest frame's power: below, bits are those of rounding
MOST_WORDS = 1 << 18  # of a recording, over an hour; what is longer is compared by these
COMMON = 32  # a word that more recordings have tells nothing
SHORTEST_FRAMES = 32  # that overlap: half a second
BITS_PER_FRAME = BITS * HOP / FRAME  # independent ones
DEVIATIONS = 6.0
MOST_ERRORS = 0.35  # Haitsma and Kalker's limit


@dataclass(frozen=True)
class Overlap:
    """Two recordings that hold the same sound.

    Attributes:
        first: A recording.
        second: Another.
        offset_s: Where the sound of the first begins in the second, seconds; negative: before it.
        seconds: How long they overlap.
        errors: Share of bits that differ, 0.5 for different sounds.
    """

    first: str
    second: str
    offset_s: float
    seconds: float
    errors: float


def fingerprint(blocks: Iterable[np.ndarray]) -> np.ndarray:  # each (n,) -> (T,) uint32
    """Return the words of a recording at SAMPLE_RATE; 0 where it is silent.

    Reads all blocks, and uses the first MOST_WORDS frames of them.

    Args:
        blocks: Its samples.

    Raises:
        AscError: It is shorter than a frame.
    """
    mel = Mel(BITS + 1, FRAME, HOP, window="hann", spectrum="power")
    parts, n = [], 0
    for frames in features.stream(mel, blocks, SAMPLE_RATE):
        parts.append(frames[: max(0, MOST_WORDS + 1 - n)])
        n += len(frames)
    power = np.concatenate(parts)
    slope = np.diff(power, axis=1)
    bits = np.diff(slope, axis=0) < 0  # (T, 32)
    words = (bits.astype(np.uint32) << np.arange(BITS, dtype=np.uint32)).sum(1, dtype=np.uint32)
    level = power.sum(axis=1)
    audible = level > QUIETEST * level.max(initial=0.0)
    return np.where(audible[1:] & audible[:-1], words, np.uint32(0))


def overlaps(words: Mapping[str, np.ndarray]) -> list[Overlap]:
    """Return the pairs of recordings that hold the same sound.

    Args:
        words: Recording → its fingerprint (T,).
    """
    names = [name for name in words if len(words[name])]
    if not names:
        return []
    results = []
    for (a, b), offset in _candidates([words[name] for name in names]):
        if overlap := _compared(names[a], names[b], words[names[a]], words[names[b]], offset):
            results.append(overlap)
    return results


def _candidates(words: Sequence[np.ndarray]) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield pairs of numbers with the likeliest offset of the first in the second, in frames."""
    place = [np.unique(each, return_index=True)[1] for each in words]  # once per recording
    everything = np.concatenate([*(each[p] for each, p in zip(words, place, strict=True))])
    owner = np.repeat(np.arange(len(words)), [len(each) for each in place])
    places = np.concatenate(place)
    votes: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
    for i, j in zip(*map(np.ndarray.tolist, _equal_words(everything)), strict=True):
        votes[int(owner[i]), int(owner[j])][int(places[j] - places[i])] += 1
    for pair, offsets in sorted(votes.items()):
        yield pair, max(sorted(offsets), key=lambda offset: _near(offsets, offset))


def _near(offsets: Counter[int], offset: int) -> int:
    """Return how many equal words stand at an offset, or a frame beside it."""
    return offsets[offset - 1] + offsets[offset] + offsets[offset + 1]


def _equal_words(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # (N,) -> (P,), (P,)
    """Return the positions of pairs of equal words, the smaller one first."""
    order = np.argsort(words, kind="stable")
    ordered = words[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(words) else order
    runs = np.diff(np.r_[starts, len(words)])
    usable = (runs > 1) & (runs <= COMMON) & (ordered[starts] != 0)
    ones, others = [order[:0]], [order[:0]]
    for length in np.unique(runs[usable]):
        rows = order[starts[usable & (runs == length)][:, None] + np.arange(length)]  # (n, length)
        i, j = np.triu_indices(length, 1)
        ones.append(rows[:, i].ravel())
        others.append(rows[:, j].ravel())
    return np.concatenate(ones), np.concatenate(others)


def _compared(
    a: str, b: str, words_a: np.ndarray, words_b: np.ndarray, offset: int
) -> Overlap | None:
    """Return the overlap at an offset or a frame beside it, None where the bits differ."""
    best = min(_errors(words_a, words_b, offset + shift) for shift in (-1, 0, 1))
    errors, n = best
    if n < SHORTEST_FRAMES or errors > _limit(n):
        return None
    return Overlap(a, b, round(offset * HOP / SAMPLE_RATE, 3), n * HOP / SAMPLE_RATE, errors)


def _errors(a: np.ndarray, b: np.ndarray, offset: int) -> tuple[float, int]:
    """Return the share of bits that differ where word t of a is word t + offset of b, and the
    number of words that both have."""
    start, end = max(0, -offset), min(len(a), len(b) - offset)
    a, b = a[start:end], b[start + offset : end + offset]
    both = (a != 0) & (b != 0)
    n = int(both.sum())
    differ = np.bitwise_xor(a[both], b[both])
    return (float(np.unpackbits(differ.view(np.uint8)).mean()) if n else 1.0), n


def _limit(n_frames: int) -> float:
    """Return the largest share of bits that may differ in an overlap of so many frames."""
    return min(MOST_ERRORS, 0.5 - DEVIATIONS * 0.5 / np.sqrt(n_frames * BITS_PER_FRAME))
