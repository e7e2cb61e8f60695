"""Cold start: `asc predict clip.wav` of 30 s against `python -c "import torch"` plus the maths.

    python tests/benchmarks/bench_startup.py [--pairs 7]

Interleaved pairs, each in a fresh process; the ratio is of medians, of wall time and of processor
time (which a busy machine disturbs less). The maths: decoding, features and one pass of the same
30 s through the model, once everything is imported, by a process that did it once before.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.models import untrained

MATHS = """
import sys, time
from pathlib import Path
from asc_cli.core import parallel
from asc_cli.inference import engine
from asc_cli.registry import models
request = engine.Request(models.find())
model = engine.loaded(request)
with parallel.one_thread():
    engine.score(model, request, engine.decoded([Path(sys.argv[1])]))
    wall, busy = time.perf_counter(), time.process_time()
    engine.score(model, request, engine.decoded([Path(sys.argv[1])]))
print(time.perf_counter() - wall, time.process_time() - busy)
"""


def seconds(command: list[str]) -> tuple[float, float]:
    """Wall and processor time of a command."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=7)
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ASC_HOME"] = folder
        os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
        untrained("bench")
        clip = make_clip(Path(folder))
        ours, floors = [], []
        for _ in range(pairs):
            torch = seconds([sys.executable, "-c", "import torch"])
            maths = subprocess.run(
                [sys.executable, "-c", MATHS, str(clip)], check=True, capture_output=True, text=True
            ).stdout.split()
            floors.append((torch[0] + float(maths[0]), torch[1] + float(maths[1])))
            ours.append(seconds([sys.executable, "-m", "asc_cli", "predict", str(clip)]))
    for name, column in (("wall", 0), ("processor", 1)):
        a, b = (statistics.median(row[column] for row in rows) for rows in (ours, floors))
        print(f"{name:<10} predict {a:.2f} s   torch + maths {b:.2f} s   ratio {a / b:.2f}")


def make_clip(folder: Path) -> Path:
    import numpy as np
    import soundfile

    noise = np.random.default_rng(0).normal(0, 0.1, (30 * 44_100, 2))
    soundfile.write(folder / "clip.wav", noise, 44_100)
    return folder / "clip.wav"


if __name__ == "__main__":
    main()
