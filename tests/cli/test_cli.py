"""The program as users start it: quick, plain, and with an exit code that means something."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from asc_cli import __version__, workflow
from asc_cli.cli import application
from asc_cli.recipe import load as recipe
from tests.conftest import ROOT, Asc, Program, command, settings, tone, write


def test_help_loads_nothing_heavy():
    code = (
        "import sys; sys.argv = ['asc', '--help']\n"
        "from asc_cli.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'librosa', 'numpy', 'scipy', 'soundfile', 'sklearn', 'matplotlib'}\n"
        "print(heavy & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.strip() == "set()"
    assert "predict" in done.stdout


def test_the_version(program: Program):
    assert program("--version").stdout.strip() == __version__


def test_without_anything_it_shows_help(asc: Asc):
    assert "Usage" in asc().stdout


def test_a_mistake_is_one_line_and_exit_1(program: Program):
    done = program("train", "toy_lstn")
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("asc: unknown recipe 'toy_lstn'; did you mean toy_lstm?")


def test_a_wrong_flag_is_exit_2(asc: Asc):
    done = asc("train", "toy_lstm", "--epocs", "3")
    assert done.returncode == 2 and "--epocs" in done.stderr


def test_features_reports_bad_files_with_exit_3(asc: Asc, tmp_path: Path):
    write(tmp_path / "d/bus/a.wav", tone(440, 1.0, 22_050))
    (tmp_path / "d/bus/b.wav").touch()
    done = asc("features", "--data", tmp_path / "d", "--json")
    assert done.returncode == 3 and done.stderr == ""
    report = json.loads(done.stdout)
    assert set(report) == {
        "dataset",
        "feature",
        "recordings",
        "computed",
        "reused",
        "fetched",
        "failed",
        "audio_seconds",
        "wall_seconds",
        "features",
    }
    assert report["failed"] == [{"file": "bus/b.wav", "error": "is empty (0 bytes)"}]
    assert "bus/b.wav" in asc("features", "--data", tmp_path / "d").stdout


@pytest.mark.campaign
def test_features_of_a_dataset_are_those_of_its_shipped_recipes(asc: Asc, toy_root: Path):
    done = asc("features", "--dataset", "toy", "--data", toy_root, "--json")
    result = json.loads(done.stdout)
    names = {name for row in result["features"] for name in row["recipes"]}
    assert {"toy_lstm", "toy_cnn_mel", "toy_mfcc_gmm"} <= names
    assert result["computed"] == 60 * len(result["features"]) and result["recordings"] == 60
    table = asc("features", "--dataset", "toy", "--data", toy_root).stdout
    n_features = len(result["features"])
    assert n_features < len(names)  # recipes share them
    assert f"{n_features} features, which its {len(names)} shipped recipes need" in table
    done = asc("train", "toy_ta", "--data", toy_root, "--folds", "1", *settings())
    assert done.returncode == 0 and "features:" not in done.stderr
    one = json.loads(asc("features", "--recipe", "toy_lstm", "--data", toy_root, "--json").stdout)
    assert one["features"][0]["recipes"] == ["toy_lstm"] and one["reused"] == 60
    own = ("--set", "features.n_mels=20", "--json")
    one = json.loads(asc("features", "--dataset", "toy", "--data", toy_root, *own).stdout)
    assert (one["computed"], one["features"][0]["recipes"]) == (60, [])


def test_features_without_a_dataset(asc: Asc):
    done = asc("features")
    assert done.returncode == 1
    assert "--dataset NAME, --data PATH or --recipe RECIPE was expected" in done.stderr


@pytest.mark.campaign
def test_train_evaluate_and_models(asc: Asc, toy_root: Path, tmp_path: Path):
    done = asc("train", "toy_lstm", "--data", toy_root, "--folds", "1-2", "--json", *settings())
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert {
        "run",
        "model",
        "folds",
        "accuracy",
        "macro_accuracy",
        "macro_f1",
        "log_loss",
        "error",
        "wall_seconds",
    } <= set(report)
    assert [fold["fold"] for fold in report["folds"]] == [1, 2]
    scored = asc("evaluate", "toy_lstm", "--json")
    keys = set(json.loads(scored.stdout))
    assert keys >= {
        "recordings",
        "accuracy",
        "macro_accuracy",
        "fold_class_accuracy",
        "macro_f1",
        "log_loss",
        "ece",
        "error",
        "intervals",
        "folds",
        "scenes",
        "devices",
    }
    table = asc("evaluate", report["run"]).stdout
    assert "macro accuracy (mean over scenes, then folds)" in table and "confusion" in table
    assert "toy_lstm@1" in asc("models", "list").stdout
    (row,) = json.loads(asc("models", "list", "--json").stdout)
    assert row["default"] is True and row["folds"] == 2
    assert "labels:" in asc("models", "show", "toy_lstm").stdout
    assert asc("models", "export", "toy_lstm", tmp_path / "m.zip").returncode == 0
    assert asc("models", "remove", "toy_lstm@1").returncode == 0
    assert asc("models", "import", tmp_path / "m.zip").stdout.strip() == "toy_lstm@2"
    assert asc("models", "use", "toy_lstm@2").stdout.strip() == "toy_lstm@2"


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ("a", "--folds a: numbers such as 1,3 or 2-4 were expected"),
        ("3-2", "--folds 3-2: names no fold"),
    ],
)
def test_folds_that_are_no_numbers(asc: Asc, folds: str, message: str):
    assert message in asc("train", "toy_lstm", "--folds", folds).stderr


def test_datasets_check_fails_with_a_table(asc: Asc, tmp_path: Path):
    write(tmp_path / "a.wav", tone(440, 1.0, 22_050))
    table = tmp_path / "list.csv"
    table.write_text("filename,label,fold\na.wav,bus,1\nb.wav,bus,2\n")
    done = asc("datasets", "check", "table", "--data", table)
    assert done.returncode == 1 and "missing file" in done.stdout and "b.wav" in done.stdout
    write(tmp_path / "b.wav", tone(600, 1.0, 22_050))
    done = asc("datasets", "check", "table", "--data", table, "--json")
    assert done.returncode == 0, done.stdout
    assert [finding["check"] for finding in json.loads(done.stdout)["findings"]] == [
        "one scene",
        "no groups",
    ]


def test_datasets_list_and_show(asc: Asc):
    rows = {row["name"]: row for row in json.loads(asc("datasets", "list", "--json").stdout)}
    assert rows["litis"]["recordings"] == 3026 and rows["tut2016"]["folds"] == 4
    assert "data_rouen/" in asc("datasets", "show", "litis").stdout


def test_make_toy_then_check_it(asc: Asc, home: Path):
    created = asc("datasets", "make", "toy", "--recordings", 60, "--seconds", 0.1)
    assert created.returncode == 0 and created.stdout.strip() == str(home / "datasets/toy")
    assert asc("datasets", "check", "toy").returncode == 0
    assert "only toy and yt8m-toy can be made" in asc("datasets", "make", "litis").stderr


def test_what_recipes_show_prints_is_a_recipe(asc: Asc, tmp_path: Path):
    listed = "augment=[{name: gain}, {name: mixup}]"
    (tmp_path / "again.yaml").write_text(
        asc("recipes", "show", "toy_cnn_mel", "--set", listed).stdout
    )
    assert recipe.load(tmp_path / "again.yaml").settings == (
        recipe.load("toy_cnn_mel", [listed]).settings
    )


def test_recipes_show_and_schema(asc: Asc):
    assert "epochs: 5" in asc("recipes", "show", "toy_lstm", "--set", "training.epochs=5").stdout
    schema = json.loads(asc("recipes", "schema").stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")
    listed = asc("recipes", "list").stdout
    assert "27.40 %" in listed and "2.54 %" in listed


def test_a_reader_that_leaves_early_is_no_error():
    pipeline = " ".join(command("recipes", "list", "--json")) + " | true"
    done = subprocess.run(pipeline, shell=True, capture_output=True, text=True, cwd=ROOT)
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr


def test_the_console_script_is_the_module():
    script = Path(sys.executable).with_name("asc")
    done = subprocess.run([script, "--version"], capture_output=True, text=True)
    assert done.stdout.strip() == __version__


def test_ctrl_c_tells_how_to_resume(asc: Asc, monkeypatch: pytest.MonkeyPatch):
    def stopped(*given: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(workflow, "train", stopped)
    done = asc("train", "toy_lstm")
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == "asc: stopped; the same command resumes from here"


def test_a_place_that_cannot_be_written_is_one_line(
    asc: Asc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").touch()
    write(tmp_path / "d/bus/a.wav", tone(440, 1.0, 22_050))
    monkeypatch.setenv("ASC_HOME", str(tmp_path / "file"))
    done = asc("features", "--data", tmp_path / "d", "--jobs", 1)
    assert done.returncode == 1
    assert "file: Not a directory; a folder was expected\n" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_is_built_without_the_others(program: Program) -> None:
    assert "predict [OPTIONS] [paths]" in program("predict", "--help").stdout
    assert "Did you mean 'predict'?" in program("predikt").stderr
    assert [command.name for command in application("predict").registered_commands] == ["predict"]
