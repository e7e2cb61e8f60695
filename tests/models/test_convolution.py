"""Networks of convolutions: short clips, embeddings of any length, resuming."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from asc_cli.core import plugins
from asc_cli.training import descent
from tests.models.test_models import F, build, scenes

NAMES = ("cp_mobile", "crnn", "resnet")


def of_any_statistics(name: str) -> nn.Module:
    """A network whose normalisation moves zeros, as after training."""
    network = build(name)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()  # type: ignore[union-attr]
            nn.init.normal_(layer.bias)
            nn.init.normal_(layer.weight)
    return network.eval()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_frames", [9, 16, 37])
def test_a_short_clip_in_a_longer_one_has_its_own_scores(name: str, n_frames: int):
    network = of_any_statistics(name)
    short = torch.randn(3, n_frames, F)
    longer = torch.cat([short, 100 * torch.randn(3, 20, F)], dim=1)
    mask = (torch.arange(n_frames + 20) < n_frames).expand(3, -1)
    with torch.inference_mode():
        torch.testing.assert_close(network(longer, mask), network(short), atol=1e-5, rtol=1e-5)
        assert not torch.allclose(network(longer), network(short), atol=1e-2)


@pytest.mark.campaign
@pytest.mark.parametrize("name", NAMES)
def test_a_fit_that_was_killed_ends_with_the_same_bits(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    created, labels = scenes(6)
    settings = descent.Settings(
        epochs=2, batch_size=8, learning_rate=0.01, l2=1e-3, seed=0, fold=1, curve_every=0
    )

    def fit(folder: str) -> nn.Module:
        network = build(name)
        descent.fit(network, created, labels, settings, tmp_path / folder, None, lambda p: None)
        return network

    full, checkpoint = fit("a").state_dict(), descent.checkpoint

    def then_die(*arguments: object) -> None:
        checkpoint(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(descent, "checkpoint", then_die)
    with pytest.raises(KeyboardInterrupt):
        fit("b")
    monkeypatch.setattr(descent, "checkpoint", checkpoint)
    resumed = fit("b").state_dict()
    assert all(torch.equal(full[key], resumed[key]) for key in full)


def test_every_such_network_is_tried_here():
    texts = {
        n: (plugins.PACKAGE / "models" / f"{n}.py").read_text() for n in plugins.names("models")
    }
    assert {name for name, text in texts.items() if "_convolution import" in text} == set(NAMES)
