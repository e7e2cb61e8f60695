"""Predictions as they come → JSON lines, a CSV, an Audacity label track, embeddings, a table."""

from __future__ import annotations

import collections
import contextlib
import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from asc_cli.core import atomic
from asc_cli.core.errors import AscError
from asc_cli.report.console.output import console, printable, write
from asc_cli.report.writers import embeddings
from asc_cli.report.writers.audacity import labels
from asc_cli.report.writers.csv import COLUMNS, LAST_COLUMNS, cells


class Predictions:
    """A JSON line each as they come, or a table when all are there; files beside either.

    csv_file: a row a recording, or a part of its timeline, as they come. audacity_file: labels of
    one recording. embeddings_file: arrays `files` (n,), `embeddings` (n, D) and `model`, when all
    are there. settings: what the CSV says that was asked for. Bad files go to stderr too, so that
    they are seen when stdout is a file.
    """

    def __init__(
        self,
        top: int = 3,
        as_json: bool = False,
        csv_file: Path | None = None,
        audacity_file: Path | None = None,
        embeddings_file: Path | None = None,
        settings: dict[str, Any] | None = None,
    ):
        self.top, self.as_json = top, as_json
        self.csv_file, self.audacity_file = csv_file, audacity_file
        self.embeddings_file = embeddings_file
        self.settings = " ".join(f"{k}={v}" for k, v in (settings or {}).items() if v is not None)
        self.rows: list[dict[str, Any]] = []
        self.embeddings: list[tuple[dict[str, Any], Any]] = []
        self.failed = 0
        self._csv: IO[str] | None = None
        self._scenes: list[str] | None = None
        self._held: list[dict[str, Any]] = []  # bad files before the scenes' names are known

    def __enter__(self) -> Predictions:
        return self

    def add(self, row: dict[str, Any], embedding: Any = None) -> None:
        if "error" in row:
            self.failed += 1
            print(f"asc: {printable(row['file'])}: {row['error']}", file=sys.stderr, flush=True)
        if self.csv_file:
            with _writing("--csv", self.csv_file):
                self._write(row)
        if embedding is not None:
            self.embeddings.append((row, embedding))
        if self.audacity_file and "error" not in row:
            atomic.write_text(self.audacity_file, "".join(labels(row)))
        if self.as_json:
            print(json.dumps(row, ensure_ascii=False), flush=True)
        elif "error" not in row:
            self.rows.append(row)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close(kind is None)
        if self.rows:
            from asc_cli.report.console import timeline

            rows = sorted(self.rows, key=lambda row: row["file"])
            with contextlib.suppress(BrokenPipeError):  # `asc predict … | head`
                write(console(), self._summary() or timeline.shown(rows, self.top))

    def _close(self, ended_well: bool) -> None:
        if self.csv_file:
            with _writing("--csv", self.csv_file):
                try:
                    self._write_held()
                finally:
                    if self._csv:
                        self._csv.close()
        if self.embeddings_file and ended_well and self.embeddings:
            with _writing("--embeddings", self.embeddings_file):
                embeddings.write(self.embeddings_file, self.embeddings)
        elif self.embeddings_file and ended_well:
            print(
                f"asc: --embeddings {self.embeddings_file}: not written; no recording was heard",
                file=sys.stderr,
            )

    def _summary(self) -> list[Any]:
        """How many recordings of each scene, where a CSV says the rest; [] for one recording."""
        if not self.csv_file or len(self.rows) < 2:
            return []
        from asc_cli.report.console import timeline
        from asc_cli.report.console.table import table

        made = table("", "scene", "recordings>")
        for scene, n in collections.Counter(row["scene"] for row in self.rows).most_common():
            made.add_row(scene, str(n))
        failed = f", {self.failed} bad" if self.failed else ""
        return [
            f"{self.csv_file}: {len(self.rows)} recordings{failed}",
            made,
            timeline.answered(self.rows),
        ]

    def _write(self, row: dict[str, Any]) -> None:
        if self._scenes is None and "error" in row:
            self._held.append(row)
            return
        if self._scenes is None:
            self._begin(list(row["scenes"]))
            self._write_held()
        assert self._csv is not None and self._scenes is not None
        table = csv.writer(self._csv, lineterminator="\n")
        table.writerows(cells(row, self._scenes, self.settings))
        self._csv.flush()

    def _begin(self, scenes: list[str]) -> None:
        """Only now is a file that is there replaced: what fails before the first row harms none."""
        assert self.csv_file is not None
        self._csv, self._scenes = _opened(self.csv_file), scenes
        header = [*COLUMNS, *scenes, *LAST_COLUMNS]
        csv.writer(self._csv, lineterminator="\n").writerow(header)

    def _write_held(self) -> None:
        held, self._held = self._held, []
        if held and self._scenes is None:  # not one good file: a table without scenes
            self._begin([])
        for row in held:
            self._write(row)


@contextlib.contextmanager
def _writing(option: str, path: Path) -> Iterator[None]:
    """What the system says against writing, as an AscError that names the file."""
    try:
        yield
    except OSError as fault:
        raise AscError(f"{option} {path}: cannot be written ({fault.strerror})") from fault


def _opened(path: Path) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w", newline="", encoding="utf-8", errors=atomic.UNWRITABLE)
