"""The cache of compiled kernels: its owner's alone, and damage to it costs compiling again."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asc_cli.models._recurrence import cache

SAMPLES = np.arange(4.0)


def twice(x: np.ndarray) -> np.ndarray:
    return 2 * x


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(cache, "folder", lambda: str(tmp_path / "asc" / "kernels-x"))
    return tmp_path / "asc" / "kernels-x"


def compiled() -> Any:
    """The kernel as a new process has it, called once."""
    kernel = cache.cached_njit()(twice)
    assert kernel(SAMPLES).tolist() == [0, 2, 4, 6]
    return kernel


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def was_read(kernel: Any) -> bool:
    return sum(kernel.stats.cache_hits.values()) == 1


def test_a_second_process_compiles_nothing(folder: Path) -> None:
    assert not was_read(compiled())
    assert [path.suffix for path in files(folder)] == [".nbc", ".nbi"]
    assert was_read(compiled())


def test_what_is_compiled_is_reported(folder: Path) -> None:
    for expected in ([(0, 1), (1, 1)], []):
        reports: list[tuple[int, int]] = []
        kernel = cache.cached_njit()(twice)
        with cache.reporting([kernel], lambda *n, to=reports: to.append(n)):
            kernel(SAMPLES)
        assert reports == expected


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    contents = bytearray(path.read_bytes())
    contents[len(contents) // 2] ^= 1
    path.write_bytes(contents)


def replace(path: Path) -> None:
    path.write_bytes(pickle.dumps("anything"))


@pytest.mark.campaign
@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", [empty, cut, flip, replace, os.unlink])
def test_a_damaged_file_is_compiled_again(
    folder: Path, suffix: str, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled()
    [path] = [each for each in files(folder) if each.suffix == suffix]
    damage(path)
    assert not was_read(compiled())
    assert was_read(compiled())


def test_data_without_an_index_is_removed(folder: Path) -> None:
    compiled()
    data, index = files(folder)
    flip(index)
    kernel = cache.cached_njit()(twice)
    assert kernel._cache._cache_file._load_index() == {}
    assert not data.exists() and not index.exists()


@pytest.mark.skipif(os.name == "nt", reason="there are no modes")
def test_the_folder_is_its_owner_s_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    compiled()
    assert folder.stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    kernel = compiled()
    assert not was_read(kernel) and not was_read(compiled())
    assert len(files(folder)) == 2


def test_without_a_folder_that_can_be_written_nothing_is_cached(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.parent.parent.mkdir(exist_ok=True)
    folder.parent.write_text("a file")
    assert not was_read(compiled()) and not was_read(compiled())
