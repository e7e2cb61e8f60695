"""Models with a wrong key or wrong arrays: refused on import, in a sentence; else they answer."""

from __future__ import annotations

import shutil
import zipfile
from collections import Counter
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load

from asc_cli.registry import archive, models
from tests.conftest import tone, write
from tests.faults import fuzz_models, fuzzing
from tests.test_ensembles import trained_pair as trained_pair


@pytest.fixture
def original(two_folds: Path, home: Path, tmp_path: Path) -> Path:
    """A good model's file; the home holds another one of its kind."""
    shutil.copytree(two_folds / "models", home / "models")
    archive.export("toy_lstm", tmp_path / "long.zip")
    short = ("card", ("recipe", "clips", "length_s"), 0.1)  # clips of 6 frames: quick
    fuzz_models.write(tmp_path / "long.zip", short, tmp_path / "good.zip")
    return tmp_path / "good.zip"


def fuzz(
    seed: int, count: int, original: Path, folder: str = "", name: str = "toy_lstm@1"
) -> Counter[str]:
    with zipfile.ZipFile(original) as good:
        card = yaml.safe_load(good.read(f"{folder}card.yaml"))
        member = f"{folder or 'system01/' * ('system01/card.yaml' in good.namelist())}fold01"
        arrays = sorted(load(good.read(f"{member}.safetensors")))
    clip = write(original.parent / "clip.wav", tone(440, 1.2, 22_050))
    path = original.parent / "bad.zip"

    def attack(change: fuzz_models.Change) -> str:
        fuzz_models.write(original, change, path, folder)
        return f"{change[0]} {fuzz_models.attack(path, clip)}"

    ends = fuzzing.run(fuzz_models.changes(seed, count, card, arrays), attack)
    assert [model.id for model in models.models()] == [name] == [models.find().id]
    return ends


@pytest.fixture
def ensemble(trained_pair: Path, home: Path, tmp_path: Path) -> Path:
    """A good ensemble's file, and its home."""
    shutil.copytree(trained_pair / "models" / "pair", home / "models" / "pair")
    archive.export("pair", tmp_path / "good.zip")
    return tmp_path / "good.zip"


@pytest.mark.campaign
def test_models_with_faults_are_refused_or_answer(original: Path) -> None:
    assert {"card refused", "card imported", "array refused"} <= set(fuzz(2, 12, original))


@pytest.mark.campaign
def test_many_models_with_faults(original: Path, seed: int, whole: bool) -> None:
    assert len(fuzz(seed, 4_000 if whole else 200, original)) > 4


@pytest.mark.campaign
@pytest.mark.parametrize("folder", ["", "system01/", "system02/"])
def test_ensembles_with_faults_are_refused_or_answer(
    folder: str, ensemble: Path, seed: int, whole: bool
) -> None:
    ends = fuzz(seed, 1_000 if whole else 60, ensemble, folder, "pair@1")
    assert "card refused" in ends and len(ends) > 2
