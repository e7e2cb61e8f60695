"""Six names are public; samples and files get the same answer."""

from __future__ import annotations

import html
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile

import asc_cli
from asc_cli.core.errors import AscError
from tests.conftest import ROOT, write
from tests.test_export import registered

NAMES = {"AscError", "cluster", "evaluate", "extract", "load_model", "predict", "train"}


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


# -- for people who work in Python -----------------------------------------------------------------


def test_a_folder_a_pattern_or_one_file_is_predicted(tmp_path: Path, monkeypatch) -> None:
    registered("m")
    noise = np.random.default_rng(0).normal(0, 0.1, 44_100)
    paths = [write(tmp_path / name, noise) for name in ("a.wav", "sub/b.wav")]
    (tmp_path / "notes.txt").write_text("no recording")
    expected = [str(path) for path in paths]
    assert sorted(p.file for p in asc_cli.predict(tmp_path)) == expected
    assert sorted(p.file for p in asc_cli.predict([str(tmp_path), paths[0]])) == expected
    assert [p.file for p in asc_cli.predict(str(paths[0]))] == expected[:1]
    assert [p.file for p in asc_cli.predict(f"{tmp_path}/*.wav")] == expected[:1]
    with pytest.raises(AscError, match="this pattern matches nothing"):
        next(asc_cli.predict(f"{tmp_path}/*.flac"))


def test_the_scene_of_a_bad_file_raises_its_error(tmp_path: Path) -> None:
    registered("m")
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    [prediction] = asc_cli.predict(tmp_path / "bad.wav")
    assert prediction.error and prediction.scenes == {}
    for name in ("scene", "probability"):
        with pytest.raises(AscError, match=r"bad\.wav: "):
            getattr(prediction, name)
    assert repr(prediction) == f"Prediction({prediction.file}: {prediction.error})"
    assert prediction.error in html.unescape(prediction._repr_html_())


def test_files_of_a_loaded_model_are_those_of_predict(tmp_path: Path) -> None:
    model = asc_cli.load_model(registered("m"))
    rng = np.random.default_rng(0)
    for n in range(18):  # more than a batch
        write(tmp_path / f"{n:02d}.wav", rng.normal(0, 0.1, rng.integers(9_000, 60_000)))
    (tmp_path / "10.wav").write_bytes(b"")
    own = list(model.predict_files(tmp_path))
    assert [Path(p.file).stem for p in own] == [f"{n:02d}" for n in range(18)]
    expected = {p.file: p for p in asc_cli.predict(tmp_path, jobs=1)}
    for prediction in own:
        other = expected[prediction.file]
        assert prediction.error == other.error
        np.testing.assert_allclose(
            [*prediction.scenes.values()], [*other.scenes.values()], atol=1e-6
        )
    with pytest.raises(AscError, match="threshold 2: a probability from 0 to 1 was expected"):
        next(model.predict_files(tmp_path, threshold=2))


def test_embeddings_of_samples_are_those_of_their_file(tmp_path: Path) -> None:
    model = asc_cli.load_model(registered("m"))
    path = write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 60_000))
    samples, rate = soundfile.read(path)
    [of_file] = asc_cli.predict(path, embeddings=True)
    assert of_file.embedding is not None
    np.testing.assert_allclose(model.embed(samples, rate), of_file.embedding, atol=1e-6)


def test_a_model_explains_a_file(tmp_path: Path) -> None:
    model = asc_cli.load_model(registered("m", "model.attention=[temporal]"), fold=2)
    path = write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 60_000))
    explanation = model.explain(path)
    assert (explanation.model, explanation.fold) == ("m@1", 2)
    assert explanation.attention is not None and explanation.attention.std() > 0


def test_a_line_and_a_table_of_a_prediction(tmp_path: Path) -> None:
    model = asc_cli.load_model(registered("m"))
    assert repr(model) == "Model(m@1: 3 scenes, 22050 Hz)"
    path = write(tmp_path / "a & <b>.wav", np.random.default_rng(0).normal(0, 0.1, 60_000))
    [prediction] = asc_cli.predict(path)
    assert repr(prediction) == (
        f"Prediction({path}: {prediction.scene}, {100 * prediction.probability:.1f} %)"
    )
    page = prediction._repr_html_()
    ElementTree.fromstring(page)  # well-formed, so nothing of the name is read as HTML
    assert "a &amp; &lt;b&gt;.wav" in page and page.count("<tr>") == 3


def test_predictions_as_a_table_of_pandas(tmp_path: Path, monkeypatch) -> None:
    pandas = pytest.importorskip("pandas")
    registered("m")
    noise = np.random.default_rng(0).normal(0, 0.1, 44_100)
    for name in ("a.wav", "b.wav"):
        write(tmp_path / name, noise)
    (tmp_path / "c.wav").write_bytes(b"RIFF")
    frame = asc_cli.predict(tmp_path, jobs=1).to_frame()
    assert [Path(name).name for name in sorted(frame.index)] == ["a.wav", "b.wav", "c.wav"]
    assert list(frame.columns) == [
        "scene",
        "probability",
        "duration_s",
        "error",
        "bus",
        "park",
        "tram",
    ]
    assert frame.loc[str(tmp_path / "c.wav"), "error"] and frame["scene"].isna().sum() == 1
    np.testing.assert_allclose(frame[["bus", "park", "tram"]].sum(axis=1)[:2], 1)
    assert isinstance(asc_cli.predict([]).to_frame(), pandas.DataFrame)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(AscError, match="pandas is not installed"):
        asc_cli.predict(tmp_path).to_frame()
