"""Statistics of a recording as a whole: one frame, however long it is.

    spectrum   (1394)  distribution and change of 80 log-mel bands, cepstra, slow modulations
    kernels    (1440)  answers of 96 fixed random filters on them, in 5 regions of bands
    onsets     (304)   rises of 40 bands at 5 ms, their modulations and repetition
    envelopes  (1440)  correlations and modulations of 32 compressed envelopes

After McDermott & Simoncelli, Neuron 71 (2011), and ROCKET, Dempster et al., arXiv:1910.13051.
Digital silence at both ends is left out. The recording is read in pieces of 8 s, of which sums and
histograms remain: an hour needs no more memory than a minute. `_texture/` has each group.

Frames of 40 ms every 20 ms (spectrum, kernels), of 16 ms every 5 ms (onsets, envelopes); mel bands
on the HTK scale from 40 Hz to half the rate, ln(power + 1e-8).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.features import Framing
from asc_cli.features._mel import mel_filters
from asc_cli.features._spectrum import bands, hann

VERSION = 1
PIECE_S = 8.0  # seconds that are computed at once, whatever the blocks
F_MIN_HZ, OFFSET = 40.0, 1e-8
SLOW_S, FAST_S = (0.04, 0.02), (0.016, 0.005)  # frame and hop
GROUPS: dict[str, tuple[tuple[float, float], int, bool]] = {  # framing, mel bands, logarithm
    "spectrum": (SLOW_S, 80, True),
    "kernels": (SLOW_S, 80, True),
    "onsets": (FAST_S, 40, True),
    "envelopes": (FAST_S, 32, False),
}
_LISTED = ", ".join(GROUPS)


@dataclass(frozen=True)
class Texture:
    """Statistics of the chosen groups, one after another, float32."""

    spectrum: bool = True  # whether the 1394 numbers of bands, cepstra and slow modulations are in
    kernels: bool = True  # whether the 1440 answers of random filters are in
    onsets: bool = True  # whether the 304 numbers of rises and their repetition are in
    envelopes: bool = True  # whether the 1440 numbers of compressed envelopes are in

    def __call__(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:  # (N,) -> (1, F)
        return self.of_blocks([samples], sample_rate)

    def of_blocks(self, blocks: Iterable[np.ndarray], sample_rate: int) -> np.ndarray:
        """Return the statistics (1, F) of a recording that comes in blocks (n,)."""
        computed = [_Computed(name, sample_rate) for name in GROUPS if getattr(self, name)]
        if not computed:
            raise AscError(
                f"features: texture has none of its groups; set one of {_LISTED} to true"
            )
        shortest = self.framing(sample_rate).frame_samples
        for piece in _pieces(_without_silent_ends(blocks), round(PIECE_S * sample_rate), shortest):
            for group in computed:
                group.add(piece)
        output = np.concatenate([group.statistics.result() for group in computed])
        return output[None].astype(np.float32)

    def framing(self, sample_rate: int) -> Framing:
        frame, hop = (round(seconds * sample_rate) for seconds in SLOW_S)
        return Framing(frame, hop, of_recording=True)


class _Computed:
    """A group's statistics, and the spectrum that they are of."""

    def __init__(self, name: str, sample_rate: int):
        seconds, n_bands, self.log = GROUPS[name]
        self.frame, self.hop = (round(s * sample_rate) for s in seconds)
        self.filters = mel_filters(
            sample_rate, 2 ** (self.frame - 1).bit_length(), n_bands, F_MIN_HZ, None, "htk", True
        )
        self.rest = np.zeros(0, np.float32)
        self.statistics = _statistics(name, n_bands)

    def add(self, samples: np.ndarray) -> None:
        samples = np.concatenate([self.rest, samples])
        if len(samples) >= self.frame:
            power = bands(samples, hann(self.frame), self.hop, self.filters)
            self.statistics.add(np.log(power + np.float32(OFFSET)) if self.log else power)
            samples = samples[len(power) * self.hop :]
        self.rest = samples


def _statistics(name: str, n_bands: int) -> Any:
    from asc_cli.features._texture import envelopes, kernels, onsets, spectrum

    by_name = {
        "spectrum": spectrum.Spectrum,
        "kernels": kernels.Kernels,
        "onsets": onsets.Onsets,
        "envelopes": envelopes.Envelopes,
    }
    return by_name[name](n_bands)


def _without_silent_ends(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the samples from the first to the last that is not zero."""
    begun, zeros = False, 0
    for block in blocks:
        audible = np.flatnonzero(block)
        if not len(audible):
            zeros += len(block) if begun else 0
            continue
        while zeros:  # in parts, as an hour of them may lie between two sounds
            part = min(zeros, 1 << 20)
            yield np.zeros(part, np.float32)
            zeros -= part
        yield block[0 if begun else audible[0] : audible[-1] + 1]
        begun, zeros = True, len(block) - 1 - audible[-1]


def _pieces(
    blocks: Iterable[np.ndarray], size: int, shortest: int
) -> Iterator[np.ndarray]:  # (size,), the last one shorter
    """Yield samples in pieces of one size; a recording below `shortest` is filled up with zeros."""
    waiting: list[np.ndarray] = []
    n_waiting, n_yielded = 0, 0
    for block in blocks:
        waiting.append(block)
        n_waiting += len(block)
        if n_waiting >= size:
            joined = np.concatenate(waiting)
            for start in range(0, len(joined) - size + 1, size):
                yield joined[start : start + size]
                n_yielded += size
            waiting = [joined[len(joined) // size * size :]]
            n_waiting = len(waiting[0])
    rest = np.concatenate([*waiting, np.zeros(0, np.float32)])
    if n_yielded + len(rest) < shortest:
        rest = np.pad(rest, (0, shortest - len(rest)))
    if len(rest):
        yield rest
