"""Variants of recordings: one file each, a waveform in, the changed waveform out.

A variant module has

    VERSION       raised whenever its output changes: it is part of the store's key
    one frozen dataclass with a `__call__`: a `Variant`, whose fields are its parameters, a
    comment each

A recipe lists them under `variants`: each is a further copy of the recordings for training, whose
features are computed once and stored; and under `evaluation.variants`: each is scored beside a
recording.

N samples go in; M come out, where M differs from N if the variant changes the length.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Variant(Protocol):
    """The interface of a variant's dataclass: it changes the waveform before features are computed.

    Its name, its fields and its module's VERSION are part of the store's key, so that features of
    a variant never mix with those of the recordings as they are. If it reads files, its method
    `files() -> str` returns a hash of their contents, which is part of the key too.
    """

    def __call__(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Return the changed waveform of a recording.

        Args:
            samples: (N,) float32, mono, full scale from −1 to 1. It is not changed itself.
            sample_rate: Samples per second, Hz.

        Returns:
            (M,) float32, mono, finite, at the same sample rate. The same samples and parameters
            always give the same output: nothing is drawn at random.
        """
        ...
