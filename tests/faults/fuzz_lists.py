"""Lists and submissions with faults: read, or refused in a sentence with the file's name.

`lists` and `submissions` make them from a seed; `attack_list` and `attack_submission` read one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.core.terminal import escaped
from asc_cli.datasets import Listing, Recording, Split, esc50, litis, table, tau2019, tut2016
from asc_cli.evaluation import metrics, submission
from asc_cli.protocol import audit
from asc_cli.protocol.fingerprint import fingerprint

SCENES = ("bus", "cafe/bar", "park")
FILES = tuple(f"audio/{scene[:3]}-{i}.wav" for scene in SCENES for i in range(6))
CELLS = (
    "",
    "nan",
    "inf",
    "-1",
    "1e999",
    "0x10",
    "²",
    "9" * 5_000,
    "x" * 140_000,
    '"',
    '""',
    "=1+1",
    "\x1b[31m",
    "\x00",
    "\u202e",
    "\u200b",
    "\ud800",
    "../../x",
    "bus",
    "True",
)
FORMS = (
    (",", "filename", "fold", "category", "src_file"),
    ("\t", "filename", "scene_label", "identifier", "source_label"),
    ("\t", "filename", "scene_label"),
    ("\t",),
)
PIECES = (b'"', b"\n", b"\r", b"\0", b",", b";", b"\t", b"\xff", b"\xef\xbb\xbf", b"'", b" ")


def good_list(draw: random.Random) -> bytes:
    """A table of one's own, in one of the forms that people write."""
    mark, end = draw.choice(",;\t"), draw.choice(("\n", "\r\n"))
    kind = draw.choice(("fold", "split", ""))
    rows = [["filename", "label", "group", *([kind] if kind else [])]]
    for i, file in enumerate(FILES):
        part = {"fold": str(1 + i % 3), "split": ("train", "test")[i % 2], "": ""}[kind]
        rows.append([file, SCENES[i // 6], f"place {i}", *([part] if kind else [])])
    return _damaged(rows, mark, end, draw)


def good_published(draw: random.Random) -> bytes:
    """A list as datasets publish them; with a header, without one, or ids alone."""
    mark, *header = draw.choice(FORMS)
    rows = [header] if header else []
    for i, file in enumerate(FILES):
        fields = {"fold": str(1 + i % 5), "id": str(i), "ids": f"{i} {i + 1}"}
        names = header or draw.choice((["file", "label"], ["file", "id"], ["ids"]))
        scene = {"category", "scene_label", "label"}
        row = [SCENES[i // 6] if n in scene else fields.get(n, file) for n in names]
        rows.append(row)
    return _damaged(rows, mark, "\n", draw)


def good_submission(draw: random.Random) -> bytes:
    if draw.random() < 0.3:
        rows = [["file", "label"], *([file, draw.choice(SCENES)] for file in FILES)]
    else:
        rows = [["file", *SCENES], *([file, "0.5", "0.3", "0.2"] for file in FILES)]
    return _damaged(rows, draw.choice(",;\t"), "\n", draw)


def _damaged(rows: list[list[str]], mark: str, end: str, draw: random.Random) -> bytes:
    """Write rows with a few wrong cells, rows and bytes."""
    for _ in range(draw.choice((0, 1, 1, 2))):
        row = draw.choice(rows)
        change = draw.randrange(5)
        if change < 2 and row:
            row[draw.randrange(len(row))] = draw.choice(CELLS)
        elif change == 2:
            rows.append(list(row))
        elif change == 3:
            rows.remove(row)
        else:
            row.extend(draw.choice(([draw.choice(CELLS)], ["x"] * 40, [""] * 12_000)))
        if not rows:
            break
    text = end.join(mark.join(row) for row in rows) + end
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(draw.choice((0, 0, 1, 2))):
        at = draw.randrange(len(data) + 1)
        how = draw.randrange(4)
        if how == 0:
            data[at:at] = draw.choice(PIECES) * draw.choice((1, 1, 500))
        elif how == 1:
            del data[at : at + draw.randrange(1, 30)]
        elif how == 2 and at < len(data):
            data[at] ^= 1 << draw.randrange(8)
        else:
            del data[at:]
    return bytes(data)


def files(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """The kind and the bytes of lists and submissions, the same for the same seed."""
    draw = random.Random(seed)
    for _ in range(count):
        kind = draw.choice(("table", "submission", "published"))
        yield kind, MAKE[kind](draw)


MAKE = {"table": good_list, "submission": good_submission, "published": good_published}


def attack(kind: str, path: Path, root: Path) -> str:
    """Read a file as what it is; return how it ended. Only AscError may be raised."""
    try:
        {"table": _table, "submission": _submission, "published": _published}[kind](path, root)
    except AscError as fault:
        assert len(escaped(str(fault))) < 20_000, "a message that fills the screen"
        return "refused"
    return "read"


def _table(path: Path, root: Path) -> None:
    listing = table.read(path)
    audit.remarks(listing)
    fingerprint(listing, {})
    audit.require(table.DATASET, listing)


def _submission(path: Path, root: Path) -> None:
    recordings = tuple(Recording(file, SCENES[i // 6]) for i, file in enumerate(FILES))
    listing = Listing(SCENES, recordings, (Split(1, (), FILES),))
    read = submission.read(path, SCENES, submission.tested(listing))
    assert read.files == FILES and np.isfinite(read.probabilities).all()
    np.testing.assert_allclose(read.probabilities.sum(axis=1), 1, rtol=0, atol=1e-8)
    assert 0 <= metrics.confusion(read.labels, read.guesses, len(SCENES)).trace() <= len(FILES)


def _published(path: Path, root: Path) -> None:
    """Read the bytes as every list that a published dataset has."""
    data = path.read_bytes()
    for name in PUBLISHED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    refused = []
    for dataset in (esc50, litis, tau2019, tut2016):
        try:
            dataset.read(root)
        except AscError as fault:
            refused.append(fault)
    if len(refused) == 4:
        raise refused[0]


PUBLISHED = (
    "meta/esc50.csv",
    "meta.csv",
    "meta.txt",
    "relation_wav_examples.txt",
    "fold3026-matrices_Learn.txt",
    "fold3026-matrices_Test.txt",
    *(
        f"evaluation_setup/fold{k}_{part}.{end}"
        for k in (1, 2, 3, 4)
        for part in ("train", "test", "evaluate")
        for end in ("txt", "csv")
    ),
)
