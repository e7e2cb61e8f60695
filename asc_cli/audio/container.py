"""What a file's own bytes say about its length, without decoding: is it all there?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from asc_cli.core.errors import FileFault

RETRY_HINT = "fetch it again, or write what is left anew, as with ffmpeg -i"
HEADER_SLACK_BYTES = 4096  # that sizes in headers may be off by
UNKNOWN_SIZE_FROM_BYTES = 0x7FFFF000  # from here on, written before the size was known
OGG_PAGE_BYTES = 65_307  # at most


def require_complete(path: Path, file: Any, head: bytes) -> None:
    """Raise FileFault where a file's own sizes say that it goes on beyond its end.

    libsndfile reads what is there, without a word. Sizes of 0 or about 2 or 4 GiB are those of
    a stream, whose writer could not know them.
    """
    there = file.seek(0, os.SEEK_END)
    if head.startswith(b"OggS"):
        file.seek(max(0, there - OGG_PAGE_BYTES))
        if not _ends_with_a_last_page(file.read()):
            raise FileFault(path, f"is cut short: its last page is not there; {RETRY_HINT}")
    promised = _declared_bytes(head)
    if (
        there + HEADER_SLACK_BYTES < promised
        and not UNKNOWN_SIZE_FROM_BYTES <= promised < 2**32 + HEADER_SLACK_BYTES
    ):
        raise cut_short(path, there, promised, "bytes")


def _declared_bytes(head: bytes) -> int:
    """How long a wav, aiff, au or w64 says that it is; 0 for others."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return 8 + int.from_bytes(head[4:8], "little")
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return 8 + int.from_bytes(head[4:8], "big")
    if head[:4] == b".snd":
        return int.from_bytes(head[4:8], "big") + int.from_bytes(head[8:12], "big")
    return int.from_bytes(head[16:24], "little") if head[:4] == b"riff" else 0


def _ends_with_a_last_page(tail: bytes) -> bool:
    """Whether an ogg's last page is marked as that, and all there."""
    page = tail[max(0, tail.rfind(b"OggS")) :]
    n_segments = page[26] if len(page) > 26 else 0
    end = 27 + n_segments + sum(page[27 : 27 + n_segments])
    return len(page) >= end and bool(page[5] & 4)


def cut_short(path: Path, there: float, promised: float, unit: str) -> FileFault:
    """The fault of a file that is shorter than its header says."""
    reason = (
        f"is cut short: {there:.10g} of the {promised:.10g} {unit} that its header promises are "
        f"there; {RETRY_HINT}"
    )
    return FileFault(path, reason)
