"""A model is validated before it is registered: card, weights, answers; others stay as they are."""

from __future__ import annotations

import json
import math
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load, save

from asc_cli.core import atomic, json_text
from asc_cli.core.errors import AscError
from asc_cli.evaluation import aggregate
from asc_cli.inference import engine
from asc_cli.registry import archive, members, models
from tests.conftest import ROOT, Asc, tone, write


@pytest.fixture
def good(two_folds: Path, home: Path, tmp_path: Path) -> Path:
    """The file of toy_lstm@1, which is registered too."""
    shutil.copytree(two_folds / "models", home / "models")
    archive.export("toy_lstm", tmp_path / "good.zip")
    return tmp_path / "good.zip"


def changed(good: Path, card: dict[str, Any], arrays: dict[str, torch.Tensor]) -> Path:
    """A copy with other keys, {path: value}, and other arrays, as version 0.1 wrote it."""
    path = good.with_name("changed.zip")
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(path, "w") as out:
        for name in source.namelist():
            data = source.read(name)
            if name == "card.yaml":
                values = yaml.safe_load(data)
                del values["checksum"], values["files"]
                for key, value in card.items():
                    *parents, last = key.split(".")
                    section = values
                    for parent in parents:
                        section = section[parent]
                    section[last] = value
                data = yaml.safe_dump(values).encode()
            elif name.endswith(".safetensors"):
                data = save({**load(data), **arrays})
            out.writestr(name, data)
    return path


FAULTS: list[tuple[str, Any, str]] = [
    ("created", 2030, "created is no str"),
    ("recipe", None, "recipe is no dict"),
    ("feature", "x", "feature is no dict"),
    ("labels", 1, "labels is no list"),
    ("labels", ["same"] * 15, "two labels are the same"),
    ("labels", [None] * 15, "labels are no names"),
    ("labels", ["a", "b"], "Linear|classifier|shape"),
    ("folds", [], "folds are no numbers"),
    ("folds", [1.5], "folds are no numbers"),
    ("folds", [1, 1], "two folds are the same"),
    ("name", "../../evil", "letters, digits"),
    ("name", "x" * 300, "model name"),
    ("recipe.evaluation.aggregate", "x", "unknown method 'x'"),
    ("recipe.model.something", 1, "something"),
    ("recipe.model.n_hidden", 30_000, r"shape \("),
    ("recipe.model.n_hidden", 10**9, "at most 1e"),
    ("recipe.clips.length_s", math.nan, "a length of nan"),
    ("recipe.clips.length_s", 1e9, "at most 1e"),
    ("recipe.clips.overlap", 1, "not from 0 to below 1"),
    ("feature.parameters.n_mels", 10**9, "at most 1e"),
    ("feature.parameters.n_mels", 7, "weights are for 64 bands, and its feature has 7"),
    ("feature.parameters.hop_samples", 0, "cannot be computed with"),
    ("feature.parameters.frame_samples", "x", "cannot be computed with"),
    ("feature.parameters.something", 1, "something"),
    ("feature.audio.sample_rate", 0, "not 1000 to 768000 Hz"),
    ("feature.audio.sample_rate", "x", "sample_rate is no int"),
    ("feature.audio.sample_rate", 10**12, "not 1000 to 768000 Hz"),
]


@pytest.mark.parametrize(("key", "value", "message"), FAULTS)
def test_a_card_with_a_fault_is_refused(
    good: Path, asc: Asc, key: str, value: Any, message: str
) -> None:
    done = asc("models", "import", changed(good, {key: value}, {}))
    assert done.returncode == 1 and done.stderr.startswith("asc: ")
    assert re.search(message, done.stderr), done.stderr
    assert ".tmp-import" not in done.stderr  # a folder that is gone
    assert [model.id for model in models.models()] == ["toy_lstm@1"]


def bands(value: float) -> torch.Tensor:
    return torch.full((64,), value)


ARRAYS: list[tuple[str, torch.Tensor, str]] = [
    ("standardisation.mean", bands(math.nan), "a standardisation that is not finite"),
    ("standardisation.deviation", bands(0.0), "whose deviation is not above 0"),
    ("standardisation.deviation", bands(-1.0), "whose deviation is not above 0"),
    ("standardisation.mean", torch.tensor(1.0), "a standardisation of shapes"),
    ("standardisation.mean", torch.zeros(64, dtype=torch.float64), "a standardisation of"),
    ("calibration.temperature", torch.zeros(1, dtype=torch.float64), "a temperature of 0"),
    ("calibration.temperature", -torch.ones(1, dtype=torch.float64), "a temperature of -1"),
    ("calibration.temperature", torch.full((1,), math.nan), "a temperature of nan"),
    ("calibration.temperature", torch.zeros(0), "cannot be used"),
    ("model.something", torch.zeros(1), "something is in its network alone, or in the file alone"),
]


