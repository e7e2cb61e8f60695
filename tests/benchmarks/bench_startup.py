"""Cold start: `asc predict clip.wav` of 30 s against `python -c "import torch"`.

    python tests/benchmarks/bench_startup.py [--pairs 7]

Interleaved pairs, each command in a fresh process; the ratio is of medians, of wall time and of
processor time (which a busy machine disturbs less). At most 0.45 is the aim. What was imported once
is compiled: Python writes bytecode, whatever PYTHONDONTWRITEBYTECODE says here.
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

AIM = 0.45


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
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ASC_HOME"] = folder
        os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
        untrained("bench")
        predict = [sys.executable, "-m", "asc_cli", "predict", str(make_clip(Path(folder)))]
        torch = [sys.executable, "-c", "import torch"]
        for command in (predict, torch):  # compiled, and in the memory of the system
            seconds(command)
        rows = [(seconds(predict), seconds(torch)) for _ in range(pairs)]
    print(f"{pairs} pairs, medians; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    for column, name in enumerate(("wall", "processor")):
        ours, theirs = (statistics.median(row[i][column] for row in rows) for i in (0, 1))
        print(
            f"{name:<10} predict {ours:.2f} s   import torch {theirs:.2f} s   "
            f"ratio {ours / theirs:.2f} (at most {AIM})"
        )


def make_clip(folder: Path) -> Path:
    import numpy as np
    import soundfile

    noise = np.random.default_rng(0).normal(0, 0.1, (30 * 44_100, 2))
    soundfile.write(folder / "clip.wav", noise, 44_100)
    return folder / "clip.wav"


if __name__ == "__main__":
    main()
