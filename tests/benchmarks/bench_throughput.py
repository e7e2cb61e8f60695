"""`asc predict FOLDER --csv` on recordings of mixed rates and formats, against a bare loop.

    python tests/benchmarks/bench_throughput.py [--files 500] [--pairs 3] [--jobs 2]
        [--neighbours 2] [--formats wav24] [--rates 48000]

Recordings of 30 s in every combination of format (wav of 16 and 24 bits, flac, ogg, mp3), rate (16,
22.05, 44.1 and 48 kHz) and one or two channels. The floor: as many processes as --jobs, started
for it, each of which takes file after file and does soundfile.read, the mean of the channels,
soxr.resample, the feature, and the network's forward on the recording's clips in batches of 64;
nothing is checked, averaged or written. Ours: the command with its start, workers and all.

They run in turn; medians are printed, of wall time and of processor time (user and system, of all
processes), and the median over pairs of ours / floor. With --neighbours N the command runs once
more in each turn beside N processes that compute without end.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

SECONDS = 30
RATES = (16_000, 22_050, 44_100, 48_000)
FORMATS = {  # name → suffix, subtype
    "wav16": ("wav", "PCM_16"),
    "wav24": ("wav", "PCM_24"),
    "flac": ("flac", "PCM_16"),
    "ogg": ("ogg", "VORBIS"),
    "mp3": ("mp3", "MPEG_LAYER_III"),
}
BATCH_CLIPS = 64


def make_files(folder: Path, n: int, formats: list[str], rates: list[int]) -> None:
    """Write n recordings, each combination in turn; all but the first of each are copies."""
    import numpy as np
    import soundfile

    combinations = list(itertools.product(formats, rates, (1, 2)))
    folder.mkdir()
    for i in range(n):
        name, rate, channels = combinations[i % len(combinations)]
        suffix, subtype = FORMATS[name]
        path = folder / f"{i:04}.{suffix}"
        if i >= len(combinations):
            shutil.copy(folder / f"{i % len(combinations):04}.{suffix}", path)
            continue
        noise = np.random.default_rng(i).normal(0, 0.1, (SECONDS * rate, channels))
        soundfile.write(path, noise.astype(np.float32), rate, subtype)


def floor(folder: Path, jobs: int) -> None:
    """Predict nothing: what the recordings cost at the very least."""
    with multiprocessing.get_context("spawn").Pool(jobs, start_worker) as pool:
        for _ in pool.imap_unordered(bare, sorted(folder.iterdir())):
            pass


def start_worker() -> None:
    global model, one_thread
    from asc_cli.core import parallel
    from asc_cli.inference import engine
    from asc_cli.registry import models

    one_thread = parallel.one_thread()
    one_thread.__enter__()
    [model] = engine.loaded(engine.Request(models.find())).systems


def bare(path: Path) -> None:
    import numpy as np
    import soundfile
    import soxr

    from asc_cli.inference import ensemble

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples[:, 0] if samples.shape[1] == 1 else (samples[:, 0] + samples[:, 1]) / 2
    if rate != model.feature.sample_rate:
        mono = soxr.resample(mono, rate, model.feature.sample_rate, "HQ")
    frames = model.feature.compute(mono, model.feature.sample_rate)
    starts, n_frames = model.clip_grid.starts(len(frames)), model.clip_grid.n_frames
    for k in range(0, len(starts), BATCH_CLIPS):
        batch = frames[starts[k : k + BATCH_CLIPS, None] + np.arange(n_frames)]
        ensemble.log_probabilities(model, batch, np.full(len(batch), n_frames))


def timed(words: list[str]) -> tuple[float, float]:
    """Wall and processor time of a program and its processes."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ours(folder: Path, jobs: int) -> tuple[float, float]:
    table = folder.parent / "scenes.csv"
    words = [sys.executable, "-m", "asc_cli", "predict", str(folder), "--csv", str(table)]
    figures = timed([*words, "--jobs", str(jobs)])
    rows = table.read_text().splitlines()
    assert len(rows) == 1 + sum(1 for _ in folder.iterdir()), "some files were not predicted"
    return figures


@contextlib.contextmanager
def neighbours(n: int) -> Iterator[None]:
    """Keep n processes computing meanwhile."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def measure(folder: Path, chosen: argparse.Namespace) -> None:
    bare_loop = [sys.executable, __file__, "--floor", str(folder), "--jobs", str(chosen.jobs)]
    rows: dict[str, list[tuple[float, float]]] = {"floor": [], "asc predict": []}
    timed(bare_loop)  # the files are in memory, and Python's files compiled
    for _ in range(chosen.pairs):
        rows["floor"].append(timed(bare_loop))
        rows["asc predict"].append(ours(folder, chosen.jobs))
        if chosen.neighbours:
            with neighbours(chosen.neighbours):
                beside = f"asc predict beside {chosen.neighbours} others"
                rows.setdefault(beside, []).append(ours(folder, chosen.jobs))
    audio = SECONDS * chosen.files
    print(f"{chosen.files} files of {SECONDS} s, {chosen.jobs} processes, {chosen.pairs} pairs")
    print(f"{'':28}{'wall':>8}{'× real time':>13}{'÷ floor':>9}{'processor':>11}{'÷ floor':>9}")
    for name, row in rows.items():
        walls, busy = zip(*row, strict=True)
        ratios = [
            statistics.median(a[i] / b[i] for a, b in zip(row, rows["floor"], strict=True))
            for i in (0, 1)
        ]
        wall = statistics.median(walls)
        print(
            f"{name:28}{wall:7.2f}s{audio / wall:13.0f}{ratios[0]:9.2f}"
            f"{statistics.median(busy):10.2f}s{ratios[1]:9.2f}"
        )
    if chosen.neighbours:
        alone, beside = list(rows.values())[1:]
        ratio = statistics.median(b[0] / a[0] for a, b in zip(alone, beside, strict=True))
        print(f"beside {chosen.neighbours} others it takes {ratio:.2f} times as long as alone")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--neighbours", type=int, default=0, help="processes that compute beside")
    parser.add_argument("--formats", nargs="+", default=list(FORMATS), choices=list(FORMATS))
    parser.add_argument("--rates", nargs="+", type=int, default=list(RATES))
    parser.add_argument("--model", nargs="*", default=[], help="recipe settings, as for --set")
    parser.add_argument("--floor", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.floor:
        return floor(chosen.floor, chosen.jobs)
    from tests.benchmarks.models import untrained

    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as users have it
    with tempfile.TemporaryDirectory() as name:
        os.environ |= {"ASC_HOME": name, "PYTHONPATH": str(ROOT)}
        untrained("bench", *chosen.model)
        make_files(Path(name) / "audio", chosen.files, chosen.formats, chosen.rates)
        measure(Path(name) / "audio", chosen)


if __name__ == "__main__":
    main()
