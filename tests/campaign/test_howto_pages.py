"""Every how-to page's shell lines, run word by word in a folder with what the page speaks of.

Where a line would train for hours, its trainings have one epoch, one fold or two trials instead
(LESS); NOT_RUN has the few lines that need a network or a microphone, and why. own-code.md,
low-complexity.md and the tutorial have tests of their own.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asc_cli import workflow
from asc_cli.datasets import toy
from asc_cli.recipe import load as recipe
from tests import markdown
from tests.conftest import ROOT, SMALL
from tests.datasets import shaped
from tests.features.test_encoders import energies
from tests.test_export import registered

pytestmark = pytest.mark.campaign
PAGES = ROOT / "docs" / "howto"
ELSEWHERE = {"own-code.md", "low-complexity.md", "serve.md"}
RATE = 22_050
REAL = Path(os.environ.get("ASC_DATA", ""))
ONE_EPOCH, ONE_FOLD = "--set training.epochs=1", "--folds 1"
LESS = {  # page → what its lines that begin so get at their end
    "dcase2016.md": {"asc train dcase_lstm --data": f"{ONE_EPOCH} {ONE_FOLD}"},
    "encoders.md": {"asc train": f"{ONE_EPOCH} {ONE_FOLD}"},
    "litis.md": {"asc train litis_lstm --data": f"{ONE_EPOCH} {ONE_FOLD}"},
    "own-recordings.md": {"asc train rooms.yaml": f"{ONE_EPOCH} {ONE_FOLD}"},
    "remote.md": {
        "asc train": f"{ONE_EPOCH} {ONE_FOLD}",
        "ASC_HOME=laptop asc train": f"{ONE_EPOCH} {ONE_FOLD}",
    },
    "report.md": {"asc train": ONE_EPOCH},
    "slurm.md": {"asc train esc10_lstm --seeds": "", "asc train esc10_lstm": ONE_EPOCH},
    "training.md": {"asc train": f"{ONE_EPOCH} {ONE_FOLD}"},
    "unknown.md": {"asc train": f"{ONE_EPOCH} {ONE_FOLD}", "asc datasets make": "--seconds 1.2"},
    "tune.md": {"asc tune": f"{ONE_EPOCH} {ONE_FOLD}", "asc train": f"{ONE_EPOCH} {ONE_FOLD}"},
}
CHANGED = {  # page → words of its lines, and what is written in their place
    "dcase2016.md": {"--recordings 180 --seconds 5": "--recordings 60 --seconds 1"},
    "report.md": {"--seeds 0-4": "--seeds 0-1", "--faithfulness 200": "--faithfulness 3"},
    "send-results.md": {"litis_lstm": "toy_lstm", "--data litis": "--data home/datasets/toy"},
    "slurm.md": {"--seeds 0-9": f"--seeds 0-1 {ONE_EPOCH}"},
    "tune.md": {"--trials 20": "--trials 2", "--seeds 0-4": "--seeds 0-1"},
}
ENVIRONMENT = {"remote.md": {"ASC_REMOTE": "file://{folder}/shared"}}
NOT_RUN = {
    "dask scheduler --host 10.0.0.5": "it runs until it is stopped; tests/campaign/test_cluster.py",
    "ssh node1 dask worker tcp://10.0.0.5:8786 --nworkers auto --nthreads 1": "needs another host",
    "asc train esc10_lstm --cluster tcp://10.0.0.5:8786": "that test does, on 127.0.0.1",
    "asc models show toy_lstm --limit dcase2024": "it ends with exit status 1, as the page says",
    "asc datasets download tut2016 --output tut2016": "it needs a network",
    "export ASC_REMOTE=s3://bucket/asc": "it is a bucket of the reader's; ENVIRONMENT has a folder",
    "asc features --recipe ast.yaml --download": "it needs a network",
    "asc evaluate RUN RUN RUN --mean --weights 2,1,1": "RUN stands for names of the reader's",
    "asc evaluate esc10_lstm-0a1b2c3d4e5f esc10_cnn_mel --mean": "a run's name is another here",
    "make reproduce-litis DATA=litis": "it takes hours; tests/test_bundle.py runs its commands",
    "make reproduce-dcase2016 DATA=tut2016": "that test too",
    "asc predict --dataset tau2020_mobile --data evaluation --model phones --format dcase "
    "--csv Our_LAB_task1a_1.output.csv": "tests/test_challenge.py does",
    "asc evaluate predictions.csv --dataset tut2016 --folds 1": "tests/test_submission.py does",
    "asc evaluate predictions.csv --dataset tau2022_mobile --subset 5": "that test too",
    "asc evaluate predictions.csv --data my_table.csv": "that test too",
}


def sound(path: Path, seconds: float = 2.0, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).normal(0, 0.1, int(RATE * seconds))
    soundfile.write(path, noise, RATE)
    return path


def small_toy(folder: Path) -> None:
    toy.make(folder / "home" / "datasets" / "toy", recordings=120, seconds=1.5)


def real_esc10(folder: Path) -> None:
    """ESC-10 where `asc datasets download esc10` puts it."""
    real = REAL / "esc10"
    if not real.is_dir():
        pytest.skip("ESC-10 is not in $ASC_DATA")
    target = folder / "home" / "datasets" / "esc10"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(real)


def train(name: str, *overrides: str, folds: list[int] | None = None) -> workflow.Training:
    return workflow.train(recipe.load(name, [*overrides]), folds=folds, jobs=1)


def ensembles(folder: Path) -> None:
    small_toy(folder)
    sound(folder / "clip.wav")


def export(folder: Path) -> None:
    small_toy(folder)
    train("toy_lstm", *SMALL, folds=[1])
    for number in range(3):
        sound(folder / "recordings" / f"{number}.wav", seed=number)


def predict(folder: Path) -> None:
    real_esc10(folder)
    sound(folder / "clip.wav")
    sound(folder / "day.wav", 60.0)
    for number in range(3):
        sound(folder / "recordings" / f"{number}.wav", seed=number)
        sound(folder / "phone-a" / f"{number}.wav", seed=number)
    registered("rooms")
    registered("phones", devices=("a", "b"))
    train("esc10_ta_sa", "training.epochs=1", folds=[1])
    programs(folder)


def programs(folder: Path) -> None:
    """asc, and what the page asks ffmpeg for: raw PCM of the file after -i."""
    texts = {
        "ffmpeg": "import sys, soundfile\n"
        "samples, rate = soundfile.read(sys.argv[2], dtype='int16')\n"
        "sys.stdout.buffer.write(samples.tobytes())\n",
        "asc": "from asc_cli.cli import main\nmain()\n",
    }
    (folder / "bin").mkdir()
    for name, text in texts.items():
        path = folder / "bin" / name
        path.write_text(f"#!{sys.executable}\n{text}")
        path.chmod(0o755)


def remote(folder: Path) -> None:
    small_toy(folder)
    programs(folder)


def report(folder: Path) -> None:
    small_toy(folder)
    real_esc10(folder)
    for name in ("esc10_lstm", "esc10_ta_sa"):
        train(name, "training.epochs=1")


def score(folder: Path) -> None:
    real_esc10(folder)
    first = train("esc10_lstm", "training.epochs=1")
    shutil.copy(first.run / "predictions.csv", folder / "predictions.csv")


def slurm(folder: Path) -> None:
    """A Slurm of one machine, which runs the jobs of an array one after the other."""
    real_esc10(folder)
    programs(folder)
    script = folder / "bin" / "sbatch"
    script.write_text(
        "#!/bin/bash\nset -e\nexport SLURM_ARRAY_TASK_COUNT=5\n"
        f"sed 's/^asc train.*/& {ONE_EPOCH}/' \"$1\" > quick.sh\n"
        "for id in 1 2 3 4 5; do SLURM_ARRAY_TASK_ID=$id bash quick.sh; done\n"
    )
    script.chmod(0o755)


def tune(folder: Path) -> None:
    real_esc10(folder)


def own_sounds(folder: Path) -> None:
    """A sound of its own in each file, so that none is found in two folds."""
    rng = np.random.default_rng(0)
    for path in sorted(folder.iterdir()):
        soundfile.write(path, rng.normal(0, 0.1, 1_200), 4_000)


def litis(folder: Path) -> None:
    own_sounds(shaped.make_litis(folder / "litis") / "data_rouen")


def dcase2016(folder: Path) -> None:
    lists = REAL / "protocols" / "tut2016"
    if not lists.is_dir():
        pytest.skip("the lists of TUT 2016 are not in $ASC_DATA")
    own_sounds(shaped.make_tut2016(folder / "tut2016", lists) / "audio")
    target = folder / "home" / "datasets" / "tut2016"
    target.parent.mkdir(parents=True)
    target.symlink_to(folder / "tut2016")


def office(folder: Path) -> None:
    """Recordings of none of the scenes."""
    for number in range(3):
        sound(folder / "office" / f"{number}.wav", seed=200 + number)


def own_recordings(folder: Path) -> None:
    """Two scenes of five places of two recordings; the tutorial's recipe."""
    for n in range(20):
        place = folder / "scenes" / ("bus", "park")[n % 2] / f"place{n // 4}_{n % 4 // 2}.wav"
        sound(place, seed=n)
    (folder / "rooms.yaml").write_text("extends: toy_lstm\ndataset: table\ndata: recordings.csv\n")
    sound(folder / "clip.wav")
    (folder / "recordings").mkdir()
    for number in range(3):
        samples, rate = soundfile.read(sound(folder / "clip.wav", seed=100 + number))
        soundfile.write(folder / "recordings" / f"{number}.flac", samples, rate)


