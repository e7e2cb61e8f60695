"""Another recording device, or room: convolution with an impulse response that was measured.

    y = (x ∗ h)[d … d + N − 1] · rms(x) / rms(x ∗ h)      d: where |h| is largest

so that duration and level stay as they are. `folder` holds one or more responses, as wav or flac
files, mono or their first channel; which one a recording gets follows from its samples.

Of devices: Morocutti et al., Device-robust acoustic scene classification via impulse response
augmentation, EUSIPCO 2023, arXiv:2305.07499.
"""

from __future__ import annotations

import functools
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asc_cli.core.errors import AscError

VERSION = 1
SUFFIXES = (".wav", ".flac")


@dataclass(frozen=True)
class ImpulseResponse:
    folder: str = ""  # of the impulse responses, wav or flac

    def __call__(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        from scipy.signal import fftconvolve

        paths = _responses(self.folder)
        choice = zlib.crc32(np.ascontiguousarray(samples).data) % len(paths)
        response, delay = _response(paths[choice], sample_rate)
        changed = fftconvolve(samples, response)[delay : delay + len(samples)]
        level = np.sqrt(np.square(changed).mean())
        scale = np.sqrt(np.square(samples, dtype=np.float64).mean()) / level if level > 0 else 0.0
        return (changed * scale).astype(np.float32)

    def files(self) -> str:
        """Return a hash of the impulse responses: others give other features."""
        return _contents(_responses(self.folder))


def _responses(folder: str) -> tuple[Path, ...]:
    paths = sorted(p for p in Path(folder).expanduser().glob("*") if p.suffix.lower() in SUFFIXES)
    if not folder or not paths:
        raise AscError(
            f"variant impulse_response: {folder or 'folder'}: a folder with impulse responses, "
            "as wav or flac, was expected"
        )
    return tuple(paths)


@functools.lru_cache(maxsize=8)
def _contents(paths: tuple[Path, ...]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


@functools.lru_cache(maxsize=64)
def _response(path: Path, sample_rate: int) -> tuple[np.ndarray, int]:  # (L,), its delay
    """Return an impulse response at a sample rate in Hz. Raises AscError."""
    import soundfile
    import soxr

    try:
        response, rate = soundfile.read(path, dtype="float64", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as fault:
        raise AscError(f"variant impulse_response: {path} cannot be read ({fault})") from fault
    response = soxr.resample(response[:, 0], rate, sample_rate)
    if not len(response) or not np.isfinite(response).all() or not response.any():
        raise AscError(f"variant impulse_response: {path} is silent, or not finite")
    return response, int(np.abs(response).argmax())
