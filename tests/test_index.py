"""The index never gives a wrong row: damaged rows are skipped, old forms are read."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from asc_cli.frontend import index

FOLDER = Path("/audio/set")


def entry(number: int) -> index.Entry:
    return index.Entry(10 + number, 10**18, 10**18, number, f"{number:064x}", 1.5)


def test_the_last_row_of_a_name_counts() -> None:
    index.append(FOLDER, {"a.wav": entry(1), "b.wav": entry(2)})
    index.append(FOLDER, {"a.wav": entry(3)})
    assert index.read(FOLDER) == {"a.wav": entry(3), "b.wav": entry(2)}


def test_any_damaged_byte_costs_one_row_and_never_gives_another() -> None:
    index.append(FOLDER, {f"{i}.wav": entry(i) for i in range(4)})
    path = index.index_file(FOLDER)
    signal = path.read_bytes()
    for position in range(len(signal)):
        path.write_bytes(signal[:position] + bytes([signal[position] ^ 1]) + signal[position + 1 :])
        results = index.read(FOLDER)
        assert all(results[name] == entry(int(name[0])) for name in results)
        assert len(results) >= 2  # a damaged end of line takes its neighbour along


def test_rows_follow_one_that_was_cut() -> None:
    index.append(FOLDER, {"a.wav": entry(1), "b.wav": entry(2)})
    path = index.index_file(FOLDER)
    path.write_bytes(path.read_bytes()[:-20])
    index.append(FOLDER, {"c.wav": entry(3)})
    assert index.read(FOLDER) == {"a.wav": entry(1), "c.wav": entry(3)}


def test_names_that_are_no_utf8_come_back() -> None:
    name = os.fsdecode(b"\xff\n.wav")
    index.append(FOLDER, {name: entry(1)})
    assert index.read(FOLDER) == {name: entry(1)}


def test_outdated_rows_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "OUTDATED_ROWS", 10)
    for number in range(20):
        index.append(FOLDER, {"a.wav": entry(number)})
    assert index.read(FOLDER) == {"a.wav": entry(19)}
    assert len(index.index_file(FOLDER).read_bytes().splitlines()) == 2
    assert index.folders() == {FOLDER: {"a.wav": entry(19)}}


def test_the_json_of_version_0_1_is_read_and_replaced(home: Path) -> None:
    index.append(FOLDER, {})
    new = index.index_file(FOLDER)
    old = new.with_suffix(".json")
    new.unlink()
    row = [10, 10**18, 10**18, f"{1:064x}", 1.5]
    old.write_text(json.dumps({"folder": str(FOLDER), "files": {"a.wav": row}}))
    without_inode = index.Entry(10, 10**18, 10**18, None, f"{1:064x}", 1.5)
    assert index.folders() == {FOLDER: {"a.wav": without_inode}}
    index.append(FOLDER, {"b.wav": entry(2)})
    assert index.read(FOLDER) == {"a.wav": without_inode, "b.wav": entry(2)}
    assert not old.exists()


def test_a_file_that_took_anothers_place_is_not_it(tmp_path: Path) -> None:
    """Same size, and mtime set back: the inode differs."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"one")
    stat = path.stat()
    known = index.Entry(*index.stamp(stat), "x", 1.0)
    assert known.describes(path)
    assert not index.Entry(*index.stamp(stat)[:3], stat.st_ino + 1, "x", 1.0).describes(path)


def append_many(home: str, start: int) -> None:
    os.environ["ASC_HOME"] = home
    for number in range(start, start + 200):
        index.append(FOLDER, {f"{number}.wav": entry(number)})


def test_two_processes_write_one_index(home: Path) -> None:
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=append_many, args=(str(home), n)) for n in (0, 200)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    results = index.read(FOLDER)
    assert results == {f"{n}.wav": entry(n) for n in range(400)}
