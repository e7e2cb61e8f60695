"""docs/howto/low-complexity.md on made-up scenes of several phones: an ensemble teaches a small
network, which is trained further for each device, exported in 8 bits and held against the limit.

    pytest -m campaign -s tests/campaign/test_low_complexity.py     prints what each step gains
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from asc_cli import workflow
from asc_cli.audio import decode
from asc_cli.evaluation import complexity, predictions
from asc_cli.registry import models, runs
from tests import markdown
from tests.conftest import ROOT
from tests.datasets import shaped

pytestmark = pytest.mark.campaign
PAGE = markdown.blocks(ROOT / "docs" / "howto" / "low-complexity.md")
LIMIT = "asc models show phones --limit dcase2024"
SCENES, PLACES = 10, 10


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder in which the page's lines were run, and what each printed."""
    pytest.importorskip("onnxruntime", reason="the extra `train` is not installed")
    folder = tmp_path_factory.mktemp("phones")
    shaped.make_phones(folder, SCENES, PLACES).rename(folder / "recordings.csv")
    shutil.copy(next(folder.glob("*-1-a.wav")), folder / "phone-a.wav")
    markdown.write(PAGE, folder)
    return folder, markdown.run(markdown.commands(PAGE), folder)


def test_the_chain_from_teacher_to_phone(
    done: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, printed = done
    monkeypatch.setenv("ASC_HOME", str(folder / "home"))
    names = ("teacher", "alone", "student", "phones")
    rows = {name: predictions.read(runs.find_run(name) / "predictions.csv") for name in names}
    shares = {name: accuracy(own.labels, own.guesses) for name, own in rows.items()}
    phones, model = rows["phones"], models.find("phones")
    seen = np.isin(phones.devices, model.devices)
    assert set(phones.devices) - {*model.devices} == {shaped.UNSEEN}
    guesses = phones.guesses.copy()
    for device in model.devices:  # what the unseen device has is the general member's
        rows_of = np.flatnonzero(np.array(phones.devices) == device)
        files = [folder / phones.files[i] for i in rows_of]
        guesses[rows_of] = in_8_bits(folder, device, files)
    shares["phones in 8 bits"] = accuracy(phones.labels, guesses)
    student = rows["student"]
    print(table(shares))
    print(
        f"recordings of the devices with members: general {accuracy_of(student, seen):.1f} %, "
        f"their own {accuracy_of(phones, seen):.1f} %"
    )
    print(printed[LIMIT].split("complexity", 1)[1])
    same = np.array_equal(student.probabilities[~seen], phones.probabilities[~seen])
    assert same  # the student is the general member
    assert all(share > 100 / SCENES for share in shares.values())
    assert np.mean(guesses == phones.guesses) > 0.95
    [remark] = [
        r["text"]
        for r in json.loads((runs.find_run("student") / "metrics.json").read_text())["remarks"]
        if r["code"] == "distilled"
    ]
    assert "fold 1 by the member of fold 1 of teacher@1" in remark
    costs = workflow.costs(model, "dcase2024")
    assert costs.limit and costs.limit.precision == "int8" and costs.limit.passes
    assert {*costs.devices} == {*model.devices}
    assert all(
        complexity.check_limit(c, "dcase2024", "int8").passes for c in costs.devices.values()
    )


def in_8_bits(folder: Path, device: str, files: list[Path]) -> np.ndarray:
    """What a device's exported members say of recordings, the number of a scene each."""
    import onnxruntime

    workflow.export(
        "phones", "onnx", folder / f"{device}.onnx", int8=True, check=files[:1], device=device
    )
    session = onnxruntime.InferenceSession(
        str(folder / f"{device}.int8.onnx"), providers=["CPUExecutionProvider"]
    )
    rate = models.find("phones").card["feature"]["audio"]["sample_rate"]
    outputs = [session.run(None, {"samples": decode.read(f, rate)[None]})[0][0] for f in files]
    return np.array([output.argmax() for output in outputs])


def accuracy(labels: np.ndarray, guesses: np.ndarray) -> float:
    return 100 * float(np.mean(labels == guesses))


def accuracy_of(own: predictions.Predictions, rows: np.ndarray) -> float:
    return accuracy(own.labels[rows], own.guesses[rows])


def table(shares: dict[str, float]) -> str:
    """A line a step, with its gain over the step before; a student's over the network alone."""
    before = {"student": "alone", "phones": "student", "phones in 8 bits": "phones"}
    lines = []
    for name, share in shares.items():
        gain = f"{share - shares[before[name]]:+.1f}" if name in before else ""
        lines.append(f"{name:18} {share:5.1f} % {gain:>6}")
    return "\n" + "\n".join(lines)
