"""Who may ask: the host that is addressed, the page that asks, the token, how many at once.

Any web page can send requests to 127.0.0.1, and a name that an attacker owns can be made to lead
there (DNS rebinding). So the host that a request names is checked, and the origin of the page that
sends it: https://owasp.org/www-community/attacks/csrf, https://fetch.spec.whatwg.org/#origin-header
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import JSONResponse

from asc_cli.serve.settings import Settings

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
OPEN_PATHS = ("/", "/health")  # without a token: they tell nothing of recordings or models
STATIC = "/page/"
HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        b"media-src blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


class Guard:
    """Lets through the requests that are allowed; the others get a sentence."""

    def __init__(self, app: Any, settings: Settings):
        self.app, self.settings = app, settings
        self.n_requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if (refusal := self._refusal(scope, headers)) is not None:
            await _refuse(scope, receive, _with_headers(send), *refusal)
            return
        is_counted = scope["type"] == "http" and scope["method"] == "POST"
        if is_counted and self.n_requests >= self.settings.most_requests:
            text = (
                f"busy: {self.n_requests} requests are being answered, and the limit is "
                f"{self.settings.most_requests} (--max-requests); ask again in a few seconds"
            )
            await _refuse(scope, receive, _with_headers(send), 503, text)
            return
        self.n_requests += is_counted
        try:
            await self.app(scope, receive, _with_headers(send))
        finally:
            self.n_requests -= is_counted

    def _refusal(self, scope: Scope, headers: dict[bytes, str]) -> tuple[int, str] | None:
        """Return status and sentence of a request that is not let through."""
        host = headers.get(b"host", "")
        if self.settings.names and name_of(host) not in self.settings.names:
            allowed = ", ".join(self.settings.names)
            return 421, f"the host {host[:100]!r} is not one of this server: {allowed} (--name)"
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return 403, f"a page of {origin[:100]!r} asked; only the page of this server may"
        site = headers.get(b"sec-fetch-site", "none")
        is_visit = headers.get(b"sec-fetch-mode") == "navigate" and scope.get("method") == "GET"
        if site not in ("none", "same-origin") and not is_visit:
            return 403, "a page from elsewhere asked; only the page of this server may"
        path = scope["path"]
        if not self.settings.token or path in OPEN_PATHS or path.startswith(STATIC):
            return None
        if scope["type"] == "websocket":  # browsers cannot add a header: the first message has it
            return None
        if not is_token(headers.get(b"authorization", "").removeprefix("Bearer "), self.settings):
            return 401, "a token is needed: the header Authorization: Bearer TOKEN"
        return None


def is_token(text: str, settings: Settings) -> bool:
    """Return whether a text is the server's token; in a time that tells nothing of it."""
    sent = text.encode(errors="replace")  # JSON can hold half a surrogate pair
    return hmac.compare_digest(sent, settings.token.encode())


def name_of(host: str) -> str:
    """Return the name in a Host header, without the port: "[::1]:8000" → "[::1]"."""
    host = host.lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, text: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": text[:120]})
        return
    headers = {"www-authenticate": "Bearer"} if status == 401 else {"connection": "close"}
    if status == 503:
        headers["retry-after"] = "2"
    await JSONResponse({"error": text}, status, headers)(scope, receive, send)


def _with_headers(send: Send) -> Send:
    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in HEADERS}
            others = [row for row in message["headers"] if row[0] not in own]
            message = {**message, "headers": [*others, *HEADERS]}
        await send(message)

    return sent
