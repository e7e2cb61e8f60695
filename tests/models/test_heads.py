"""The mixture of experts against its equations written out as loops, and its loss."""

import math

import pytest
import torch
from torch import nn

from asc_cli.core import plugins
from asc_cli.models._mixture_of_experts import MixtureOfExperts, multi_label_loss


def transcribed(head, v, C, m):
    """The equations, one number at a time, in Python's own float64."""
    V, W = head.gate.weight.tolist(), head.expert.weight.tolist()
    b, rows = head.expert.bias.tolist(), []
    for x in v.tolist():
        row = []
        for c in range(C):
            s = [dot(V[c * (m + 1) + j], x) for j in range(m + 1)]
            g = [math.exp(one) / sum(map(math.exp, s)) for one in s]
            p = 0.0
            for j in range(m):
                f = dot(W[c * m + j], x) + b[c * m + j]
                p += g[j] / (1 + math.exp(-f))
            row.append(p)
        rows.append(row)
    return torch.tensor(rows, dtype=torch.float64)


def dot(w, u):
    return sum(a * b for a, b in zip(w, u, strict=True))


def made(n_inputs=4, n_labels=3, n_mixtures=2):
    torch.manual_seed(0)
    return MixtureOfExperts(n_inputs, n_labels, n_mixtures).double()


@pytest.mark.parametrize(("C", "m"), [(1, 1), (3, 2), (5, 8)])
def test_it_is_the_equations_written_out(C, m):
    head, v = made(4, C, m), torch.randn(6, 4, dtype=torch.float64) * 3
    torch.testing.assert_close(head(v), transcribed(head, v, C, m), rtol=0, atol=1e-14)


def test_gradients():
    head, v = made(), torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    y = torch.tensor([[1, 0, 1], [0, 0, 0]])
    names = [name for name, _ in head.named_parameters()]
    assert names == ["gate.weight", "expert.weight", "expert.bias"]

    def loss(v, *weights):
        p = torch.func.functional_call(head, dict(zip(names, weights, strict=True)), v)
        return multi_label_loss(p, y)

    assert torch.autograd.gradcheck(loss, (v, *head.parameters()))


def test_parameter_count_at_the_video_size():
    with torch.device("meta"):
        head = MixtureOfExperts(1024, 4716)  # 8 mixtures
    assert sum(p.numel() for p in head.parameters()) == 82_133_856


def test_the_last_gate_is_off():
    head, v = made(), torch.ones(1, 4, dtype=torch.float64)
    with torch.no_grad():
        head.expert.bias.fill_(1000.0)  # every expert is sure
        head.gate.weight.zero_()
        torch.testing.assert_close(head(v), torch.full((1, 3), 2 / 3, dtype=torch.float64))
        head.gate.weight[2::3] = 1000.0  # label by label, the third of three gates
        assert head(v).tolist() == [[0.0] * 3]


def test_probabilities_are_float32_also_where_products_are_not():
    torch.manual_seed(0)
    head, v = MixtureOfExperts(64, 1000), torch.randn(4, 64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        p = head(v)
        loss = multi_label_loss(p, torch.zeros(4, 1000))
    assert p.dtype == loss.dtype == torch.float32
    assert len(p[0].unique()) > 900  # in bfloat16 about a hundred
    torch.testing.assert_close(p, head(v), rtol=0, atol=0.01)


def test_loss_counted_by_hand():
    p = torch.tensor([[0.5, 0.25], [0.125, 1.0]], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([[1, 0], [0, 0]])
    by_hand = -(math.log(0.50001) + math.log(0.75001) + math.log(0.87501) + math.log(1e-5)) / 2
    assert multi_label_loss(p, y).item() == pytest.approx(by_hand, rel=1e-12)


def test_without_epsilon_it_is_torch_s_cross_entropy():
    torch.manual_seed(0)
    p, y = torch.rand(50, 7, dtype=torch.float64) * 0.8 + 0.1, (torch.rand(50, 7) < 0.3).double()
    theirs = nn.functional.binary_cross_entropy(p, y, reduction="sum") / 50
    assert multi_label_loss(p, y).item() == pytest.approx(theirs.item(), rel=1e-3)


@pytest.mark.parametrize("sure", [0.0, 1.0])
def test_certainty_has_a_finite_loss_and_gradient(sure):
    p = torch.full((2, 3), sure, requires_grad=True)
    for y in (torch.zeros(2, 3), torch.ones(2, 3)):
        p.grad = None
        loss = multi_label_loss(p, y)
        loss.backward()
        assert loss.isfinite() and p.grad.isfinite().all() and p.grad.abs().min() > 0


def test_targets_of_another_shape():
    message = r"probabilities of shape \(2, 3\) and targets of shape \(2, 1\); expected \(videos"
    with pytest.raises(ValueError, match=message):
        multi_label_loss(torch.zeros(2, 3), torch.zeros(2, 1))


def test_it_learns_labels_that_exclude_each_other():
    """XOR of two inputs: no single logistic unit can, a mixture of them can."""
    torch.manual_seed(0)
    x = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    head = MixtureOfExperts(3, 1, 4)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        loss = multi_label_loss(head(x), y)
        loss.backward()
        optimizer.step()
    assert loss < 0.05


def test_it_is_not_listed_as_a_model():
    assert "heads" not in plugins.names("models")
