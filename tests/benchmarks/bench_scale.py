"""How a training scales: task times measured here, simulated for more workers, checked with two.

    python tests/benchmarks/bench_scale.py [--rounds 3] [--markdown]

Measured, each on one thread: features of made-up scenes of 10 s, one fold of `dcase_lstm`'s network
with one and with three epochs, packing, scores; and, in processes of their own, one alone and two
at once, the same fold twice, whose first time has what a new process costs. Then the same made-up
dataset is trained from nothing with 1 and 2 workers, as a command, and the simulation is compared
with both. Last, the published datasets with their recipes, from their numbers of recordings and
folds alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
from asc_cli import workflow
from asc_cli.core import parallel, paths, plugins
from asc_cli.datasets import Dataset, toy
from asc_cli.recipe import load as recipes
from tests.benchmarks.scale import Job, Times, bound, serial_share, total

RECIPE = "dcase_lstm"  # whose network, features and clips are measured, on made-up scenes
ON_TOY = ["dataset=toy", "training.curve_every=0"]
RECORDINGS, SECONDS = 120, 10.0
PUBLISHED = {  # recipe → seconds, channels, bytes of a sample of the published recordings
    "esc10_lstm": (5, 1, 2),
    "esc50_lstm": (5, 1, 2),
    "urbansound8k_lstm": (3.6, 2, 2),
    "litis_lstm": (30, 1, 2),
    "dcase_lstm": (30, 2, 3),
    "tut2017_lstm": (10, 2, 3),
    "tut2018_lstm": (10, 2, 3),
    "tau2019_lstm": (10, 2, 3),
    "tau2020_mobile_lstm": (10, 1, 3),
    "tau2022_mobile_lstm": (1, 1, 3),
}
WORKERS = (1, 2, 4, 8, 16, 32, 64)


def timed(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def measure(data: Path, folder: Path) -> Times:
    """Return seconds of one thread of each kind of task, on the made-up dataset."""
    os.environ["ASC_HOME"] = str(folder)
    shutil.rmtree(folder, ignore_errors=True)
    own = {n: recipes.load(RECIPE, [*ON_TOY, f"training.epochs={n}"]) for n in (1, 3)}
    with parallel.one_thread():
        features = timed(lambda: workflow.extract(own[1], data=data, jobs=1))
        workflow.train(own[1], data=data, folds=[1], jobs=1)  # compiles, packs
        packs = sum(path.stat().st_size for path in paths.packs().rglob("*") if path.is_file())
        shutil.rmtree(paths.packs())
        shutil.rmtree(paths.runs())
        _, marks = _marks(own[1], data)
        shutil.rmtree(paths.runs())
        _, one = _marks(own[1], data)
        _, three = _marks(own[3], data)
    trained = RECORDINGS * 3 / 4
    clips = trained * _clips(own[1], SECONDS)
    (alone,), both = _processes(1, data, folder), _processes(2, data, folder)
    step = (three["fit"] - one["fit"]) / (2 * clips)
    return Times(
        start=one["start"] + _import_seconds(),
        audio=features / (RECORDINGS * SECONDS),
        pack=max(0.0, marks["start"] - one["start"]) / packs,
        clip=step,
        fold=max(0.0, one["fit"] - clips * step),
        scores=one["scores"],
        warm=max(0.0, alone["first"] - alone["fit"]),
        worker=statistics.mean(each["ready"] for each in both),
        busy=max(1.0, statistics.mean(each["fit"] for each in both) / alone["fit"]),
    )


def _processes(n: int, data: Path, folder: Path) -> list[dict[str, float]]:
    """Start n processes at once, each with a home of its own; return what `fold_twice` measured."""
    homes = [folder.parent / f"home-{k}" for k in range(n)]
    for home in homes:
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(folder, home)
    words = [sys.executable, __file__, "--fold-twice", str(data)]
    begun = [
        subprocess.Popen(
            [*words, str(time.time())],
            env={**os.environ, "ASC_HOME": str(home)},
            stdout=subprocess.PIPE,
        )
        for home in homes
    ]
    return [json.loads(each.communicate()[0]) for each in begun]


def fold_twice(data: Path, begun: float) -> dict[str, float]:
    """Train a fold of one epoch twice, in a process that began at `begun`; return seconds of both
    fits, and until the process was as fast as later."""
    recipe = recipes.load(RECIPE, [*ON_TOY, "training.epochs=1"])
    shutil.rmtree(paths.runs(), ignore_errors=True)
    with parallel.one_thread():
        _, first = _marks(recipe, data)
        end = time.time() - begun - first["scores"]
        shutil.rmtree(paths.runs())
        _, later = _marks(recipe, data)
    ready = end - later["start"] - later["fit"]
    return {"first": first["fit"], "fit": later["fit"], "ready": ready}


def _marks(recipe: Any, data: Path) -> tuple[Any, dict[str, float]]:
    """Train one fold; return seconds until it is fitted, of the fit, and after it."""
    begun = time.perf_counter()
    seen: dict[str, float] = {}

    def fitting(folds: dict[int, dict[str, Any]]) -> None:
        now = time.perf_counter() - begun
        seen.setdefault("first", now)
        if any("fitted" in row for row in folds.values()):
            seen.setdefault("last", now)

    done = workflow.train(recipe, data=data, folds=[1], jobs=1, fitting=fitting)
    end = time.perf_counter() - begun
    last = seen.get("last", end)
    return done, {"start": seen["first"], "fit": last - seen["first"], "scores": end - last}


def _import_seconds() -> float:
    return timed(
        lambda: subprocess.run([sys.executable, "-c", "import torch, asc_cli.workflow"], check=True)
    )


def _clips(recipe: Any, seconds: float) -> float:
    clips = recipe.settings["clips"]
    hop = clips["length_s"] * (1 - clips["overlap"])
    return max(1.0, (seconds - clips["length_s"]) / hop + 1)


def _feature_bytes(recipe: Any, rate: int) -> float:
    """Of a second: frames x bands x 4."""
    plugin = recipe.catalog.load("features", recipe.features["name"])
    own = {k: v for k, v in recipe.features.items() if k not in ("name", "sample_rate")}
    feature = next(
        value
        for value in vars(plugin).values()
        if isinstance(value, type) and value.__module__ == plugin.__name__
    )(**{k: v for k, v in own.items() if v is not None})
    framing = feature.framing(rate)
    return rate / framing.hop_samples * getattr(feature, "n_mels", 40) * 4


def job_of(name: str) -> Job:
    """Return a recipe's job on its published dataset."""
    recipe = recipes.load(name)
    seconds, channels, width = PUBLISHED[name]
    dataset: Dataset = plugins.load("datasets", recipe.dataset).DATASET
    recordings = dataset.recordings or 0
    rate = recipe.features["sample_rate"] or dataset.sample_rate
    trained = tuple(n or recordings - tests for n, tests in dataset.fold_sizes)
    return Job(
        recordings,
        seconds,
        dataset.sample_rate * channels * width,
        _feature_bytes(recipe, rate),
        trained,
        recipe.training.epochs,
        _clips(recipe, seconds),
    )


