"""Members for recording devices: how they are trained, which recordings they classify, and that
none starts from weights that know the test."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from asc_cli import workflow
from asc_cli.core import paths
from asc_cli.core.errors import AscError
from asc_cli.datasets import Recording
from asc_cli.evaluation import complexity, predictions
from asc_cli.inference import ensemble
from asc_cli.inference.member import TORCH
from asc_cli.inference.networks import module_of
from asc_cli.recipe import load as recipe
from asc_cli.registry import models
from asc_cli.training import fine_tuning, optim
from tests.conftest import SMALL, Asc, Once
from tests.datasets import shaped

TUNED = (
    *(*SMALL, "dataset=table", "features.sample_rate=22050"),
    *("fine_tune.epochs=2", "fine_tune.learning_rate=0.01"),
)
SEEN = ["a", "b", "c", "s1"]


@pytest.fixture(scope="module")
def phones(once: Once) -> Path:
    return once("phones", lambda folder: shaped.make_phones(folder)) / "table.csv"


@pytest.fixture(scope="module")
def tuned(once: Once, phones: Path) -> Path:
    """A home with toy_lstm@1: general and for four devices, one fold."""

    def make(home: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ASC_HOME", str(home))
            train(phones)

    return once("tuned", make)


@pytest.fixture
def own(home: Path, tuned: Path) -> Path:
    """A copy of that home."""
    shutil.copytree(tuned, home, dirs_exist_ok=True)
    return home


def train(table: Path, *more: str, name: str = "toy_lstm", jobs: int = 1) -> object:
    return workflow.train(recipe.load(name, [*TUNED, *more]), data=table, jobs=jobs)


def test_recordings_are_classified_by_the_network_of_their_device() -> None:
    rows = tuple((Recording(f"{i}", "x", recording_device=d), f"{i}") for i, d in enumerate("ab?a"))

    def score(network: int, own: tuple) -> np.ndarray:
        return np.array([[network, int(recording.file)] for recording, _ in own])

    scores = fine_tuning.routed(0, {"a": 1, "b": 2}, rows, score)
    assert scores.tolist() == [[1, 0], [2, 1], [0, 2], [1, 3]]


def test_a_member_for_each_device_of_the_training_part(own: Path, phones: Path) -> None:
    model = models.find("toy_lstm")
    assert model.card["devices"] == SEEN
    [run] = paths.runs().iterdir()
    general = predictions.read(run / "fold01" / "general.csv")
    routed = predictions.read(run / "predictions.csv")
    for device in [*SEEN, shaped.UNSEEN]:
        rows = np.array(general.devices) == device
        same = np.array_equal(general.probabilities[rows], routed.probabilities[rows])
        assert same == (device == shaped.UNSEEN)
    weights = {device: state(model, device) for device in SEEN}
    general_weights, unseen = state(model), state(model, shaped.UNSEEN)
    assert equal(general_weights, unseen)
    assert not any(equal(general_weights, weights[d]) for d in SEEN)
    done = train(phones)
    [text] = [r["text"] for r in done.metrics["remarks"] if r["code"] == "device-members"]
    accuracy = float(np.mean(general.guesses == general.labels))
    assert text.startswith("recordings of the devices a, b, c, s1 were classified by members of")
    assert text.endswith(f"accuracy of the general members alone: {100 * accuracy:.2f} %")


def state(model: models.Model, device: str | None = None) -> dict:
    """The weights of fold 1's member."""
    return module_of(ensemble.load(model, 1, device, TORCH).members[0].network).state_dict()


