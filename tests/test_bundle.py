"""asc report --bundle and asc evaluate run.zip: what is verified, what is refused."""

from __future__ import annotations

import json
import os
import random
import shutil
import stat
import subprocess
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from asc_cli import workflow
from asc_cli.core import checksums
from asc_cli.core.errors import AscError
from asc_cli.registry import bundle
from asc_cli.registry.runs import find_run
from tests.conftest import ROOT, Asc

Change = Callable[[dict[str, bytes]], None]


@pytest.fixture
def run_zip(two_folds: Path, home: Path, tmp_path: Path) -> Path:
    """A bundle of a run of toy_lstm: two folds."""
    shutil.copytree(two_folds, home, dirs_exist_ok=True)
    return workflow.write_bundle("toy_lstm", tmp_path / "run.zip")


def results(checked: workflow.BundleEvaluation) -> dict[str, str]:
    return {check.check: check.result for check in checked.checks}


def sentence(checked: workflow.BundleEvaluation, name: str) -> str:
    return next(check.text for check in checked.checks if check.check == name)


def changed(path: Path, change: Change, honest: bool = True) -> Path:
    """Write a bundle again with other contents; honest: with their checksums."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    change(contents)
    if honest:
        manifest = json.loads(contents["bundle.json"])
        others = {name: data for name, data in contents.items() if name != "bundle.json"}
        manifest["files"] = {name: checksums.of_bytes(data) for name, data in others.items()}
        contents["bundle.json"] = json.dumps(checksums.added(manifest)).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return path


def edited(name: str, edit: Callable[[dict[str, Any]], None]) -> Change:
    """Change values of a JSON file of a bundle, and its own checksum."""

    def change(contents: dict[str, bytes]) -> None:
        values = json.loads(contents[name])
        values.pop("checksum", None)
        edit(values)
        contents[name] = json.dumps(checksums.added(values)).encode()

    return change


def test_a_bundle_is_scored_as_its_run(run_zip: Path, toy_root: Path) -> None:
    checked = workflow.evaluate_bundle(run_zip, toy_root, jobs=1)
    own = workflow.evaluate("toy_lstm")
    assert not checked.differs and checked.run == find_run("toy_lstm").name
    for key in ("accuracy", "log_loss", "intervals", "confusion", "scenes", "conditions"):
        assert checked.to_dict()[key] == own[key]
    assert results(checked) == {
        **dict.fromkeys(("files", "figures", "conditions", "signature", "settings"), "verified"),
        **dict.fromkeys(("code", "scenes", "lists", "labels", "audio"), "verified"),
        **dict.fromkeys(("sizes", "origin"), "not verified"),
    }
    assert "but for model.classifier_hidden, model.n_hidden, training" in sentence(
        checked, "settings"
    )


def test_without_the_dataset_it_says_what_was_not_compared(run_zip: Path) -> None:
    checked = workflow.evaluate_bundle(run_zip)
    assert not checked.differs and results(checked)["lists"] == "not verified"
    assert "--data PATH says where it is" in sentence(checked, "lists")
    with pytest.raises(AscError, match="nothing at"):  # a folder was named, and is not there
        workflow.evaluate_bundle(run_zip, run_zip.parent / "nowhere")


def test_two_bundles_of_a_run_have_the_same_bytes_and_no_folder_of_the_machine(
    run_zip: Path, home: Path, toy_root: Path
) -> None:
    os.utime(find_run("toy_lstm") / "metrics.json", (0, 0))
    again = workflow.write_bundle(find_run("toy_lstm"), run_zip.with_name("again.zip"))
    assert again.read_bytes() == run_zip.read_bytes()
    with zipfile.ZipFile(run_zip) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        text = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert str(home) not in text and str(toy_root) not in text and "audio_root" not in text
    assert not [*run_zip.parent.glob(".tmp-*")]


def test_what_cannot_be_bundled_is_said(run_zip: Path, home: Path, asc: Asc) -> None:
    refused = asc("report", "toy_lstm", "toy_lstm", "--bundle", "x.zip")
    assert refused.returncode == 1 and "--bundle: holds one run" in refused.stderr
    run = find_run("toy_lstm")
    shutil.copytree(run, home / "elsewhere")
    with pytest.raises(AscError, match="a run's folder has its recipe's name and signature"):
        workflow.write_bundle(home / "elsewhere", run_zip)
    damaged = run / "predictions.csv"
    damaged.write_text(damaged.read_text().replace("0.0", "0.1", 1))
    before = run_zip.read_bytes()
    with pytest.raises(AscError, match=r"predictions\.csv: is damaged"):
        workflow.write_bundle("toy_lstm", run_zip)
    assert run_zip.read_bytes() == before  # complete or not at all
    (run / "metrics.json").unlink()
    with pytest.raises(AscError, match="not finished"):
        workflow.write_bundle(run, run_zip)


# -- statements that do not hold ------------------------------------------------------------------


def better(values: dict[str, Any]) -> None:
    values["accuracy"] = 0.99


def other_rate(contents: dict[str, bytes]) -> None:
    settings = yaml.safe_load(contents["recipe.yaml"])
    settings["training"]["learning_rate"] = 0.5
    contents["recipe.yaml"] = yaml.safe_dump(settings).encode()


def other_predictions(contents: dict[str, bytes]) -> None:
    """Let the first recording be of the scene that it was guessed as."""
    header, first, *rest = contents["predictions.csv"].decode().splitlines()
    cells = first.split(",")
    values = [float(value) for value in cells[5:]]
    guess = header.split(",")[5:][values.index(max(values))]
    cells[2] = guess if guess != cells[2] else header.split(",")[5]
    contents["predictions.csv"] = "\n".join([header, ",".join(cells), *rest]).encode()


def fewer_recordings(contents: dict[str, bytes]) -> None:
    lines = contents["predictions.csv"].splitlines()
    contents["predictions.csv"] = b"\n".join([lines[0], *lines[2:]])


def other_data(values: dict[str, Any]) -> None:
    values["dataset_fingerprint"] = "0" * 16


def other_conditions(values: dict[str, Any]) -> None:
    values["conditions"]["changed"] = []


def other_seed_stated(values: dict[str, Any]) -> None:
    values["conditions"]["seed"] = 7


@pytest.mark.parametrize(
    ("change", "differs", "words"),
    [
        (edited("metrics.json", better), {"figures"}, "accuracy is 0.99, not 0."),
        (other_rate, {"signature", "settings"}, "training.learning_rate"),
        (other_predictions, {"figures", "labels"}, "1 label(s) are others, such as that of audio/"),
        (fewer_recordings, {"figures", "conditions", "labels"}, "fold 1 tests other recordings"),
        (
            edited("environment.json", other_data),
            {"conditions", "signature", "audio"},
            "fingerprint",
        ),
        (
            edited("metrics.json", other_conditions),
            {"settings"},
            "other settings differ from toy_lstm",
        ),
        (edited("metrics.json", other_seed_stated), {"settings"}, "the recipe's seed is 0, not 7"),
    ],
)
def test_what_was_changed_with_its_checksums_differs(
    run_zip: Path, toy_root: Path, change: Change, differs: set[str], words: str
) -> None:
    checked = workflow.evaluate_bundle(changed(run_zip, change), toy_root, jobs=1)
    assert {name for name, result in results(checked).items() if result == "differs"} == differs
    assert words in " ".join(sentence(checked, name) for name in differs)


def test_another_copy_of_the_data_differs(run_zip: Path, toy_root: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(toy_root, tmp_path / "toy")
    first = sorted((copy / "audio").iterdir())[0]
    first.write_bytes(sorted((copy / "audio").iterdir())[1].read_bytes())
    states = results(workflow.evaluate_bundle(run_zip, copy, jobs=1))
    assert (states["lists"], states["labels"], states["audio"]) == (
        *("verified", "verified"),
        "differs",
    )
    first.unlink()
    assert results(workflow.evaluate_bundle(run_zip, copy, jobs=1))["audio"] == "not verified"


def test_a_run_of_an_earlier_version_says_what_it_did_not_record(run_zip: Path) -> None:
    older = edited("environment.json", lambda values: values.pop("signed"))
    checked = workflow.evaluate_bundle(changed(run_zip, older))
    assert results(checked)["signature"] == "not verified" and not checked.differs
    newer = edited("environment.json", lambda values: values["code"][1].update(hash="0" * 16))
    states = results(workflow.evaluate_bundle(changed(run_zip, newer)))
    assert states["code"] == "not verified"


def test_a_recipe_that_this_asc_cannot_read_is_scored_all_the_same(run_zip: Path) -> None:
    def change(contents: dict[str, bytes]) -> None:
        settings = yaml.safe_load(contents["recipe.yaml"])
        settings = {**settings, "paper": {"error": 3.0}, "key_of_tomorrow": 1}
        contents["recipe.yaml"] = yaml.safe_dump(settings).encode()

    checked = workflow.evaluate_bundle(changed(run_zip, change))
    assert {results(checked)[name] for name in ("signature", "settings", "code")} == {
        "not verified"
    }
    assert (
        "key_of_tomorrow" in sentence(checked, "signature") and checked.evaluation.published == []
    )


# -- hostile files --------------------------------------------------------------------------------


def refusal(path: Path) -> str:
    with pytest.raises(AscError) as refused:
        workflow.evaluate_bundle(path)
    text = str(refused.value)
    assert text.startswith(f"{path}: ") and "\n" not in text and "asc-bundle-" not in text
    return text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.update({"../out.csv": b"x"}), "holds '../out.csv', which no bundle holds"),
        (lambda c: c.update({"/etc/passwd": b"x"}), "holds '/etc/passwd', which no bundle holds"),
        (lambda c: c.update({"plugins/lstm.py": b"x"}), "which no bundle holds"),
        (lambda c: c.pop("bundle.json"), "bundle.json is not in it"),
        (lambda c: c.pop("predictions.csv"), "predictions.csv is not in it"),
        (lambda c: c.update({"choice.json": b"{}"}), "choice.json is not among the files that it"),
        (lambda c: c.update({"recipe.yaml": b"a: 1"}), "recipe.yaml differs from its checksum"),
        (lambda c: c.update({"bundle.json": b"[1]"}), "bundle.json: is damaged (it holds no keys)"),
        (lambda c: c.update({"bundle.json": b"[" * 100_000}), "bundle.json: is damaged"),
        (lambda c: c.update({"bundle.json": b'{"form": 2}'}), "its form is 2; this asc reads 1"),
        (
            lambda c: c.update({"bundle.json": b'{"form": 1}'}),
            "bundle.json: is damaged (it lacks asc",
        ),
    ],
)
def test_what_is_no_bundle_gets_a_sentence(run_zip: Path, change: Change, words: str) -> None:
    assert words in refusal(changed(run_zip, change, honest=False))
    assert not run_zip.parent.parent.joinpath("out.csv").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (edited("bundle.json", lambda v: v.update(run="../../x")), "is no name of a run"),
        (
            lambda c: c.update({"predictions.csv": b"a,b\n1,2\n"}),
            "predictions.csv: its header is not",
        ),
        (lambda c: c.update({"predictions.csv": b"\xff\x00"}), "predictions.csv"),
        (
            lambda c: c.update({"metrics.json": b"{}"}),
            "metrics.json: is damaged (it lacks headline",
        ),
        (edited("metrics.json", lambda v: v.update(headline="best")), "unknown metric 'best'"),
        (edited("metrics.json", lambda v: v.update(conditions=3)), "is damaged (its conditions)"),
        (
            edited("metrics.json", lambda v: v["conditions"].update(folds=3)),
            "conditions of a score",
        ),
        (
            edited("environment.json", lambda v: v.update(packages=3)),
            "environment.json: is damaged",
        ),
        (lambda c: c.update({"recipe.yaml": b"- 1"}), "recipe.yaml: holds no keys"),
        (lambda c: c.update({"recipe.yaml": b"dataset: 3"}), "recipe.yaml: is damaged"),
        (lambda c: c.update({"recipe.yaml": b"dataset: nowhere"}), "unknown dataset 'nowhere'"),
        (lambda c: c.update({"recipe.yaml": b"&a [*a]"}), "recipe.yaml"),
    ],
)
def test_wrong_values_get_a_sentence(run_zip: Path, change: Change, words: str) -> None:
    assert words in refusal(changed(run_zip, change))


def in_a_row(make: Callable[[list[str]], None]) -> Change:
    def change(contents: dict[str, bytes]) -> None:
        lines = contents["predictions.csv"].decode().splitlines()
        cells = lines[1].split(",")
        make(cells)
        contents["predictions.csv"] = "\n".join([lines[0], ",".join(cells), *lines[2:]]).encode()

    return change


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "7", "1e400"])
def test_what_is_no_probability_is_refused(run_zip: Path, value: str) -> None:
    change = in_a_row(lambda cells: cells.__setitem__(-1, value))
    assert "has no probabilities that sum to 1" in refusal(changed(run_zip, change))


def test_a_recording_twice_is_refused(run_zip: Path) -> None:
    def change(contents: dict[str, bytes]) -> None:
        lines = contents["predictions.csv"].splitlines()
        contents["predictions.csv"] = b"\n".join([*lines, lines[1]])

    assert "is there twice in a fold" in refusal(changed(run_zip, change))


def test_links_names_twice_and_bombs_are_refused(run_zip: Path) -> None:
    original = run_zip.read_bytes()
    with zipfile.ZipFile(run_zip, "a") as archive:
        link = zipfile.ZipInfo("choice.json")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert "a link or a device; refused" in refusal(run_zip)
    run_zip.write_bytes(original)
    with warnings.catch_warnings(), zipfile.ZipFile(run_zip, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("recipe.yaml", "a: 1")
    assert "two of its members have the same name" in refusal(run_zip)
    with zipfile.ZipFile(run_zip, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("predictions.csv", b"0" * (100 << 20))
    assert "implausibly large" in refusal(run_zip)
    with zipfile.ZipFile(run_zip, "w") as archive:
        archive.writestr("predictions.csv", b"0")
        for info in archive.infolist():
            info.file_size = 300 << 20
    assert "more than 256 MiB" in refusal(run_zip) or "implausibly large" in refusal(run_zip)


def test_every_cut_and_every_changed_byte_is_refused(run_zip: Path) -> None:
    original = run_zip.read_bytes()
    for n in range(0, len(original), len(original) // 25):
        run_zip.write_bytes(original[:n])
        refusal(run_zip)
    for info in bundle_members(original, run_zip):
        for n in (info.header_offset + 60, info.header_offset + 60 + info.file_size // 2):
            run_zip.write_bytes(original[:n] + bytes([original[n] ^ 1]) + original[n + 1 :])
            refusal(run_zip)


def bundle_members(original: bytes, path: Path) -> list[zipfile.ZipInfo]:
    path.write_bytes(original)
    with zipfile.ZipFile(path) as archive:
        return archive.infolist()


def test_other_files_are_refused(tmp_path: Path, run_zip: Path, asc: Asc) -> None:
    assert "there is no such file" in refusal(tmp_path / "none.zip")
    (tmp_path / "folder.zip").mkdir()
    assert "Is a directory" in refusal(tmp_path / "folder.zip")
    (tmp_path / "text.zip").write_text("hello")
    assert "no zip file" in refusal(tmp_path / "text.zip")
    (tmp_path / "empty.zip").write_bytes(b"")
    assert "no zip file" in refusal(tmp_path / "empty.zip")
    model = tmp_path / "model.zip"
    assert asc("models", "export", "toy_lstm", model).returncode == 0
    assert "which no bundle holds" in refusal(model)
    assert bundle.is_bundle("RUN.ZIP") and not bundle.is_bundle("toy_lstm")


# values of other kinds, at any place of any file
VALUES = (None, True, 0, -1, 1e308, "", "x", [], {}, [1], {"a": 1}, 10**30, "../x", [{}])


def at_random(seed: int) -> Change:
    """Put another value somewhere into a file of a bundle, or leave a key out."""
    rng = random.Random(seed)
    name = rng.choice(("metrics.json", "environment.json", "recipe.yaml"))
    load, dump = (json.loads, json.dumps) if name[-1] == "n" else (yaml.safe_load, yaml.safe_dump)

    def change(contents: dict[str, bytes]) -> None:
        values = load(contents[name])
        values.pop("checksum", None)
        inside, key = rng.choice([*places(values)])
        if rng.random() < 0.25:
            del inside[key]
        else:
            inside[key] = rng.choice(VALUES)
        contents[name] = dump(dict(checksums.added(values))).encode()

    return change


def places(values: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (mapping or list, key) of every value inside."""
    keys = values if isinstance(values, dict) else range(min(3, len(values)))
    for key in list(keys):
        yield values, key
        if isinstance(values[key], dict | list):
            yield from places(values[key])


