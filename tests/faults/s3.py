"""An S3 server on 127.0.0.1 (moto), and a proxy in front of it that is slow and fails.

The faults of a proxy are drawn from a seed. A request for one object fails at most twice in a row,
so that whoever tries three times succeeds.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

BUCKET = "bucket"
REGION = "us-east-1"
KEYS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}
FAULTS = ("500", "503", "reset", "cut", "lost")  # lost: done, but the answer does not arrive
SAME_HOP = {"connection", "transfer-encoding", "content-length", "expect"}


class Server:
    """moto's server, with a bucket."""

    def __init__(self) -> None:
        moto = pytest.importorskip("moto.server")
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._moto = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._moto.start()
        self.port: int = self._moto.get_host_and_port()[1]
        import boto3

        self.client: Any = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
        self.client.create_bucket(Bucket=BUCKET)

    def keys(self, prefix: str = "") -> list[str]:
        answer = self.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [row["Key"] for row in answer.get("Contents", ())]

    def get(self, key: str) -> bytes:
        return self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def flip(self, key: str, position: int) -> None:
        contents = bytearray(self.get(key))
        contents[position] ^= 1
        self.client.put_object(Bucket=BUCKET, Key=key, Body=bytes(contents))

    def stop(self) -> None:
        self._moto.stop()


class Proxy:
    """What commands talk to.

    Attributes:
        done: (method, path) of each request that was passed on.
        stop_after: Requests after which no more is answered; None: no end.
        n_most: How many requests were in work at once, at most.
    """

    def __init__(
        self, port: int, latency_s: float = 0.0, share: float = 0.0, seed: int = 0
    ) -> None:
        self.port_behind, self.latency_s, self.share = port, latency_s, share
        self.random, self.lock = random.Random(seed), threading.Lock()
        self.in_a_row: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.done: list[tuple[str, str]] = []
        self.stop_after: int | None = None
        self.mode = ""  # "hang", "403": of every request; "hang PUT": of those that put
        self.n_now = self.n_most = 0
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def fault(self, target: str) -> str:
        """Draw what happens to a request."""
        with self.lock:
            mode, _, method = self.mode.partition(" ")
            if mode and target.startswith(method):
                self.faults[mode] += 1
                return mode
            if self.stop_after is not None and len(self.done) >= self.stop_after:
                return "reset"
            fails = self.in_a_row[target] < 2 and self.random.random() < self.share
            self.in_a_row[target] = self.in_a_row[target] + 1 if fails else 0
            name = self.random.choice(FAULTS) if fails else ""
            self.faults.update([name] if name else [])
            return name

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: Proxy

    def do_GET(self) -> None:
        with self._counted():
            self._answer()

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        owner = self.owner
        with owner.lock:
            owner.n_now += 1
            owner.n_most = max(owner.n_most, owner.n_now)
        try:
            yield
        finally:
            with owner.lock:
                owner.n_now -= 1

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(self.owner.latency_s)
        fault = self.owner.fault(f"{self.command} {self.path}")
        if fault == "hang":
            time.sleep(120)
        if fault in ("500", "503", "403"):
            code = {"500": "InternalError", "503": "SlowDown", "403": "AccessDenied"}[fault]
            text = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
            self._send(int(fault), {}, text)
            return
        if fault == "reset":
            self._reset()
            return
        status, headers, contents = self._passed_on(body)
        with self.owner.lock:
            self.owner.done.append((self.command, self.path))
        if fault == "lost":
            self._reset()
        elif fault == "cut":
            self._send(status, headers, contents, len(contents) // 2)
            self._reset()
        else:
            self._send(status, headers, contents)

    def _passed_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.owner.port_behind, timeout=30)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in SAME_HOP}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        contents = answer.read()
        kept = {k: v for k, v in answer.getheaders() if k.lower() not in SAME_HOP}
        if self.command == "HEAD":
            kept["Content-Length"] = answer.getheader("Content-Length") or "0"
        connection.close()
        return answer.status, kept, contents

    def _send(
        self, status: int, headers: dict[str, str], contents: bytes, n: int | None = None
    ) -> None:
        self.send_response(status)
        if self.command != "HEAD":
            headers["Content-Length"] = str(len(contents))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(contents[:n])
            self.wfile.flush()

    def _reset(self) -> None:
        """End the connection as a crash does."""
        now = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
        self.close_connection = True
        self.rfile.close()
        self.connection.close()

    def handle_one_request(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # the other side has ended
            super().handle_one_request()
            return
        self.close_connection = True

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def log_message(self, *_: Any) -> None:
        pass
