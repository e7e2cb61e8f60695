"""What a server answers when its own machine fails, or a token is no text."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the extra serve is not installed")

from asc_cli.serve.app import application
from asc_cli.serve.guard import is_token
from asc_cli.serve.settings import Settings

SETTINGS = Settings("127.0.0.1", 0, ("a@1",), "a" * 16, (), 1000, 60.0, 4, 1, 1, 10**9)


def test_a_missing_folder_of_recordings_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    sent: list[Any] = []
    headers = [(b"host", b"localhost"), (b"authorization", b"Bearer " + b"a" * 16)]
    scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b""}
    scope |= {"headers": headers, "root_path": "", "http_version": "1.1"}  # type: ignore[dict-item]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"sound"}

    async def send(message: Any) -> None:
        sent.append(message)

    app = application(SETTINGS, tmp_path / "removed", None)  # type: ignore[arg-type]
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 500
    assert b"cannot store or read the recording (No such file" in sent[1]["body"]
    assert str(tmp_path).encode() not in sent[1]["body"]
    assert "/predict: the server cannot store" in capsys.readouterr().err


def test_a_token_with_half_a_surrogate_pair_is_wrong() -> None:
    assert not is_token("\ud800", SETTINGS)
