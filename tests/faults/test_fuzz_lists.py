"""Lists and submissions with faults: read, or refused in a sentence."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.faults import fuzz_lists, fuzzing


def fuzz(seed: int, count: int, folder: Path) -> Counter[str]:
    path = folder / "list.csv"

    def attack(each: tuple[str, bytes]) -> str:
        kind, data = each
        path.write_bytes(data)
        return f"{kind} {fuzz_lists.attack(kind, path, folder / 'root')}"

    return fuzzing.run(fuzz_lists.files(seed, count), attack)


def test_lists_with_faults_are_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    ends = fuzz(5, 150, tmp_path)
    assert {"table read", "table refused", "submission read", "submission refused"} <= set(ends)


@pytest.mark.campaign
def test_many_lists_with_faults(tmp_path: Path, seed: int, whole: bool) -> None:
    assert len(fuzz(seed, 5_000 if whole else 500, tmp_path)) > 4
