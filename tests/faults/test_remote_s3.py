"""Two homes and a bucket, over a proxy that is slow, fails, stops, hangs or refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from asc_cli.frontend.pack import load
from tests.conftest import ROOT, command, settings
from tests.faults.s3 import BUCKET, KEYS, Proxy, Server
from tests.test_export import registered

pytestmark = pytest.mark.campaign
N = 60  # recordings of `toy_root`


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = Server()
    yield started
    started.stop()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    started = Proxy(server.port)
    yield started
    started.stop()


class Home:
    """A home that shares a part of the bucket with others, and its commands."""

    def __init__(self, folder: Path, proxy: Proxy, prefix: str, data: Path) -> None:
        self.folder, self.data = folder, data
        self.environment = {
            **os.environ,
            **KEYS,
            "AWS_ENDPOINT_URL": proxy.url,
            "ASC_HOME": str(folder),
            "ASC_REMOTE": f"s3://{BUCKET}/{prefix}",
            "PYTHONPATH": str(ROOT),
        }

    def start(self, *words: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command(*words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=self.environment,
            preexec_fn=lambda: signal.signal(
                signal.SIGINT, signal.SIG_DFL
            ),  # jobs of shells lack it
        )

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def features(self, *more: str) -> tuple[dict[str, Any], list[str]]:
        """Compute features; the answer, and the lines on stderr."""
        words = ("features", "--recipe", "toy_lstm", "--data", self.data, "--json")
        done = self.run(*words, *(more or ("--jobs", "1")))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), done.stderr.splitlines()

    def folds(self) -> dict[str, bytes]:
        """The files of fitted folds that homes share."""
        files = {path.relative_to(self.folder).as_posix(): path for path in self.all_of_folds()}
        own = ("origin.json", "checkpoint.safetensors", "progress.json")
        return {name: file.read_bytes() for name, file in files.items() if file.name not in own}

    def all_of_folds(self) -> list[Path]:
        every = self.folder.glob("runs/*/fold*/**/*")
        return [path for path in every if path.is_file() and not path.name.startswith(".")]

    def metrics(self) -> list[Any]:
        return [json.loads(file.read_text()) for file in self.folder.glob("runs/*/metrics.json")]

    def stored(self) -> dict[str, bytes]:
        return arrays(self.folder)


def arrays(home: Path) -> dict[str, bytes]:
    """Digest → frames of each stored recording."""
    results = {}
    for folder in home.glob("features/*/short/*"):
        pack = load(folder)
        for row, digest in enumerate(pack.table["digest"].tolist()):
            results[digest.decode()] = pack.recording(row).tobytes()
    return results


MakeHome = Callable[[str], Home]


@pytest.fixture
def home_of(
    tmp_path: Path, proxy: Proxy, toy_root: Path, request: pytest.FixtureRequest
) -> MakeHome:
    prefix = request.node.name.replace("[", "-").replace("]", "")
    return lambda name: Home(tmp_path / name, proxy, prefix, toy_root)


def counts(answer: dict[str, Any]) -> tuple[int, int]:
    return answer["computed"], answer["fetched"]


def test_the_second_home_computes_nothing(home_of: MakeHome, proxy: Proxy) -> None:
    """Two of five requests fail, and each takes 20 ms longer."""
    proxy.share, proxy.latency_s = 0.4, 0.02
    first, second = home_of("a"), home_of("b")
    assert first.features()[0]["computed"] == N
    trained = first.run(
        "train", "toy_lstm", "--data", first.data, "--folds", 1, "--jobs", 1, *settings()
    )
    assert trained.returncode == 0, trained.stderr
    pushed = first.run("models", "push", "toy_lstm")
    assert pushed.returncode == 0 and "toy_lstm@1" in pushed.stdout, pushed.stderr

    proxy.done.clear()
    answer, lines = second.features("--jobs", "2")
    assert counts(answer) == (0, N) and lines == []
    assert second.stored() == first.stored() and len(first.stored()) == N
    again = second.run(
        "train", "toy_lstm", "--data", second.data, "--folds", 1, "--jobs", 1, *settings()
    )
    assert again.returncode == 0, again.stderr
    assert again.stderr.startswith("asc: fold 1 of toy_lstm-")
    assert f" came from {second.environment['ASC_REMOTE']}\n" in again.stderr
    assert second.folds() == first.folds() and len(first.folds()) >= 4
    assert second.metrics() == first.metrics()
    assert not [path for method, path in proxy.done if method in ("PUT", "POST")]
    pulled = second.run("models", "pull", "toy_lstm", "--json")
    assert json.loads(pulled.stdout)["model"] == "toy_lstm@1", pulled.stderr
    assert not json.loads(pulled.stdout)["transferred"]  # its own training gave the same model

    third = home_of("c")
    pulled = third.run("models", "pull", "toy_lstm@1", "--json")
    assert json.loads(pulled.stdout)["transferred"], pulled.stderr
    weights = "models/toy_lstm/1/fold01.safetensors"
    assert (third.folder / weights).read_bytes() == (first.folder / weights).read_bytes()
    clip = next(first.data.glob("audio/*.wav"))
    answers = [home.run("predict", clip, "--json").stdout for home in (first, third)]
    assert answers[0] == answers[1] and "scenes" in answers[0]
    assert sum(proxy.faults.values()) >= 3, proxy.faults


@pytest.mark.parametrize("requests", [0, 1, 2, 3, 4])
def test_a_server_that_stops_midway(
    home_of: MakeHome, proxy: Proxy, toy_root: Path, requests: int
) -> None:
    """While one home puts, and while another one gets: both end, with one line each."""
    alone = home_of("alone")
    alone.environment.pop("ASC_REMOTE")
    alone.features()
    first, second = home_of("a"), home_of("b")
    for home in (first, second):
        proxy.stop_after = None
        if home is second:
            home_of("whole").features("--verify")  # what `first` could not put is there
        proxy.stop_after = len(proxy.done) + requests
        started = time.monotonic()
        answer, lines = home.features()
        assert answer["computed"] + answer["fetched"] == N
        assert time.monotonic() - started < 30
        assert home.stored() == alone.stored()
        assert len(lines) <= 1 and all("goes on without it" in line for line in lines)
    assert requests > 0 or len(lines) == 1


def test_a_server_that_is_not_there_at_all(home_of: MakeHome, proxy: Proxy) -> None:
    home = home_of("a")
    proxy.stop()
    started = time.monotonic()
    done = home.run(
        "train", "toy_lstm", "--data", home.data, "--folds", 1, "--jobs", 1, *settings()
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if "remote" in line]
    assert len(lines) == 1 and "does not answer" in lines[0]
    assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    ("mode", "reason"), [("hang", "does not answer"), ("403", "may not be used")]
)
def test_a_server_that_hangs_or_refuses(
    home_of: MakeHome, proxy: Proxy, mode: str, reason: str
) -> None:
    proxy.mode = mode
    started = time.monotonic()
    answer, [line] = home_of("a").features()
    assert counts(answer) == (N, 0) and reason in line
    assert time.monotonic() - started < 40


def test_ctrl_c_does_not_wait_for_what_is_being_sent(home_of: MakeHome, proxy: Proxy) -> None:
    proxy.mode = "hang PUT"
    home = home_of("a")
    process = home.start("features", "--recipe", "toy_lstm", "--data", home.data, "--jobs", 1)
    until = time.monotonic() + 60
    while not proxy.faults["hang"] and time.monotonic() < until:
        time.sleep(0.05)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - started < 5
    assert process.returncode == 130 and "goes on without it" not in err
    proxy.mode = ""
    assert home.features()[0]["reused"] == N


def test_a_bucket_that_is_not_there(home_of: MakeHome) -> None:
    home = home_of("a")
    home.environment["ASC_REMOTE"] = "s3://no-such-bucket/x"
    answer, [line] = home.features()
    assert counts(answer) == (N, 0) and "there is no such bucket" in line
    done = home.run("models", "pull", "toy_lstm")
    assert done.returncode == 1 and "there is no such bucket" in done.stderr


def test_a_flipped_byte_in_the_bucket(
    home_of: MakeHome, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = home_of("a")
    first.features()
    monkeypatch.setenv("ASC_HOME", str(first.folder))
    registered("toy")
    assert first.run("models", "push", "toy").returncode == 0
    prefix = first.environment["ASC_REMOTE"].removeprefix(f"s3://{BUCKET}/")
    [bundle] = server.keys(f"{prefix}/features/")
    server.flip(bundle, -1)
    second = home_of("b")
    answer, [line] = second.features()
    assert counts(answer) == (1, N - 1) and "1 recordings differ from their checksum" in line
    assert second.stored() == first.stored()
    [model] = server.keys(f"{prefix}/models/")
    for position in (30, len(server.get(model)) // 2):
        server.flip(model, position)
        done = second.run("models", "pull", "toy")
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
        assert not [*second.folder.glob("models/toy/*")]
        server.flip(model, position)
    assert second.run("models", "pull", "toy").returncode == 0


def test_two_writers_of_one_version(
    home_of: MakeHome, proxy: Proxy, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, over slow lines: one is first, the other one says so."""
    proxy.latency_s = 0.1
    homes = home_of("a"), home_of("b")
    for temperature, home in zip((1.0, 2.0), homes, strict=True):
        monkeypatch.setenv("ASC_HOME", str(home.folder))
        registered("toy", temperature=temperature)
    processes = [home.start("models", "push", "toy") for home in homes]
    ended = [(*process.communicate(timeout=120), process.returncode) for process in processes]
    [winner] = [out for out, _, code in ended if code == 0]
    [loser] = [err for _, err, code in ended if code == 1]
    assert winner.startswith("toy@1 is on s3://bucket/")
    assert "has another model of that name and version, which stays" in loser
    assert sum(method == "PUT" for method, _ in proxy.done) == 2


