"""What a person names becomes files, in order, none twice."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from asc_cli.audio import inputs
from asc_cli.core.errors import AscError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.wav", "a.FLAC", "notes.txt", "._a.wav", "deep/er/c.mp3", "song.m4a"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "in"


def test_a_folder_gives_all_below_it_sorted_and_foreign_formats_too(folder: Path):
    results = [path.relative_to(folder).as_posix() for path in inputs.find([str(folder)])]
    assert results == ["a.FLAC", "b.wav", "deep/er/c.mp3", "song.m4a"]


def test_duplicate_files_are_predicted_once(folder: Path):
    names_ = [str(folder / "b.wav"), str(folder), str(folder / "*.wav")]
    assert inputs.find(names_)[0] == folder / "b.wav"
    assert len(inputs.find(names_)) == len(set(inputs.find(names_))) == 4


def test_patterns(folder: Path):
    assert inputs.find([str(folder / "**/*.mp3")]) == [folder / "deep/er/c.mp3"]
    with pytest.raises(AscError, match=r"\*.ogg: this pattern matches nothing"):
        inputs.find([str(folder / "*.ogg")])


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path):
    (tmp_path / "a[1].wav").touch()
    assert inputs.find([str(tmp_path / "a[1].wav")]) == [tmp_path / "a[1].wav"]


def test_missing_paths_are_kept_for_the_reader(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    for name in ("none.wav", "empty"):
        assert inputs.find([str(tmp_path / name)]) == [tmp_path / name]


def test_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "list").write_bytes("\ufeffä.wav\r\n\r\nb c.wav\n".encode())
    assert inputs.read_list(str(tmp_path / "list")) == ["ä.wav", "b c.wav"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x.wav\n")))
    assert inputs.read_list("-") == ["x.wav"]
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(
        AscError, match="--files-from .*bytes: is UTF-16; a file per line, in UTF-8"
    ):
        inputs.read_list(str(tmp_path / "bytes"))
    with pytest.raises(AscError, match="--files-from .*none: cannot be read"):
        inputs.read_list(str(tmp_path / "none"))


def test_stdin_becomes_a_temporary_file():
    with inputs.spooled(io.BytesIO(b"sound")) as path:
        assert path.read_bytes() == b"sound"
    assert not path.exists()


@pytest.mark.parametrize("name", ["heard.wav", "other.FLAC", "notes"])
def test_no_output_is_written_over_sound(tmp_path: Path, name: str):
    outputs = {"--csv": tmp_path / name, "--embeddings": None}
    with pytest.raises(
        AscError, match=r"--csv .*: a recording would be written over; .*scenes.csv"
    ):
        inputs.require_no_overwrite(outputs, [tmp_path / "notes", tmp_path / "heard.wav"])
    inputs.require_no_overwrite({"--csv": tmp_path / "scenes.csv"}, [tmp_path / name])


def test_lists_with_nul_and_names_that_are_no_text(tmp_path: Path):
    (tmp_path / "list").write_bytes(b"a\nb.wav\0c\xff.wav\0")
    assert inputs.read_list(str(tmp_path / "list")) == ["a\nb.wav", "c\udcff.wav"]
