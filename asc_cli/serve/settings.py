"""Where `asc serve` listens, what it serves, and its limits."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class Settings:
    """Addresses and limits of a server.

    Attributes:
        host: The address that it listens on.
        port: The port; 0: one that is free.
        models: The models that it serves, NAME@VERSION; the first answers unless another is named.
        token: What requests must carry; "" where none is needed.
        names: The host names that requests may be addressed to; none: any, where there is a token.
        most_bytes: Of a recording.
        longest_s: Length of a recording, seconds.
        most_requests: Answered or waiting at once.
        most_streams: Of live sound at once.
        workers: Processes that predict.
        most_memory: Bytes that each of them may take.
        answer_s: Seconds after which an answer is given up.
        upload_s: Seconds in which a recording must have arrived.
        silent_s: Seconds without a byte after which a connection is closed.
    """

    host: str
    port: int
    models: tuple[str, ...]
    token: str
    names: tuple[str, ...]
    most_bytes: int
    longest_s: float
    most_requests: int
    most_streams: int
    workers: int
    most_memory: int
    answer_s: float = 300.0
    upload_s: float = 120.0
    silent_s: float = 15.0


def is_loopback(host: str) -> bool:
    """Return whether an address is of this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
