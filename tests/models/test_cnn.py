"""The CNN on windows of any length."""

import torch

from asc_cli.models import cnn


def test_windows_of_any_length():
    model = cnn.build(60, 15).eval()
    assert {tuple(model(torch.rand(2, T, 60)).shape) for T in (1, 9, 74, 150)} == {(2, 15)}


def test_zeros_after_a_short_clip_do_not_count():
    """Frames far enough after the end change nothing: the mean is over what begins before it."""
    model = cnn.build(12, 3, n_channels=(4, 4)).eval()
    x = torch.rand(1, 90, 12)
    x[:, 45:] = 0
    mask = torch.arange(90)[None] < 45
    longer = torch.cat([x, torch.zeros(1, 90, 12)], dim=1)
    same = model(longer, torch.arange(180)[None] < 45)
    torch.testing.assert_close(model(x, mask), same)
    assert not torch.allclose(model(x, mask), model(x))
