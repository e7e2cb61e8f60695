"""The Dockerfile's own pip commands in clean environments, and what asc does there."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from fnmatch import fnmatch
from pathlib import Path

import pytest
import requests

from tests.conftest import ROOT, Once, tone, write

pytestmark = pytest.mark.campaign
# of the small installation's environment: what pip and venv bring is counted. On Python 3.10, which
# newer ones no longer support, onnxruntime brings SymPy
MOST_MB = 350 if sys.version_info >= (3, 11) else 375
OFFLINE = ("No matching distribution found", "Temporary failure in name resolution")
OURS = ("PYTHON", "ASC_", "VIRTUAL_ENV")  # variables that the environment must not inherit
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COPIED = "COPY --from=wheel /asc/constraints.txt /asc/dist/ ./"


def stages() -> dict[str, list[str]]:
    """Stage → what its own RUN lines run."""
    results: dict[str, list[str]] = {}
    for line in DOCKERFILE.splitlines():
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            results[stage := rest.split(" AS ")[1]] = []
        elif instruction == "RUN":
            results[stage].append(rest)
    return results


class Environment:
    """A virtual environment, and a folder in which commands run."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.work, self.home = folder / "env", folder / "work", folder / "home"

    def run(self, command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a line of shell with this environment's programs first, and nothing of ours."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        variables = {"PATH": path, "ASC_HOME": str(self.home), "LOKY_MAX_CPU_COUNT": "1"}
        return subprocess.run(
            ["sh", "-c", command],
            cwd=cwd or self.work,
            env={**inherited, **variables},
            capture_output=True,
            text=True,
            timeout=1200,
        )

    def install(self, command: str, cwd: Path | None = None) -> None:
        done = self.run(command, cwd)
        if done.returncode and any(text in done.stderr for text in OFFLINE):
            pytest.skip("pip cannot fetch the packages")
        assert done.returncode == 0, done.stderr

    def asc(self, words: str) -> str:
        done = self.run(f"asc {words}")
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def megabytes(self) -> int:
        return int(subprocess.check_output(["du", "-sm", self.folder], text=True).split()[0])


def installed(folder: Path, stage: str) -> Environment:
    """Make an environment as the Dockerfile makes the image of a stage, from tracked files less
    those that .dockerignore lists."""
    environment = Environment(folder)
    source = folder / "source"
    listed = subprocess.check_output(["git", "-C", ROOT, "ls-files", "-z"], text=True).split("\0")
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for name in filter(None, listed):
        if any(fnmatch(name.partition("/")[0], pattern) for pattern in ignored):
            continue
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    subprocess.run([sys.executable, "-m", "venv", environment.folder], check=True)
    for command in stages()["wheel"]:
        environment.install(command, source)
    shutil.copytree(source / "dist", environment.work)
    shutil.copy(source / "constraints.txt", environment.work)
    for command in stages()[stage]:
        environment.install(command)
    return environment


@pytest.fixture(scope="module")
def small(once: Once) -> Environment:
    return Environment(once("small", lambda folder: installed(folder, "predict")))


@pytest.fixture
def models(small: Environment, two_folds: Path, asc, home: Path, tmp_path: Path) -> Environment:
    """The small installation with a model that came as a zip, and the run that it is of."""
    shutil.copytree(two_folds, home)
    assert asc("models", "export", "toy_lstm", tmp_path / "model.zip").returncode == 0
    shutil.rmtree(small.home, ignore_errors=True)
    shutil.copytree(home / "runs", small.home / "runs")
    small.asc(f"models import {tmp_path / 'model.zip'}")
    return small


def test_the_dockerfile_is_what_is_tried_here() -> None:
    """What is not pip's is a user and a copy; nobody is root; the default is the small image."""
    commands = stages()
    assert list(commands) == ["wheel", "base", "train", "serve", "predict"]
    others = [c for lines in commands.values() for c in lines if not c.startswith("python -m ")]
    assert others == ["useradd --create-home asc && install --directory --owner asc /data /work"]
    assert COPIED in DOCKERFILE and DOCKERFILE.count("FROM base AS") == 3
    users = re.findall(r"^USER (\w+)\nWORKDIR /work\n", DOCKERFILE, re.MULTILINE)
    assert users == ["asc"] * 3 and DOCKERFILE.endswith("USER asc\nWORKDIR /work\n")


def test_the_small_environment_is_small(small: Environment) -> None:
    assert small.megabytes() <= MOST_MB
    listed = json.loads(small.run("python -m pip list --format json").stdout)
    names = {package["name"].lower() for package in listed}
    missing = {"torch", "numba", "llvmlite", "librosa", "scikit-learn", "onnx", "matplotlib"}
    assert "asc-scenes" in names and names & missing == set()


def test_it_predicts_evaluates_and_reports(
    models: Environment, toy_root: Path, two_folds: Path, asc, tmp_path: Path
) -> None:
    clip = write(tmp_path / "clip.wav", tone(440, 3, 44_100), 44_100)
    row = json.loads(models.asc(f"predict {clip} --json"))
    again = json.loads(asc("predict", clip, "--json").stdout)  # here, where all is installed
    assert row["scene"] == again["scene"] and row["duration_s"] == 3
    assert row["probability"] == pytest.approx(again["probability"], abs=1e-5)
    assert json.loads(models.asc("evaluate toy_lstm --json"))["recordings"] == 30
    scored = json.loads(models.asc(f"evaluate toy_lstm@1 --data {toy_root} --dataset toy --json"))
    assert scored["recordings"] == 30
    models.asc("report toy_lstm")
    [page] = models.home.glob("runs/*/report.html")
    assert "<svg" in page.read_text(encoding="utf-8")
    models.asc("compare toy_lstm toy_lstm")
    models.asc(f"features --recipe toy_mfcc_gmm --data {toy_root}")


@pytest.mark.parametrize("command", ["train toy_lstm", "tune toy_lstm", "demo", "export toy_lstm"])
def test_what_trains_says_what_to_install(models: Environment, command: str) -> None:
    done = models.run(f"asc {command}")
    assert (done.returncode, done.stdout) == (1, "")
    [wheel] = models.work.glob("*.whl")
    needed = r"asc: \w+: the extra `train` is needed \(No module named '\w+'\); install it with: "
    assert re.fullmatch(
        needed + re.escape(f"{models.folder}/bin/python -m pip install ") + ".*\n", done.stderr
    )
    assert f"{wheel}[train]" in done.stderr


def test_the_other_image_trains(toy_root: Path, tmp_path: Path) -> None:
    environment = installed(tmp_path / "all", "train")
    settings = "--set training.epochs=1 --set model.n_hidden=8 --folds 1 --jobs 1"
    environment.asc(f"train toy_lstm --data {toy_root} {settings}")
    clip = write(tmp_path / "clip.wav", tone(440, 3, 44_100), 44_100)
    assert json.loads(environment.asc(f"predict {clip} --json"))["duration_s"] == 3


def test_the_image_that_serves_is_healthy(two_folds: Path, tmp_path: Path) -> None:
    """By its own health check, and with an answer."""
    environment = installed(tmp_path / "all", "serve")
    shutil.copytree(two_folds, environment.home)
    [check] = re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    [_, _, code] = json.loads(check)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    server = subprocess.Popen(
        [environment.folder / "bin" / "asc", "serve", "--host", "0.0.0.0", "--port", "0", "--json"],
        cwd=environment.work,
        env={**inherited, "ASC_HOME": str(environment.home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        started = json.loads(server.stdout.readline())
        port = started["url"].rstrip("/").rpartition(":")[2]
        own = shlex.quote(code.replace(":8000/", f":{port}/"))
        deadline = time.monotonic() + 60
        while environment.run(f"python -c {own}").returncode:
            assert time.monotonic() < deadline and server.poll() is None
        clip = write(tmp_path / "clip.wav", tone(440, 3, 44_100), 44_100)
        answer = requests.post(
            f"http://127.0.0.1:{port}/predict",
            data=clip.read_bytes(),
            headers={"authorization": f"Bearer {started['token']}"},
            timeout=60,
        )
        assert answer.json()["duration_s"] == 3
    finally:
        server.terminate()
        server.wait(40)
        assert server.stdout is not None
        server.stdout.close()
