"""The CSV of recordings with folds, as datasets/table.py reads it."""

from __future__ import annotations

import csv
import io
import os
import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path

from asc_cli.core import atomic, csv_text
from asc_cli.core.errors import AscError
from asc_cli.datasets import Recording
from asc_cli.datasets._formats import lists


def require_writable(target: Path, source: Path, overwrite: bool) -> None:
    """Raise AscError for a target that is no CSV, is what is read, or exists.

    Args:
        target: The CSV to write.
        source: The list that is read.
        overwrite: Whether an existing file may be replaced.
    """
    if target.suffix.lower() != ".csv":
        raise AscError(f"--output {target}: a name that ends in .csv was expected")
    if target.is_dir():
        raise AscError(f"--output {target}: is a folder; a file was expected")
    if target.exists() and source.exists() and target.samefile(source):
        raise AscError(f"--output {target}: is the list that is read; give another name")
    if target.exists() and not overwrite:
        raise AscError(
            f"{target}: exists already; give another name by --output, or --overwrite to replace it"
        )


def relative_names(
    recordings: Sequence[Recording], audio_root: Path, target: Path
) -> dict[str, str]:
    """Return file → its name relative to the CSV's folder.

    Args:
        recordings: Those to list.
        audio_root: The folder that their names are relative to now.
        target: The CSV.

    Raises:
        AscError: One is outside of that folder, or its name or scene cannot be in a CSV.
    """
    folder = os.path.abspath(target.parent)
    names = {}
    for recording in recordings:
        path = os.path.abspath(audio_root / recording.file)
        name = os.path.relpath(path, folder).replace(os.sep, "/")
        if name.startswith("../"):
            raise AscError(
                f"--output {target}: names in a CSV are relative to its folder and in it, which "
                f"{path} is not; write it to {os.path.abspath(audio_root)}/{target.name}"
            )
        for what, text in (("name", name), ("scene", recording.label)):
            if reason := _unlistable(text, is_file=what == "name"):
                raise AscError(f"{path!a}: its {what} {reason}, which a CSV cannot hold; rename it")
        names[recording.file] = name
    return names


def _unlistable(text: str, is_file: bool) -> str:
    """Return why a text is not read from a CSV as it is; "" if it is."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "is no UTF-8"
    if "\n" in text or "\r" in text:
        return "has a line break"
    if text != text.strip():
        return "begins or ends with a blank"
    if is_file and "\\" in text:
        return "has a backslash"
    is_path = posixpath.normpath(text) == text and not lists.DRIVE.match(text)
    return "" if is_path or not is_file else "has a colon after its first letter"


def write(
    target: Path,
    recordings: Sequence[Recording],
    names: Mapping[str, str],
    folds: Mapping[str, int],
    groups: Mapping[str, str] | None,
) -> None:
    """Write the CSV, in one piece.

    Args:
        target: The CSV.
        recordings: Its rows, in their order.
        names: File → what it is called in the CSV.
        folds: File → fold.
        groups: File → group; None: no recording has one.
    """
    devices = any(recording.recording_device for recording in recordings)
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(["filename", "label", "fold", "group", *(["device"] if devices else [])])
    for r in recordings:
        name = names[r.file]
        # a spreadsheet takes ./=a.wav for no formula, and readers drop the ./
        cells = [f"./{name}" if csv_text.FORMULA.match(name) else name, csv_text.guarded(r.label)]
        cells += [str(folds[r.file]), csv_text.guarded(groups[r.file] if groups else "")]
        out.writerow([*cells, *([csv_text.guarded(r.recording_device)] if devices else [])])
    atomic.write_text(target, text.getvalue())
