"""asc serve: a page and an HTTP interface for registered models."""

from __future__ import annotations

import os
import secrets
from typing import Annotated, Any

import typer

from asc_cli.cli import _completion, _signals
from asc_cli.cli._options import Json
from asc_cli.core.errors import AscError
from asc_cli.core.terminal import note

TOKEN = "ASC_SERVE_TOKEN"
SHORTEST_TOKEN = 16


def command(
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help="NAME or NAME@VERSION to serve; repeatable, the first answers by default.",
            autocompletion=_completion.models,
            show_default="the default model",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: a free one.")] = 8000,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            help="A host name that requests may be addressed to; repeatable.",
            show_default="of this machine alone: localhost; else any",
        ),
    ] = None,
    max_mb: Annotated[float, typer.Option(min=0.001, help="Largest recording, MB.")] = 200.0,
    max_minutes: Annotated[float, typer.Option(min=0.01, help="Longest recording.")] = 120.0,
    max_requests: Annotated[
        int, typer.Option(min=1, help="Recordings received or answered at once.")
    ] = 64,
    max_memory_mb: Annotated[
        float, typer.Option(min=1, help="Memory of each process, MB; on Linux.")
    ] = 2000.0,
    max_streams: Annotated[int, typer.Option(min=0, help="Streams of live sound at once.")] = 4,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Processes; by default one per processor."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Serve models to browsers and to other programs.

    The page takes recordings that are dropped on it or recorded by a microphone, and shows their
    scenes over time; a key corrects a prediction, and the corrections become a CSV. Programs send
    recordings to POST /predict, as **curl -F file=@clip.wav http://127.0.0.1:8000/predict** does;
    GET /openapi.json describes all addresses. Nothing that is sent is kept.

    On an address of this machine alone, the page of this server alone may ask. On any other, each
    request needs a token, of the variable ASC_SERVE_TOKEN or a new one that is printed; and as what
    is sent can be read on the way, put a server with HTTPS in front, which browsers also want
    before they give a page the microphone. Ctrl-C or SIGTERM finishes what is under way.

    Example: **asc serve**

    Example: **asc serve --model rooms --model phones --port 8080**

    Example: **asc serve --host 0.0.0.0 --name scenes.example.org**

    """
    from asc_cli import report, workflow
    from asc_cli.core import installation, parallel
    from asc_cli.registry import models as registered
    from asc_cli.serve.settings import LOOPBACK_NAMES, Settings, is_loopback

    with installation.in_words("asc serve"):
        from asc_cli.serve import server
    wanted: list[str | None] = [*models] if models else [None]
    chosen = tuple(dict.fromkeys(registered.find(name).id for name in wanted))
    for name in chosen:
        if workflow.takes_shards(name):
            raise AscError(f"serve: {name} labels videos; a model of scenes was expected")
    token = os.environ.get(TOKEN, "")
    if 0 < len(token) < SHORTEST_TOKEN:
        raise AscError(f"serve: {TOKEN} has fewer than {SHORTEST_TOKEN} characters; a longer one")
    if not token and not is_loopback(host):
        token = secrets.token_urlsafe(24)
    allowed = tuple(name.lower() for name in names or ([] if token else LOOPBACK_NAMES))
    settings = Settings(
        host,
        port,
        chosen,
        token,
        allowed,
        round(1e6 * max_mb),
        60 * max_minutes,
        max_requests,
        max_streams,
        parallel.workers(jobs),
        round(1e6 * max_memory_mb),
    )
    listening = server.bound(settings)
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listening.getsockname()[1]}/"
    row: dict[str, Any] = {"url": url, "models": list(chosen), "token": token}

    def ready() -> None:
        if as_json:
            report.show(row, str, True)
            return
        note(f"asc: {', '.join(chosen)} at {url}{'#' + token if token else ''}")
        if token:
            note("asc: for programs: the header Authorization: Bearer, and what is behind the #")

    try:
        server.serve(settings, listening, ready)
    except KeyboardInterrupt as stop:  # its usual end, and nothing resumes
        note("asc: stopped")
        raise typer.Exit(_signals.exit_code(stop)) from None