def test_an_answer_that_is_lost_is_no_other_writer(
    home_of: MakeHome, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = home_of("a")
    monkeypatch.setenv("ASC_HOME", str(home.folder))
    registered("toy")
    proxy.random.choice = lambda _: "lost"  # type: ignore[assignment,method-assign]
    proxy.share = 1.0
    done = home.run("models", "push", "toy")
    assert done.returncode == 0 and done.stdout.startswith("toy@1 was there already"), done.stderr


def test_few_connections_whatever_the_number_of_workers(
    home_of: MakeHome, proxy: Proxy, tmp_path: Path
) -> None:
    proxy.latency_s = 0.05
    home_of("a").features("--jobs", "4")
    answer, _ = home_of("b").features("--jobs", "4")
    assert counts(answer) == (0, N)
    assert 1 <= proxy.n_most <= 8


def test_esc10_in_a_second_home(proxy: Proxy, esc10: Path, home_of: MakeHome) -> None:
    """400 real recordings of 5 s, a tenth of a second's answers, every twentieth a fault."""
    homes = home_of("a"), home_of("b")
    proxy.latency_s, proxy.share = 0.1, 0.05
    predictions = []
    for home, expected in zip(homes, [(400, 0), (0, 400)], strict=True):
        home.environment["ASC_DATA"] = str(esc10.parent)
        done = home.run("features", "--recipe", "esc10_lstm", "--json")
        assert counts(json.loads(done.stdout)) == expected, done.stderr
        done = home.run(
            *("train", "esc10_lstm", "--folds", 1, "--jobs", 1, "--set", "training.epochs=1")
        )
        assert done.returncode == 0, done.stderr
        [file] = home.folder.glob("runs/*/predictions.csv")
        predictions.append(file.read_bytes())
    assert predictions[0] == predictions[1]
