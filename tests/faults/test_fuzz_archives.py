"""Archives with faults: unpacked, or refused with nothing written; nothing lands outside."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.faults import fuzz_archives, fuzzing


def fuzz(seed: int, count: int, folder: Path) -> Counter[str]:
    path, root = folder / "archive", folder / "root"

    def attack(data: bytes) -> str:
        path.write_bytes(data)
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        end = fuzz_archives.attack(path, root)
        assert {p.name for p in folder.iterdir()} == {"archive", "root", *ours}
        return end

    ours = {p.name for p in folder.iterdir()}
    return fuzzing.run(fuzz_archives.files(seed, count), attack)


def test_archives_with_faults_are_unpacked_or_refused(tmp_path: Path) -> None:
    assert set(fuzz(3, 150, tmp_path)) == {"unpacked", "refused"}


@pytest.mark.campaign
def test_many_archives_with_faults(tmp_path: Path, seed: int, whole: bool) -> None:
    assert set(fuzz(seed, 5_000 if whole else 500, tmp_path)) == {"unpacked", "refused"}
