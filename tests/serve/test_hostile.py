"""A thousand hostile requests, and many clients at once: asc serve answers on."""

from __future__ import annotations

import json
import random
import shutil
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

pytest.importorskip("starlette", reason="the extra serve is not installed")

from tests.conftest import Asc
from tests.serve.server import Server, serving

pytestmark = pytest.mark.campaign
REQUESTS = 1000
MOST_MB = 700  # of all processes of the server together


@pytest.fixture
def server(two_folds: Path, tmp_path: Path) -> Iterator[Server]:
    shutil.copytree(two_folds, tmp_path / "home")
    with serving(tmp_path / "home", "--jobs", 2, "--max-mb", 2) as started:
        yield started


def megabytes(server: Server) -> float:
    """Memory of the server and its workers, shared pages counted once (proportional set size)."""
    total = 0
    for process in (server.process.pid, *server.workers()):
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
        total += int(text.split("Pss:")[1].split()[0])
    return total / 1000


def hostile(server: Server, body: bytes, held: list[socket.socket]) -> list[Callable]:
    """Kinds of hostile requests: functions of a random.Random."""

    def raw(data: bytes, keep: bool = False) -> None:
        own = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        try:
            own.sendall(data)
            if keep:
                held.append(own)
                return
            own.shutdown(socket.SHUT_WR)
            own.recv(1000)
        except OSError:  # the server may close it at any moment
            pass
        finally:
            if not keep:
                own.close()

    def post(path: str, data: bytes, **headers: str) -> None:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            answer = requests.post(server.url + path, data=data, headers=names, timeout=30)
        except requests.RequestException:  # refused while it was sent
            return
        assert answer.status_code < 500 or answer.status_code == 503, answer.text
        assert "error" in answer.json() or "scene" in answer.json()

    head = "POST /predict HTTP/1.1\r\nHost: localhost\r\n"
    names = ("../../../etc/passwd", "..%2f..%2fx.wav", "/dev/zero", "a" * 5000, "\u202e.wav")
    return [
        lambda r: post("predict", r.randbytes(3_000_000)),
        lambda r: post("predict?name=a.wav", body[: r.randrange(len(body))]),
        lambda r: post(f"predict?name=a{r.choice(['.mp3', '.m4a', '.flac'])}", r.randbytes(5000)),
        lambda r: post(f"predict?name=a{r.choice(['.m4a', '.webm', '.ogg'])}", body),
        lambda r: post("predict", b""),
        lambda r: post(f"predict?name={r.choice(names)}", body),
        lambda r: post("predict", body, origin="http://evil.example"),
        lambda r: post("predict", body, host="evil.example"),
        lambda r: post(f"predict?rate={r.choice(['-1', '1e300', 'x', '1'])}", body),
        lambda r: post("predict", r.randbytes(500), content_type="multipart/form-data; boundary=b"),
        lambda r: post(f"predict?timeline={r.choice(['-5', '1e-9', 'inf', '1'])}", body),
        lambda r: raw(b"GET / HTTP/1.1\r\nHost: local", keep=True),
        lambda r: raw(f"{head}Content-Length: 1000000\r\n\r\n".encode() + body[:100], keep=True),
        lambda r: raw(f"{head}Transfer-Encoding: chunked\r\n\r\nffffffff\r\nxx".encode()),
        lambda r: raw(f"{head}Content-Length: -5\r\n\r\n".encode()),
        lambda r: raw(b"\x16\x03\x01" + r.randbytes(200)),
        lambda r: raw(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n"),
        lambda r: raw(b"GET /page/../../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        lambda r: raw(
            b"GET /listen HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade"
            b"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            + r.randbytes(300)
        ),
    ]


def test_hostile_requests_end_nothing(server: Server, toy_root: Path):
    recording = next(toy_root.rglob("*.wav"))
    body = recording.read_bytes()
    expected = server.post("predict", data=body).json()
    before = sorted(path.name for path in server.temporary.glob("asc-serve-*"))
    held: list[socket.socket] = []
    kinds = hostile(server, body, held)

    def one(number: int) -> None:
        kinds[number % len(kinds)](random.Random(number))

    most = 0.0
    with ThreadPoolExecutor(8) as pool:
        for done in pool.map(one, range(REQUESTS)):
            assert done is None
            if random.random() < 0.05:
                most = max(most, megabytes(server))
    assert server.process.poll() is None
    assert most < MOST_MB
    deadline = time.monotonic() + 60  # while requests that never end are held open
    while (answer := server.post("predict", data=body)).status_code == 503:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert answer.json() == expected
    for own in held:
        own.close()
    deadline = time.monotonic() + 30
    while list(server.temporary.glob("asc-serve-*/*")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert sorted(path.name for path in server.temporary.glob("asc-serve-*")) == before
    assert not [path for path in server.temporary.iterdir() if path.name not in before]
    print(f"memory at most {most:.0f} MB")


def test_many_clients_get_the_answers_of_asc_predict(
    server: Server, toy_root: Path, asc: Asc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ASC_HOME", str(tmp_path / "home"))
    paths = sorted(toy_root.rglob("*.wav"))[:20]
    expected = {}
    for path in paths:
        row = json.loads(asc("predict", path, "--json").stdout)
        expected[path.name] = {**row, "file": path.name}
    seconds: list[float] = []

    def client(_: int) -> None:
        session = requests.Session()
        for path in paths:
            started = time.perf_counter()
            answer = session.post(
                f"{server.url}predict?name={path.name}", data=path.read_bytes(), timeout=120
            )
            seconds.append(time.perf_counter() - started)
            assert answer.json() == expected[path.name]

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(client, range(50)))
    assert len(seconds) == 1000 and server.process.poll() is None
    cuts = statistics.quantiles(seconds, n=100)
    print(f"p50 {1000 * cuts[49]:.0f} ms, p99 {1000 * cuts[98]:.0f} ms, {megabytes(server):.0f} MB")
