"""log_mel against librosa, and against the floor: a bare real FFT and a bare matrix product.

    python tests/benchmarks/bench_log_mel.py [--seconds 30] [--pairs 15]

All three on one thread, in turn, on the same samples in one process; a ratio is the median over
the turns. The floor transforms windowed frames that lie ready in memory, a cache-sized block at a
time, and multiplies ready power spectra with the filters: no windowing, no squares, no logarithm.
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

from asc_cli.features import _mel, log_mel
from asc_cli.features._spectrum import BLOCK_FRAMES, hann

FRAME, HOP, N_MELS = 1024, 220, 64


def ours(samples: np.ndarray, rate: int) -> Callable[[], object]:
    return lambda: log_mel.LogMel()(samples, rate)


def librosas(samples: np.ndarray, rate: int) -> Callable[[], object]:
    def run() -> np.ndarray:
        power = librosa.feature.melspectrogram(
            y=samples, sr=rate, n_fft=FRAME, hop_length=HOP, n_mels=N_MELS, center=False
        )
        return np.log(np.maximum(power, 1e-10))

    return run


def floor(samples: np.ndarray, rate: int) -> Callable[[], object]:
    filters = _mel.mel_filters(rate, FRAME, N_MELS, 0.0, None, "slaney", True)
    view = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[:BLOCK_FRAMES]
    block = view * hann(FRAME)
    power = np.square(np.abs(scipy.fft.rfft(block)))
    out = np.empty((BLOCK_FRAMES, N_MELS), np.float32)
    blocks = -(-log_mel.LogMel().framing(rate).count(len(samples)) // BLOCK_FRAMES)

    def run() -> None:
        for _ in range(blocks):
            scipy.fft.rfft(block)
            np.matmul(power, filters, out=out)

    return run


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the recording")
    parser.add_argument("--pairs", type=int, default=15, help="turns of each")
    chosen = parser.parse_args()
    table = Table("rate, Hz", "ours, × real time", "librosa ÷ ours", "ours ÷ floor")
    for rate in (22_050, 44_100):
        n = round(chosen.seconds * rate)
        samples = np.random.default_rng(0).normal(0, 0.1, n).astype(np.float32)
        runs = [make(samples, rate) for make in (ours, librosas, floor)]
        with threadpool_limits(1):
            for run in runs:
                run()
            turns = [[seconds(run) for run in runs] for _ in range(chosen.pairs)]
        table.add_row(
            str(rate),
            f"{statistics.median(chosen.seconds / our for our, _, _ in turns):.0f}",
            f"{statistics.median(theirs / our for our, theirs, _ in turns):.2f}",
            f"{statistics.median(our / least for our, _, least in turns):.2f}",
        )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
