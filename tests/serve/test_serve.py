"""asc serve: the same answers as asc predict, limits in words, nothing that stays."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("starlette", reason="the extra serve is not installed")

from asc_cli import workflow
from asc_cli.serve import guard, settings, upload
from asc_cli.serve.openapi import DOCUMENT
from tests.conftest import ROOT, Asc, command, tone, write
from tests.serve.server import Server, serving


@pytest.fixture(scope="module")
def served(two_folds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with toy_lstm@1."""
    folder = tmp_path_factory.mktemp("serve") / "home"
    shutil.copytree(two_folds, folder)
    return folder


@pytest.fixture(scope="module")
def server(served: Path) -> Iterator[Server]:
    with serving(
        served, "--jobs", 1, "--max-mb", 1, "--max-minutes", 0.1, "--max-streams", 1
    ) as started:
        yield started


@pytest.fixture(scope="module")
def recording(toy_root: Path) -> Path:
    return next(toy_root.rglob("*.wav"))


@pytest.fixture
def expected(served: Path, recording: Path, asc: Asc, monkeypatch: pytest.MonkeyPatch) -> dict:
    """What asc predict --json prints of the recording."""
    monkeypatch.setenv("ASC_HOME", str(served))
    return json.loads(asc("predict", recording, "--json").stdout)


def test_the_answer_is_that_of_asc_predict(server: Server, recording: Path, expected: dict):
    body = server.post("predict?name=one.wav", data=recording.read_bytes())
    assert body.status_code == 200
    assert body.json() == {**expected, "file": "one.wav"}
    with recording.open("rb") as file:
        form = server.post("predict", files={"file": ("../../etc/two.wav", file)})
    assert form.json() == {**expected, "file": form.json()["file"]}
    samples, rate = soundfile.read(recording, dtype="int16")
    address = f"predict?rate={rate}&channels=2"  # toy recordings are stereo
    pcm = server.post(address, data=samples.astype("<i2").tobytes())
    assert pcm.json()["scenes"] == pytest.approx(expected["scenes"], abs=1e-3)  # it has 24 bits
    floats, _ = soundfile.read(recording, dtype="float32")
    pcm = server.post(f"{address}&encoding=f32le", data=floats.astype("<f4").tobytes())
    assert pcm.json() == {**expected, "file": "recording"}


def test_segments_and_thresholds(server: Server, recording: Path):
    row = server.post("predict?timeline=1&threshold=1", data=recording.read_bytes()).json()
    assert row["scene"] == "unsure" and [s["start_s"] for s in row["timeline"]][:1] == [0.0]


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ("?timeline=x", 400, "timeline 'x': a number was expected"),
        ("?timeline=0.1", 422, "timeline 0.1 s: at least 1.0 s"),
        ("?threshold=2", 422, "threshold 2.0: a probability from 0 to 1 was expected"),
        ("?threshold=nan", 400, "a number was expected"),
        ("?model=other", 404, "model 'other' is not served; toy_lstm@1 are"),
        ("?rate=0", 400, "rate 0 Hz, 1 channels: at most 768000 Hz and 8"),
        ("?rate=8000&channels=9", 400, "9 channels"),
        ("?rate=8000&encoding=mp3", 400, "encoding 'mp3': s16le or f32le was expected"),
        ("?unknown=1", 422, "evaluation.unknown"),
    ],
)
def test_a_wrong_value_is_named(
    server: Server, recording: Path, query: str, status: int, text: str
):
    answer = server.post(f"predict{query}", data=recording.read_bytes())
    assert (answer.status_code, text in answer.json()["error"]) == (status, True), answer.text


