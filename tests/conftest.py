"""What many tests need: a home of their own, made-up recordings, the program as users start it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asc_cli.datasets import toy

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty $ASC_HOME; datasets in it, whatever ASC_DATA the tests were started with."""
    folder = tmp_path / "asc-home"
    monkeypatch.setenv("ASC_HOME", str(folder))
    monkeypatch.setenv("ASC_DATA", str(folder / "datasets"))
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


@pytest.fixture(scope="session")
def toy_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 made-up recordings of 1.2 s: 15 scenes, 4 folds."""
    root = tmp_path_factory.mktemp("toy") / "toy"
    toy.make(root, recordings=60, seconds=1.2)
    return root


Asc = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def asc(home: Path) -> Asc:
    """Run the program in a process of its own: asc("predict", "clip.wav")."""

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


SMALL = (  # the smallest recipe that goes the whole road
    "training.epochs=2",
    "training.batch_size=32",
    "model.n_hidden=8",
    "model.classifier_hidden=8",
)


def settings(*more: str) -> list[str]:
    return [word for text in (*SMALL, *more) for word in ("--set", text)]
