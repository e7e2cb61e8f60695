"""A recording in a page: a link to its file, and the spectrogram of its first seconds."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from asc_cli.core.errors import FileFault
from asc_cli.frontend.picture import first_frames
from asc_cli.report.html.figures import spectrogram


def link_and_picture(path: Path | None, run: Path, page_folder: Path) -> dict[str, str]:
    """Return link and spectrogram of a recording, or the reason why there is none."""
    if path is None:
        return {"link": "", "picture": "", "reason": "the audio's folder was not recorded"}
    try:
        picture = spectrogram(first_frames(path))
    except FileFault as fault:
        return {"link": "", "picture": "", "reason": f"{path}: {fault.reason}"}
    return {"link": link(path, run, page_folder), "picture": picture, "reason": ""}


def link(path: Path, run: Path, page_folder: Path) -> str:
    """Return a relative link if audio, run and page are in one home; else a file URL."""
    home = run.absolute().parent.parent
    if path.is_relative_to(home) and page_folder.is_relative_to(home):
        return quote(Path(os.path.relpath(path, page_folder)).as_posix())
    return path.as_uri()