def test_recordings_beyond_the_limits_are_refused(server: Server, tmp_path: Path):
    large = server.post("predict", data=b"x" * 1_000_001)
    assert large.status_code == 413
    assert "larger than 1.0 MB, the limit of this server (--max-mb" in large.json()["error"]
    long = write(tmp_path / "long.flac", tone(440, 7, 22_050))
    answer = server.post("predict?name=long.flac", data=long.read_bytes())
    assert answer.status_code == 422
    assert answer.json() == {"file": "long.flac", "error": "is longer than 6 s, the limit here"}
    samples = server.post("predict?rate=8000", data=b"\0" * (2 * 8000 * 6 + 2))
    assert samples.status_code == 413
    empty = server.post("predict")
    assert (empty.status_code, empty.json()["error"]) == (
        400,
        "the request has no recording in its body",
    )


def test_what_is_no_recording_gets_a_sentence(server: Server, recording: Path):
    broken = server.post("predict?name=a.wav", data=b"RIFF0000WAVE")
    assert broken.status_code == 422 and broken.json()["file"] == "a.wav"
    assert str(server.temporary) not in broken.text
    cut = server.post("predict?name=cut.wav", data=recording.read_bytes()[:-5000])
    assert cut.status_code == 422 and "is cut short" in cut.json()["error"]
    form = server.post("predict", data={"file": "no file"}, files={"other": ("", b"")})
    assert form.status_code == 400
    kind = {"content-type": "multipart/form-data; boundary=x"}
    form = server.post("predict", data=b"--y\r\n", headers=kind)
    assert form.status_code == 400 and "the form" in form.json()["error"]
    explained = server.post("explain", data=recording.read_bytes())
    assert explained.status_code == 422 and "attention" in explained.json()["error"]


def test_addresses_that_are_not_there(server: Server):
    assert server.get("nothing").json()["error"].startswith("there is no such address")
    assert server.get("predict").json()["error"].startswith("GET is not what this address takes")
    assert server.get("page/../app.py").status_code == 404
    assert server.get("page/%2e%2e/app.py").status_code == 404


def test_the_page_asks_for_nothing_elsewhere(server: Server):
    page = server.get("")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    texts = [page.text]
    for name in ("page.js", "sound.js", "picture.js", "live.js", "recorder.js", "page.css"):
        answer = server.get(f"page/{name}")
        assert answer.status_code == 200
        texts.append(answer.text)
    assert not any(
        address in text for text in texts for address in ("http://", "https://", "//cdn")
    )


def test_only_its_own_page_may_ask(server: Server, recording: Path):
    body = recording.read_bytes()

    def status(**headers: str) -> int:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return server.post("predict", data=body, headers=names).status_code

    own = server.url.rstrip("/")
    assert status(origin=own) == 200
    assert status(origin="http://evil.example") == 403
    assert status(origin="null") == 403
    assert status(origin=own.replace("http:", "http://evil.example:")) == 403
    assert status(sec_fetch_site="cross-site") == 403
    assert status(sec_fetch_site="same-origin", origin=own) == 200
    assert status(host="evil.example") == 421
    assert status(host=f"localhost:{server.port}") == 200
    assert server.get("models", headers={"host": "evil.example"}).status_code == 421


def test_the_document_describes_what_is_answered(server: Server, recording: Path):
    rules = server.get("openapi.json").json()
    assert rules == DOCUMENT
    paths = {"/predict", "/explain", "/models", "/health"}
    assert set(rules["paths"]) == paths
    body = recording.read_bytes()
    answers = {
        "Prediction": server.post("predict?timeline=1", data=body),
        "Error": server.post("explain", data=body),
        "Models": server.get("models"),
        "Health": server.get("health"),
    }
    for name, answer in answers.items():
        schema = rules["components"]["schemas"][name]
        row = answer.json()
        assert set(schema["required"]) <= set(row) <= set(schema["properties"]), name
    statuses = rules["paths"]["/predict"]["post"]["responses"]
    assert {"200", "413", "422", "503"} <= set(statuses)