def send_results(folder: Path) -> None:
    small_toy(folder)
    train("toy_lstm", *SMALL, folds=[1])


def encoders(folder: Path) -> None:
    small_toy(folder)
    train("toy_lstm", *SMALL, folds=[1])
    energies(folder / "encoder.onnx", "frames")
    sound(folder / "clip.wav")


PREPARE: dict[str, Callable[[Path], None]] = {
    "encoders.md": encoders,
    "ensembles.md": ensembles,
    "export.md": export,
    "predict.md": predict,
    "remote.md": remote,
    "report.md": report,
    "score.md": score,
    "dcase2016.md": dcase2016,
    "slurm.md": slurm,
    "cluster.md": small_toy,
    "training.md": small_toy,
    "tune.md": tune,
    "unknown.md": office,
    "litis.md": litis,
    "own-recordings.md": own_recordings,
    "send-results.md": send_results,
}


def lines_of(page: str) -> list[str]:
    lines = []
    for line in markdown.commands(markdown.blocks(PAGES / page)):
        if line in NOT_RUN:
            continue
        for words, others in CHANGED.get(page, {}).items():
            line = line.replace(words, others)
        more = next((m for begin, m in LESS.get(page, {}).items() if line.startswith(begin)), "")
        lines.append(f"{line} {more}".strip())
    return lines


