"""`asc features` on many short files, against reading, hashing and computing them in a plain loop.

    python tests/benchmarks/bench_features.py [--files 1000 10000 100000]

Recordings of 0.1 s at 44.1 kHz, log_mel as in the paper. The plain loop reads each file, hashes its
bytes and computes its features in one process on one thread, its start included; it stores nothing.
Beside it: the command's wall time and the processor time of all its processes, the first time and
again when all is in the store. Each pair has the loop before and after the command; medians of the
pairs are printed.
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

import numpy as np
import soundfile

RATE, SECONDS = 44_100, 0.1


def make(root: Path, n_files: int) -> Path:
    """A table of n_files different recordings of noise."""
    root.mkdir()
    n_samples = round(RATE * SECONDS)
    noise = np.random.default_rng(0).normal(0, 3000, n_samples + n_files).astype(np.int16)
    rows = ["filename,label,split"]
    for i in range(n_files):
        name = f"s{i % 3}_{i:06d}.wav"
        soundfile.write(root / name, noise[i : i + n_samples], RATE)
        rows.append(f"{name},s{i % 3},{'train' if i % 10 else 'test'}")
    table = root / "recordings.csv"
    table.write_text("\n".join(rows) + "\n")
    return table


LOOP = f"""
import hashlib, pathlib, sys
import soundfile
from threadpoolctl import threadpool_limits
from asc_cli.features.log_mel import LogMel
compute = LogMel()
with threadpool_limits(1):
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.wav")):
        hashlib.sha256(path.read_bytes()).hexdigest()
        samples, _ = soundfile.read(path, dtype="float32")
        compute(samples, {RATE})
"""


def plain_loop(root: Path) -> tuple[float, float]:
    """Wall seconds and processor seconds of a process that computes everything, stores nothing."""
    return timed([sys.executable, "-c", LOOP, str(root)], {})


def command(table: Path, home: Path) -> tuple[float, float]:
    """The same of one `asc features`."""
    words = ["features", "--data", str(table), "--set", f"features.sample_rate={RATE}"]
    return timed([sys.executable, "-m", "asc_cli", *words], {"ASC_HOME": str(home)})


def timed(words: list[str], environment: dict[str, str]) -> tuple[float, float]:
    stored = {
        k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"
    }  # users' Python
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    subprocess.run(
        words,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**stored, **environment},
    )
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(table: Path, home: Path) -> tuple[float, ...]:
    """One pair: loop s, first s, its cpu s, first / loop in wall and cpu, again s, its cpu s."""
    loops = [plain_loop(table.parent)]
    wall, cpu = command(table, home)
    loops.append(plain_loop(table.parent))
    loop, loop_cpu = (statistics.median(pair) for pair in zip(*loops, strict=True))
    return loop, wall, cpu, wall / loop, cpu / loop_cpu, *command(table, home)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--pairs", type=int, default=3, help="of each size; medians are printed")
    arguments = parser.parse_args()
    columns = ("files", "loop s", "first s", "cpu s", "wall÷loop", "cpu÷loop", "again s", "cpu s")
    print(*(f"{column:>9}" for column in columns))
    for n_files in arguments.files:
        with tempfile.TemporaryDirectory() as folder:
            table = make(Path(folder) / "audio", n_files)
            time.sleep(2.1)  # a file changed a moment ago is not taken into the index
            pairs = [measured(table, Path(folder) / f"home{i}") for i in range(arguments.pairs)]
            figures = (statistics.median(column) for column in zip(*pairs, strict=True))
            print(f"{n_files:9d}", *(f"{figure:9.2f}" for figure in figures), flush=True)


if __name__ == "__main__":
    main()
