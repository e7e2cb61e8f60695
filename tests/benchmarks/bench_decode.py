"""Decoding and features of one recording, and what `asc features` does with it, beside a bare loop.

    python tests/benchmarks/bench_decode.py [--seconds 30] [--turns 9]

The bare loop: soundfile.read, the mean of the channels by numpy, soxr.resample, the same feature.
Streamed: decode.blocks and features.stream, as predictions have it, in blocks and with all checks.
Stored: what the feature store does with a file: hashes of its bytes and of its samples, and writing
besides. All in one process on one thread, in turn; medians of the thread's processor time.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr
from threadpoolctl import threadpool_limits

FILES = [
    ("wav", "PCM_16", 22_050, 1),
    ("wav", "PCM_16", 44_100, 1),
    ("wav", "PCM_16", 44_100, 2),
    ("wav", "PCM_24", 48_000, 2),
    ("flac", "PCM_16", 44_100, 2),
    ("flac", "PCM_24", 48_000, 2),
    ("ogg", "VORBIS", 44_100, 2),
    ("mp3", "MPEG_LAYER_III", 44_100, 2),
]
RATE = 22_050


def bare(path: Path, compute: Callable[[np.ndarray, int], np.ndarray]) -> np.ndarray:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    return compute(mono if rate == RATE else soxr.resample(mono, rate, RATE, "HQ"), RATE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--turns", type=int, default=9)
    chosen = parser.parse_args()
    print(f"{'':24}{'bare loop':>20}{'streamed':>20}{'÷':>6}{'stored':>20}{'÷':>6}")
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        os.environ["ASC_HOME"] = folder
        for kind in FILES:
            measure(Path(folder), kind, chosen)


def measure(folder: Path, kind: tuple[str, str, int, int], chosen: argparse.Namespace) -> None:
    from asc_cli.audio import decode
    from asc_cli.features import stream
    from asc_cli.frontend import store
    from asc_cli.frontend.feature import resolve

    suffix, subtype, rate, channels = kind
    path = folder / f"recording.{suffix}"
    feature = resolve("log_mel", RATE, {})
    rng = np.random.default_rng(0)

    def write() -> None:  # another content each time: the store has it once
        noise = rng.normal(0, 0.1, (round(chosen.seconds * rate), channels)).astype(np.float32)
        soundfile.write(path, noise, rate, subtype)

    runs = {
        "bare": lambda: bare(path, feature.compute),
        "streamed": lambda: list(stream(feature.compute, decode.blocks(path, RATE), RATE)),
        "stored": lambda: store.ensure(store.Stored(feature), [path]),
    }
    turns = []
    for _ in range(chosen.turns + 1):
        write()
        runs["bare"]()
        turns.append({name: busy(run) for name, run in runs.items()})
    del turns[0]
    row = f"{suffix} {subtype[:7]} {rate} Hz × {channels}"
    print(f"{row:24}", end="")
    for name in runs:
        took = statistics.median(turn[name] for turn in turns)
        print(f"{1000 * took:8.1f} ms, {chosen.seconds / took:5.0f} ×", end="")
        if name != "bare":
            print(f"{statistics.median(t[name] / t['bare'] for t in turns):6.2f}", end="")
    print(flush=True)


def busy(run: Callable[[], object]) -> float:
    started = time.thread_time()
    run()
    return time.thread_time() - started


if __name__ == "__main__":
    main()
