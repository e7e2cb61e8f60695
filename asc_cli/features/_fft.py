"""SciPy's Fourier transform of real samples, without importing all of scipy.fft.

The transform is one compiled file, pocketfft. `import scipy.fft` loads scipy.special and, by
looking at each name of numpy, numpy's compiler of Fortran and its tools for tests: 0.2 s, as long
as all else that a prediction imports. So the file is loaded by itself: the same code, the same
bits. A SciPy that has it elsewhere is imported as usual.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import machinery, util
from pathlib import Path

import numpy as np

Transform = Callable[[np.ndarray, int], np.ndarray]  # (T, n), n_fft -> (T, 1 + n_fft // 2)


def rfft(frames: np.ndarray, n_fft: int) -> np.ndarray:  # (T, n) -> (T, 1 + n_fft // 2)
    """Return the transform of each frame, padded with zeros or cut to n_fft samples: scipy.fft.rfft
    of float32 or float64, in its precision."""
    return _transform()(frames, n_fft)


@functools.cache
def _transform() -> Transform:
    pocketfft = _pocketfft()
    if pocketfft is None:
        from scipy.fft import rfft

        return rfft

    def transform(frames: np.ndarray, n_fft: int) -> np.ndarray:
        length = frames.shape[1]
        if length < n_fft:
            padded = np.zeros((len(frames), n_fft), frames.dtype)
            padded[:, :length] = frames
            frames = padded
        return pocketfft(frames[:, :n_fft], (1,), True, 0, None, 1)

    return transform


def _pocketfft() -> Callable[..., np.ndarray] | None:
    """Return pocketfft's r2c(array, axes, forward, normalisation, out, threads), if it is found."""
    scipy = util.find_spec("scipy")
    if scipy is None or scipy.origin is None:
        return None
    folder = Path(scipy.origin).parent / "fft" / "_pocketfft"
    loader = (machinery.ExtensionFileLoader, machinery.EXTENSION_SUFFIXES)
    spec = machinery.FileFinder(str(folder), loader).find_spec("pypocketfft")
    if spec is None or spec.loader is None:
        return None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, "r2c", None)