def real(data: Path, folder: Path, n_workers: int) -> float:
    """Return wall seconds of a training from nothing, all folds, as a command."""
    shutil.rmtree(folder, ignore_errors=True)
    words = ["train", RECIPE, "--data", str(data), "--jobs", str(n_workers)]
    words += [word for text in (*ON_TOY, "training.epochs=3") for word in ("--set", text)]
    return timed(
        lambda: subprocess.run(
            [sys.executable, "-m", "asc_cli", *words],
            env={**os.environ, "ASC_HOME": str(folder)},
            check=True,
            capture_output=True,
        )
    )


def clock(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def rows(times: Times) -> list[list[str]]:
    header = "recipe,recordings,hours,audio,features,serial,2 cores,16 cores,8 x 16 cores"
    table = [[*header.split(","), "ten seeds, 8 x 16", "bound by"]]
    for name in PUBLISHED:
        job = job_of(name)
        seeds = replace(job, seeds=10)
        table.append(
            [
                f"`{name}`",
                str(job.recordings),
                f"{job.recordings * job.seconds / 3600:.1f}",
                f"{job.recordings * job.seconds * job.bytes_a_second / 1e9:.1f} GB",
                f"{job.recordings * job.seconds * job.feature_bytes / 1e9:.2f} GB",
                f"{100 * serial_share(job, times):.1f} %",
                *(clock(total(job, times, n)) for n in (2, 16, 128)),
                clock(total(seeds, times, 128)),
                bound(job, times, 128),
            ]
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--fold-twice", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fold_twice:
        print(json.dumps(fold_twice(Path(arguments.fold_twice[0]), float(arguments.fold_twice[1]))))
        return
    with tempfile.TemporaryDirectory() as temporary:
        data, home = Path(temporary) / "toy", Path(temporary) / "home"
        toy.make(data, recordings=RECORDINGS, seconds=SECONDS)
        measured = [measure(data, home) for _ in range(arguments.rounds)]
        names = [name for name in vars(measured[0]) if name != "task"]
        times = Times(**{n: statistics.median(getattr(m, n) for m in measured) for n in names})
        print(
            "seconds of one thread:",
            json.dumps({n: float(f"{getattr(times, n):.3g}") for n in names}),
        )
        recipe = recipes.load(RECIPE, ON_TOY)
        made_up = Job(
            RECORDINGS,
            SECONDS,
            44_100 * 2 * 3,
            _feature_bytes(recipe, 44_100),
            (90, 90, 90, 90),
            3,
            _clips(recipe, SECONDS),
        )
        for n in (1, 2):
            walls = [real(data, home, n) for _ in range(arguments.rounds)]
            simulated = total(made_up, times, n)
            wall = statistics.median(walls)
            print(
                f"{n} workers: {wall:.1f} s measured ({min(walls):.1f} to {max(walls):.1f}), "
                f"{simulated:.1f} s simulated, {100 * (simulated / wall - 1):+.0f} %"
            )
    print(f"load {os.getloadavg()[0]:.1f}")
    mark = "| " if arguments.markdown else ""
    for row in rows(times):
        print(mark + (" | " if mark else "  ").join(row) + (" |" if mark else ""))
    for name in ("litis_lstm", "dcase_lstm"):
        for seeds in (1, 10):
            job = replace(job_of(name), seeds=seeds)
            one = total(job, times, 1)
            curve = ", ".join(f"{n}: {one / total(job, times, n):.1f}" for n in WORKERS)
            print(f"{name}, {seeds} seed(s), times as fast with n workers: {curve}")


if __name__ == "__main__":
    main()
