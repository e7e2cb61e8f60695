"""How late `asc listen` answers: sound at the pace of a microphone, beside busy neighbours.

    python tests/benchmarks/bench_listen.py [--seconds 20] [--neighbours 2]

An answer for the sound up to a time can be given from then on; late is what passes until it is
printed. Starting the program is not counted: its first answer is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from tests.benchmarks.models import untrained

RATE, BLOCK_S = 44_100, 0.25
BUSY = "while True: sum(range(100_000))"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--neighbours", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ASC_HOME"] = folder
        os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
        untrained("bench")
        subprocess.run(
            [sys.executable, "-m", "asc_cli", "models", "check", "bench"],
            check=True,
            stdout=subprocess.DEVNULL,
        )  # makes the graph
        for n in (0, options.neighbours):
            neighbours = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(n)]
            try:
                late = delays(options.seconds)
            finally:
                for process in neighbours:
                    process.kill()
            print(
                f"{n} busy neighbours: {len(late)} answers, late by"
                f" {1000 * statistics.median(late):.0f} ms (median),"
                f" {1000 * max(late):.0f} ms (most)"
            )


def delays(seconds: float) -> list[float]:
    """Return how late each answer but the first is, in seconds."""
    listening = subprocess.Popen(
        [sys.executable, "-m", "asc_cli", "listen", "-", "--rate", str(RATE), "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert listening.stdin and listening.stdout
    block = np.random.default_rng(0).normal(0, 3_000, int(BLOCK_S * RATE)).astype("<i2").tobytes()
    stdin = listening.stdin
    started = time.monotonic()

    def play() -> None:
        for number in range(int(seconds / BLOCK_S)):
            time.sleep(max(0, started + (number + 1) * BLOCK_S - time.monotonic()))
            stdin.write(block)
            stdin.flush()
        stdin.close()

    threading.Thread(target=play, daemon=True).start()
    late = []
    for line in listening.stdout:
        printed_s = time.monotonic() - started
        time_s = json.loads(line)["time_s"]
        ready_s = -(-time_s // BLOCK_S) * BLOCK_S  # when the block that ends it was written
        late.append(printed_s - ready_s)
    listening.wait()
    backlog = next((n for n, each in enumerate(late) if each < 0.5), len(late))
    return late[max(1, backlog) :]


if __name__ == "__main__":
    main()
