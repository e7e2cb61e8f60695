"""CSV from outside: rows with their lines, or a sentence; cells are no formulas."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest

from asc_cli.core import csv_text
from asc_cli.core.errors import AscError
from asc_cli.datasets import Dataset, Listing, Recording, Split, table
from asc_cli.evaluation import predictions, submission
from asc_cli.protocol import audit
from asc_cli.report.writers.csv import cells


def rows(text: str, **more: bool) -> list[tuple[int, list[str]]]:
    return list(csv_text.rows(io.StringIO(text, newline=""), "x.csv", ",", **more))


def test_rows_have_the_line_that_they_begin_in() -> None:
    assert rows('a,b\n\n"c\nd",e\nf,g') == [(1, ["a", "b"]), (3, ["c\nd", "e"]), (5, ["f", "g"])]


@pytest.mark.parametrize(
    ("text", "line"),
    [('a,b\n"c,d\ne,f\n', 2), ('a,b\nc,"', 2), ('a,b\nc,d\n"' + "x\n" * 140_000, 3)],
)
def test_an_open_quotation_mark_has_its_line(text: str, line: int) -> None:
    with pytest.raises(
        AscError, match=f"x.csv:{line}: a cell with a line break.*is a quotation ma"
    ):
        rows(text)


def test_a_cell_of_a_list_has_no_line_break() -> None:
    with pytest.raises(AscError, match="x.csv:2: a cell with a line break"):
        rows('a,b\n"c,d\ne",f\n', one_line=True)


def test_a_row_of_50_000_cells_is_refused() -> None:
    with pytest.raises(AscError, match="x.csv:1: 50000 cells; at most 10000 are read"):
        rows(",".join(["a"] * 50_000))


@pytest.mark.parametrize("bad", [b"a\n\xff", "a\n".encode("utf-16")])
def test_other_encodings_are_a_sentence(tmp_path: Path, bad: bytes) -> None:
    (tmp_path / "x.csv").write_bytes(bad)
    with pytest.raises(AscError, match="x.csv: is UTF-16; save|x.csv:2: not UTF-8 text"):
        csv_text.read_text(tmp_path / "x.csv", "x.csv")


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "²", "9" * 5_000, "", "one", "1_0"])
def test_a_fold_is_a_whole_number(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="a whole number"):
        csv_text.whole_number(text)
    path = tmp_path / "t.csv"
    path.write_text(f"filename,label,fold\nb.wav,bus,1\na.wav,bus,{text}\n")
    with pytest.raises(AscError, match="t.csv:3: column fold holds"):
        table.read(path)


def test_a_column_per_line_is_not_quadratic(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("filename,label," + ",".join(f"c{i}" for i in range(9_000)) + "\na.wav,bus\n")
    assert len(table.read(path).recordings) == 1


def test_a_fold_per_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "filename,label,fold\n" + "".join(f"{i}.wav,bus,{i + 1}\n" for i in range(5_000))
    )
    with pytest.raises(AscError, match="5000 folds; at most 1000"):
        table.read(path)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("-a.wav", "'-a.wav"),
        ("+1", "'+1"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("'=x", "''=x"),
        ("''@", "'''@"),
        ("'tis.wav", "'tis.wav"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_a_formula_is_written_as_text_and_read_as_it_was(text: str, cell: str) -> None:
    assert csv_text.guarded(text) == cell and csv_text.unguarded(cell) == text


HOSTILE = Listing(
    ("=bus", "@park"),
    (Recording("=a.wav", "=bus", "+g", "-d"), Recording("'=b.wav", "@park", "g", "")),
    (Split(1, (), ("=a.wav", "'=b.wav")),),
)


def test_predictions_with_formulas_are_read_as_they_were(tmp_path: Path) -> None:
    written = predictions.Predictions(
        HOSTILE.labels,
        tuple(r.file for r in HOSTILE.recordings),
        np.array([1, 1]),
        np.array([0, 1]),
        tuple(r.group for r in HOSTILE.recordings),
        tuple(r.recording_device for r in HOSTILE.recordings),
        np.array([[0.75, 0.25], [0.5, 0.5]]),
    )
    path = tmp_path / "predictions.csv"
    predictions.write(path, written)
    text = path.read_text()
    assert not re.search(r"(^|,)[=+@\-]", text, re.MULTILINE)
    again = predictions.read(path)
    assert (again.scenes, again.files, again.groups, again.devices) == (
        (written.scenes, written.files, written.groups, written.devices)
    )
    scored = submission.read(path, HOSTILE.labels, submission.tested(HOSTILE))
    assert scored.files == written.files and scored.labels.tolist() == [0, 1]


def test_predict_writes_no_formulas() -> None:
    row = {
        "file": "=a.wav",
        "scene": "=bus",
        "probability": 1.0,
        "scenes": {"=bus": 1.0},
        "duration_s": 1.0,
        "model": "m@1",
    }
    [written] = cells(row, ["=bus"], "")
    assert written[0] == "'=a.wav" and written[3] == "'=bus" and written[4] == "1.0"
    [failed] = cells({"file": "@a", "error": "=x"}, [], "")
    assert failed[0] == "'@a" and failed[-1] == "'=x"


def test_sums_of_1_01_are_brought_to_1(tmp_path: Path) -> None:
    path, out = tmp_path / "p.csv", io.StringIO()
    csv.writer(out).writerows(
        [["file", *HOSTILE.labels], ["=a.wav", 0.809, 0.2], ["'=b.wav", 0.5, 0.5]]
    )
    path.write_text(out.getvalue().replace("'=b", "''=b"))
    read = submission.read(path, HOSTILE.labels, submission.tested(HOSTILE))
    np.testing.assert_allclose(read.probabilities.sum(axis=1), 1, rtol=0, atol=1e-15)
    assert read.probabilities[1].tolist() == [0.5, 0.5], "exact sums keep their bits"


@pytest.mark.parametrize(
    "other", ["g1\u200b", "g1\u00ad", "g1 ", "g\u00a01", "\ufeffg1", "e\u0301"]
)
def test_names_that_look_alike_are_refused(other: str) -> None:
    seen = {"g\u00a01": "g 1", "e\u0301": "\u00e9"}.get(other, "g1")
    recordings = (Recording("a.wav", "x", seen), Recording("b.wav", "y", other))
    listing = Listing(("x", "y"), recordings, (Split(1, ("a.wav",), ("b.wav",)),))
    dataset = Dataset("table", "", ("x", "y"), 8_000, *[""] * 6)
    with pytest.raises(AscError, match=r"group .*: .* look alike; write them the same way"):
        audit.require_consistent(dataset, listing)
