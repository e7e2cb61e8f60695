"""Connections, start and end of `asc serve`."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from asc_cli.core import parallel
from asc_cli.core.errors import AscError
from asc_cli.serve.app import application
from asc_cli.serve.settings import Settings
from asc_cli.serve.workers import Workers

END_SECONDS = 30  # for what is under way when the server is asked to end
MOST_MESSAGE = 1 << 20  # bytes of a WebSocket message
FILES_OF_SERVER = 64  # open files that are no connections
REFUSED_SECONDS = 1  # that a connection beyond the limit has to read why
TOO_MANY = b"asc serve: too many connections; try again in a moment\n"
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 1\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(TOO_MANY), TOO_MANY)
)


def bound(settings: Settings) -> socket.socket:
    """Return a socket that listens. Raises AscError where the address cannot be used."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(128)
    except (OSError, OverflowError) as fault:
        listening.close()
        reason = getattr(fault, "strerror", None) or str(fault)
        text = f"serve: {settings.host} port {settings.port} cannot be used ({reason})"
        raise AscError(f"{text}; another port: --port 0 takes a free one") from fault
    return listening


def serve(settings: Settings, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Answer requests until the process is asked to end; then finish those under way.

    Args:
        settings: What is served, and the limits.
        listening: As `bound` returns it; is closed.
        ready: Called when requests are answered.
    """
    with (
        listening,
        parallel.one_thread(),  # for live sound, in threads of this process
        tempfile.TemporaryDirectory(prefix="asc-serve-") as folder,
    ):
        asyncio.run(_serve(settings, listening, Path(folder), ready))


async def _serve(
    settings: Settings, listening: socket.socket, folder: Path, ready: Callable[[], None]
) -> None:
    workers = Workers(settings.workers, settings.answer_s, settings.most_memory)
    try:
        app = application(settings, folder, workers)
        config = uvicorn.Config(
            app,
            http=_protocol(settings),
            ws="websockets-sansio",
            ws_max_size=MOST_MESSAGE,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=int(settings.silent_s),
            timeout_graceful_shutdown=END_SECONDS,
            h11_max_incomplete_event_size=16 << 10,
        )
        server = uvicorn.Server(config)
        serving = asyncio.ensure_future(server.serve(sockets=[listening]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        ready()
        loading = asyncio.ensure_future(app.state.service.load())
        await asyncio.wait({serving, loading}, return_when=asyncio.FIRST_COMPLETED)
        fault = loading.exception() if loading.done() else None
        server.should_exit = server.should_exit or fault is not None
        await serving
        loading.cancel()
        if fault is not None:
            raise fault
    finally:
        workers.end()


def _protocol(settings: Settings) -> type[H11Protocol]:
    """Return HTTP/1.1 whose connections are closed when no request comes, and are not too many."""
    most = 4 * settings.most_requests
    if (files := _most_files()) is not None:
        most = max(8, min(most, (files - FILES_OF_SERVER) // 2))

    class Protocol(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > most:
                self._refuse(transport)
                return
            self._watched = (False, 0)
            self._watch()

        def _refuse(self, transport: Any) -> None:
            """Say so, and close once that can have been read; of far too many, close at once."""
            if len(self.connections) > 2 * most:
                transport.abort()
                return
            self.data_received = lambda data: None  # type: ignore[method-assign]
            transport.write(REFUSAL)
            transport.write_eof()
            self.loop.call_later(REFUSED_SECONDS, transport.abort)

        def _watch(self) -> None:
            """Close the connection if it had no request for the whole of an interval."""
            idle = self.cycle is None or self.cycle.response_complete
            if self.transport.is_closing():
                return
            if idle and self._watched == (True, id(self.cycle)):
                self.transport.abort()
                return
            self._watched = (idle, id(self.cycle))
            self.loop.call_later(settings.silent_s, self._watch)

    return Protocol


def _most_files() -> int | None:
    """Return how many files this process may have open; None where that is not limited so."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return None
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
