"""A request's body → a file in the server's own folder, with a name of ours.

The client's name for it is shown and never becomes a path; of its ending, one that asc reads is
taken over, because FFmpeg's containers are told by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import struct
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

from asc_cli.core.errors import AscError
from asc_cli.serve.settings import Settings

SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64", ".m4a"),
    *(".mp4", ".mov", ".aac", ".wma", ".webm", ".mkv", ".amr", ".3gp", ".avi", ".ts"),
)
MOST_CHANNELS = 8
PCM = {"s16le": (1, 2), "f32le": (3, 4)}  # encoding → number of WAV's format, bytes a sample
FORM = "multipart/form-data"
LONGEST_NAME = 300
TRUE = ("1", "true")  # in a query
FORM_BYTES = 10_000  # of a form beside its file


class Refused(AscError):
    """A request that is not answered, with its HTTP status."""

    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Pcm:
    """What samples without a header are.

    Attributes:
        rate: Samples per second, Hz.
        channels: How many, interleaved.
        encoding: s16le or f32le.
    """

    rate: int
    channels: int
    encoding: str

    @property
    def bytes_a_second(self) -> int:
        """Bytes of a second of all channels."""
        return self.rate * self.channels * PCM[self.encoding][1]

    def header(self, n_bytes: int) -> bytes:
        """Return the header of a WAV file that holds so many bytes of samples (RIFF, 44 bytes)."""
        kind, width = PCM[self.encoding]
        block = self.channels * width
        form = struct.pack(
            "<HHIIHH", kind, self.channels, self.rate, self.rate * block, block, 8 * width
        )
        return (
            b"".join(
                (b"RIFF", struct.pack("<I", 36 + n_bytes), b"WAVEfmt ", struct.pack("<I", 16), form)
            )
            + b"data"
            + struct.pack("<I", n_bytes)
        )


def pcm_of(query: Mapping[str, str]) -> Pcm | None:
    """Return what the query says of raw samples; None where it names no rate."""
    if "rate" not in query:
        return None
    rate, channels = number(query, "rate", 0), number(query, "channels", 1)
    encoding = query.get("encoding", "s16le")
    if encoding not in PCM:
        raise Refused(400, f"encoding {encoding[:50]!r}: {' or '.join(PCM)} was expected")
    if not 1 <= rate <= 768_000 or not 1 <= channels <= MOST_CHANNELS:
        raise Refused(
            400, f"rate {rate} Hz, {channels} channels: at most 768000 Hz and {MOST_CHANNELS}"
        )
    return Pcm(int(rate), int(channels), encoding)


def number(query: Mapping[str, str], name: str, default: float) -> float:
    """Return a number of the query. Raises Refused for a text that is none."""
    text = query.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        raise Refused(400, f"{name} {text[:50]!r}: a number was expected") from None
    if not abs(value) < 1e12:  # NaN too
        raise Refused(400, f"{name} {text[:50]!r}: a number was expected")
    return int(value) if value == int(value) else value


@contextlib.asynccontextmanager
async def received(
    request: Request, folder: Path, settings: Settings
) -> AsyncIterator[tuple[Path, str]]:
    """Yield the file of a request's recording, and the client's name for it; then remove the file.

    Raises:
        Refused: It is too large, too slow or no recording.
    """
    stem = folder / uuid.uuid4().hex  # of this request alone
    files: list[Path] = []
    try:
        arriving = _received(request, stem, files, settings)
        try:
            path, name = await asyncio.wait_for(arriving, settings.upload_s)
        except (TimeoutError, asyncio.TimeoutError):
            text = f"the recording did not arrive in {settings.upload_s:.0f} s"
            raise Refused(408, text) from None
        yield path, name[:LONGEST_NAME] or "recording"
    finally:
        for file in files:
            file.unlink(missing_ok=True)


async def _received(
    request: Request, stem: Path, files: list[Path], settings: Settings
) -> tuple[Path, str]:
    """Write the recording of a request into a file; return it and the client's name.

    files: Gets what is written, before it is.
    """
    pcm = pcm_of(request.query_params)
    if pcm is None and request.headers.get("content-type", "").startswith(FORM):
        return await _from_form(request, stem, files, settings)
    name = request.query_params.get("name", "")
    path = stem.with_suffix(suffix_of(name) if pcm is None else ".wav")
    files.append(path)
    most = settings.most_bytes
    if pcm is not None:
        most = min(most, int(settings.longest_s * pcm.bytes_a_second))
    n_bytes = 0
    with path.open("wb") as file:
        file.write(b"" if pcm is None else pcm.header(0))
        async for part in _limited(request.stream(), most):
            n_bytes += len(part)
            file.write(part)
        if pcm is not None:
            file.seek(0)
            file.write(pcm.header(n_bytes))
    if n_bytes == 0:
        raise Refused(400, "the request has no recording in its body")
    return path, name


async def _limited(parts: AsyncIterator[bytes], most: int) -> AsyncGenerator[bytes, None]:
    """Yield the parts of a body. Raises Refused once they are more bytes than are allowed."""
    n_bytes = 0
    async for part in parts:
        n_bytes += len(part)
        if n_bytes > most:
            text = f"the recording is larger than {most / 1e6:.1f} MB, the limit of this server"
            raise Refused(413, f"{text} (--max-mb, --max-minutes)")
        yield part


async def _from_form(
    request: Request, stem: Path, files: list[Path], settings: Settings
) -> tuple[Path, str]:
    """Write the one file of a form, as `curl -F file=@clip.wav` sends it."""
    from python_multipart.exceptions import MultipartParseError
    from starlette.formparsers import MultiPartException, MultiPartParser

    parts = _limited(request.stream(), settings.most_bytes + FORM_BYTES)
    parser = MultiPartParser(request.headers, parts, max_files=1, max_fields=8)
    try:
        form = await parser.parse()
    except (MultiPartException, MultipartParseError, KeyError, ValueError) as fault:
        raise Refused(400, f"the form cannot be read ({fault})") from fault
    try:
        file = next((each for _, each in form.multi_items() if not isinstance(each, str)), None)
        if file is None:
            raise Refused(400, "the form has no file; as in curl -F file=@clip.wav")
        name = file.filename or ""
        path = stem.with_suffix(suffix_of(name))
        files.append(path)
        with path.open("wb") as out:
            shutil.copyfileobj(file.file, out)
    finally:
        await form.close()
    if path.stat().st_size == 0:
        raise Refused(400, f"{name[:LONGEST_NAME] or 'the file'}: is empty (0 bytes)")
    return path, name


def suffix_of(name: str) -> str:
    """Return the ending of a name if it is one of recordings; else "". No part of the name itself
    is returned."""
    return next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")
