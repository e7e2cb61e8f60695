"""Your own recordings: a CSV with filename and label, or a folder with a sub-folder per scene."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asc_cli.audio import decode, media
from asc_cli.core import csv_text
from asc_cli.core.errors import AscError
from asc_cli.datasets import Dataset, Listing, Recording, Split
from asc_cli.datasets._formats import folds as _folds
from asc_cli.datasets._formats import lists

DATASET = Dataset(
    name="table",
    title="Your own recordings, listed in a CSV or laid out as a folder per scene",
    labels=(),
    sample_rate=44_100,
    homepage="",
    licence="yours",
    citation="",
    obtain=(
        "--data FILE.csv with a header: filename and label, and if you like fold (1, 2, …) or "
        "split (train, test), group (what must not be split: a place, a device), device. "
        "Comma, semicolon or TAB; file names are relative to the CSV. Or --data FOLDER with a "
        "sub-folder per scene; asc datasets split makes a CSV with folds of it."
    ),
    metric="accuracy, averaged over the folds",
    headline="accuracy",
)

ALIASES = {
    "filename": ("filename", "file", "path", "slice_file_name"),
    "label": ("label", "scene_label", "scene", "category", "class"),
    "group": ("group", "identifier", "location", "source"),
    "device": ("device", "source_label"),
    "fold": ("fold",),
    "split": ("split",),
}


def read(root: Path) -> Listing:
    """Read a CSV's rows, or a folder's sub-folders. Without folds there is nothing to test on."""
    return _folder(root) if root.is_dir() else _csv(root)


def audio_root(path: Path) -> Path:
    """Return the folder that listed file names are relative to."""
    return path if path.is_dir() else path.parent


def _folder(root: Path) -> Listing:
    """Read a folder: scenes are its sub-folders that hold audio files."""
    inside = sorted(p for p in root.rglob("*") if p.name[0] != "." and p.parent != root)
    if contained := [path for path in inside if media.is_media(path)]:
        media.require_installed(contained[0], len(contained))
    files = [p for p in inside if p.suffix.lower() in decode.SUFFIXES or media.is_media(p)]
    if not files:
        raise AscError(f"{root}: no sub-folder here holds audio ({decode.READS_WITH_MEDIA})")
    recordings = tuple(
        Recording(relative.as_posix(), relative.parts[0])
        for relative in (path.relative_to(root) for path in files)
    )
    return Listing(tuple(sorted({r.label for r in recordings})), recordings, ())


def _csv(path: Path) -> Listing:
    rows = _rows(path)
    recordings, folds = [], []
    for line, row in rows:
        if not row.get("filename") or not row.get("label"):
            raise AscError(f"{path}:{line}: filename or label is empty")
        file = lists.file_name(row["filename"], path, line)
        texts = (row.get(column, "") for column in ("label", "group", "device"))
        recordings.append(Recording(file, *map(csv_text.unguarded, texts)))
        folds.append((line, file, row.get("fold", ""), row.get("split", "")))
    labels = tuple(sorted({recording.label for recording in recordings}))
    # a file may be listed once per split: then it is one recording
    unique = tuple(dict.fromkeys(recordings)) if "split" in rows[0][1] else tuple(recordings)
    return Listing(labels, unique, _splits(path, folds))


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return the CSV's lines and rows with canonical column names."""
    cells = lists.cells(path, "\t,;")
    if len(cells) < 2:
        raise AscError(f"{path}: a header and at least one row were expected")
    header = cells[0][1]
    columns = _column_names(header)
    _require_no_lookalikes(path, header, columns)
    missing = [name for name in ("filename", "label") if name not in columns]
    if missing:
        lacking = " and no column ".join(missing)
        raise AscError(f"{path}: no column {lacking} in its header ({lists.shortened(header)})")
    for name in ALIASES:
        if columns.count(name) > 1:
            raise AscError(f"{path}: two columns {name!r} in its header")
    return [(line, lists.by_column(columns, row)) for line, row in cells[1:]]


def _require_no_lookalikes(path: Path, header: Sequence[str], columns: Sequence[str]) -> None:
    """Raise AscError for a column "Fold" or "folds" where there is no column "fold"."""
    missing = {column: aliases for column, aliases in ALIASES.items() if column not in columns}
    for name in header:
        near = name.lower().removesuffix("s")
        if any(near in aliases for aliases in missing.values()):
            raise AscError(f"{path}: column {name!r} in its header; did you mean {near}?")


def _column_names(header: Sequence[str]) -> list[str]:
    """Return canonical names of columns; an alias is used only without the canonical one."""
    present, canonical = set(header), {}
    for column, aliases in ALIASES.items():
        if used := [alias for alias in aliases if alias in present]:
            canonical[used[0]] = column
    return [canonical.get(name, name) for name in header]


def _splits(path: Path, folds: list[tuple[int, str, str, str]]) -> tuple[Split, ...]:
    if any(fold for _, _, fold, _ in folds):
        if any(split for _, _, _, split in folds):
            raise AscError(f"{path}: has columns fold and split; one of them was expected")
        return _folds.leave_one_fold_out(
            [(file, _number(path, line, fold)) for line, file, fold, _ in folds]
        )
    if not any(split for _, _, _, split in folds):
        return ()
    parts: dict[str, list[str]] = {"train": [], "test": []}
    for line, file, _, split in folds:
        if split not in parts:
            raise AscError(f"{path}:{line}: {file} has split {split!r}; train or test was expected")
        parts[split].append(file)
    return (Split(1, tuple(parts["train"]), tuple(parts["test"])),)


def _number(path: Path, line: int, fold: str) -> int:
    try:
        return csv_text.whole_number(fold)
    except ValueError as fault:
        raise AscError(f"{path}:{line}: column fold {fault}") from None
