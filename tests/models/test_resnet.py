"""The residual network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from asc_cli.core.errors import AscError
from asc_cli.models import resnet


def test_a_fresh_block_is_its_shortcut():
    network = resnet.build(40, 3, n_channels=(4, 4), halve=(2,)).eval()
    z = torch.rand(2, 4, 12, 10)
    after, _ = network.blocks[0](z, None)  # type: ignore[operator]
    torch.testing.assert_close(after, z)
    halved, _ = network.blocks[1](z, None)  # type: ignore[operator]
    torch.testing.assert_close(halved, nn.functional.avg_pool2d(z, 3, 2, 1))


def test_its_size_is_that_of_its_settings():
    """24 48 96 96: counted by hand, a convolution with its normalisation at a time."""
    block = lambda i, o: 9 * i * o + 9 * o * o + 4 * o + (i * o + 2 * o if i != o else 0)  # noqa: E731
    expected = 25 * 24 + 2 * 24 + block(24, 24) + block(24, 48) + block(48, 96) + block(96, 96)
    network = resnet.build(80, 10)
    assert sum(p.numel() for p in network.parameters()) == expected + 96 * 10 + 10 == 340_498


def test_stages_that_are_not_there_are_refused():
    with pytest.raises(AscError, match=r"model.halve = \[3\]: .* has stages 1 to 2"):
        resnet.build(40, 3, n_channels=(4, 4), halve=(3,))
    with pytest.raises(AscError, match="has stages 1 to 0"):
        resnet.build(40, 3, n_channels=(), halve=())
