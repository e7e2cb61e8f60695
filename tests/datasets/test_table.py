"""Anybody's recordings: CSVs as people write them, and folders."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from asc_cli.core.errors import AscError
from asc_cli.datasets import Recording, table
from asc_cli.datasets._formats import lists
from tests.conftest import tone, write


def csv(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode())
    return path


def test_folds_become_splits(tmp_path: Path):
    listing = table.read(csv(tmp_path, "filename,label,fold\na.wav,bus,1\nb.wav,cafe/bar,2\n"))
    assert listing.labels == ("bus", "cafe/bar")
    assert [(s.fold, s.train, s.test) for s in listing.splits] == [
        (1, ("b.wav",), ("a.wav",)),
        (2, ("a.wav",), ("b.wav",)),
    ]


def test_train_and_test_become_one_split(tmp_path: Path):
    text = "filename,label,split\na.wav,bus,train\nb.wav,bus,test\n"
    (split,) = table.read(csv(tmp_path, text)).splits
    assert (split.fold, split.train, split.test) == (1, ("a.wav",), ("b.wav",))


def test_a_byte_order_mark_tabs_crlf_and_windows_paths(tmp_path: Path):
    text = (
        "\ufefffilename\tscene_label\tidentifier\tsource_label\r\naudio\\a.wav\tbus\tlyon-1\ta\r\n"
    )
    (recording,) = table.read(csv(tmp_path, text)).recordings
    assert recording == Recording("audio/a.wav", "bus", "lyon-1", "a")


def test_empty_fields_at_the_ends_of_lines_with_tabs(tmp_path: Path):
    text = "group\tfilename\tlabel\tdevice\n\ta.wav\tbus\tphone\n \t b.wav\tbus\t\n\t\t\t\n"
    listing = table.read(csv(tmp_path, text))
    assert listing.recordings == (
        Recording("a.wav", "bus", "", "phone"),
        Recording("b.wav", "bus", "", ""),
    )


def test_tabs_around_lines_with_commas_are_blanks(tmp_path: Path):
    text = 'filename,label\t\r\n\t"a, b.wav",bus\r\n'
    assert table.read(csv(tmp_path, text)).recordings == (Recording("a, b.wav", "bus"),)


def test_a_published_list_with_tabs_keeps_its_columns(tmp_path: Path):
    rows = lists.records(csv(tmp_path, "x\tfilename\n\ta.wav\n1\tb.wav\n"), ("filename",), "\t")
    assert [row["filename"] for _, row in rows] == ["a.wav", "b.wav"]


def test_a_quoted_comma_stays_in_its_name(tmp_path: Path):
    listing = table.read(csv(tmp_path, 'filename,label\n"a, b.wav",bus\n'))
    assert listing.recordings[0].file == "a, b.wav"


def test_a_folder_per_scene(tmp_path: Path):
    for name in ("bus/a.wav", "park/x/b.flac"):
        write(tmp_path / name, tone(440, 0.1, 22_050))
    (tmp_path / "README.md").write_text("no scene")
    (tmp_path / "bus/notes.txt").write_text("no recording")
    listing = table.read(tmp_path)
    assert listing.labels == ("bus", "park") and listing.splits == ()
    assert [r.file for r in listing.recordings] == ["bus/a.wav", "park/x/b.flac"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a header and at least one row were expected"),
        ("filename,label\n", "a header and at least one row were expected"),
        ("name,label\na.wav,bus\n", r"no column filename in its header \(name, label\)"),
        ("x,y\n1,2\n", "no column filename and no column label in its header"),
        ("filename,label\na.wav,\n", "list.csv:2: filename or label is empty"),
        (
            "filename,label,fold\na.wav,bus,1\nb.wav,bus,evaluation-set\n",
            r"list.csv:3: column fold holds 'evaluation-set'; a whole number \(1, 2, …\) was exp",
        ),
        ("filename,label,fold\na.wav,bus,\nb.wav,bus,1\n", "list.csv:2: column fold holds '';"),
        ("filename,label,fold\na.wav,bus,0\nb.wav,bus,1\n", "list.csv:2: column fold holds .0.;"),
        (
            "filename,label,fold,split\na.wav,bus,1,train\nb.wav,bus,2,test\n",
            "list.csv: has columns fold and split; one of them was expected",
        ),
        ("filename,label,split\na,b,dev\n", "a has split 'dev'; train or test was expected"),
    ],
)
def test_what_is_not_a_table_has_a_reason(tmp_path: Path, text: str, message: str):
    with pytest.raises(AscError, match=message):
        table.read(csv(tmp_path, text))


def test_bytes_that_are_not_text(tmp_path: Path):
    path = tmp_path / "list.csv"
    path.write_bytes(b"filename,label\n\xff\xfe,bus\n")
    with pytest.raises(AscError, match=r"csv:2: not UTF-8 text \(byte 15\); was the list damaged"):
        table.read(path)


def test_recordings_that_cannot_be_read_are_not_left_out_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "av", None)  # the extra `media` is not installed
    write(tmp_path / "bus" / "a.wav", tone(440, 0.1, 8000))
    (tmp_path / "park").mkdir()
    (tmp_path / "park" / "b.m4a").write_bytes(b"x")
    with pytest.raises(AscError, match=r"b\.m4a, 1 recording.*: the extra `media` is needed"):
        table.read(tmp_path)


def test_a_folder_without_audio(tmp_path: Path):
    (tmp_path / "bus").mkdir()
    with pytest.raises(AscError, match="no sub-folder here holds audio"):
        table.read(tmp_path)


def test_semicolons_part_columns_too(tmp_path: Path):
    (tmp_path / "list.csv").write_text("filename;label;fold\na, b.wav;bus;1\n")
    assert table.read(tmp_path / "list.csv").recordings == (Recording("a, b.wav", "bus"),)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("filename,Label", "'Label' in its header; did you mean label"),
        ("filename,labels", "'labels' in its header; did you mean label"),
        ("filename,label,Fold", "'Fold' in its header; did you mean fold"),
        ("filename,label,folds", "'folds' in its header; did you mean fold"),
    ],
)
def test_a_column_that_was_meant_is_not_passed_over(tmp_path: Path, header: str, said: str):
    (tmp_path / "list.csv").write_text(f"{header}\na.wav,bus,1\n")
    with pytest.raises(AscError, match=f"column {said}"):
        table.read(tmp_path / "list.csv")


def test_columns_beside_our_own_stay_free(tmp_path: Path):
    (tmp_path / "list.csv").write_text("filename,label,Class\na.wav,bus,1\n")
    assert table.read(tmp_path / "list.csv").recordings == (Recording("a.wav", "bus"),)
