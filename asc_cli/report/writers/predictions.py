"""Write predictions: JSON lines, a CSV, an Audacity label track, embeddings, a table."""

from __future__ import annotations

import collections
import contextlib
import csv
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from asc_cli.core import atomic, json_text, terminal
from asc_cli.core.csv_text import guarded
from asc_cli.core.errors import AscError
from asc_cli.core.terminal import one_line
from asc_cli.report.console.output import console, write
from asc_cli.report.writers import challenge, embeddings
from asc_cli.report.writers.audacity import labels
from asc_cli.report.writers.csv import COLUMNS, LAST_COLUMNS, UNKNOWN_COLUMNS, cells


class Predictions:
    """Prints JSON lines at once, or a table at the end; writes files beside either.

    csv_file: a row per recording, or per segment of its timeline, written at once. audacity_file:
    labels of one recording. embeddings_file: arrays `files` (n,), `embeddings` (n, D) and `model`,
    at the end. settings: for the CSV's column of that name. form: the CSV has the form of a
    challenge's file, which needs every recording and is written when all are there. Bad files are
    printed on stderr too, to be visible when stdout is a file.
    """

    def __init__(
        self,
        top: int = 3,
        as_json: bool = False,
        csv_file: Path | None = None,
        audacity_file: Path | None = None,
        embeddings_file: Path | None = None,
        settings: dict[str, Any] | None = None,
        form: challenge.Form | None = None,
    ):
        self.top, self.as_json = top, as_json
        self.csv_file, self.audacity_file = csv_file, audacity_file
        self.embeddings_file = embeddings_file
        self.settings = " ".join(f"{k}={v}" for k, v in (settings or {}).items() if v is not None)
        self.unknown = bool((settings or {}).get("unknown"))
        self.rows: list[dict[str, Any]] = []
        self.embeddings: list[tuple[dict[str, Any], Any]] = []
        self.failed = 0
        self.form, self._of_form = form, dict[str, dict[str, Any]]()
        self._csv: IO[str] | None = None
        self._scenes: list[str] | None = None
        self._pending: list[dict[str, Any]] = []  # bad files before the scenes' names are known

    def __enter__(self) -> Predictions:
        return self

    def add(self, row: dict[str, Any], embedding: Any = None) -> None:
        if "error" in row:
            self.failed += 1
            terminal.note(f"asc: {one_line(row['file'])}: {one_line(row['error'])}")
        elif self.form:
            self._of_form[row["file"]] = row
        if self.csv_file and not self.form:
            with _writing("--csv", self.csv_file):
                self._write(row)
        if embedding is not None:
            self.embeddings.append((row, embedding))
        if self.audacity_file and "error" not in row:
            atomic.write_text(self.audacity_file, "".join(labels(row)))
        if self.as_json:
            print(json_text.shown(row), flush=True)
        elif "error" not in row:
            self.rows.append(row)

    def sync(self) -> None:
        """Force the rows of the CSV onto the disk, for what else has them is about to go.

        Raises AscError for a challenge's file that would lack recordings.
        """
        if self.csv_file and self.form:
            self._write_form(self.csv_file, self.form)
        if self.csv_file and self._csv:
            with _writing("--csv", self.csv_file):
                atomic.sync_file(self.csv_file)

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
                write(console(), self._summary() or timeline.render(rows, self.top))

    def _write_form(self, path: Path, form: challenge.Form) -> None:
        if self.failed:
            raise AscError(
                f"--csv {path}: not written, for the challenge's file needs all recordings, and "
                f"{self.failed} of {len(form.names)} cannot be predicted"
            )
        with _writing("--csv", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write_text(path, challenge.text(form, self._of_form))

    def _close(self, ended_well: bool) -> None:
        if self.csv_file and not self.form:
            with _writing("--csv", self.csv_file):
                try:
                    self._write_pending()
                finally:
                    if self._csv:
                        self._csv.close()
        if self.embeddings_file and ended_well and self.embeddings:
            with _writing("--embeddings", self.embeddings_file):
                embeddings.write(self.embeddings_file, self.embeddings)
        elif self.embeddings_file and ended_well:
            terminal.note(f"asc: --embeddings {self.embeddings_file}: not written; no predictions")

    def _summary(self) -> list[Any]:
        """Return the number of recordings per scene, for a CSV of several recordings; else []."""
        if not self.csv_file or len(self.rows) < 2:
            return []
        from asc_cli.report.console import timeline
        from asc_cli.report.console.table import right, table

        output = table("", "scene", right("recordings"))
        for scene, n in collections.Counter(row["scene"] for row in self.rows).most_common():
            output.add_row(scene, str(n))
        failed = f", {self.failed} bad" if self.failed else ""
        return [
            f"{one_line(str(self.csv_file))}: {len(self.rows)} recordings{failed}",
            output,
            timeline.model_line(self.rows),
        ]

    def _write(self, row: dict[str, Any]) -> None:
        if self._scenes is None and "error" in row:
            self._pending.append(row)
            return
        if self._scenes is None:
            self._begin(list(row["scenes"]))
            self._write_pending()
        assert self._csv is not None and self._scenes is not None
        table = csv.writer(self._csv, lineterminator="\n")
        table.writerows(cells(row, self._scenes, self.settings, self.unknown))
        self._csv.flush()

    def _begin(self, scenes: list[str]) -> None:
        """Open the CSV; an existing file is replaced only now, when there is a first row."""
        assert self.csv_file is not None
        self._csv, self._scenes = _open(self.csv_file), scenes
        last = [*LAST_COLUMNS, *(UNKNOWN_COLUMNS if self.unknown else ())]
        header = [*COLUMNS, *map(guarded, scenes), *last]
        csv.writer(self._csv, lineterminator="\n").writerow(header)

    def _write_pending(self) -> None:
        pending, self._pending = self._pending, []
        if pending and self._scenes is None:  # no good file: a table without scenes
            self._begin([])
        for row in pending:
            self._write(row)


@contextlib.contextmanager
def _writing(option: str, path: Path) -> Iterator[None]:
    """Raise write errors as AscError with the file's name."""
    try:
        yield
    except OSError as fault:
        raise AscError(f"{option} {path}: cannot be written ({fault.strerror})") from fault


def _open(path: Path) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w", newline="", encoding="utf-8", errors=atomic.UNWRITABLE)
