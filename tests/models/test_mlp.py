"""The perceptron reads a block of frames as one vector."""

import pytest
import torch

from asc_cli.core.errors import AscError
from asc_cli.models import label_tree_cnn, label_tree_gru, mlp


def test_layers_and_counts():
    model = mlp.build(40, 15)  # DNN-Mel: 400 → 3 × 500 → 15
    count = sum(p.numel() for p in model.parameters())
    assert count == 400 * 500 + 500 + 2 * (500 * 500 + 500) + 500 * 15 + 15


def test_frames_lie_one_after_another():
    model = mlp.build(3, 2, n_frames=2, n_layers=1, n_hidden=4, dropout=0.0).eval()
    x = torch.rand(5, 2, 3)
    hidden = torch.relu(model.layers[0](torch.cat([x[:, 0], x[:, 1]], dim=1)))
    torch.testing.assert_close(model(x), model.layers[-1](hidden))


def test_clips_of_another_length_are_refused():
    with pytest.raises(AscError, match=r"model.n_frames = 10, but a clip holds 9 frames; set"):
        mlp.build(40, 2)(torch.zeros(1, 9, 40))


def test_clips_too_short_for_the_label_tree_or_the_filters_are_refused():
    with pytest.raises(AscError, match=r"model.segment_frames = 11, but a clip holds 9 frames"):
        label_tree_gru.build(8, 3)(torch.zeros(1, 9, 8))
    with pytest.raises(AscError, match=r"widths goes up to 45, but a clip has 20 segments; give"):
        label_tree_cnn.build(8, 3).network(torch.zeros(1, 20, 4))
