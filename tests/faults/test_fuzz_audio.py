"""Audio bytes with faults: read, or refused in a sentence; nothing on stdout, memory bounded."""

from __future__ import annotations

import resource
from collections import Counter
from pathlib import Path

import pytest

from tests.faults import fuzz_audio, fuzzing

MEMORY_KB = 400_000  # how much the process may grow


def fuzz(seed: int, count: int, path: Path) -> Counter[str]:
    """Attack `count` files; return how often each end was."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def attack(data: bytes) -> str:
        path.write_bytes(data)
        return fuzz_audio.attack(path)

    ends = fuzzing.run(fuzz_audio.files(seed, count), attack)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + MEMORY_KB
    return ends


def test_mutated_files_are_read_or_refused_in_a_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ends = fuzz(13, 120, tmp_path / "a.wav")
    fuzz_audio.flush_c()
    assert len(ends) > 2 and capfd.readouterr().out == ""


@pytest.mark.campaign
def test_many_mutated_files(
    tmp_path: Path, seed: int, whole: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    ends = fuzz(seed, 5_000 if whole else 500, tmp_path / "a.wav")
    fuzz_audio.flush_c()
    assert len(ends) > 2 and capfd.readouterr().out == ""