def test_live_sound_gets_the_answers_of_asc_listen(
    server: Server, recording: Path, served: Path, monkeypatch: pytest.MonkeyPatch
):
    from websockets.sync.client import connect

    samples, rate = soundfile.read(recording, dtype="float32")
    with connect(server.url.replace("http", "ws") + "listen") as own:
        own.send(json.dumps({"rate": rate, "channels": 2, "encoding": "f32le", "every": 0.5}))
        data = samples.tobytes()
        for start in range(0, len(data), 10_001):  # parts of samples too
            own.send(data[start : start + 10_001])
        with connect(server.url.replace("http", "ws") + "listen") as second:
            assert "1 streams of live sound are the limit" in json.loads(second.recv())["error"]
        own.send("end")
        rows = [json.loads(text) for text in own]
    monkeypatch.setenv("ASC_HOME", str(served))
    expected = [
        each.to_dict() for each in workflow.listen([samples], rate, every_s=0.5, model="toy_lstm")
    ]
    assert rows and len(rows) == len(expected)
    assert rows[-1]["scenes"] == pytest.approx(expected[-1]["scenes"], abs=1e-6)


@pytest.mark.parametrize(
    ("first", "text"),
    [
        ("{}", "names no rate"),
        ("[]", "no JSON object"),
        ("{", "no JSON text"),
        ('{"rate": 8000, "model": "x"}', "model 'x' is not served"),
        ('{"rate": 8000, "window": 0.01}', "at least 0.96 s"),
        ('{"rate": 8000, "every": "x"}', "every 'x': a number was expected"),
        ('{"rate": [8000]}', "values that are no text, number, true or false"),
        ('{"rate": null}', "names no rate"),
    ],
)
def test_a_wrong_first_message_gets_a_sentence(server: Server, first: str, text: str):
    from websockets.sync.client import connect

    with connect(server.url.replace("http", "ws") + "listen") as own:
        own.send(first)
        own.send(b"\0" * 16_000)
        assert text in json.loads(own.recv(10))["error"]


def test_a_process_that_ends_is_replaced(server: Server, recording: Path):
    [worker] = server.workers()
    os.kill(worker, signal.SIGKILL)
    answer = server.post("predict", data=recording.read_bytes())
    assert answer.status_code in (200, 422)
    if answer.status_code == 422:
        assert "the process that read it ended" in answer.json()["error"]
    assert server.post("predict", data=recording.read_bytes()).status_code == 200
    assert server.workers() != [worker]


def test_nothing_is_left_of_recordings(server: Server, recording: Path):
    server.post("predict", data=recording.read_bytes())
    deadline = time.monotonic() + 10
    while left := [path for path in server.temporary.glob("asc-serve-*/*")]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def test_a_server_that_is_ended_finishes_what_is_under_way(
    served: Path, toy_root: Path, recording: Path
):
    with serving(served, "--jobs", 1) as server:
        answers = []

        def ask() -> None:
            answers.append(server.post("predict", data=recording.read_bytes()).status_code)

        slow = socket.create_connection(("127.0.0.1", server.port))
        body = recording.read_bytes()
        head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        slow.sendall(head.encode() + body[:1000])
        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        slow.sendall(body[1000:])
        reply = slow.makefile("rb").read()
        assert reply.startswith(b"HTTP/1.1 200"), reply[:300]
        slow.close()
        assert server.process.wait(40) == 128 + signal.SIGTERM
        assert answers == [200, 200, 200]
        assert list(server.temporary.iterdir()) == []


def test_beyond_this_machine_a_token_is_needed(served: Path, recording: Path):
    from websockets.sync.client import connect

    with serving(served, "--jobs", 1, "--host", "0.0.0.0") as server:
        assert len(server.token) >= 32
        server.url = f"http://127.0.0.1:{server.port}/"
        body = recording.read_bytes()
        refused = server.post("predict", data=body)
        assert refused.status_code == 401 and "Bearer TOKEN" in refused.json()["error"]
        wrong = server.post("predict", data=body, headers={"authorization": "Bearer x" * 5})
        assert wrong.status_code == 401
        right = {"authorization": f"Bearer {server.token}"}
        assert server.post("predict", data=body, headers=right).status_code == 200
        assert server.get("health").status_code == 200 and server.get("").status_code == 200
        with connect(server.url.replace("http", "ws") + "listen") as own:
            own.send('{"rate": 8000}')
            assert "a token is needed" in json.loads(own.recv(10))["error"]


