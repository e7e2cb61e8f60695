"""A server of asc serve in a process of its own, for tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.conftest import ROOT, command


@dataclass
class Server:
    """A server that answers.

    Attributes:
        url: Its address, with a slash at its end.
        token: What requests must carry, or "".
        process: The process.
        temporary: Its folder for temporary files.
    """

    url: str
    token: str
    process: subprocess.Popen[str]
    temporary: Path

    def post(self, path: str, **options: Any) -> requests.Response:
        return requests.post(self.url + path, timeout=60, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=60, **options)

    @property
    def port(self) -> int:
        return int(self.url.rstrip("/").rpartition(":")[2])

    def workers(self) -> list[int]:
        """Return the numbers of the processes that predict."""
        own = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        children = [int(word) for word in Path(own).read_text().split()]
        return [
            child
            for child in children
            if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()
        ]

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


@contextmanager
def serving(home: Path, *options: object, **environment: str) -> Iterator[Server]:
    """Start `asc serve` with the models of a home; end it."""
    with tempfile.TemporaryDirectory() as temporary:
        process = subprocess.Popen(
            command("serve", "--port", 0, "--json", *options),
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "ASC_HOME": str(home), "TMPDIR": temporary, **environment},
        )
        try:
            assert process.stdout is not None
            row = json.loads(process.stdout.readline())
            server = Server(row["url"], row["token"], process, Path(temporary))
            deadline = time.monotonic() + 60
            while server.get("health").status_code != 200:
                assert time.monotonic() < deadline and process.poll() is None
                time.sleep(0.05)
            yield server
        finally:
            process.terminate()
            process.wait(40)
            assert process.stdout is not None
            process.stdout.close()