def test_any_value_anywhere_is_scored_or_refused_in_a_sentence(run_zip: Path, whole: bool) -> None:
    original, refused = run_zip.read_bytes(), 0
    for seed in range(2_000 if whole else 30):
        run_zip.write_bytes(original)
        try:
            checked = workflow.evaluate_bundle(changed(run_zip, at_random(seed)))
        except AscError as fault:
            assert str(fault).startswith(f"{run_zip}: "), seed
            refused += 1
        else:
            json.dumps(checked.to_dict())
    assert refused >= 5


# -- the command line and make --------------------------------------------------------------------


def test_the_commands(run_zip: Path, toy_root: Path, asc: Asc, tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.zip"
    done = asc("report", "toy_lstm", "--bundle", path, "--json")
    result = json.loads(done.stdout)
    assert result["bundle"] == str(path) and path.read_bytes() == run_zip.read_bytes()
    assert done.returncode == 0 and Path(result["report"]).name == "report.html"
    shown = asc("evaluate", path, "--data", toy_root, "--jobs", "1")
    assert shown.returncode == 0 and "12 statements: 10 verified, 2 not verified" in shown.stdout
    assert "✓ verified: the hash in the run's name" in shown.stdout
    checked = json.loads(asc("evaluate", path, "--json").stdout)
    assert checked["run"] == find_run("toy_lstm").name and checked["stated"]["device"] == "cpu"
    assert {check["result"] for check in checked["checks"]} == {"verified", "not verified"}
    changed(path, edited("metrics.json", better))
    differs = asc("evaluate", path, "--json")
    assert (
        differs.returncode == 1 and json.loads(differs.stdout)["checks"][1]["result"] == "differs"
    )
    refused = asc("evaluate", path, "--dataset", "toy")
    assert refused.returncode == 1 and "a bundle is of one run" in refused.stderr


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(
    ("target", "dataset", "row"),
    [("reproduce-litis", "litis", "litis"), ("reproduce-dcase2016", "tut2016", "dcase")],
)
def test_reproducing_ends_with_a_bundle_of_each_row(
    tmp_path: Path, target: str, dataset: str, row: str
) -> None:
    """The target's own commands, by an asc that writes down what it is called with."""
    lines = make(tmp_path, target, "")
    recipes = [f"{row}_{name}" for name in ("lstm", "ta", "sa", "ta_sa")]
    assert lines[0] == f"datasets check {dataset} --data copy"
    trained = [f"train {name} --data copy --set training.epochs=1 --json" for name in recipes]
    assert lines[1:5] == trained
    runs = [f"runs/{name}" for name in recipes]
    assert lines[5] == f"compare {' '.join(runs)} --curves reproduced/{row}-curves.png"
    assert lines[6:] == [f"report runs/{n} --bundle reproduced/{n}.zip" for n in recipes]
    if row == "litis":
        assert make(tmp_path, target, "compare")[-1].startswith("compare")  # nothing after it


def make(folder: Path, target: str, fails: str) -> list[str]:
    log, ready = folder / "log", folder / "ready"
    log.unlink(missing_ok=True)
    ready.touch()
    binaries = folder / "bin"
    binaries.mkdir(exist_ok=True)
    (binaries / "asc").write_text(
        f'#!/bin/sh\necho "$*" >> {log}\n[ "$1" = "{fails}" ] && exit 1\n'
        '[ "$1" = train ] && echo "{\\"run\\": \\"runs/$2\\"}"\nexit 0\n'
    )
    (binaries / "asc").chmod(0o755)
    if not (binaries / "python").exists():
        (binaries / "python").symlink_to(shutil.which("python3") or "python3")
    settings = [f"READY={ready}", f"BIN={binaries}", "DATA=copy", "SET=training.epochs=1"]
    words = ["make", "--no-print-directory", "-C", str(ROOT), target, *settings]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert (done.returncode != 0) == bool(fails), done.stderr
    return log.read_text().splitlines()
