"""Convolutions under the paper's four cells."""

from __future__ import annotations

import pytest
import torch

from asc_cli.core.errors import AscError
from asc_cli.models import crnn

SMALL = {"n_channels": (4, 4), "pool_bands": (2, 2), "n_hidden": 8, "attention_size": 4}


@pytest.mark.parametrize("attention", [(), ("temporal",), ("semantic",), ("temporal", "semantic")])
def test_a_pooled_frame_counts_if_it_begins_inside_the_clip(attention: tuple[str, ...]):
    model = crnn.build(12, 3, **SMALL, pool_frames=(2, 2), attention=attention)  # type: ignore[arg-type]
    x = torch.randn(2, 11, 12)
    mask = torch.arange(11)[None].expand(2, -1) < 9
    frames, valid = model.frames(x, mask)  # type: ignore[operator]
    assert frames.shape == (2, 3, 4 * 3) and valid.tolist() == [[True] * 3] * 2
    assert model(x, mask).shape == (2, 3)


def test_lists_of_other_lengths_and_even_kernels_are_refused():
    with pytest.raises(AscError, match=r"pool_bands \[4, 4, 4\]: lists of one length"):
        crnn.build(12, 3, pool_bands=(4, 4, 4))
    with pytest.raises(AscError, match=r"model.kernel = 4: an odd number"):
        crnn.build(12, 3, kernel=4)
