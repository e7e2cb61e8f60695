"""The journal of a long prediction: the scores of each file, so that a crash loses little.

    $ASC_HOME/predictions/<hash of model, settings and command>.jsonl

A line per file: {"checksum": …, "path": …, "stamp": …, "record": …}; the stamp is size, mtime and
ctime in ns, and inode. A line is valid only while the file has that stamp. Lines are appended in
one write and forced onto the disk. A line without its checksum, cut short by a crash or of version
0.1, is skipped: its file is predicted again. The journal is removed when the command has finished,
or 30 days after the last write.
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

from asc_cli.core import atomic, checksums, json_text, paths
from asc_cli.core.errors import AscError, FileFault
from asc_cli.frontend import index
from asc_cli.inference import engine
from asc_cli.inference.types import Prediction, Scored, Segment, likeliest_scene

RETENTION_SECONDS = 30 * 24 * 3600.0


def stamp(path: Path) -> list[int] | None:
    """Return what identifies a file's state; None for one that cannot be opened."""
    try:
        now = path.stat()
    except OSError:
        return None
    return list(index.stamp(now))


class Journal:
    """One command's journal. Several processes may append to it at once."""

    def __init__(self, *key: Any):
        digest = hashlib.sha256(json_text.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
        self.file = paths.home() / "predictions" / f"{digest}.jsonl"

    def read(self) -> dict[Path, tuple[list[int], dict[str, Any]]]:
        """Return {path: (stamp, record)}; delete journals older than RETENTION_SECONDS."""
        for old in self.file.parent.glob("*.jsonl"):
            with contextlib.suppress(FileNotFoundError):  # another process deleted it
                if time.time() - old.stat().st_mtime > RETENTION_SECONDS:
                    old.unlink()
        try:
            lines = self.file.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return {}
        records = {}
        for row in filter(None, map(_intact, lines)):
            records[Path(row["path"])] = row["stamp"], row["record"]
        return records

    def add(self, rows: Iterable[tuple[Path, list[int] | None, dict[str, Any]]]) -> None:
        """Append (path, stamp, record) lines, in one write."""
        lines = "".join(
            json_text.dumps(
                checksums.added({"path": str(path), "stamp": stamped, "record": record})
            )
            + "\n"
            for path, stamped, record in rows
            if stamped is not None
        )
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            is_new = not self.file.exists()
            with self.file.open("ab") as out:
                out.write((b"" if self._ends_with_newline() else b"\n") + lines.encode())
            atomic.sync_file(self.file)
            if is_new:
                atomic.sync_file(self.file.parent)
        except OSError as fault:
            raise AscError(f"journal {self.file}: cannot be written ({fault.strerror})") from fault

    def finish(self) -> None:
        self.file.unlink(missing_ok=True)

    def _ends_with_newline(self) -> bool:
        try:
            with self.file.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                return file.read(1) == b"\n"
        except OSError:  # not there, or empty
            return True


def _intact(line: str) -> Any:
    """Return a line's contents; None without its checksum, or with another's."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or checksums.KEY not in row or not checksums.is_intact(row):
        return None
    return row


def to_record(outcome: Scored | FileFault) -> dict[str, Any]:
    """Convert a file's scores to a record of plain values for the journal."""
    if isinstance(outcome, FileFault):
        return {"error": outcome.reason}
    packed = None
    if outcome.embedding is not None:
        packed = base64.b64encode(outcome.embedding.astype("<f4").tobytes()).decode()
    return {
        "duration_s": outcome.duration_s,
        "probabilities": outcome.probabilities.tolist(),
        "ends_s": outcome.ends_s.tolist(),
        "segments": outcome.segments.tolist(),
        "embedding": packed,
        **({} if outcome.unknown is None else {"unknown": outcome.unknown.tolist()}),
    }


def from_record(
    path: Path,
    record: dict[str, Any],
    request: engine.Request,
    labels: tuple[str, ...],
    threshold: float,
) -> Prediction:
    """Convert a record to a prediction."""
    if "error" in record:
        return Prediction(str(path), request.model.id, {}, 0.0, record["error"])
    prediction = Prediction(
        str(path),
        request.model.id,
        dict(zip(labels, record["probabilities"], strict=True)),
        record["duration_s"],
        threshold=threshold,
        unknown_score=record["unknown"][0] if "unknown" in record else None,
    )
    if request.timeline_s is not None:
        prediction = replace(prediction, timeline=tuple(_timeline(record, labels, threshold)))
    if record["embedding"] is not None:
        packed = base64.b64decode(record["embedding"])
        prediction = replace(prediction, embedding=np.frombuffer(packed, "<f4"))
    return prediction


def _timeline(
    record: dict[str, Any], labels: tuple[str, ...], threshold: float
) -> Iterator[Segment]:
    start_s = 0.0
    unknown = record["unknown"][1:] if "unknown" in record else [None] * len(record["ends_s"])
    for end_s, row, score in zip(record["ends_s"], record["segments"], unknown, strict=True):
        scenes = dict(zip(labels, row, strict=True))
        scene = likeliest_scene(scenes, threshold, score)
        yield Segment(start_s, end_s, scene, max(row), scenes, score)
        start_s = end_s