def test_a_busy_server_asks_to_wait(served: Path, recording: Path):
    with serving(served, "--jobs", 1, "--max-requests", 1) as server:
        waiting = socket.create_connection(("127.0.0.1", server.port))
        waiting.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx")
        deadline = time.monotonic() + 10
        answer = server.post("predict", data=recording.read_bytes())
        while answer.status_code != 503:
            assert time.monotonic() < deadline
            answer = server.post("predict", data=recording.read_bytes())
        assert "the limit is 1 (--max-requests)" in answer.json()["error"]
        assert answer.headers["retry-after"] == "2"
        waiting.close()


def test_beyond_the_limit_of_connections_the_answer_says_so(served: Path):
    with serving(served, "--jobs", 1, "--max-requests", 2) as server:
        idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(8)]
        time.sleep(0.5)
        answer = server.get("health")
        assert answer.status_code == 503 and "too many connections" in answer.text
        for own in idle:
            own.close()
        deadline = time.monotonic() + 10
        while server.get("health").status_code != 200:
            assert time.monotonic() < deadline


def test_what_cannot_be_served_is_refused_before_it_starts(
    served: Path, asc: Asc, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ASC_HOME", str(served))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = asc("serve", "--port", port)
        assert done.returncode == 1
        assert (
            f"serve: 127.0.0.1 port {port} cannot be used (Address already in use)" in done.stderr
        )
    done = asc("serve", "--host", "no.such.host.invalid")
    assert done.returncode == 1 and "cannot be used" in done.stderr
    monkeypatch.setenv("ASC_SERVE_TOKEN", "short")
    assert "has fewer than 16 characters" in asc("serve").stderr


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *((name, True) for name in ("127.0.0.1", "localhost", "::1", "127.9.9.9")),
        *((name, False) for name in ("0.0.0.0", "::", "192.168.1.2", "example.org")),
    ],
)
def test_which_addresses_are_of_this_machine(host: str, loopback: bool):
    assert settings.is_loopback(host) is loopback


def test_names_of_hosts():
    names = {"localhost:80": "localhost", "[::1]:8000": "[::1]", "[::1]": "[::1]", "A.B": "a.b"}
    assert {host: guard.name_of(host) for host in names} == names


def test_of_a_client_s_name_only_an_ending_of_recordings_is_taken():
    names = {"a.WAV": ".wav", "a.m4a": ".m4a", "../../a.sh": "", "wav": "", "": "", "a.wav/..": ""}
    assert {name: upload.suffix_of(name) for name in names} == names


def test_the_header_of_samples_is_that_of_soundfile():
    samples = np.arange(-4, 4, dtype="<i2")
    header = upload.Pcm(8000, 2, "s16le").header(samples.nbytes)
    read, rate = soundfile.read(io.BytesIO(header + samples.tobytes()), dtype="int16")
    assert rate == 8000 and (read.ravel() == samples).all()


def test_a_model_that_cannot_be_loaded_ends_the_server(served: Path, tmp_path: Path):
    home = tmp_path / "home"
    shutil.copytree(served, home)
    for path in home.glob("models/toy_lstm/1/fold*.safetensors"):
        path.write_bytes(path.read_bytes()[:-100])
    done = subprocess.run(
        command("serve", "--port", 0, "--jobs", 1),
        cwd=ROOT,
        env={**os.environ, "ASC_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert "serve: " in done.stderr and "damaged" in done.stderr


def test_memory_of_a_process_is_limited(served: Path):
    done = subprocess.run(
        command("serve", "--port", 0, "--jobs", 1, "--max-memory-mb", 60),
        cwd=ROOT,
        env={**os.environ, "ASC_HOME": str(served)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert "memory" in done.stderr
