"""Throughput of `asc predict` on 30 s recordings against the floor of its own maths.

    python tests/benchmarks/bench_predict.py [--files 48] [--pairs 3] [--jobs 2]

The floor: decoding, features and one forward pass of the same files, one after another in one
process on one thread, with nothing else around, divided by the number of workers. Ours: the
workers' time for the same files, once they are started and have predicted one batch each, as in the
middle of a long run. Pairs are interleaved; the ratio is of medians.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.models import untrained

SECONDS = 30
RATE = 44_100


def floor(model: object, paths: list[Path]) -> float:
    """Seconds of nothing but maths."""
    import numpy as np
    import torch

    from asc_cli.audio import decode

    [member] = model.members
    started = time.perf_counter()
    for path in paths:
        frames = model.feature.compute(decode.read(path, model.feature.sample_rate), 22_050)
        starts = model.clip_grid.starts(len(frames))
        batch = frames[starts[:, None] + np.arange(model.clip_grid.n_frames)]
        with torch.inference_mode():
            torch.softmax(member.network(torch.from_numpy(member.standardise(batch)), None), 1)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=48)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ASC_HOME"] = folder
        os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
        untrained("bench")
        measure(make_files(Path(folder), given.files), given)


def measure(paths: list[Path], given: argparse.Namespace) -> None:
    from asc_cli import workflow
    from asc_cli.core import parallel
    from asc_cli.inference import ensemble
    from asc_cli.registry import models

    model = ensemble.load(models.find())
    ours, floors = [], []
    list(workflow.predict(paths, jobs=given.jobs))  # workers start and import
    for _ in range(given.pairs):
        with parallel.one_thread():
            floors.append(floor(model, paths) / given.jobs)
        started = time.perf_counter()
        output = list(workflow.predict(paths, jobs=given.jobs))
        ours.append(time.perf_counter() - started)
        assert len(output) == len(paths) and not any(p.error for p in output)
    a, b = statistics.median(ours), statistics.median(floors)
    print(
        f"{given.files} files of {SECONDS} s, {given.jobs} workers: {given.files / a:.1f} files/s, "
        f"{given.files * SECONDS / a:.0f} x real time; floor {b:.2f} s, ours {a:.2f} s, "
        f"ratio {a / b:.2f}"
    )


def make_files(folder: Path, n: int) -> list[Path]:
    import numpy as np
    import soundfile

    noise = np.random.default_rng(0).normal(0, 0.1, ((SECONDS + n) * RATE, 2)).astype(np.float32)
    paths = [folder / f"{i}.wav" for i in range(n)]
    for i, path in enumerate(paths):
        soundfile.write(path, noise[i * RATE : (i + SECONDS) * RATE], RATE)
    return paths


if __name__ == "__main__":
    main()
