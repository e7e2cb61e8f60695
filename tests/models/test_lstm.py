"""The four models: against torch's LSTM, against the paper's counts, and their contract."""

import math

import pytest
import torch
from torch import nn

from asc_cli.core.errors import AscError
from asc_cli.models.lstm import AttentionLSTM, build

VARIANTS = [[], ["temporal"], ["semantic"], ["temporal", "semantic"]]


def n_parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("sizes", "attention", "count"),
    [
        ((64, 128), [], 98_816),
        ((64, 128), ["temporal"], 73_986),
        ((64, 128), ["semantic"], 123_392),
        ((64, 128), ["temporal", "semantic"], 98_562),
        ((1152, 1024), [], 8_916_992),
        ((1152, 1024), ["temporal"], 4_737_026),
        ((1152, 1024), ["semantic"], 11_145_216),
        ((1152, 1024), ["temporal", "semantic"], 6_965_250),
    ],
)
def test_parameter_counts(sizes, attention, count):
    with torch.device("meta"):
        assert n_parameters(AttentionLSTM(*sizes, attention=attention)) == count


def test_the_classifier_adds_one_hidden_layer():
    classifier = (128 * 128 + 128) + (128 * 19 + 19)
    assert n_parameters(build(64, 19)) == 98_816 + classifier


def torch_lstm(cell):
    """torch.nn.LSTM with the cell's weights; torch's order of gates is i, f, c~, o."""
    H, F = cell.U.shape[1], cell.W.shape[1]
    order = torch.cat([torch.arange(H) + H * gate for gate in (0, 1, 3, 2)])
    reference = nn.LSTM(F, H, batch_first=True)
    with torch.no_grad():
        reference.weight_ih_l0.copy_(cell.W[order])
        reference.weight_hh_l0.copy_(cell.U[order])
        reference.bias_ih_l0.copy_(cell.b[order])
        reference.bias_hh_l0.zero_()
    return reference, order


def test_without_attention_it_is_torch_s_lstm():
    torch.manual_seed(0)
    cell = AttentionLSTM(64, 128)
    reference, order = torch_lstm(cell)
    x = torch.randn(8, 50, 64)
    x_ours, x_theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    ours, theirs = cell(x_ours), reference(x_theirs)[1][0][0]
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
    ours.mean().backward()
    theirs.mean().backward()
    near = {"rtol": 0, "atol": 1e-6}
    torch.testing.assert_close(x_ours.grad, x_theirs.grad, **near)
    torch.testing.assert_close(cell.W.grad[order], reference.weight_ih_l0.grad, **near)
    torch.testing.assert_close(cell.U.grad[order], reference.weight_hh_l0.grad, **near)
    torch.testing.assert_close(cell.b.grad[order], reference.bias_ih_l0.grad, **near)


