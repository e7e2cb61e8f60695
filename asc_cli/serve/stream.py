"""Live sound over a WebSocket: samples in, the scene of the last seconds out.

The client's first message is text, JSON: {"rate": 48000, "encoding": "f32le", "channels": 1}, and
where they are wanted "window", "every" (seconds), "threshold", "unknown", "model" and "token".
Then samples as binary messages; the text "end" ends the sound. The server sends what
`asc listen --json` prints, and {"error": sentence} before it closes for a reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect

from asc_cli import workflow
from asc_cli.core.errors import AscError, resource_fault
from asc_cli.serve.guard import is_token
from asc_cli.serve.settings import Settings
from asc_cli.serve.upload import TRUE, Pcm, Refused, number, pcm_of

BEHIND_S = 10.0  # of sound that may wait; a client that sends more is faster than real time
FIRST_SECONDS = 10.0  # within which the first message must come
POLICY, TOO_MUCH = 1008, 1013  # codes of RFC 6455 and its registry


class Streams:
    """The streams of live sound, at most so many at once."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.n_streams = 0

    async def answer(self, socket: WebSocket) -> None:
        """Serve one stream until it ends."""
        await socket.accept()
        if self.n_streams >= self.settings.most_streams:
            text = f"{self.n_streams} streams of live sound are the limit (--max-streams)"
            await _end(socket, text, TOO_MUCH)
            return
        self.n_streams += 1
        try:
            await self._serve(socket)
        except AscError as fault:
            await _end(socket, str(fault), POLICY)
        except WebSocketDisconnect:
            pass  # the client has gone; there is nobody to tell
        finally:
            self.n_streams -= 1

    async def _serve(self, socket: WebSocket) -> None:
        query = await _first(socket)
        if self.settings.token and not is_token(query.get("token", ""), self.settings):
            raise Refused(401, "a token is needed: token in the first message")
        pcm = pcm_of(query)
        if pcm is None:
            raise Refused(400, 'the first message names no rate; as in {"rate": 48000}')
        model = query.get("model") or self.settings.models[0]
        if model not in self.settings.models:
            raise Refused(404, f"model {model[:100]!r} is not served")
        sound: queue.Queue[bytes | None] = queue.Queue(maxsize=1000)
        outcomes: asyncio.Queue[Any] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def answered(outcome: Any) -> None:
            loop.call_soon_threadsafe(outcomes.put_nowait, outcome)

        working = loop.run_in_executor(
            None, _classify, _blocks(sound, pcm), pcm.rate, model, query, answered
        )
        sending = asyncio.ensure_future(_send(socket, outcomes))
        reading = asyncio.ensure_future(_read(socket, sound, pcm))
        try:
            await asyncio.wait({sending, reading}, return_when=asyncio.FIRST_EXCEPTION)
            if reading.done():
                reading.result()
            await sending
        finally:
            for task in (sending, reading):
                task.cancel()
            with contextlib.suppress(queue.Empty):
                while True:
                    sound.get_nowait()
            sound.put_nowait(None)
            await working


def _classify(
    blocks: Iterator[np.ndarray],
    rate: int,
    model: str,
    query: Mapping[str, str],
    answered: Callable[[Any], None],
) -> None:
    """Classify live sound in a thread: each prediction, and None at the end, are answered; or what
    was raised, which `_send` raises again."""
    try:
        for prediction in workflow.listen(
            blocks,
            rate,
            model=model,
            window_s=float(number(query, "window", 10)),
            every_s=float(number(query, "every", 1)),
            threshold=float(number(query, "threshold", 0)),
            unknown=query.get("unknown", "") in TRUE,
        ):
            answered(prediction.to_dict())
        answered(None)
    except Exception as fault:
        text = resource_fault(fault)
        answered(fault if text is None else AscError(text))


async def _first(socket: WebSocket) -> dict[str, str]:
    """Return the first message, values as text. Raises Refused where it is anything else."""
    try:
        text = await asyncio.wait_for(socket.receive_text(), FIRST_SECONDS)
        value = json.loads(text)
    except (TimeoutError, asyncio.TimeoutError):
        raise Refused(408, f"no first message came within {FIRST_SECONDS:.0f} s") from None
    except (KeyError, ValueError, RecursionError) as fault:
        raise Refused(400, f"the first message is no JSON text ({fault})") from fault
    if not isinstance(value, dict):
        raise Refused(400, "the first message is no JSON object")
    values = {key: each for key, each in value.items() if each is not None}
    if any(isinstance(each, (dict, list)) for each in values.values()):
        raise Refused(400, "the first message has values that are no text, number, true or false")
    return {key: str(int(v) if isinstance(v, bool) else v) for key, v in values.items()}


async def _read(socket: WebSocket, sound: queue.Queue[bytes | None], pcm: Pcm) -> None:
    """Put the client's samples into the queue until it says "end" or goes."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        if message.get("text") is not None:
            if message["text"] != "end":
                raise Refused(400, "a text message that is not end; samples are binary")
            sound.put_nowait(None)
            return
        waiting = sum(len(part) for part in list(sound.queue) if part)
        if waiting > BEHIND_S * pcm.bytes_a_second or sound.full():
            raise Refused(
                429, f"more than {BEHIND_S:.0f} s of sound wait; send it no faster than it sounds"
            )
        sound.put_nowait(message["bytes"])


async def _send(socket: WebSocket, outcomes: asyncio.Queue[Any]) -> None:
    """Send predictions until the sound ends; raise what the prediction raised."""
    while (outcome := await outcomes.get()) is not None:
        if isinstance(outcome, Exception):
            raise outcome
        await socket.send_json(outcome)
    await socket.close()


async def _end(socket: WebSocket, text: str, code: int) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # the client may have gone
        await socket.send_json({"error": text})
        await socket.close(code, text[:120])


def _blocks(sound: queue.Queue[bytes | None], pcm: Pcm) -> Iterator[np.ndarray]:
    """Yield samples (n, channels), from −1 to 1, until the sound ends; whole frames alone."""
    kind, scale = ("<i2", 32768.0) if pcm.encoding == "s16le" else ("<f4", 1.0)
    frame = pcm.channels * np.dtype(kind).itemsize
    rest = b""
    while (part := sound.get()) is not None:
        data = rest + part
        n_bytes = len(data) // frame * frame
        rest = data[n_bytes:]
        if n_bytes:
            samples = np.frombuffer(data[:n_bytes], kind).astype(np.float32) / np.float32(scale)
            if not np.isfinite(samples).all():
                raise AscError("the sound holds NaN or Inf")
            yield samples.reshape(-1, pcm.channels)
