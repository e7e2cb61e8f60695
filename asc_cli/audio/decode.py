"""Decode audio files to mono float32 samples at a given rate.

libsndfile decodes (wav, flac, ogg, opus, mp3, aiff, au, caf, w64 …: any depth and number of
channels, rates within core/limits.py), and FFmpeg the containers of media.py; mono is the mean of
the channels; soxr resamples at its HQ setting. Files are read a block at a time: a day of audio
needs no more memory than a minute.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.audio import media
from asc_cli.audio.container import RETRY_HINT, cut_short, require_complete
from asc_cli.core.errors import FileFault
from asc_cli.core.limits import SAMPLE_RATES, is_sample_rate
from asc_cli.core.streams import libraries_silenced

DECODING = "libsndfile float32, mean of channels, soxr HQ"  # part of every feature's key
BLOCK_SECONDS = 20.0
MOST_SUMMED_CHANNELS = (
    7  # numpy's mean adds so few in their order too, to the same bits, but slowly
)
MAX_BLOCK_VALUES = 1 << 25  # of all channels: 128 MB, whatever rate and channels a header claims
SAMPLE_DUMP = b"\xf0\x7e"  # a MIDI sample dump: libsndfile prints on stdout what it makes of one
SHARD = ".tfrecord"  # not audio: input of models of videos
READS = "wav, flac, ogg, opus, mp3, aiff, au, caf and w64"
READS_WITH_MEDIA = f"{READS}, and with the extra `media` {media.READS}"
LENGTH_SLACK_SECONDS = 0.25  # tolerance for lengths in headers
SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64")


@dataclass(frozen=True)
class Info:
    """The header of an audio file."""

    sample_rate: int  # Hz
    channels: int
    samples: int  # per channel
    encoding: str  # such as "WAV PCM_24"

    @property
    def seconds(self) -> float:
        return self.samples / self.sample_rate


def inspect(path: Path) -> Info:
    """Read only the header. Raises FileFault if the file is unreadable or cut short."""
    with open_sound(path) as sound:
        require_end(sound, path)
        return _info(sound)


def read(path: Path, sample_rate: int) -> np.ndarray:  # -> (N,)
    """Read the whole recording: mono float32 at `sample_rate` Hz. Raises FileFault."""
    return np.concatenate(list(blocks(path, sample_rate)))


def blocks(path: Path, sample_rate: int) -> Iterator[np.ndarray]:  # each (n,)
    """Yield the recording in blocks of about BLOCK_SECONDS: mono float32 at `sample_rate` Hz.

    Joined, they are `read(path, sample_rate)`. Raises FileFault for a file that cannot be read,
    is empty or cut short, or holds NaN or Inf.
    """
    yield from _blocks(open_sound(path), path, sample_rate)


def decode(
    path: Path, sample_rate: int, decoded: Callable[[np.ndarray], None] | None = None
) -> tuple[Info, Iterator[np.ndarray]]:
    """Return the header of a file and the same blocks; opens the file once.

    decoded: Called with each block at the file's own rate, mono, before it is resampled.

    Raises FileFault at once if the file cannot be opened, and while the blocks are read.
    """
    sound = open_sound(path)
    return _info(sound), _blocks(sound, path, sample_rate, decoded)


def _blocks(
    sound: Any,
    path: Path,
    sample_rate: int,
    decoded: Callable[[np.ndarray], None] | None = None,
) -> Iterator[np.ndarray]:
    with sound:
        if sound.frames == 0:
            raise FileFault(path, "holds no samples: a header without audio")
        resample = _resampler(sound.samplerate, sample_rate)
        position, size = 0, block_frames(sound)
        following = read_frames(sound, size, path, 0)
        while len(block := following):
            _require_finite(block, path, position / sound.samplerate)
            position += len(block)
            # libsndfile reads no further; a container may only guess its length
            at_end = position >= sound.frames and sound.format != media.FORMAT
            following = block[:0] if at_end else read_frames(sound, size, path, position)
            samples = mono(block)
            if decoded:
                decoded(samples)
            yield resample(samples, len(following) == 0)
        if position == 0:
            raise FileFault(path, "holds no samples that can be decoded; is the file cut short?")
        states_length = sound.format == "MP3" or getattr(sound, "states_length", False)
        if states_length and position < _end(sound):
            raise cut_short(path, position / sound.samplerate, sound.frames / sound.samplerate, "s")


def resample_stream(
    blocks: Iterable[np.ndarray], source_rate: int, target_rate: int
) -> Iterator[np.ndarray]:  # each (n,) or (n, channels) -> each (m,)
    """Convert blocks of samples to mono at another rate, like `blocks` does for a file."""
    resample = _resampler(source_rate, target_rate)
    for block in blocks:
        samples = np.asarray(block, np.float32)
        yield resample(samples if samples.ndim == 1 else mono(samples), False)
    if len(tail := resample(np.zeros(0, np.float32), True)):
        yield tail


def mono(block: np.ndarray) -> np.ndarray:  # (n, channels) -> (n,)
    """Return the mean of the channels."""
    n_channels = block.shape[1]
    if n_channels == 1:
        return block[:, 0]
    with np.errstate(all="ignore"):  # what is not finite is refused where it matters
        if n_channels > MOST_SUMMED_CHANNELS:
            return block.mean(axis=1, dtype=np.float32)
        total = np.float32(0) + block[:, 0]
        for channel in range(1, n_channels):
            total += block[:, channel]
        total /= np.float32(n_channels)
        return total


def _info(sound: Any) -> Info:
    encoding = f"{sound.format} {sound.subtype}"
    return Info(sound.samplerate, sound.channels, sound.frames, encoding)


def _resampler(source_rate: int, target_rate: int) -> Callable[[np.ndarray, bool], np.ndarray]:
    """Return a function (block (n,), is_last) -> resampled block (m,)."""
    if source_rate == target_rate:
        return lambda block, last: block
    import soxr

    stream = soxr.ResampleStream(source_rate, target_rate, 1, dtype="float32", quality="HQ")
    return lambda block, last: stream.resample_chunk(block, last=last)


def block_frames(sound: Any) -> int:
    """Return how many frames of a file are read at once."""
    return max(1, min(int(BLOCK_SECONDS * sound.samplerate), MAX_BLOCK_VALUES // sound.channels))


def read_frames(sound: Any, size: int, path: Path, position: int) -> np.ndarray:  # -> (n, channels)
    """Read the next frames; `position` is the first one's number. Raises FileFault."""
    import soundfile

    try:
        with libraries_silenced():
            if sound.seekable() and sound.tell() > sound.frames:  # in a damaged mp3
                return np.zeros((0, sound.channels), np.float32)
            return sound.read(size, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as fault:
        raise _undecodable(path, position / sound.samplerate, fault) from fault


def seek(sound: Any, position: int, path: Path) -> None:
    """Go to a frame. Raises FileFault where the file cannot be decoded there."""
    import soundfile

    try:
        with libraries_silenced():
            sound.seek(position)
    except soundfile.LibsndfileError as fault:
        raise _undecodable(path, position / sound.samplerate, fault) from fault


def _undecodable(path: Path, seconds: float, fault: Any) -> FileFault:
    reason = fault.error_string.rstrip(".")
    return FileFault(path, f"cannot be decoded past {seconds:.2f} s ({reason})")


def _require_finite(block: np.ndarray, path: Path, start_s: float) -> None:
    if np.isfinite(block).all():
        return
    kind = "NaN" if np.isnan(block).any() else "Inf"
    raise FileFault(
        path,
        f"holds {kind} among its samples between {start_s:.0f} and "
        f"{start_s + BLOCK_SECONDS:.0f} s; write it again without",
    )


def open_sound(path: Path) -> Any:
    """Open a file as soundfile.SoundFile. Raises FileFault with the reason."""
    import soundfile

    path = Path(path)
    _require_file(path)
    try:
        with libraries_silenced():
            sound = soundfile.SoundFile(path if os.name == "nt" else os.fsencode(path))  # any bytes
    except TypeError as fault:  # soundfile asks for the rate of what is called .raw
        raise FileFault(
            path,
            "is called .raw: samples without a header, so its rate is unknown; convert it, "
            "or pipe it into asc listen -",
        ) from fault
    except soundfile.LibsndfileError as fault:
        if path.suffix.lower() == SHARD:
            reason = (
                "is a shard of videos' features, not audio; name a model of videos with --model"
            )
        elif media.is_media(path):
            return _require_rate(media.open_media(path), path)
        else:
            message = fault.error_string.rstrip(".")
            reason = f"is not audio that can be read ({message}); asc reads {READS_WITH_MEDIA}"
        raise FileFault(path, reason) from fault
    return _require_rate(sound, path)


def _require_rate(sound: Any, path: Path) -> Any:
    """Return an opened sound. Raises FileFault for a sample rate beyond the limits."""
    if is_sample_rate(sound.samplerate):
        return sound
    sound.close()
    raise FileFault(
        path,
        f"has a sample rate of {sound.samplerate} Hz in its header; asc reads {SAMPLE_RATES}. If "
        "the header is wrong, write the file again with the right rate; if not, resample it, as "
        "with ffmpeg -i IN -ar 44100 OUT.wav",
    )


def _require_file(path: Path) -> None:
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            os.scandir(path).close()  # one that may not be entered raises the reason
            raise FileFault(
                path, f"is a folder; a file was expected, or a folder that holds {READS}"
            )
        if not stat.S_ISREG(kind):  # opening a pipe would block
            raise FileFault(path, "is not a regular file; sound from a pipe goes in by -")
        with path.open("rb", buffering=0) as file:
            head = file.read(24)
            if not head:
                raise FileFault(path, "is empty (0 bytes)")
            if head.startswith(SAMPLE_DUMP):
                raise FileFault(
                    path, f"is a MIDI sample dump, which asc does not read; {READS} are"
                )
            require_complete(path, file, head)
    except FileNotFoundError:
        raise FileFault(path, "there is no such file") from None
    except OSError as fault:
        raise FileFault(path, f"cannot be opened ({fault.strerror})") from fault


def require_end(sound: Any, path: Path) -> None:
    """Raise FileFault for an mp3 that ends before the length in its header."""
    if sound.format == "MP3":
        end = max(0, _end(sound))
        seek(sound, end, path)
        if not len(read_frames(sound, 1, path, end)):
            raise FileFault(path, f"is cut short: its end cannot be decoded; {RETRY_HINT}")


def _end(sound: Any) -> int:
    """Return the sample that a complete file must reach."""
    return sound.frames - int(LENGTH_SLACK_SECONDS * sound.samplerate)
