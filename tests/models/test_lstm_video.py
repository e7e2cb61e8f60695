"""The four models of the video experiment: sizes, probabilities, gradients, padding."""

from __future__ import annotations

import pytest
import torch

from asc_cli.core import plugins
from asc_cli.models import lstm_video
from asc_cli.models._mixture_of_experts import multi_label_loss
from asc_cli.recipe import load as recipe

FOUR = {"lstm": 8_916_992, "ta": 4_737_026, "sa": 11_145_216, "ta_sa": 6_965_250}
HEAD = 82_133_856  # 1024 inputs, 4716 labels, 8 mixtures


def attention(name: str) -> list[str]:
    return list(recipe.load(f"yt8m_{name}").model["attention"])


@pytest.mark.parametrize("name", FOUR)
def test_the_recipes_build_the_paper_s_sizes(name: str):
    loaded = recipe.load(f"yt8m_{name}")
    assert loaded.stream is not None
    settings = {key: value for key, value in loaded.model.items() if key != "name"}
    with torch.device("meta"):  # sizes without memory
        model = lstm_video.build(
            loaded.stream.rgb + loaded.stream.audio, loaded.stream.n_labels, **settings
        )
    assert sum(p.numel() for p in model.cell.parameters()) == FOUR[name]
    assert sum(p.numel() for p in model.head.parameters()) == HEAD


@pytest.fixture(params=FOUR)
def model(request: pytest.FixtureRequest) -> lstm_video.VideoLSTM:
    torch.manual_seed(0)
    return lstm_video.build(
        6, 5, attention=attention(request.param), n_hidden=8, attention_size=3, n_mixtures=2
    )


def test_each_label_has_a_probability_of_its_own(model: lstm_video.VideoLSTM):
    p = model(torch.randn(3, 7, 6))
    assert p.shape == (3, 5) and (p >= 0).all() and (p <= 1).all()
    assert not torch.allclose(p.sum(dim=1), torch.ones(3))


def test_every_weight_has_a_gradient(model: lstm_video.VideoLSTM):
    targets = (torch.rand(4, 5) > 0.5).float()
    multi_label_loss(model(torch.randn(4, 7, 6)), targets).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_padding_changes_nothing(model: lstm_video.VideoLSTM):
    x = torch.randn(2, 7, 6)
    padded = torch.cat([x, torch.zeros(2, 5, 6)], dim=1)
    mask = torch.arange(12).expand(2, 12) < 7
    torch.testing.assert_close(model(padded, mask), model(x), atol=1e-6, rtol=1e-5)


def test_it_is_declared_multi_label():
    assert plugins.constant("models", "lstm_video", "MANY_LABELS", False)
    assert not plugins.constant("models", "lstm", "MANY_LABELS", False)
