"""Six names are public; samples and files get the same answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import asc_cli
from asc_cli.core.errors import AscError
from tests.conftest import ROOT, write
from tests.test_export import registered

NAMES = {"AscError", "evaluate", "extract", "load_model", "predict", "train"}


def test_exactly_these_names_are_public():
    assert set(asc_cli.__all__) == NAMES
    assert {name for name in dir(asc_cli) if name[0] != "_"} == NAMES
    assert all(callable(getattr(asc_cli, name)) for name in NAMES)
    with pytest.raises(AttributeError, match="has no attribute 'predictor'"):
        asc_cli.predictor  # noqa: B018  (the look-up is the test)


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, asc_cli\n"
        "print({'torch', 'numpy', 'pydantic', 'rich', 'typer'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "set()", done.stderr


def test_predicting_loads_nothing_that_it_does_not_need(tmp_path: Path):
    registered("m")
    path = write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 44_100))
    code = (
        "import sys; from asc_cli import predict\n"
        f"[output] = predict([{str(path)!r}])\nassert output.error is None\n"
        "heavy = {'librosa', 'sklearn', 'matplotlib', 'joblib', 'asc_cli.recipe', "
        "'asc_cli.training', 'numba'}\n"
        "print(heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "set()", done.stderr


@pytest.mark.parametrize(("rate", "channels"), [(22_050, 1), (44_100, 2), (8_000, 1)])
def test_samples_and_their_file_get_one_answer(rate: int, channels: int, tmp_path: Path):
    model = asc_cli.load_model(registered("m"))
    noise = np.random.default_rng(0).normal(0, 0.1, (rate * 25, channels))  # more than a block
    path = write(tmp_path / "a.wav", noise, rate, subtype="FLOAT")
    samples, _ = soundfile.read(path)
    output = model.predict(samples, rate, timeline_s=10)
    [of_file] = asc_cli.predict([path], timeline_s=10)
    assert output.timeline is not None and of_file.timeline is not None
    np.testing.assert_allclose(
        list(output.scenes.values()), list(of_file.scenes.values()), atol=1e-6
    )
    assert [(p.start_s, p.end_s) for p in output.timeline] == [(0, 10), (10, 20), (20, 25)]
    assert output.duration_s == pytest.approx(25)


def test_the_attributes_of_a_model():
    model = asc_cli.load_model(registered("m"), fold=2)
    assert (model.id, model.labels, model.sample_rate) == ("m@1", ("bus", "park", "tram"), 22_050)
    with pytest.raises(AscError, match=r"model m@1 has no fold 3; it has \[1, 2\]"):
        asc_cli.load_model("m", fold=3)


@pytest.mark.parametrize(
    ("samples", "rate", "what"),
    [
        (np.zeros(9_000, np.int16), 8_000, "type int16; floats from -1 to 1"),
        (np.zeros((2, 9_000)), 8_000, "more channels than samples"),
        (np.full(9_000, np.nan), 8_000, "hold NaN or Inf"),
        (np.zeros(9_000), 0, "sample_rate 0: 1000 to 768000 Hz was expected"),
        (np.zeros(100), 22_050, "shorter than one frame"),
        (np.zeros(0), 22_050, "shorter than one frame"),
    ],
)
def test_arrays_that_are_no_recording(samples: np.ndarray, rate: int, what: str):
    with pytest.raises(AscError, match=what):
        asc_cli.load_model(registered("m")).predict(samples, rate)
