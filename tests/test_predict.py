"""Prediction answers for anything that is audio, and names what is not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from asc_cli import report, workflow
from asc_cli.core.errors import AscError
from asc_cli.registry import archive
from tests.conftest import Asc, tone, write


@pytest.fixture
def trained(two_folds: Path, home: Path) -> Path:
    """A home with a small registered model of two folds."""
    return Path(shutil.copytree(two_folds, home))


def test_good_files_are_predicted_and_bad_ones_reported(trained: Path, tmp_path: Path, asc: Asc):
    signal = tone(440, 2.0, 44_100)
    good = [
        write(tmp_path / "8bit.wav", tone(440, 2.0, 8_000), 8_000, subtype="PCM_U8"),
        write(
            tmp_path / "six.wav",
            np.stack([tone(440, 2.0, 96_000)] * 6, axis=1),
            96_000,
            subtype="PCM_24",
        ),
        write(tmp_path / "float.wav", signal, 44_100, subtype="FLOAT"),
        write(tmp_path / "a.ogg", signal, 44_100),
        write(tmp_path / "a.mp3", signal, 44_100),
        write(tmp_path / "a.flac", signal, 44_100),
        write(tmp_path / "größe und raum.wav", signal, 44_100),
        write(tmp_path / "silence.wav", np.zeros(44_100), 44_100),
        write(tmp_path / "short.wav", tone(440, 0.2, 44_100), 44_100),
    ]
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("no audio")
    (tmp_path / "folder").mkdir()
    bad = {
        write(tmp_path / "10ms.wav", tone(440, 0.01, 44_100), 44_100): "shorter than one frame",
        tmp_path / "empty.wav": "is empty (0 bytes)",
        tmp_path / "text.wav": "is not audio that can be read",
        tmp_path / "folder": "is a folder; a file was expected",
        tmp_path / "none.wav": "there is no such file",
    }
    done = asc("predict", "--json", *good, *bad)
    assert done.returncode == 3
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["file"] for row in rows] == [str(path) for path in [*good, *bad]]
    for row in rows[: len(good)]:
        assert set(row) == {"file", "scene", "probability", "scenes", "duration_s", "model"}
        assert sum(row["scenes"].values()) == pytest.approx(1)
        assert row["probability"] == max(row["scenes"].values()) == row["scenes"][row["scene"]]
    for row, reason in zip(rows[len(good) :], bad.values(), strict=True):
        assert set(row) == {"file", "error"} and reason in row["error"]
    stderr = done.stderr.splitlines()
    assert len(stderr) == len(bad) and all(line.startswith("asc: ") for line in stderr)


def test_only_good_files_is_exit_0_and_a_table(trained: Path, tmp_path: Path, asc: Asc):
    path = write(tmp_path / "a.wav", tone(440, 2.0, 22_050))
    done = asc("predict", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "a.wav" in done.stdout and "%" in done.stdout


def test_a_csv_of_before_outlives_a_mistake(trained: Path, tmp_path: Path, asc: Asc):
    path, stored = write(tmp_path / "a.wav", tone(440, 2.0, 22_050)), tmp_path / "said.csv"
    stored.write_text("what was said before\n")
    done = asc("predict", path, "--model", "toy_lst", "--csv", stored)
    assert done.returncode == 1 and "unknown model" in done.stderr
    assert stored.read_text() == "what was said before\n"
    assert asc("predict", path, "--csv", stored).returncode == 0
    assert stored.read_text().startswith("file,start,end,") and stored.read_text().count("\n") == 2


def test_bad_files_alone_are_in_the_csv_too(tmp_path: Path):
    with report.Predictions(csv_file=tmp_path / "said.csv") as out:
        out.add({"file": "a.wav", "error": "is empty"})
    assert (tmp_path / "said.csv").read_text().splitlines() == [
        "file,start,end,scene,probability,model,settings,error",
        "a.wav,,,,,,,is empty",
    ]


def test_a_csv_that_cannot_be_written_is_an_error(tmp_path: Path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(AscError, match=r"--csv .*said.csv: cannot be written \("),
        report.Predictions(csv_file=tmp_path / "file/said.csv") as out,
    ):
        out.add({"file": "a.wav", "error": "is empty"})


def scores(path: Path, **more) -> np.ndarray:
    (prediction,) = workflow.predict([path], **more)
    assert prediction.error is None, prediction.error
    return np.array(list(prediction.scenes.values()))


def test_wav_and_flac_alone_and_together_are_the_same(trained: Path, tmp_path: Path):
    noise = np.random.default_rng(0).normal(0, 0.1, 60_000)
    wav = write(tmp_path / "a.wav", noise, 22_050, subtype="PCM_24")
    flac = write(tmp_path / "a.flac", noise, 22_050, subtype="PCM_24")
    alone = scores(wav)
    np.testing.assert_allclose(scores(flac), alone, atol=1e-6)
    for prediction in workflow.predict([flac, wav, flac]):
        np.testing.assert_allclose(list(prediction.scenes.values()), alone, atol=1e-6)


def test_the_members_probabilities_are_averaged(trained: Path, tmp_path: Path):
    path = write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 60_000))
    first, second = (scores(path, fold=fold) for fold in (1, 2))
    assert np.abs(first - second).max() > 1e-4
    np.testing.assert_allclose(scores(path), (first + second) / 2, atol=1e-6)


def test_it_predicts_like_the_fold(trained: Path, toy_root: Path):
    """The file path and the training path give one answer."""
    from asc_cli.evaluation import predictions

    run = workflow.evaluate("toy_lstm")["run"]
    output = predictions.read(Path(run) / "fold01/predictions.csv")
    for i in (0, 5):
        np.testing.assert_allclose(
            scores(toy_root / output.files[i], fold=1), output.probabilities[i], atol=1e-6
        )


@pytest.mark.campaign
def test_memory_does_not_grow_with_length(trained: Path, tmp_path: Path):
    """Three minutes at 44.1 kHz are 32 MB as samples; the peak must not depend on it."""
    noise = np.random.default_rng(0).normal(0, 0.1, 44_100 * 10)
    short = write(tmp_path / "short.wav", noise, 44_100)
    long = write(tmp_path / "long.wav", np.tile(noise, 18), 44_100)
    measure = (
        "import resource, sys; from asc_cli import workflow; from pathlib import Path\n"
        "for path in sys.argv[1:]:\n"
        "    list(workflow.predict([Path(path)]))\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    paths = [str(short), str(long)]
    printed = subprocess.check_output([sys.executable, "-c", measure, *paths])
    first_kib, both_kib = map(int, printed.split())
    assert both_kib - first_kib < 16 * 1024


def test_missing_models_and_folds(trained: Path, tmp_path: Path):
    path = write(tmp_path / "a.wav", tone(440, 2.0, 22_050))
    with pytest.raises(AscError, match="unknown model 'toy_lst'; did you mean toy_lstm"):
        list(workflow.predict([path], model="toy_lst"))
    with pytest.raises(AscError, match=r"model toy_lstm@1 has no fold 3; it has \[1, 2\]"):
        list(workflow.predict([path], fold=3))


def test_damaged_weights_are_an_error(trained: Path, tmp_path: Path, monkeypatch):
    path = write(tmp_path / "a.wav", tone(440, 2.0, 22_050))
    archive.export("toy_lstm", tmp_path / "m.zip")
    monkeypatch.setenv("ASC_HOME", str(tmp_path / "other"))
    model = archive.import_file(tmp_path / "m.zip")
    model.member(1).write_bytes(b"damaged")
    with pytest.raises(AscError, match="fold01.safetensors is damaged: it differs"):
        list(workflow.predict([path]))


def test_a_model_of_other_feature_code_is_refused(trained: Path, tmp_path: Path, monkeypatch):
    from asc_cli.core import plugins

    path = write(tmp_path / "a.wav", tone(440, 2.0, 22_050))
    monkeypatch.setattr(plugins.Catalog, "version", lambda self, name: 99)
    with pytest.raises(AscError, match="was trained on log_mel version . .* computes version 99"):
        list(workflow.predict([path]))
