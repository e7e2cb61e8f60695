"""training_files.txt: the recordings that a registered model was trained and tested on.

    <SHA-256 of the file> <SHA-256 of its decoded samples> 1,2,4     folds whose member was
                                                                     trained on it; - for none

Version 0.1 called it heard.txt and wrote the first column alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from asc_cli.core import atomic
from asc_cli.core.errors import AscError

NAME = "training_files.txt"
NAME_0_1 = "heard.txt"
LINE = re.compile(r"([0-9a-f]{64})(?: ([0-9a-f]{64}) (-|[0-9]+(?:,[0-9]+)*))?")
NO_FOLD = "-"


@dataclass(frozen=True)
class TrainingFile:
    """A recording of a model's run.

    Attributes:
        digest: SHA-256 of the file's bytes.
        audio_digest: SHA-256 of its decoded samples; None in a model of version 0.1.
        folds: Folds whose member was trained on it; None in a model of version 0.1.
    """

    digest: str
    audio_digest: str | None = None
    folds: tuple[int, ...] | None = None


def joined(files: Iterable[TrainingFile]) -> list[TrainingFile]:
    """Return one row for each recording, with the folds of all of its rows."""
    folds: dict[tuple[str, str | None], set[int]] = {}
    for file in files:
        folds.setdefault((file.digest, file.audio_digest), set()).update(file.folds or ())
    return [TrainingFile(*key, tuple(sorted(own))) for key, own in folds.items()]


def write(folder: Path, files: Iterable[TrainingFile]) -> None:
    """Write the list into a model's folder."""
    lines = sorted(
        f"{file.digest} {file.audio_digest} {','.join(map(str, file.folds or ())) or NO_FOLD}\n"
        for file in files
    )
    atomic.write_text(folder / NAME, "".join(lines))


def read(folder: Path) -> tuple[TrainingFile, ...]:
    """Return the recordings of a model; () if they are not recorded.

    Raises AscError for a line that `write` does not write.
    """
    path = next((p for p in (folder / NAME, folder / NAME_0_1) if p.exists()), None)
    if path is None:
        return ()
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return tuple(_parsed(path, number, line) for number, line in enumerate(lines, start=1))


def _parsed(path: Path, number: int, line: str) -> TrainingFile:
    fields = LINE.fullmatch(line)
    if fields is None:
        raise AscError(
            f"{path}:{number}: not a line of asc's; so it cannot be told what the model was "
            "trained on. Import the model again, or train it again"
        )
    digest, audio_digest, folds = fields.groups()
    if audio_digest is None:
        return TrainingFile(digest)
    numbers = () if folds == NO_FOLD else tuple(map(int, folds.split(",")))
    return TrainingFile(digest, audio_digest, numbers)
