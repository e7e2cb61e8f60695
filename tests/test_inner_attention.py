"""The networks of tests/campaign/inner_attention.py are what docs/results/attention.md says."""

from __future__ import annotations

import torch

from asc_cli.models import lstm
from tests.campaign import inner_attention as own

CLIPS = torch.randn(3, 20, 8, generator=torch.Generator().manual_seed(0))


def test_temporal_attention_without_its_weights_is_a_mean_over_time() -> None:
    network = own.scalar_mean(8, 4)
    alpha = network.explain(CLIPS).alpha
    torch.testing.assert_close(alpha, torch.full((3, 20), 1 / 20))
    assert not network.cell.a.requires_grad


def test_the_last_state_of_scalar_gates_is_that_of_temporal_attention() -> None:
    torch.manual_seed(0)
    last = own.ScalarLast(8, 4)
    network = lstm.build(8, 4, attention=["temporal"])
    network.cell, network.classifier = last.cell, last.classifier
    one_frame = CLIPS[:, :1]  # of which the weighted sum is the last state
    torch.testing.assert_close(last(one_frame), network(one_frame))
    with torch.no_grad():
        early = CLIPS.clone()
        early[:, 0] += 1
        assert not torch.allclose(last(early), last(CLIPS))


def test_a_learnt_sum_over_time_starts_as_a_mean() -> None:
    torch.manual_seed(0)
    weighted = own.Pooled(8, 4, "attention")
    mean = own.Pooled(8, 4, "mean")
    mean.load_state_dict({k: v for k, v in weighted.state_dict().items() if k != "w"})
    torch.testing.assert_close(weighted(CLIPS), mean(CLIPS))
    with torch.no_grad():
        weighted.w.fill_(1.0)
    assert not torch.allclose(weighted(CLIPS), mean(CLIPS))


def test_each_recording_is_left_out_twice() -> None:
    fold_of = {f"{number}.wav": number % 5 + 1 for number in range(10)}
    left_out = [file for pair in own.PAIRS for file in own._parts(fold_of, pair)[1]]
    assert sorted(left_out) == sorted(2 * [*fold_of])
    for pair in own.PAIRS:
        train, test = own._parts(fold_of, pair)
        assert not {*train} & {*test} and len(train) == 6
