"""`asc serve` beside a bare Starlette endpoint around the same Model.predict, in one run.

    python tests/benchmarks/bench_serve.py [--pairs 3] [--clients 50] [--files 20]

Both have two processors, the same model, the same recordings, the same clients. The bare endpoint
reads the body, decodes it with soundfile and calls Model.predict in a thread: no limits, no checks,
no process of its own. A pair is a run of each, in turns; the ratio is of wall time, at most 1.2 is
the aim. p50 and p99 are of a request, with all clients waiting at once.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).parents[2]))
from asc_cli import workflow
from asc_cli.datasets import toy
from asc_cli.recipe import load as recipe

BARE = """
import io, sys
import soundfile, uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route
from asc_cli import load_model

model = load_model("toy_lstm")

def predicted(body):
    samples, rate = soundfile.read(io.BytesIO(body), dtype="float32")
    return model.predict(samples, rate).to_dict()

async def predict(request):
    return JSONResponse(await run_in_threadpool(predicted, await request.body()))

app = Starlette(routes=[Route("/predict", predict, methods=["POST"])])
uvicorn.run(app, port=int(sys.argv[1]), log_level="error")
"""


def free_port() -> int:
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return own.getsockname()[1]


def started(words: list[str], port: int, body: bytes) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if requests.post(f"http://127.0.0.1:{port}/predict", data=body, timeout=60).ok:
                return process
        except requests.RequestException:
            time.sleep(0.1)
    raise SystemExit("a server does not answer")


def run(port: int, bodies: list[bytes], clients: int) -> tuple[float, list[float]]:
    """Return wall seconds of all requests, and those of each."""
    seconds: list[float] = []

    def client(_: int) -> None:
        session = requests.Session()
        for body in bodies:
            begun = time.perf_counter()
            answer = session.post(f"http://127.0.0.1:{port}/predict", data=body, timeout=300)
            seconds.append(time.perf_counter() - begun)
            answer.raise_for_status()

    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, range(clients)))
    return time.perf_counter() - begun, seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--files", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ASC_HOME"] = f"{folder}/home"
        toy.make(Path(folder) / "toy", recordings=60, seconds=5.0)
        small = ["training.epochs=1"]
        workflow.train(recipe.load("toy_lstm", small), data=Path(folder) / "toy", folds=[1, 2])
        paths = sorted(Path(folder).glob("toy/**/*.wav"))[: arguments.files]
        bodies = [path.read_bytes() for path in paths]
        ports = {"asc serve": free_port(), "bare": free_port()}
        serve = ["-m", "asc_cli", "serve", "--port", str(ports["asc serve"])]
        words = {"asc serve": serve, "bare": ["-c", BARE, str(ports["bare"])]}
        rows: dict[str, list[tuple[float, list[float]]]] = {name: [] for name in words}
        for _ in range(arguments.pairs):
            for name, own in words.items():
                process = started([sys.executable, *own], ports[name], bodies[0])
                try:
                    run(ports[name], bodies[:2], 4)
                    rows[name].append(run(ports[name], bodies, arguments.clients))
                finally:
                    process.terminate()
                    process.wait(60)
        for name, runs in rows.items():
            cuts = statistics.quantiles([s for _, seconds in runs for s in seconds], n=100)
            wall = statistics.median(wall for wall, _ in runs)
            print(
                f"{name:10}: {wall:6.2f} s for {arguments.clients} clients x {len(bodies)} files "
                f"of 5 s, p50 {1000 * cuts[49]:.0f} ms, p99 {1000 * cuts[98]:.0f} ms"
            )
        pairs = zip(rows["asc serve"], rows["bare"], strict=True)
        ratio = statistics.median(own[0] / bare[0] for own, bare in pairs)
        print(json.dumps({"ratio": round(ratio, 3), "load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main()
