"""The sound of containers that libsndfile does not read, by FFmpeg: m4a, mp4, webm, wma, amr, …

PyAV (extra `media`) brings FFmpeg along. A sound is streamed, whatever length its header claims.
Only containers of DEMUXERS are opened: a playlist, which would open other files, is none of them.
"""

from __future__ import annotations

import functools
import itertools
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core import installation
from asc_cli.core.errors import FileFault
from asc_cli.core.limits import MAX_CHANNELS

FORMAT = "FFmpeg"
SUFFIXES = {
    *(".m4a", ".mp4", ".m4v", ".mov", ".3gp", ".3g2"),
    *(".aac", ".amr", ".wma", ".wmv", ".webm", ".mka", ".mkv"),
    *(".avi", ".flv", ".mpg", ".mpeg", ".ts", ".mts"),
}
DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,aac,amr,asf,matroska,webm,avi,flv,mpeg,mpegts"
OPTIONS = {"format_whitelist": DEMUXERS, "protocol_whitelist": "file"}
WITH_LENGTH = (
    "mov",
    "asf",
    "avi",
    "matroska",
    "flv",
)  # containers whose header has the length that was written
READS = "m4a, mp4, mov, aac, wma, webm, amr and the sound of videos"


@functools.cache
def version() -> str:
    """Return the version of FFmpeg's decoders, a part of what a recording is stored under; "" where
    the extra is not installed."""
    try:
        import av
    except ImportError:
        return ""
    return "libavcodec " + ".".join(map(str, av.library_versions["libavcodec"]))


def is_media(path: Path) -> bool:
    """Return whether FFmpeg reads files that are called so."""
    return path.suffix.lower() in SUFFIXES


class MediaSound:
    """A container's sound, with what `audio.decode` uses of soundfile.SoundFile."""

    format = FORMAT

    def __init__(self, path: Path, container: Any, stream: Any):
        self._path, self._container = path, container
        self._frames = self._decoded(stream)
        coder = stream.codec_context
        self.samplerate, self.channels = coder.sample_rate, coder.layout.nb_channels
        self.subtype = f"{container.format.name.partition(',')[0]} {coder.name}"
        seconds = container.duration / 1_000_000 if container.duration else 0.0
        if stream.duration:
            seconds = float(stream.duration * stream.time_base)
        # as the header says or guesses; a browser's recording says nothing
        self.frames = round(seconds * self.samplerate) or _counted(path)
        self.states_length = seconds > 0 and container.format.name.startswith(WITH_LENGTH)
        self._rest = np.zeros((0, self.channels), np.float32)
        self._position = 0

    def __enter__(self) -> MediaSound:
        return self

    def __exit__(self, *fault: object) -> None:
        self.close()

    def close(self) -> None:
        self._container.close()

    def seekable(self) -> bool:
        """Return False: a frame is reached by reading up to it, which lossy coders need."""
        return False

    def tell(self) -> int:
        return self._position

    def read(self, n: int, dtype: str = "float32", always_2d: bool = True) -> np.ndarray:
        """Return the next frames (n, channels); fewer at the end. Raises FileFault."""
        parts, length = [self._rest], len(self._rest)
        while length < n and (frame := self._next()) is not None:
            parts.append(frame)
            length += len(frame)
        joined = np.concatenate(parts)
        block, self._rest = joined[:n], joined[n:]
        self._position += len(block)
        return block

    def _next(self) -> np.ndarray | None:  # -> (n, channels)
        try:
            return next(self._frames, None)
        except (FileFault, MemoryError):
            raise
        except Exception as fault:  # PyAV has errors of several kinds for a damaged file
            raise FileFault(
                self._path, f"cannot be decoded past {self._seconds()} s ({_reason(fault)})"
            ) from fault

    def _seconds(self) -> str:
        return f"{(self._position + len(self._rest)) / self.samplerate:.2f}"

    def _decoded(self, stream: Any) -> Iterator[np.ndarray]:
        import av

        # samples side by side: PyAV reads beyond the planes of eight channels and more
        convert = av.AudioResampler(format="flt")
        for frame in itertools.chain(self._container.decode(stream), [None]):
            if frame is not None and not self._is_alike(frame):
                raise FileFault(
                    self._path, f"changes its rate or channels past {self._seconds()} s"
                )
            for converted in convert.resample(frame):
                yield converted.to_ndarray().reshape(-1, self.channels)

    def _is_alike(self, frame: Any) -> bool:
        """Return whether a decoded frame is of the stream's rate and channels."""
        own = frame.sample_rate, frame.layout.nb_channels
        return own == (self.samplerate, self.channels)


def open_media(path: Path) -> MediaSound:
    """Open the sound of a container. Raises FileFault with the reason."""
    try:
        import av
    except ImportError as fault:
        needed = installation.needs_extra(f"{path.suffix[1:]} files", "media", fault)
        converted = shlex.quote(path.with_suffix(".wav").name)
        raise FileFault(
            path, f"{needed}; or convert it: ffmpeg -i {shlex.quote(path.name)} {converted}"
        ) from fault
    av.logging.set_level(av.logging.PANIC)  # its messages go to stderr
    try:
        container = av.open(str(path), options=OPTIONS)
    except MemoryError:
        raise
    except Exception as fault:  # PyAV has errors of several kinds for what it does not know
        raise FileFault(
            path, f"is not audio that can be read ({_reason(fault)}); is it cut short?"
        ) from fault
    stream: Any = container.streams.best("audio")
    coder = getattr(stream, "codec_context", None)  # None of a coder that FFmpeg does not have
    if coder is None or not coder.sample_rate or not 0 < coder.layout.nb_channels <= MAX_CHANNELS:
        container.close()
        raise FileFault(path, "holds no sound that can be decoded")
    return MediaSound(path, container, stream)


def require_installed(example: Path, n_files: int) -> None:
    """Raise AscError, before any file is read, where the extra is not installed."""
    with installation.in_words(f"{example}, {n_files} recording(s) of its kind"):
        import av  # noqa: F401  (what is tried)


def _counted(path: Path) -> int:
    """Return how many frames a sound has, by decoding it."""
    import av

    n = 0
    with av.open(str(path), options=OPTIONS) as container:
        try:
            for frame in container.decode(container.streams.best("audio")):
                n += frame.samples
        except av.error.FFmpegError:
            return n  # reading it raises the reason
    return n


def _reason(fault: Exception) -> str:
    """Return FFmpeg's words, without the number and the path that PyAV adds."""
    text = str(getattr(fault, "strerror", None) or fault).strip()
    return text.partition(":")[0].partition("\n")[0][:200] or type(fault).__name__