def test_without_attention_a_trailing_mask_is_a_packed_sequence():
    torch.manual_seed(0)
    cell = AttentionLSTM(6, 5)
    reference, _ = torch_lstm(cell)
    x, lengths = torch.randn(3, 7, 6), torch.tensor([7, 2, 5])
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    mask = torch.arange(7) < lengths[:, None]
    torch.testing.assert_close(cell(x, mask), reference(packed)[1][0][0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("attention", VARIANTS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (5, 1), (3, 4)])
def test_any_number_of_clips_and_frames(attention, shape):
    model = build(6, 4, attention=attention, n_hidden=8, attention_size=3)
    logits = model(torch.randn(*shape, 6))
    assert logits.shape == (shape[0], 4)
    logits.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    with torch.no_grad():
        assert model(torch.randn(*shape, 6)).shape == (shape[0], 4)


@pytest.mark.parametrize("attention", VARIANTS)
def test_permuting_clips_permutes_outputs(attention):
    torch.manual_seed(0)
    model = build(6, 4, attention=attention, n_hidden=8)
    x, order = torch.randn(40, 5, 6), torch.randperm(40)
    torch.testing.assert_close(model(x[order]), model(x)[order], rtol=0, atol=1e-6)


def test_attention_sums_to_one_over_valid_frames():
    torch.manual_seed(0)
    model = build(6, 4, attention=["temporal", "semantic"], n_hidden=8, n_codewords=7)
    mask = torch.rand(5, 9) > 0.4
    mask[0], mask[1] = False, True
    results = model.explain(torch.randn(5, 9, 6), mask)
    assert results.alpha.shape == (5, 9) and results.a.shape == (5, 9, 7)
    assert torch.equal(results.alpha[~mask], torch.zeros_like(results.alpha[~mask]))
    torch.testing.assert_close(results.alpha.sum(1), mask.any(1).float())
    torch.testing.assert_close(results.a.sum(-1), mask.float())


def test_missing_attention_is_not_returned():
    x = torch.randn(2, 3, 6)
    plain = build(6, 4).explain(x)
    assert plain.alpha is None and plain.a is None and plain.gates is None
    assert build(6, 4, attention=["semantic"]).explain(x).alpha is None
    assert build(6, 4, attention=["temporal"]).explain(x).a is None


@pytest.mark.parametrize("attention", VARIANTS)
def test_explain_explains_the_same_representation(attention):
    cell = AttentionLSTM(6, 8, attention=attention)
    x, mask = torch.randn(4, 9, 6), torch.rand(4, 9) > 0.3
    results = cell.explain(x, mask)
    torch.testing.assert_close(results.representation, cell(x, mask), rtol=0, atol=1e-6)


@pytest.mark.parametrize("attention", [["temporal"], ["temporal", "semantic"]])
def test_the_first_frame_opens_both_gates_halfway(attention):
    results = build(6, 4, attention=attention).explain(torch.randn(5, 3, 6) * 100)
    assert torch.equal(results.gates[:, 0], torch.full((5, 2), 0.5))
    assert not torch.equal(results.gates[:, 1], torch.full((5, 2), 0.5))


def test_the_order_of_attentions_does_not_matter():
    models = []
    for attention in (["temporal", "semantic"], ["semantic", "temporal"]):
        torch.manual_seed(0)
        models.append(build(6, 4, attention=attention))
    x = torch.randn(2, 3, 6)
    assert torch.equal(models[0](x), models[1](x))


def test_initial_weights_are_torch_s():
    torch.manual_seed(0)
    cell = AttentionLSTM(6, 16, attention=["temporal", "semantic"], gate_bias=True)
    bound = 1 / math.sqrt(16)
    for name, parameter in cell.named_parameters():
        if name != "a":
            assert parameter.abs().max() <= bound
    assert cell.W.abs().max() > 0.9 * bound
    assert cell.a.tolist() == [1.0, 1.0]


def test_forget_bias():
    plain = AttentionLSTM(6, 4, forget_bias=1.0)
    assert plain.b[4:8].tolist() == [1.0] * 4
    assert (plain.b[:4].abs() <= 0.5).all() and (plain.b[8:].abs() <= 0.5).all()
    temporal = AttentionLSTM(6, 4, attention=["temporal"], gate_bias=True, forget_bias=2.0)
    assert temporal.gate_bias[1] == 2.0


def test_dropout_acts_in_training_only():
    torch.manual_seed(0)
    model = build(6, 4, dropout=0.5)
    assert [m.p for m in model.classifier if isinstance(m, nn.Dropout)] == [0.5, 0.5]
    x = torch.randn(3, 5, 6)
    assert not torch.equal(model.train()(x), model(x))
    assert torch.equal(model.eval()(x), model(x))


@pytest.mark.parametrize("attention", VARIANTS)
def test_twice_the_same_bits(attention):
    torch.manual_seed(0)
    model, x = build(64, 15, attention=attention), torch.randn(70, 20, 64)
    runs = []
    for _ in range(2):
        model.zero_grad()
        model(x).logsumexp(-1).sum().backward()
        runs.append([p.grad.clone() for p in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))


@pytest.mark.parametrize("attention", VARIANTS)
def test_it_learns(attention):
    """Two scenes, told apart by which half of the bands is loud late in the clip."""
    torch.manual_seed(0)
    model = build(6, 2, attention=attention, n_hidden=16, attention_size=8)
    x, y = torch.randn(32, 12, 6), torch.arange(32) % 2
    x[y == 1, 8:, :3] += 2
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(40):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    assert loss < 0.1


def test_unknown_attention():
    message = r"model.attention is \['temporale'\]; expected a list with any of temporal, semantic"
    with pytest.raises(AscError, match=message):
        build(6, 4, attention=["temporale"])
    with pytest.raises(AscError, match="model.attention is 'temporal'; expected a list"):
        build(6, 4, attention="temporal")
    with pytest.raises(AscError, match="each at most once"):
        build(6, 4, attention=["temporal", "temporal"])


def test_options_that_would_be_ignored():
    with pytest.raises(AscError, match='add "temporal" to model.attention or remove gate_bias'):
        build(6, 4, gate_bias=True)
    with pytest.raises(AscError, match="set model.gate_bias to true or remove forget_bias"):
        build(6, 4, attention=["temporal"], forget_bias=1.0)


def test_shapes_that_do_not_fit():
    model = build(6, 4)
    with pytest.raises(ValueError, match=r"frames of shape \(2, 6\); expected \(clips, frames, 6"):
        model(torch.zeros(2, 6))
    with pytest.raises(ValueError, match=r"mask of shape \(2, 4\) and type torch.bool; expected"):
        model(torch.zeros(2, 3, 6), torch.ones(2, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match="True where a frame is valid"):
        model(torch.zeros(2, 3, 6), torch.ones(2, 3))
