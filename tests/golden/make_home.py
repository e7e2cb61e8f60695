"""Write what a version leaves behind, for later versions to read: <version>.zip in this folder.

    python -m tests.golden.make_home          in a checkout of that version, once

    home/                   an $ASC_HOME: features of two kinds with their index, two finished runs
                            (ta, gmm) with their registered models, and a run of lstm that was
                            killed in its first fold
    model.zip               ta@1 by `asc models export`
    ta.csv, gmm.csv         predictions of the finished runs
    lstm.csv                predictions of the killed run once the same command has finished it
    predict.jsonl           `asc predict --json` of three recordings by ta@1

An archive of an old version is never made again: no later version can write what that one wrote.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import asc_cli
from tests.golden import recordings
from tests.golden.training import RECIPES

HERE = Path(__file__).parent
KILLED = ("lstm.yaml", "--set", "training.epochs=8")  # long enough to be caught in the middle
PREDICTED = ("factory_0_0.wav", "park_1_1.wav", "street_2_0.wav")
INDEX_TRUSTS_AFTER_S = 2.5  # younger files are left out of the index


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        table = recordings.make(folder / "audio")
        time.sleep(INDEX_TRUSTS_AFTER_S)
        home = folder / "home"
        for name in ("ta", "gmm"):
            asc(home, "train", RECIPES / f"{name}.yaml", "--data", table)
            (run,) = (home / "runs").glob(f"{name}-*")
            shutil.copy(run / "predictions.csv", folder / f"{name}.csv")
        asc(home, "models", "export", "ta@1", folder / "model.zip")
        predicted = [folder / "audio" / name for name in PREDICTED]
        output = asc(home, "predict", "--model", "ta@1", "--json", *predicted)
        (folder / "predict.jsonl").write_text(output.replace(f"{folder}/audio/", ""))
        kill_in_the_middle(home, table)
        finish_a_copy(home, table, folder)
        forget_the_machine(home)
        pack(folder, HERE / f"{asc_cli.__version__}.zip")


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "asc_cli", *map(str, arguments)]


def asc(home: Path, *arguments: object) -> str:
    environment = {**os.environ, "ASC_HOME": str(home)}
    done = subprocess.run(
        command(*arguments), env=environment, check=True, text=True, stdout=subprocess.PIPE
    )
    return done.stdout


def train_killed(table: Path) -> tuple[object, ...]:
    recipe, *settings = KILLED
    return ("train", RECIPES / recipe, *settings, "--data", table, "--jobs", "1")


def kill_in_the_middle(home: Path, table: Path) -> None:
    """Kill training once the first fold has a checkpoint and no predictions."""
    process = subprocess.Popen(
        command(*train_killed(table)), env={**os.environ, "ASC_HOME": str(home)}
    )
    while not list((home / "runs").glob("lstm-*/fold01/checkpoint.safetensors")):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (run,) = (home / "runs").glob("lstm-*")
    assert not list(run.glob("fold*/predictions.csv")), "a fold was finished; run this again"


def finish_a_copy(home: Path, table: Path, folder: Path) -> None:
    copy = folder / "finished"
    shutil.copytree(home, copy)
    asc(copy, *train_killed(table))
    (run,) = (copy / "runs").glob("lstm-*")
    shutil.copy(run / "predictions.csv", folder / "lstm.csv")


def forget_the_machine(home: Path) -> None:
    """The kernel's own name is nothing that a later version needs to read."""
    for path in (*home.glob("runs/*/environment.json"), *home.glob("runs/*/report.html")):
        path.write_text(path.read_text().replace(platform.platform(), "Linux-x86_64"))


def pack(folder: Path, target: Path) -> None:
    stored = [folder / name for name in ("model.zip", "ta.csv", "gmm.csv", "lstm.csv")]
    stored += [folder / "predict.jsonl", *sorted((folder / "home").rglob("*"))]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in stored:
            if path.is_file():
                archive.write(path, path.relative_to(folder))


if __name__ == "__main__":
    main()
