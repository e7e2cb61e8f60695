"""The journal of a long prediction: the scores of each file, so that a crash costs little.

    $ASC_HOME/predictions/<hash of model, settings and command>.jsonl

A line a file: {"path": …, "stamp": [size, mtime_ns, ctime_ns], "said": …}. A line counts only
while the file still has that stamp. Lines are appended whole; one that a crash cut short is
skipped. The journal goes when the command has finished, or 30 days after it was last written.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core import paths
from asc_cli.core.errors import AscError, FileFault
from asc_cli.inference import engine
from asc_cli.inference.types import Prediction, Scored, Segment, likeliest_scene

KEPT_SECONDS = 30 * 24 * 3600.0


def stamp(path: Path) -> list[int] | None:
    """What changes when a file does; None for one that cannot be looked at."""
    try:
        now = path.stat()
    except OSError:
        return None
    return [now.st_size, now.st_mtime_ns, now.st_ctime_ns]


class Journal:
    """One command's journal. Several processes may append to it at once."""

    def __init__(self, *key: Any):
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
        self.file = paths.home() / "predictions" / f"{digest}.jsonl"

    def read(self) -> dict[Path, tuple[list[int], dict[str, Any]]]:
        """path → (stamp, record). Journals that nobody came back for are dropped."""
        for old in self.file.parent.glob("*.jsonl"):
            with contextlib.suppress(FileNotFoundError):  # another process was quicker
                if time.time() - old.stat().st_mtime > KEPT_SECONDS:
                    old.unlink()
        try:
            lines = self.file.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return {}
        found = {}
        for line in lines:
            try:
                row = json.loads(line)
                found[Path(row["path"])] = row["stamp"], row["said"]
            except (ValueError, KeyError, TypeError):  # cut short by a crash: predicted again
                continue
        return found

    def add(self, rows: Iterable[tuple[Path, list[int] | None, dict[str, Any]]]) -> None:
        """Append (path, stamp, record) lines, in one write."""
        lines = "".join(
            json.dumps({"path": str(path), "stamp": stamped, "said": record}) + "\n"
            for path, stamped, record in rows
            if stamped is not None
        )
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("ab") as out:
                out.write((b"" if self._ends_whole() else b"\n") + lines.encode())
        except OSError as fault:
            raise AscError(f"journal {self.file}: cannot be written ({fault.strerror})") from fault

    def finish(self) -> None:
        self.file.unlink(missing_ok=True)

    def _ends_whole(self) -> bool:
        try:
            with self.file.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                return file.read(1) == b"\n"
        except OSError:  # not there, or empty
            return True


def to_record(outcome: Scored | FileFault) -> dict[str, Any]:
    """A score as plain values that a journal can hold."""
    if isinstance(outcome, FileFault):
        return {"error": outcome.reason}
    packed = None
    if outcome.embedding is not None:
        packed = base64.b64encode(outcome.embedding.astype("<f4").tobytes()).decode()
    return {
        "duration_s": outcome.duration_s,
        "whole": outcome.whole.tolist(),
        "ends_s": outcome.ends_s.tolist(),
        "stretches": outcome.stretches.tolist(),
        "embedding": packed,
    }


def from_record(
    path: Path,
    record: dict[str, Any],
    request: engine.Request,
    labels: tuple[str, ...],
    threshold: float,
) -> Prediction:
    """The prediction that a record holds."""
    if "error" in record:
        return Prediction(str(path), request.model.id, {}, 0.0, record["error"])
    made = Prediction(
        str(path),
        request.model.id,
        dict(zip(labels, record["whole"], strict=True)),
        record["duration_s"],
        threshold=threshold,
    )
    if request.timeline_s is not None:
        made = replace(made, timeline=tuple(_timeline(record, labels, threshold)))
    if record["embedding"] is not None:
        packed = base64.b64decode(record["embedding"])
        made = replace(made, embedding=np.frombuffer(packed, "<f4"))
    return made


def _timeline(
    record: dict[str, Any], labels: tuple[str, ...], threshold: float
) -> Iterator[Segment]:
    start_s = 0.0
    for end_s, row in zip(record["ends_s"], record["stretches"], strict=True):
        scenes = dict(zip(labels, row, strict=True))
        yield Segment(start_s, end_s, likeliest_scene(scenes, threshold), max(row), scenes)
        start_s = end_s
