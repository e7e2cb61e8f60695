"""A protocol rehearsed at its real size: published names and splits, made-up audio, few open files.

    python tests/campaign/rehearsal.py litis --seconds 1
    python tests/campaign/rehearsal.py litis --seconds 30 --folds 1-2 --recipe litis_ta_sa
    python tests/campaign/rehearsal.py tau2022_mobile --seconds 0.1 --subset 50

Runs features, train (one epoch) and evaluate as a user would, in processes that may open 256
files, and prints the time and the memory of each. Memory of a process is what it holds for itself
(RssAnon), without the files that all processes share through the page cache.

The lists of TUT 2016 and TAU 2022 are the real ones, found through ASC_DATA. Those of LITIS have
the published names' form and the published sizes; its splits are drawn.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from tests.datasets import shaped

OPEN_FILES = 256
RECIPES = {
    "litis": "litis_ta_sa",
    "tut2016": "dcase_ta_sa",
    "tau2022_mobile": "tau2022_mobile_lstm",
}
RATES = {"litis": 22_050, "tut2016": 44_100, "tau2022_mobile": 44_100}


@dataclass(frozen=True)
class Cost:
    """What a command took."""

    command: str
    wall_seconds: float
    peak_process_mb: float  # the largest of its processes, without shared file pages
    answer: dict


def make_tree(dataset: str, root: Path, lists: Path, subset: int | None, seconds: float) -> int:
    """A dataset's lists over made-up audio, a different sound in each file; how many files."""
    if dataset == "litis":
        shaped.make_litis(root)
    elif dataset == "tut2016":
        shaped.make_tut2016(root, lists / "tut2016")
    else:
        make_tau2022(root, lists / "tau2022_mobile", subset or 100)
    names = sorted(root.rglob("*.wav"))
    n_samples = round(seconds * RATES[dataset])
    noise = np.random.default_rng(0).normal(0, 3000, n_samples + len(names)).astype(np.int16)
    for i, path in enumerate(names):
        soundfile.write(path, noise[i : i + n_samples], RATES[dataset], subtype="PCM_16")
    return len(names)


def make_tau2022(root: Path, lists: Path, subset: int) -> None:
    (root / "audio").mkdir(parents=True)
    setup, split = root / "evaluation_setup", f"split{subset}.csv"
    setup.mkdir()
    (root / "split_setup").mkdir()
    shutil.copy(lists / "fold1_evaluate.csv", setup)
    shutil.copy(lists / "fold1_test.csv", setup)
    shutil.copy(lists / split, root / "split_setup")
    for path in (setup / "fold1_evaluate.csv", root / "split_setup" / split):
        for line in path.read_text().splitlines()[1:]:
            (root / line.split("\t")[0]).touch()


def run(home: Path, *arguments: object) -> Cost:
    """Run asc with few open files; raises CalledProcessError where it fails."""
    words = [str(word) for word in arguments]
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "asc_cli", *words, "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "ASC_HOME": str(home)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES)),
    )
    with peak_memory(process.pid) as peak:
        answer = process.communicate()[0]
    wall = time.monotonic() - started
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words, answer)
    cost = Cost(" ".join(words[:2]), wall, peak[0], json.loads(answer))
    print(f"{cost.command:32} {wall:8.1f} s {cost.peak_process_mb:8.0f} MB a process", flush=True)
    return cost


@contextlib.contextmanager
def peak_memory(pid: int) -> Iterator[list[float]]:
    """The most RssAnon, in MB, that a process or one below it was seen with; looks 5 times a s."""
    peak, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            peak[0] = max([peak[0], *map(anonymous_mb, descendants(pid))])

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def descendants(pid: int) -> list[int]:
    results = [pid]
    for parent in results:
        for children in Path("/proc").glob(f"{parent}/task/*/children"):
            with contextlib.suppress(OSError):
                results += map(int, children.read_text().split())
    return results


def anonymous_mb(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) / 1000
    return 0.0


def rehearse(
    dataset: str,
    folder: Path,
    lists: Path,
    seconds: float,
    folds: str | None = None,
    subset: int | None = None,
    recipe: str | None = None,
    jobs: int = 2,
) -> list[Cost]:
    """Run features, train and evaluate, of the run and its model; reuse a tree in the folder."""
    root, home = folder / dataset, folder / "home"
    if not root.exists():
        started = time.monotonic()
        n = make_tree(dataset, root, lists, subset, seconds)
        created = time.monotonic() - started
        print(f"{dataset}: {n} recordings of {seconds} s made in {created:.0f} s", flush=True)
    recipe = recipe or RECIPES[dataset]
    some = [] if folds is None else ["--folds", folds]
    part = [] if subset is None else ["--subset", subset]
    at = ["--data", root, "--jobs", jobs]
    train = ["train", recipe, "--set", "training.epochs=1", *some, *part, *at]
    features = run(home, "features", "--recipe", recipe, *part, *at)
    again = run(home, "features", "--recipe", recipe, *part, *at)
    assert again.answer["computed"] == 0 and not again.answer["failed"], again.answer
    trained = run(home, *train)
    scored = run(home, "evaluate", trained.answer["run"])
    model = ["evaluate", trained.answer["model"], "--dataset", dataset]  # decodes all audio again
    return [features, again, trained, scored, run(home, *model, *some, *part, *at)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("dataset", choices=sorted(RECIPES))
    parser.add_argument("--seconds", type=float, required=True, help="length of each recording")
    parser.add_argument("--folds")
    parser.add_argument("--subset", type=int)
    parser.add_argument("--recipe")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="keep audio and results here")
    given = parser.parse_args()
    lists = Path(os.environ.get("ASC_DATA", "data")) / "protocols"
    with contextlib.ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        rehearse(
            given.dataset,
            folder,
            lists,
            given.seconds,
            given.folds,
            given.subset,
            given.recipe,
            given.jobs,
        )


if __name__ == "__main__":
    main()