def equal(one: dict, other: dict) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_killed_training_resumes_with_the_same_bits(
    own: Path, phones: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the second device's second epoch; and trained in another process."""
    [run] = paths.runs().iterdir()
    names = ("predictions.csv", "fold01/general.csv", "fold01/model.safetensors")
    before = [(run / name).read_bytes() for name in names]
    shutil.rmtree(run)
    shutil.rmtree(paths.models())
    real, saved = optim.save_state, []

    def stopping(folder: Path, *arguments: object) -> None:
        saved.append(folder.name)
        real(folder, *arguments)  # type: ignore[arg-type]
        if saved.count("device02") == 1 and folder.name == "device02":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(optim, "save_state", stopping)
        with pytest.raises(KeyboardInterrupt):
            train(phones)
    assert saved == ["fold01"] * 2 + ["device01"] * 2 + ["device02"]
    train(phones)
    assert [(run / name).read_bytes() for name in names] == before


def test_evaluating_the_model_routes_by_the_tables_column(own: Path, phones: Path) -> None:
    [run] = paths.runs().iterdir()
    expected = predictions.read(run / "predictions.csv")
    scored = workflow.evaluate("toy_lstm@1", dataset="table", data=phones, jobs=1).scores
    assert scored.metrics["accuracy"] == np.mean(expected.guesses == expected.labels)
    files = [phones.parent / name for name in expected.files]
    for device in ("a", shaped.UNSEEN, None):
        rows = [i for i, d in enumerate(expected.devices) if d == device] if device else []
        own_files = [files[i] for i in rows] or files
        predicted = workflow.predict(own_files, model="toy_lstm", device=device, jobs=1)
        scores = {Path(p.file).name: [*p.scenes.values()] for p in predicted}
        table = expected if device else predictions.read(run / "fold01" / "general.csv")
        for i in rows or range(len(files)):
            np.testing.assert_allclose(scores[files[i].name], table.probabilities[i], atol=1e-6)
    loaded = workflow.load_model("toy_lstm", device="a")
    file = files[expected.devices.index("a")]
    samples, rate = soundfile.read(file)
    [predicted] = workflow.predict([file], model="toy_lstm", device="a")
    assert loaded.predict(samples, rate).scenes == pytest.approx(predicted.scenes)


def test_the_command_line_names_the_device(own: Path, phones: Path, asc: Asc) -> None:
    file = next(phones.parent.glob("*-1-a.wav"))
    general, routed, unseen = (
        asc("predict", "--json", file, *("--recording-device", device) * bool(device))
        for device in ("", "a", "s4")
    )
    assert json.loads(general.stdout)["scenes"] != json.loads(routed.stdout)["scenes"]
    assert json.loads(general.stdout)["scenes"] == json.loads(unseen.stdout)["scenes"]
    assert "has no members for the device s4: its general members classify" in unseen.stderr


def test_the_limit_is_for_each_device_member(own: Path, asc: Asc) -> None:
    done = asc("models", "show", "toy_lstm", "--limit", "dcase2024", "--json")
    costs = json.loads(done.stdout)["complexity"]
    assert {*costs["devices"]} == {*SEEN} and costs["limit"]["passes"]
    assert {own["parameters"] for own in costs["devices"].values()} == {costs["parameters"]}
    small = complexity.Costs(1, dict.fromkeys(complexity.BYTES, 1), 1, 1)
    large = complexity.Costs(10**6, dict.fromkeys(complexity.BYTES, 10**6), 1, 1)
    assert complexity.check_limit(replace(small, devices={"a": small}), "dcase2024").passes
    assert not complexity.check_limit(replace(small, devices={"a": large}), "dcase2024").passes
    text = asc("models", "show", "toy_lstm", "--limit", "dcase2024").stdout
    assert "the member for device s1" in text


# -- starting from other weights -----------------------------------------------------------------


def test_a_fold_starts_from_another_runs_weights(own: Path, phones: Path) -> None:
    base = workflow.train(recipe.load("toy_lstm", TUNED[:-2]), data=phones, jobs=1)
    done = train(phones, f"fine_tune.start={base.run.name}")
    [text] = [r["text"] for r in done.metrics["remarks"] if r["code"] == "started"]
    assert text.startswith(f"started fold 1 from the member of fold 1 of {base.model}: none was")
    assert not (done.run / "fold01" / "checkpoint.safetensors").exists()
    general = ensemble.load(models.find(done.model), 1).members[0]
    start = ensemble.load(models.find(base.model), 1).members[0]
    assert equal(state(models.find(done.model)), state(models.find(base.model)))
    np.testing.assert_array_equal(general.standardise.mean, start.standardise.mean)
    base_rows = predictions.read(base.run / "predictions.csv")
    rows = predictions.read(done.run / "fold01" / "general.csv")
    np.testing.assert_array_equal(rows.probabilities, base_rows.probabilities)
    named = train(phones, f"fine_tune.start={base.model}")
    assert named.run != done.run  # another recipe
    np.testing.assert_array_equal(
        predictions.read(named.run / "predictions.csv").probabilities,
        predictions.read(done.run / "predictions.csv").probabilities,
    )


def test_weights_that_know_the_test_are_refused(own: Path, phones: Path) -> None:
    """The same recordings with train and test exchanged: fold 1 of both."""
    lines = phones.read_text().splitlines()
    kept = [line for line in lines if f"-{shaped.UNSEEN}.wav" not in line]
    swap = {"train": "test", "test": "train"}
    other = [",".join([*line.split(",")[:-1], swap[line.split(",")[-1]]]) for line in kept[1:]]
    table = phones.parent / "exchanged.csv"
    table.write_text("\n".join([lines[0], *other]) + "\n")
    with pytest.raises(
        AscError,
        match=r"fine_tune: toy_lstm@1, whose weights it would start from, has no member that was "
        r"not trained on some of the 32 recordings that fold 1 tests or validates on: .* on 32 of "
        r"them, such as .*\.wav\. They stay in the weights, however long these are trained further",
    ):
        train(table, "fine_tune.start=toy_lstm@1")
    with pytest.raises(AscError, match="fine_tune: toy_lstm@1, whose weights .* validates on"):
        train(
            phones,
            *("fine_tune.start=toy_lstm@1", "validation.fraction=0.3"),
            *("validation.by=recording", "training.choose_epoch=validation"),
        )


def test_other_networks_are_no_start(own: Path, phones: Path) -> None:
    for change, what in [
        (("model.n_hidden=9",), "other model than"),
        (("features.n_mels=32", "clips.overlap=0"), "other features and other clips than"),
    ]:
        with pytest.raises(AscError, match=f"fine_tune: toy_lstm@1 has {what} the recipe"):
            train(phones, "fine_tune.start=toy_lstm@1", *change)
    with pytest.raises(AscError, match="fine_tune.start: unknown model 'nothing'"):
        train(phones, "fine_tune.start=nothing")


def test_without_devices_there_is_nothing_to_fine_tune(phones: Path, toy_root: Path) -> None:
    with pytest.raises(AscError, match="fine_tune: by: device, and toy names no recording device"):
        workflow.train(recipe.load("toy_lstm", [*SMALL, "fine_tune.epochs=1"]), data=toy_root)
    with pytest.raises(AscError, match="fine_tune: the model gmm fits itself, once"):
        recipe.load("toy_mfcc_gmm", ["fine_tune.epochs=1"])


def test_one_devices_members_are_exported(own: Path, phones: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `train` is not installed")
    check = sorted(phones.parent.glob("*-1-a.wav"))
    done = workflow.export("toy_lstm", "onnx", tmp_path / "a.onnx", check=check, device="a")
    [file] = done.files
    assert file.check is not None and file.check.largest_difference < 1e-4
    general = workflow.export("toy_lstm", "onnx", tmp_path / "g.onnx", check=check)
    assert (tmp_path / "a.onnx").read_bytes() != (tmp_path / "g.onnx").read_bytes()
    assert general.files[0].check is not None and general.files[0].check.largest_difference < 1e-4
    for device, message in [("s4", "recording device 's4'"), ("A", "recording device 'A'")]:
        with pytest.raises(AscError, match=message):
            workflow.export("toy_lstm", "onnx", tmp_path / "x.onnx", device=device)
