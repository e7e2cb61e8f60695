"""What commands say of slips: what is wrong, and what was meant."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import torch

from asc_cli import workflow
from asc_cli.core import atomic, paths, tensors
from asc_cli.core.errors import AscError
from asc_cli.recipe import load as recipe
from asc_cli.registry import models
from asc_cli.report.console.evaluation import evaluation
from asc_cli.report.writers.predictions import Predictions
from tests.conftest import SMALL, Asc, minimal_card, tone, write


def test_an_unknown_dataset_is_no_fault_of_a_recipe(asc: Asc):
    done = asc("features", "--dataset", "esc11")
    assert done.returncode == 1
    assert done.stderr.startswith("asc: unknown dataset 'esc11'; did you mean esc10?")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("epochs=3", "training.epochs"),
        ("seed=1", "training.seed"),
        ("n_hidden=9", "model.n_hidden"),
        ("clips.epochs=3", "training.epochs"),
    ],
)
def test_a_key_of_another_section_is_found(given: str, meant: str):
    with pytest.raises(AscError, match=rf"unknown key '[a-z._]+'; did you mean {meant}\?"):
        recipe.load("toy_lstm", [given])


def test_output_into_stdin_s_sign_is_refused(asc: Asc, tmp_path: Path):
    done = asc("predict", tmp_path, "--csv", "-")
    assert done.returncode == 1 and "output goes into files, not into -" in done.stderr


def test_no_models_yet(asc: Asc):
    assert asc("models", "list").stdout.startswith("no models yet; asc train RECIPE")
    assert asc("models", "list", "--json").stdout == "[]\n"


def test_removing_needs_one_version(asc: Asc, tmp_path: Path):
    tensors.save(tmp_path / "weights", {"model.w": torch.ones(1)})
    for _ in range(2):
        models.register("m", minimal_card(), {1: tmp_path / "weights"})
    done = asc("models", "remove", "m")
    assert done.returncode == 1 and "remove m: which of m@1, m@2? Name one" in done.stderr
    assert asc("models", "remove", "m@1").stdout == "removed m@1\n"
    assert asc("models", "remove", "m").stdout == "removed m@2\n"


def test_a_model_refers_to_its_run(toy_root: Path):
    result = workflow.train(recipe.load("toy_lstm", SMALL), data=toy_root, folds=[1])
    scored = workflow.evaluate(result.model)
    assert scored["run"] == str(result.run)
    assert "accuracy: the mean over folds; precision, F1 and log loss: all" in str(
        evaluation(scored.to_dict())
    )
    page = (result.run / "report.html").read_text(encoding="utf-8")
    assert "Accuracy is the mean over folds; precision, F1 and log loss are of all" in page
    result.run.rename(result.run.with_name("elsewhere"))
    with pytest.raises(AscError, match=r"@1 is a model, not a run, and its run .* is not in .*"):
        workflow.evaluate(result.model)


@pytest.mark.parametrize("data", [None, Path("table.csv")])
def test_a_missing_file(data: Path | None):
    with pytest.raises(AscError, match=r"nofile.csv: there is no such file"):
        workflow.evaluate("nofile.csv", data=data)


def test_a_full_disk_names_the_file(tmp_path: Path):
    words = "2 requested and 1 written"
    with pytest.raises(OSError, match=words) as caught, atomic.replacing(tmp_path / "a.npy"):
        raise OSError(words)
    assert caught.value.filename == str(tmp_path / "a.npy")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_full_disk_ends_in_a_line(asc: Asc, tmp_path: Path):
    output = r"--csv /dev/full: cannot be written \(No space left"
    with (
        pytest.raises(AscError, match=output),
        Predictions(as_json=True, csv_file=Path("/dev/full")) as out,
    ):
        out.add({"file": "a", "error": "is empty"})
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*_asc(), "datasets", "list"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "asc: standard output: No space left on device; make room, and run the same command again"
    ]


def test_a_file_called_raw(tmp_path: Path):
    (tmp_path / "a.raw").write_bytes(bytes(100))
    from asc_cli.audio import decode

    with pytest.raises(AscError, match=r"is called \.raw: samples without a header"):
        decode.inspect(tmp_path / "a.raw")


def test_a_csv_prints_a_summary_of_many_and_no_embeddings_of_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    row = {
        "scene": "bus",
        "probability": 1.0,
        "scenes": {"bus": 1.0},
        "duration_s": 1.0,
        "model": "m@1",
    }
    with Predictions(csv_file=tmp_path / "a.csv", embeddings_file=tmp_path / "e.npz") as out:
        out.add({"file": "x.wav", **row})
        out.add({"file": "y.wav", **row})
        out.add({"file": "z.wav", "error": "is empty"})
    output = capsys.readouterr()
    assert "a.csv: 2 recordings, 1 bad" in output.out and "x.wav" not in output.out
    assert "e.npz: not written; no predictions" in output.err
    assert not (tmp_path / "e.npz").exists()
    with Predictions(csv_file=tmp_path / "a.csv") as out:
        out.add({"file": "x.wav", **row})
    assert "x.wav" in capsys.readouterr().out


def test_help_of_listen_is_no_list(asc: Asc):
    assert "Raw PCM on stdin: -;" in asc("listen", "--help").stdout


def test_old_journals_go(tmp_path: Path):
    from asc_cli.inference.journal import RETENTION_SECONDS, Journal

    old, young = (paths.home() / "predictions" / name for name in ("old.jsonl", "young.jsonl"))
    old.parent.mkdir(parents=True)
    for file in (old, young):
        file.touch()
    os.utime(old, (0, old.stat().st_mtime - RETENTION_SECONDS - 60))
    Journal("key").read()
    assert young.exists() and not old.exists()


def test_stopping_early_gives_no_warning(recwarn: pytest.WarningsRecorder):
    from asc_cli.core import parallel

    results = parallel.map_unordered(abs, [(i,) for i in range(200)], 2)
    next(results)
    results.close()
    assert not [w for w in recwarn if "tasks" in str(w.message)]


def test_a_table_of_one_s_own_is_checked_by_its_path(tmp_path: Path):
    for name in ("a.wav", "b.wav"):
        write(tmp_path / name, tone(440, 1.0, 22_050))
    listed = tmp_path / "l.csv"
    listed.write_text("filename,label,group,fold\na.wav,bus,g,1\nb.wav,park,g,2\n")
    with pytest.raises(AscError, match="See all with: asc datasets check table --data PATH"):
        workflow.evaluate("m", data=listed)


def _asc() -> list[str]:
    from tests.conftest import command

    return command()
