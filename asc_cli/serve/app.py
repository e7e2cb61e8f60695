"""The routes of `asc serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from asc_cli import __version__
from asc_cli.core.terminal import note
from asc_cli.serve.guard import Guard
from asc_cli.serve.jobs import Job
from asc_cli.serve.openapi import DOCUMENT
from asc_cli.serve.settings import Settings
from asc_cli.serve.stream import Streams
from asc_cli.serve.upload import TRUE, Refused, number, received
from asc_cli.serve.workers import Workers

PAGE = Path(__file__).parent / "page"
BAD_RECORDING = 422


class Service:
    """The answers to requests.

    Attributes:
        models: What GET /models tells of each model; none until the workers have loaded them.
    """

    def __init__(self, settings: Settings, folder: Path, workers: Workers):
        self.settings, self.folder, self.workers = settings, folder, workers
        self.models: list[dict[str, Any]] = []

    async def load(self) -> None:
        """Load the models in the workers. Raises AscError where one cannot be loaded."""
        self.models = [await self.workers.load(model) for model in self.settings.models]

    async def health(self, request: Request) -> Response:
        """Whether it answers: 503 until the models are loaded."""
        ready = bool(self.models)
        row = {"status": "ok" if ready else "loading", "version": __version__}
        return JSONResponse(row, 200 if ready else 503)

    async def list_models(self, request: Request) -> Response:
        """The models that are served."""
        limits = {
            "most_bytes": self.settings.most_bytes,
            "longest_s": self.settings.longest_s,
            "needs_token": bool(self.settings.token),
        }
        return JSONResponse({"models": self.models, "limits": limits})

    async def predict(self, request: Request) -> Response:
        """The scene of a recording, as `asc predict --json`."""
        query = request.query_params
        timeline = number(query, "timeline", 0)
        return await self._answer(
            request,
            "predict",
            timeline_s=float(timeline) if timeline else None,
            threshold=float(number(query, "threshold", 0)),
            unknown=query.get("unknown", "") in TRUE,
        )

    async def explain(self, request: Request) -> Response:
        """What a model with attention attends to, frame by frame."""
        return await self._answer(request, "explain")

    async def _answer(self, request: Request, kind: str, **options: Any) -> Response:
        model = request.query_params.get("model") or self.settings.models[0]
        if model not in self.settings.models:
            served = ", ".join(self.settings.models)
            raise Refused(404, f"model {model[:100]!r} is not served; {served} are")
        async with received(request, self.folder, self.settings) as (path, name):
            job = Job(kind, model, path, name, self.settings.longest_s, **options)
            answer = await self.workers.answer(job)
        return JSONResponse(answer.row, BAD_RECORDING if answer.failed else 200)


def application(settings: Settings, folder: Path, workers: Workers) -> Starlette:
    """Return the server's application; its `state.service.load()` loads the models.

    Args:
        settings: What it serves, and its limits.
        folder: An empty folder of its own, for recordings while they are answered.
        workers: What predicts.
    """
    service, streams = Service(settings, folder, workers), Streams(settings)

    async def index(request: Request) -> Response:
        return FileResponse(PAGE / "index.html")

    async def openapi(request: Request) -> Response:
        return JSONResponse(DOCUMENT)

    app = Starlette(
        routes=[
            Route("/", index),
            Route("/health", service.health),
            Route("/models", service.list_models),
            Route("/predict", service.predict, methods=["POST"]),
            Route("/explain", service.explain, methods=["POST"]),
            Route("/openapi.json", openapi),
            WebSocketRoute("/listen", streams.answer),
            Mount("/page", StaticFiles(directory=PAGE)),
        ],
        middleware=[Middleware(Guard, settings=settings)],
        exception_handlers={
            Refused: _refused,
            HTTPException: _http_fault,
            ClientDisconnect: _gone,
            OSError: _no_room,
        },
    )
    app.state.service = service
    return app


async def _refused(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, Refused)
    close = {"connection": "close"}  # what is left of the body is not read
    return JSONResponse({"error": str(fault)}, fault.status, close)


async def _http_fault(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    texts = {404: "there is no such address; GET /openapi.json lists them"}
    texts[405] = f"{request.method} is not what this address takes; GET /openapi.json says what is"
    text = texts.get(fault.status_code, fault.detail)
    return JSONResponse({"error": text}, fault.status_code, fault.headers)


async def _gone(request: Request, fault: Exception) -> Response:
    return Response(status_code=400)  # nobody reads it


async def _no_room(request: Request, fault: Exception) -> Response:
    """A full or missing folder of temporary files, or too many open files."""
    assert isinstance(fault, OSError)
    text = (
        f"the server cannot store or read the recording ({fault.strerror or 'an error of files'})"
    )
    note(f"{request.url.path}: {text}")
    return JSONResponse({"error": text}, 500, {"connection": "close"})
