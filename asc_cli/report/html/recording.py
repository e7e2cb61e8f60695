"""A recording in a page: a link to its file, and the spectrogram of its first seconds."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from urllib.parse import quote

import numpy as np

from asc_cli.audio import decode
from asc_cli.core.errors import FileFault
from asc_cli.features.log_mel import LogMel
from asc_cli.report.html.figures import spectrogram

PICTURE_RATE = 22_050  # Hz, of the spectrograms in the page
PICTURE = LogMel()
PICTURE_SECONDS = 10
PICTURE_BLOCKS = 1  # blocks of audio read for one: audio.BLOCK_SECONDS each


def link_and_picture(path: Path | None, run: Path, page_folder: Path) -> dict[str, str]:
    """Return link and spectrogram of a recording, or the reason why there is none."""
    if path is None:
        return {"link": "", "picture": "", "reason": "the audio's folder was not recorded"}
    try:
        blocks = itertools.islice(decode.blocks(path, PICTURE_RATE), PICTURE_BLOCKS)
        samples = np.concatenate(list(blocks))[: PICTURE_RATE * PICTURE_SECONDS]
        if len(samples) < PICTURE.framing(PICTURE_RATE).frame_samples:
            raise FileFault(path, "is shorter than one frame")
        picture = spectrogram(PICTURE(samples, PICTURE_RATE))
    except FileFault as fault:
        return {"link": "", "picture": "", "reason": f"{path}: {fault.reason}"}
    return {"link": link(path, run, page_folder), "picture": picture, "reason": ""}


def link(path: Path, run: Path, page_folder: Path) -> str:
    """Return a relative link if audio, run and page are in one home; else a file URL."""
    home = run.absolute().parent.parent
    if path.is_relative_to(home) and page_folder.is_relative_to(home):
        return quote(Path(os.path.relpath(path, page_folder)).as_posix())
    return path.as_uri()
