"""log_mel against librosa, and against the bare real FFT of its frames.

    python tests/benchmarks/bench_log_mel.py [--seconds 30] [--turns 15] [--stages]

All on one thread, in turn, on the same samples in one process; times are the thread's processor
time, a ratio is the median over the turns. The bare FFT transforms windowed frames that lie ready
in the cache, a block at a time: no windowing, no squares, no product with the filters, no
logarithm. --stages tells how much of the time each of these takes.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import librosa
import numpy as np
import scipy.fft
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from asc_cli.features import _banded, _spectrum, log_mel

FRAME, HOP, N_MELS = 1024, 220, 64
BLOCK = _spectrum.BLOCK_VALUES // FRAME


def ours(samples: np.ndarray, rate: int) -> Callable[[], object]:
    return lambda: log_mel.LogMel()(samples, rate)


def librosas(samples: np.ndarray, rate: int) -> Callable[[], object]:
    def run() -> np.ndarray:
        power = librosa.feature.melspectrogram(
            y=samples, sr=rate, n_fft=FRAME, hop_length=HOP, n_mels=N_MELS, center=False
        )
        return np.log(np.maximum(power, 1e-10))

    return run


def bare_fft(samples: np.ndarray, rate: int) -> Callable[[], object]:
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]
    block = frames[:BLOCK] * _spectrum.hann(FRAME)
    n_blocks, rest = divmod(len(frames), BLOCK)

    def run() -> None:
        for _ in range(n_blocks):
            scipy.fft.rfft(block)
        scipy.fft.rfft(block[:rest])

    return run


def stages(samples: np.ndarray, rate: int) -> dict[str, Callable[[], object]]:
    """Each stage of log_mel by itself, on one block, as often as there are blocks."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]
    filters = log_mel.LogMel().filters(rate)
    windows = np.tile(_spectrum.hann(FRAME), _spectrum.WINDOW_ROWS)
    block = np.empty((BLOCK, FRAME), np.float32)
    _spectrum._multiply(frames[:BLOCK], windows, block)
    spectrum = scipy.fft.rfft(block)
    power, imaginary = np.square(spectrum.real), np.square(spectrum.imag)
    bands = np.empty((BLOCK, N_MELS), np.float32)
    pieces = _banded.pieces_of(filters)

    def sum_of_squares() -> None:
        np.square(spectrum.real, out=power)
        np.add(power, np.square(spectrum.imag, out=imaginary), out=power)

    def logarithm() -> None:
        np.maximum(bands, np.float32(1e-10), out=bands)
        np.log(bands, out=bands)

    def repeated(run: Callable[[], object]) -> Callable[[], object]:
        return lambda: [run() for _ in range(round(len(frames) / BLOCK))]

    return {
        "frames × window": repeated(lambda: _spectrum._multiply(frames[:BLOCK], windows, block)),
        "FFT": repeated(lambda: scipy.fft.rfft(block)),
        "power": repeated(sum_of_squares),
        "× filters": repeated(lambda: _banded.product(power, filters, pieces, bands)),
        "× filters, with their zeros": repeated(lambda: np.matmul(power, filters, out=bands)),
        "logarithm": repeated(logarithm),
    }


def seconds(run: Callable[[], object]) -> float:
    start = time.thread_time()
    run()
    return time.thread_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the recording")
    parser.add_argument("--turns", type=int, default=15, help="of each; medians are printed")
    parser.add_argument("--stages", action="store_true", help="time each stage by itself too")
    chosen = parser.parse_args()
    table = Table("rate, Hz", "log_mel, × real time", "bare FFT", "÷ bare FFT", "librosa ÷ log_mel")
    parts = Table("rate, Hz", "stage", "ms", "of the FFT")
    for rate in (22_050, 44_100):
        n = round(chosen.seconds * rate)
        samples = np.random.default_rng(0).normal(0, 0.1, n).astype(np.float32)
        named = {"ours": ours(samples, rate), "fft": bare_fft(samples, rate)}
        named |= {"librosa": librosas(samples, rate), **stages(samples, rate)}
        with threadpool_limits(1):
            for run in named.values():
                run()
            turns = [
                {name: seconds(run) for name, run in named.items()} for _ in range(chosen.turns)
            ]
        table.add_row(
            str(rate),
            f"{statistics.median(chosen.seconds / turn['ours'] for turn in turns):.0f}",
            f"{statistics.median(chosen.seconds / turn['fft'] for turn in turns):.0f}",
            f"{statistics.median(turn['ours'] / turn['fft'] for turn in turns):.2f}",
            f"{statistics.median(turn['librosa'] / turn['ours'] for turn in turns):.2f}",
        )
        for stage in list(named)[3:]:
            own = statistics.median(turn[stage] for turn in turns)
            share = statistics.median(turn[stage] / turn["FFT"] for turn in turns)
            parts.add_row(str(rate), stage, f"{1000 * own:.2f}", f"{share:.0%}")
    Console(width=100).print(table)
    if chosen.stages:
        Console(width=100).print(parts)


if __name__ == "__main__":
    main()
