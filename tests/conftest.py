"""What many tests need: a home of their own, made-up recordings, runs, and the command line.

Tests share the processors: each process of pytest computes on one thread and, where a test does not
ask for more, in one process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when the libraries below are loaded
os.environ.setdefault("ASC_FSYNC", "0")  # no test ends in a power cut

import numpy as np
import pytest
import soundfile

from asc_cli import workflow
from asc_cli.datasets import toy
from asc_cli.evaluation import intervals
from asc_cli.recipe import load as recipe

ROOT = Path(__file__).parent.parent

# Every training ends in bootstrapped intervals, which take most of its time. Tests of other things
# make do with fewer draws; `full_reports` has them all.
ALL_BOOTSTRAPS, intervals.BOOTSTRAPS = intervals.BOOTSTRAPS, 50


@contextlib.contextmanager
def in_full() -> Iterator[None]:
    """All bootstrap draws."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "BOOTSTRAPS", ALL_BOOTSTRAPS)
        yield


@pytest.fixture
def full_reports() -> Iterator[None]:
    with in_full():
        yield


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty $ASC_HOME; datasets in it, whatever ASC_DATA the tests were started with."""
    folder = tmp_path / "asc-home"
    monkeypatch.setenv("ASC_HOME", str(folder))
    monkeypatch.setenv("ASC_DATA", str(folder / "datasets"))
    monkeypatch.delenv("ASC_REMOTE", raising=False)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # of all processors: what --jobs is by default
    return folder


GIVEN_DATA = os.environ.get("ASC_DATA")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings and lists; skips the test without it."""
    if not GIVEN_DATA or not Path(GIVEN_DATA).is_dir():
        pytest.skip("real recordings and lists: set ASC_DATA to the folder that holds them")
    return Path(GIVEN_DATA).absolute()


@pytest.fixture(scope="session")
def esc10(real_data: Path) -> Path:
    if not (real_data / "esc10").is_dir():
        pytest.skip("no esc10/ in ASC_DATA")
    return real_data / "esc10"


def pytest_addoption(parser: pytest.Parser) -> None:
    complete = "whatever make campaign takes a sample of, whole: make campaign-full"
    parser.addoption("--whole", action="store_true", help=complete)


@pytest.fixture(scope="session")
def whole(request: pytest.FixtureRequest) -> bool:
    """Whether a campaign's test runs everything it has, or a seeded sample of it."""
    return bool(request.config.getoption("--whole"))


# -- made once, by whichever of pytest's processes needs it first --------------------------------

Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """once("toy", make): the folder that make(folder) filled, in this process or in another.

    Nobody writes into it afterwards; a test that would takes a copy.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder, done = shared / f"once-{name}", shared / f"once-{name}.done"
        with (shared / f"once-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a process that failed
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def toy_root(once: Once) -> Path:
    """60 made-up recordings of 1.2 s: 15 scenes, 4 folds."""
    created = once(
        "recordings", lambda folder: toy.make(folder / "toy", recordings=60, seconds=1.2)
    )
    return created / "toy"


@pytest.fixture(scope="session")
def two_folds(once: Once, toy_root: Path) -> Path:
    """A home with toy_lstm@1: SMALL, two folds."""
    return once("two-folds", lambda home: train(home, toy_root, ["toy_lstm"], [1, 2]))


@pytest.fixture(scope="session")
def four_variants(once: Once, toy_root: Path) -> Path:
    """A home with the four variants of the LSTM: SMALL, one fold each."""
    names = ("toy_lstm", "toy_ta", "toy_sa", "toy_ta_sa")
    return once("four-variants", lambda home: train(home, toy_root, names, [1]))


def train(home: Path, toy_root: Path, names: Sequence[str], folds: list[int] | None) -> None:
    """Train recipes, SMALL, in a home; all folds for None."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASC_HOME", str(home))
        for name in names:
            workflow.train(recipe.load(name, SMALL), data=toy_root, folds=folds, jobs=1)


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """at_home("b"): go on in another home, as a new process does; the first one is "a"."""
    from asc_cli.core import remote

    def move(name: str) -> None:
        monkeypatch.setenv("ASC_HOME", str(tmp_path / name))
        monkeypatch.setattr(remote, "_remotes", {})

    move("a")
    return move


# -- the command line ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """What a command said and how it ended."""

    returncode: int
    stdout: str
    stderr: str


Asc = Callable[..., Done]


@pytest.fixture
def asc(home: Path, monkeypatch: pytest.MonkeyPatch) -> Asc:
    """The command line, in this process: asc("predict", "clip.wav", input=b"of stdin").

    Starting Python and loading torch take longer than most commands. What belongs to a process of
    its own, signals, streams, what is loaded, has `program`.
    """
    from typer.testing import CliRunner

    from asc_cli.cli import application

    def run(*arguments: object, input: str | bytes | None = None, cwd: Path = ROOT) -> Done:
        monkeypatch.chdir(cwd)
        words = [str(argument) for argument in arguments]
        done = CliRunner().invoke(application(), words, input=input, catch_exceptions=False)
        return Done(done.exit_code, done.stdout, done.stderr)

    return run


Program = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def program(home: Path) -> Program:
    """The same in a process of its own, as users start it: program("predict", "clip.wav")."""

    def run(*arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments), capture_output=True, text=True, timeout=300, cwd=ROOT, **more
        )  # type: ignore[call-overload]

    return run


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "asc_cli", *map(str, arguments)]


def tone(hz: float, seconds: float, rate: int, level: float = 0.1) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype("f4")


def write(path: Path, samples: np.ndarray, rate: int = 22_050, **more: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **more)
    return path


SMALL = (  # the smallest recipe that runs the whole pipeline
    "training.epochs=2",
    "training.batch_size=32",
    "model.n_hidden=8",
    "model.classifier_hidden=8",
)
# the same of every model, for tests to which its accuracy is nothing
QUICK = {
    "lstm": ("training.epochs=1",),
    "mlp": ("training.epochs=3",),
    "cnn": ("training.epochs=1",),
    "cp_mobile": ("training.epochs=1",),
    "gmm": ("model.n_iterations=3",),
    "crnn": ("training.epochs=1",),
    "resnet": ("training.epochs=1",),
    "sparse_nmf": ("model.n_steps=3", "model.n_passes=1"),
    "svm": ("model.svm_c=1",),
    "label_tree_gru": ("training.epochs=1", "clips.length_s=1", "model.segment_hop=12"),
    "label_tree_cnn": ("training.epochs=1", "clips.length_s=1"),
}


ENCODERS = ("hf_encoder", "onnx_encoder")  # features that cannot be computed without a file


def settings(*more: str) -> list[str]:
    return [word for text in (*SMALL, *more) for word in ("--set", text)]


def minimal_card(created: str = "2026-01-01T00:00:00+00:00") -> dict[str, Any]:
    """The least that a model's card must have, before it is registered."""
    return {
        "created": created,
        "labels": ["bus", "park"],
        "feature": {
            "name": "log_mel",
            "version": 1,
            "parameters": {},
            "audio": {"sample_rate": 22_050, "decoding": "x"},
        },
        "recipe": {
            "dataset": "toy",
            "model": {"name": "lstm"},
            "clips": {"length_s": 1.0, "overlap": 0.5},
            "evaluation": {"aggregate": "mean"},
        },
    }