@pytest.mark.parametrize(("name", "array", "message"), ARRAYS)
def test_arrays_with_a_fault_are_refused(
    good: Path, asc: Asc, name: str, array: torch.Tensor, message: str
) -> None:
    done = asc("models", "import", changed(good, {}, {name: array}))
    assert done.returncode == 1 and message in done.stderr
    assert [model.id for model in models.models()] == ["toy_lstm@1"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.double(), "is float64 of shape"),
        (lambda w: w.to(torch.int32), "is int32 of shape"),
        (lambda w: w * math.nan, "holds NaN"),
        (lambda w: w * 1e38 * 1e4, "not finite|cannot"),
        (lambda w: w.flatten(), "of shape"),
    ],
)
def test_weights_with_a_fault_are_refused(good: Path, asc: Asc, change: Any, message: str) -> None:
    with zipfile.ZipFile(good) as source:
        arrays = load(source.read("fold01.safetensors"))
    name = next(
        name for name in sorted(arrays) if name.startswith("model.") and arrays[name].ndim > 1
    )
    done = asc("models", "import", changed(good, {}, {name: change(arrays[name])}))
    assert done.returncode == 1 and any(part in done.stderr for part in message.split("|"))
    assert [model.id for model in models.models()] == ["toy_lstm@1"]


@pytest.mark.parametrize("created", ["9999-01-01", "1970-01-01"])
def test_the_newest_model_is_the_one_registered_last(good: Path, asc: Asc, created: str) -> None:
    imported = asc("models", "import", changed(good, {"created": created, "name": "b"}, {}))
    assert imported.returncode == 0 and models.find().id == "b@1"
    archive.import_file(good)
    assert models.find().id == "toy_lstm@2", "whatever an archive claims"


def test_a_network_of_gigabytes_is_refused_before_it_is_built() -> None:
    built = []

    def build() -> torch.nn.Module:
        built.append(torch.empty(0).device.type)
        return torch.nn.Linear(200_000, 200_000)

    with pytest.raises(ValueError, match=r"weight is float32 of shape \(1, 1\) where its network"):
        members.build_for({"weight": torch.ones(1, 1), "bias": torch.ones(200_000)}, build)
    assert built == ["meta"]


@pytest.mark.parametrize("how", aggregate.METHODS)
def test_scores_that_are_not_finite_are_that_file_s_error(
    good: Path, asc: Asc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    clip = write(tmp_path / "a.wav", tone(440, 1.2, 22_050))
    score = engine.ensemble.log_probabilities
    monkeypatch.setattr(
        engine.ensemble,
        "log_probabilities",
        lambda *words: (score(*words)[0] * np.nan, score(*words)[1]),
    )
    engine._loaded_models.clear()
    load_ = engine.ensemble.load
    monkeypatch.setattr(
        engine.ensemble,
        "load",
        lambda *words: load_(*words).__class__(**{**vars(load_(*words)), "aggregate": how}),
    )
    done = asc("predict", clip, "--json", "--jobs", "1")
    engine._loaded_models.clear()
    assert done.returncode == 3 and engine.NOT_FINITE in json.loads(done.stdout)["error"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_inf_never_leave_as_json(tmp_path: Path, value: float) -> None:
    with pytest.raises(AscError, match=r"figures\[1\].loss is -?(nan|inf): JSON has neither"):
        json_text.dumps({"figures": [1, {"loss": value}]})
    with pytest.raises(AscError, match="JSON has neither NaN nor Inf"):
        atomic.write_json(tmp_path / "x.json", {"x": value})
    assert not (tmp_path / "x.json").exists()


def test_json_is_written_by_one_function() -> None:
    callers = [
        path.name
        for path in (ROOT / "asc_cli").rglob("*.py")
        if "json.dump" in path.read_text("utf-8").replace("json_text.dump", "")
    ]
    assert callers == ["json_text.py"]


def test_what_the_check_refuses_is_not_registered(good: Path) -> None:
    model = models.find("toy_lstm")
    checked = []

    def refuse(candidate: models.Model) -> None:
        checked.append((candidate.id, candidate.member(1).is_file()))
        raise AscError("refused")

    with pytest.raises(AscError, match="refused"):
        models.register("b", model.card, {1: model.member(1)}, check=refuse)
    assert checked == [("b@1", True)] and [m.id for m in models.models()] == ["toy_lstm@1"]
