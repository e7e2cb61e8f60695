"""Check by the sizes in a file's header, without decoding, that it is complete."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from asc_cli.core.errors import FileFault

RETRY_HINT = "download it again, or rewrite the rest, as with ffmpeg -i"
HEADER_SLACK_BYTES = 4096  # tolerance for sizes in headers
UNKNOWN_SIZE_FROM_BYTES = 0x7FFFF000  # larger sizes were written before the size was known
OGG_PAGE_BYTES = 65_307  # at most


def require_complete(path: Path, file: Any, head: bytes) -> None:
    """Raise FileFault if a file is shorter than its header declares.

    libsndfile reads such files without an error. Sizes of 0 or about 2 or 4 GiB are ignored:
    programs that write a stream do not know its size.
    """
    size = file.seek(0, os.SEEK_END)
    if head.startswith(b"OggS"):
        file.seek(max(0, size - OGG_PAGE_BYTES))
        if not _ends_with_a_last_page(file.read()):
            raise FileFault(path, f"is cut short: its last page is missing; {RETRY_HINT}")
    declared = _declared_bytes(head)
    if (
        size + HEADER_SLACK_BYTES < declared
        and not UNKNOWN_SIZE_FROM_BYTES <= declared < 2**32 + HEADER_SLACK_BYTES
    ):
        raise cut_short(path, size, declared, "bytes")


def _declared_bytes(head: bytes) -> int:
    """Return the size that a wav, avi, aiff, au or w64 declares; 0 for others."""
    if head[:4] == b"RIFF" and head[8:12] in (b"WAVE", b"AVI "):
        return 8 + int.from_bytes(head[4:8], "little")
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return 8 + int.from_bytes(head[4:8], "big")
    if head[:4] == b".snd":
        return int.from_bytes(head[4:8], "big") + int.from_bytes(head[8:12], "big")
    return int.from_bytes(head[16:24], "little") if head[:4] == b"riff" else 0


def _ends_with_a_last_page(tail: bytes) -> bool:
    """Return whether an ogg's last page is marked as last, and complete."""
    page = tail[max(0, tail.rfind(b"OggS")) :]
    n_segments = page[26] if len(page) > 26 else 0
    end = 27 + n_segments + sum(page[27 : 27 + n_segments])
    return len(page) >= end and bool(page[5] & 4)


def cut_short(path: Path, actual: float, declared: float, unit: str) -> FileFault:
    """Return the fault of a file that is shorter than its header declares."""
    reason = (
        f"is cut short: {actual:.10g} of the {declared:.10g} {unit} that its header declares "
        f"are present; {RETRY_HINT}"
    )
    return FileFault(path, reason)
