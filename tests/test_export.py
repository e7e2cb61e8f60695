"""An exported model gives the predictions of the original."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from asc_cli import workflow
from asc_cli.audio import decode
from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.export import frontends, int8
from asc_cli.export import model as whole
from asc_cli.export.frontends import log_mel
from asc_cli.frontend import store
from asc_cli.frontend.feature import resolve
from asc_cli.frontend.standardise import Standardisation
from asc_cli.inference import engine, ensemble
from asc_cli.inference.networks import TorchNetwork
from asc_cli.inference.types import Scored
from asc_cli.models import build
from asc_cli.recipe import load as recipe
from asc_cli.registry import models
from asc_cli.registry.members import Arrays, save
from tests.conftest import ENCODERS, SMALL, tone, write

onnx = pytest.importorskip("onnx", reason="the extra `train` is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `train` is not installed")
RATE = 22_050
SCENES = ("bus", "park", "tram")
KINDS = {
    "vanilla": (),
    "temporal": ("model.attention=[temporal]", "evaluation.aggregate=vote"),
    "gate_bias": ("model.attention=[temporal]", "model.gate_bias=true"),
    "narrow": ("model.attention=[temporal,semantic]", "model.attention_size=2"),  # Q has columns
    "semantic": ("model.attention=[semantic]", "evaluation.aggregate=log_sum"),
    "both": ("model.attention=[temporal,semantic]",),
}


def registered(
    name: str,
    *overrides: str,
    feature: str = "log_mel",
    temperature: float = 1.0,
    devices: tuple[str, ...] = (),
) -> str:
    """A model of two members with weights that nobody trained, also those for the devices."""
    chosen = recipe.load("toy_lstm", [*SMALL, *overrides])
    described = resolve(feature, RATE, {})
    F = described.compute(np.zeros(4_096, "f4"), RATE).shape[1]
    folder = store.paths.home() / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    members = {}
    for fold in (1, 2):
        torch.manual_seed(fold)
        network = build(chosen.model, F, len(SCENES))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(2)  # far from chance, where any export would do; with 3, chaos
        spread = Standardisation(np.full(F, -9, "f4"), np.full(F, 3, "f4"))
        members[fold] = folder / f"{name}{fold}.safetensors"
        arrays = Arrays(spread.mean, spread.deviation, temperature)
        own = {device: copy.deepcopy(network) for device in devices}
        save(members[fold], network, arrays, own)
    card = {
        "created": "2026-01-01",
        "labels": list(SCENES),
        "feature": described.description(),
        "recipe": chosen.settings,
        "metrics": {},
        "dataset": {"name": "toy"},
        **({"devices": [*devices]} if devices else {}),
    }
    return models.register(name, card, members).id


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    lengths_s = (0.1, 0.99, 1.0, 1.51, 7.3)  # less than a clip, just one, several
    return [
        write(tmp_path / f"{s}.wav", rng.normal(0, 0.1, int(s * RATE)) * louder(int(s * RATE)))
        for s in lengths_s
    ]


def louder(n: int) -> np.ndarray:
    return np.linspace(0.01, 1, n)


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_predicts_what_the_model_predicts(
    kind: str, recordings: list[Path], tmp_path: Path
):
    name = registered(kind, *KINDS[kind])
    created = workflow.export(name, "onnx", tmp_path / "m.onnx", check=recordings)
    (row,) = created.files
    assert row.check.recordings == row.check.same_scene == len(recordings)
    assert row.check.largest_difference <= 1e-4
    output = [list(p.scenes.values()) for p in workflow.predict(recordings, model=name)]
    if kind != "temporal":  # whose votes agree
        assert np.std(output, axis=0).max() > 1e-3  # recordings differ, so the check can fail


@pytest.mark.parametrize("aggregate", ["mean", "log_sum"])
def test_a_temperature_goes_with_the_model(aggregate: str, recordings: list[Path], tmp_path: Path):
    output = {}
    for name, temperature in (("plain", 1.0), ("cool", 2.5)):
        override = f"evaluation.aggregate={aggregate}"
        model = registered(name, override, temperature=temperature)
        created = workflow.export(model, "onnx", tmp_path / f"{name}.onnx", check=recordings)
        assert created.files[0].check.largest_difference <= 1e-4
        session = onnxruntime.InferenceSession(
            tmp_path / f"{name}.onnx", providers=["CPUExecutionProvider"]
        )
        samples = decode.read(recordings[-1], RATE)[None]
        output[name] = session.run(None, {"samples": samples})[0][0]
    assert output["cool"].max() < output["plain"].max() - 0.01  # less sure


class Sure(torch.nn.Module):
    """Thousands of nats for bus where a clip is silent, and for park where it is not."""

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        silent = (x.mean(dim=(1, 2)) < -2).float()
        return torch.stack([4000 * silent, 1000 * (1 - silent), -9000 + 0 * silent], dim=1)


@pytest.mark.campaign
def test_a_clip_may_be_surer_than_a_probability_can_represent(tmp_path: Path):
    """e^−708 is the smallest: two clips that say park by 1000 nats lose to one of 4000 for bus."""
    name = registered("m", "evaluation.aggregate=log_sum", "clips.overlap=0")
    loaded = ensemble.load(models.find(name))
    surely = tuple(replace(member, network=TorchNetwork(Sure())) for member in loaded.members)
    model = replace(loaded, members=surely)
    samples = tone(440, 2.2, RATE) + np.random.default_rng(0).normal(0, 0.1, 48510).astype("f4")
    samples = np.concatenate([samples, np.zeros(RATE, "f4")])
    request = engine.Request(models.find(name))
    [output] = engine.score(model, request, [(tmp_path, lambda rate: [samples])])
    assert isinstance(output, Scored)
    created = whole.build(model, log_mel.onnx(model.feature.compute, RATE))
    session = onnxruntime.InferenceSession(created.SerializeToString())
    [predicted] = session.run(None, {"samples": samples[None]})
    np.testing.assert_allclose(predicted[0], output.probabilities, atol=1e-6)
    assert predicted[0].argmax() == SCENES.index("bus")


def test_many_recordings_at_once_and_the_metadata(recordings: list[Path], tmp_path: Path):
    workflow.export(registered("m"), "onnx", tmp_path / "m.onnx", check=recordings[:1])
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    samples = decode.read(recordings[-1], RATE)
    pair = np.stack([samples, samples[::-1]])
    [together] = session.run(None, {"samples": pair})
    alone = [session.run(None, {"samples": one[None]})[0][0] for one in pair]
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-6)
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["labels"]) == list(SCENES)
    assert (about["sample_rate"], about["model"]) == (str(RATE), "m@1")


@pytest.mark.parametrize("feature", sorted({*plugins.names("features")} - {"texture", *ENCODERS}))
def test_every_feature_has_a_front_end(feature: str, recordings: list[Path], tmp_path: Path):
    name = registered("m", "clips.overlap=0", feature=feature)
    created = workflow.export(name, "onnx", tmp_path / "m.onnx", check=recordings[1:])
    assert created.files[0].check.largest_difference <= 1e-4


@pytest.mark.campaign
def test_other_networks_go_as_torch_exports_them():
    from torch import nn

    from asc_cli.export import network

    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(5, 3)

        def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
            return self.last(x.relu().mean(1))

    torch.manual_seed(0)
    net = Mean().eval()
    graph = network.graph(net, 7, 5, "member")
    created = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", network.OPSET)], ir_version=10
    )
    session = onnxruntime.InferenceSession(created.SerializeToString())
    x, mask = torch.randn(4, 7, 5), np.ones((4, 7), bool)
    given = {i.name: {"x": x.numpy(), "mask": mask}[i.name] for i in session.get_inputs()}
    np.testing.assert_allclose(session.run(None, given)[0], net(x).detach().numpy(), atol=1e-5)


@pytest.mark.campaign
def test_a_network_that_cannot_be_exported_is_an_error():
    from torch import nn

    from asc_cli.export import network

    class Odd(nn.Module):
        def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
            return torch.from_numpy(np.sort(x.numpy(), axis=1))

    with pytest.raises(AscError, match=r"export: Odd cannot be written as ONNX \(.*aten\.sort"):
        network.graph(Odd(), 7, 5, "member")


@pytest.mark.campaign
def test_a_network_with_a_fixed_number_of_clips_is_an_error():
    from torch import nn

    from asc_cli.export import network

    class Counted(nn.Module):
        def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
            return x.mean(1) + torch.zeros(5).expand(len(x), -1)

    with pytest.raises(AscError, match="export: Counted would take 3 clips at a time and no other"):
        network.graph(Counted(), 7, 5, "member")


def test_int8_is_smaller_and_agrees(recordings: list[Path], tmp_path: Path):
    name = registered("big", "model.n_hidden=96", "model.attention=[semantic]")
    created = workflow.export(name, "onnx", tmp_path / "m.onnx", int8=True, check=recordings)
    full, small = created.files
    assert small.file.endswith("m.int8.onnx") and small.bytes < 0.65 * full.bytes
    assert full.check.largest_difference < 1e-4
    assert 0 < small.check.largest_difference < 0.1


def test_a_convolutions_channels_are_rounded_by_their_own_scales() -> None:
    quiet_and_loud = np.ones((2, 3, 4, 5), np.float32) * np.array([1e-3, 10.0])[:, None, None, None]
    q, scale = int8._rounded(np.float32(quiet_and_loud), 0)
    assert q.shape == quiet_and_loud.shape and (q == 127).all()
    np.testing.assert_allclose(scale, np.float32([1e-3, 10.0]) / 127)


def test_a_hub_folder_holds_weights_card_and_configuration(tmp_path: Path):
    workflow.export(registered("m"), "hub", tmp_path / "up")
    names = {path.name for path in (tmp_path / "up").iterdir()}
    assert names == {
        "README.md",
        "config.json",
        "card.yaml",
        "fold01.safetensors",
        "fold02.safetensors",
    }
    assert json.loads((tmp_path / "up/config.json").read_text())["labels"] == list(SCENES)
    text = (tmp_path / "up/README.md").read_text()
    assert text.startswith("---\nlibrary_name: asc-scenes\npipeline_tag: audio-classification\n")
    with pytest.raises(AscError, match=r"--output .*up: exists; the name of a new folder"):
        workflow.export("m", "hub", tmp_path / "up")


def test_invalid_exports_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    name = registered("m")
    with pytest.raises(AscError, match="unknown format 'onx'; did you mean onnx"):
        workflow.export(name, "onx")
    with pytest.raises(AscError, match="--int8: goes with --format onnx"):
        workflow.export(name, "hub", tmp_path / "x", int8=True)
    with pytest.raises(AscError, match="--check .*none.wav: there is no such file"):
        workflow.export(name, "onnx", tmp_path / "m.onnx", check=[tmp_path / "none.wav"])
    assert not (tmp_path / "m.onnx").exists()
    monkeypatch.setattr(frontends, "find", lambda feature: None)
    with pytest.raises(
        AscError, match="uses the feature log_mel, which has no ONNX front end: features/log_mel.py"
    ):
        workflow.export(name, "onnx", tmp_path / "c.onnx")


def test_a_feature_s_own_front_end_comes_first(monkeypatch: pytest.MonkeyPatch):
    feature = plugins.feature("log_mel", {})
    assert frontends.find(feature).func is log_mel.onnx
    monkeypatch.setattr(type(feature), "onnx", lambda self, rate: ("", {}), raising=False)
    assert frontends.find(feature) == feature.onnx
