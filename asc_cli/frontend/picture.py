"""The first seconds of a recording as log-mel frames, for a picture in a page."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from asc_cli.audio import decode
from asc_cli.core.errors import FileFault
from asc_cli.features.log_mel import LogMel

RATE = 22_050  # Hz
FEATURE = LogMel()
SECONDS = 10
BLOCKS = 1  # blocks of audio that are read: decode.BLOCK_SECONDS each


def first_frames(path: Path) -> np.ndarray:  # -> (T, F)
    """Return the frames of a recording's first SECONDS.

    Raises FileFault if it cannot be read or is shorter than one frame.
    """
    blocks = itertools.islice(decode.blocks(path, RATE), BLOCKS)
    samples = np.concatenate(list(blocks))[: RATE * SECONDS]
    if len(samples) < FEATURE.framing(RATE).frame_samples:
        raise FileFault(path, "is shorter than one frame")
    return FEATURE(samples, RATE)