@pytest.mark.parametrize("page", PREPARE)
def test_a_page_runs_word_by_word(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ASC_DATA", str(tmp_path / "home" / "datasets"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    PREPARE[page](tmp_path)
    for name, value in ENVIRONMENT.get(page, {}).items():
        monkeypatch.setenv(name, value.format(folder=tmp_path))
    markdown.write(markdown.blocks(PAGES / page), tmp_path)
    printed = markdown.run(lines_of(page), tmp_path)
    assert printed
    if page == "remote.md":
        assert (
            "(120 of them from the remote)"
            in printed["ASC_HOME=laptop asc features --recipe toy_lstm"]
        )


def test_the_page_on_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    registered("rooms", "model.attention=[temporal]")
    names: dict[str, object] = {}
    names["samples"], names["sample_rate"] = soundfile.read(sound(tmp_path / "clip.wav"))
    for number in range(3):
        sound(tmp_path / "recordings" / f"{number}.wav", seed=number)
    for block in markdown.blocks(PAGES / "python.md"):
        assert block.language == "python"
        exec(compile(block.text, "python.md", "exec"), names)
    assert len(names["table"]) == 3  # type: ignore[arg-type]


def test_no_page_is_forgotten() -> None:
    pages = {path.name for path in PAGES.glob("*.md")}
    assert pages == {*PREPARE, *ELSEWHERE, "python.md"}
