"""LITIS Rouen: its flat folder, its lists of numbers, its traps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from asc_cli.core.errors import AscError
from asc_cli.datasets import litis
from asc_cli.protocol import audit
from tests.datasets.shaped import make_litis


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_litis(tmp_path_factory.mktemp("litis") / "litis")


def test_the_complete_set_matches_its_protocol(root: Path):
    listing = litis.read(root)
    assert audit.audit(litis.DATASET, listing, root) == []
    assert len(listing.recordings) == 3026
    assert {(len(s.train), len(s.test)) for s in listing.splits} == {(2419, 607)}
    assert len(listing.splits) == 20


@pytest.mark.parametrize(
    ("file", "scene"),
    [
        ("bus1.wav", "bus"),
        ("busystreet12.wav", "busystreet"),
        ("hall3.wav", "hall"),
        ("hallgare3.wav", "hallgare"),
        ("metro_rouen7.wav", "metro-rouen"),
        ("metro-paris7.wav", "metro-paris"),
        ("data_rouen/train-tgv147.wav", "train-tgv"),
    ],
)
def test_a_scene_is_the_name_up_to_its_first_digit(file: str, scene: str):
    assert litis.scene(file) == scene


def test_the_matlab_matrices_are_equal(root: Path, tmp_path: Path):
    text = litis.read(root)
    other = tmp_path / "mat"
    other.mkdir()
    (other / "relation_wav_examples.txt").write_bytes(
        (root / "relation_wav_examples.txt").read_bytes()
    )
    ids = {recording.file: i for i, recording in enumerate(text.recordings, start=1)}
    matrices = {
        "indiceMa": np.array([[ids[f] for f in s.train] for s in text.splits], float),
        "indiceMt": np.array([[ids[f] for f in s.test] for s in text.splits], float),
    }
    scipy.io.savemat(other / "fold3026-matrices_v7.mat", matrices)
    assert litis.read(other).splits == text.splits


def test_lists_that_are_not_what_they_should_be(root: Path, tmp_path: Path):
    with pytest.raises(
        AscError, match="relation_wav_examples.txt: this list of the dataset is mis"
    ):
        litis.read(tmp_path)
    (tmp_path / "relation_wav_examples.txt").write_text("bus1.wav one\n")
    with pytest.raises(AscError, match="'bus1.wav one' is not '<file name> <id>'"):
        litis.read(tmp_path)
    (tmp_path / "relation_wav_examples.txt").write_text("bus1.wav 1\n")
    (tmp_path / "fold3026-matrices_Learn.txt").write_text("1.0 x\n")
    with pytest.raises(AscError, match="ids were expected, separated by white space"):
        litis.read(tmp_path)
    (tmp_path / "fold3026-matrices_Learn.txt").unlink()
    (tmp_path / "fold3026-matrices_v7.mat").write_bytes(b"no matlab")
    with pytest.raises(AscError, match="cannot be read as MATLAB variables indiceMa and indiceMt"):
        litis.read(tmp_path)


def test_an_id_that_is_in_no_list_is_found(tmp_path: Path):
    (tmp_path / "relation_wav_examples.txt").write_text("bus1.wav 1\nbus2.wav 2\n")
    (tmp_path / "fold3026-matrices_Learn.txt").write_text("1 99\n")
    (tmp_path / "fold3026-matrices_Test.txt").write_text("2\n")
    results = audit.audit(litis.DATASET, litis.read(tmp_path), tmp_path)
    assert any("id 99 is in no list" in finding.what for finding in results)
