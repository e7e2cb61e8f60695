"""The scan over time against a literal transcription of the paper's equations, step by step."""

import math
import multiprocessing
import os
import subprocess
import sys
import weakref

import pytest
import torch

from asc_cli.models._recurrence import reference
from asc_cli.models._recurrence import scan as recurrence
from asc_cli.models._recurrence import threads as recurrence_blocks
from asc_cli.models.lstm import AttentionLSTM

VARIANTS = [(), ("temporal",), ("semantic",), ("temporal", "semantic")]
F, H, A, K = 5, 6, 3, 4
NARROW = (5, 6, 1, 4)  # so few attention rows that x W_ixᵀ W_ih is not folded


def cell(attention, dtype=torch.float64, sizes=(F, H, A, K), seed=0, **options):
    torch.manual_seed(seed)
    n_features, n_hidden, attention_size, n_codewords = sizes
    built = AttentionLSTM(
        n_features,
        n_hidden,
        attention=attention,
        attention_size=attention_size,
        n_codewords=n_codewords,
        **options,
    ).to(dtype)
    with torch.no_grad():  # larger than at the start of training, so that nothing is nearly linear
        for parameter in built.parameters():
            parameter.uniform_(-0.8, 0.8)
    return built


def literal(p, attention, x, mask=None, trace=None):
    """One clip at a time, one frame at a time, in the letters of Eq. 1-6; p: the weights by name.

    L's weights: rows i, f, o, then c~ (or r); temporal attention has no rows i and f.
    """
    clips = []
    for n in range(x.shape[0]):
        h = c = torch.zeros(p["U"].shape[1], dtype=x.dtype)
        hs, gs = [], []
        for t in range(x.shape[1]):
            if mask is not None and not mask[n, t]:
                continue
            x_t = x[n, t]
            L = list((p["W"] @ x_t + p["U"] @ h + p["b"]).split(len(h)))
            if "temporal" in attention:  # Eq. 4
                s_i = (p["W_ix"] @ x_t) @ (p["W_ih"] @ h)
                s_f = (p["W_fx"] @ x_t) @ (p["W_fh"] @ h)
                if "gate_bias" in p:
                    s_i, s_f = s_i + p["gate_bias"][0], s_f + p["gate_bias"][1]
                i, f = 1 / (1 + torch.exp(-s_i)), 1 / (1 + torch.exp(-s_f))
                gs.append(p["a"][0] * s_i + p["a"][1] * s_f)
                o = torch.sigmoid(L.pop(0))
                if trace is not None:
                    trace.append((n, t, i.item(), f.item()))
            else:
                i, f, o = (torch.sigmoid(L.pop(0)) for _ in range(3))
            last = torch.cat(L)
            if "semantic" in attention:  # Eq. 5-6
                a = torch.exp(last) / torch.exp(last).sum()
                d = sum(a[k] * p["codebook"][k] for k in range(len(a)))
                candidate = p["W_x"] @ x_t - d
            else:
                candidate = torch.tanh(last)
            c = f * c + i * candidate
            h = o * torch.tanh(c)
            hs.append(h)
        if "temporal" in attention and hs:  # Eq. 2-3
            alpha = torch.exp(torch.stack(gs)) / torch.exp(torch.stack(gs)).sum()
            h = sum(alpha[t] * hs[t] for t in range(len(hs)))
        clips.append(h)
    return torch.stack(clips)


def some_mask(n_clips, n_frames):
    """Holes anywhere, one clip without any frame."""
    generator = torch.Generator().manual_seed(3)
    mask = torch.rand(n_clips, n_frames, generator=generator) > 0.3
    mask[1] = False
    return mask


def gradients(representation, inputs):
    expected = torch.linspace(-1, 1, representation.numel(), dtype=representation.dtype)
    loss = (representation * expected.view_as(representation)).sum()
    return torch.autograd.grad(loss, inputs)


@pytest.mark.parametrize("gate_bias", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("attention", VARIANTS)
@pytest.mark.parametrize("scan", ["compiled", "steps"])
@pytest.mark.parametrize("sizes", [(F, H, A, K), NARROW])
def test_equals_the_equations(attention, masked, gate_bias, scan, sizes):
    if "temporal" not in attention and (gate_bias or sizes == NARROW):
        return
    built = cell(attention, sizes=sizes, gate_bias=gate_bias)
    assert ("q_i" in built.weights().segments) == (sizes == NARROW)
    x = torch.randn(3, 7, F, dtype=torch.float64, requires_grad=True)
    mask = some_mask(3, 7) if masked else None
    inputs = [x, *built.parameters()]
    expected = literal(dict(built.named_parameters()), attention, x, mask)
    if scan == "compiled":
        actual = built(x, mask)
    else:
        actual = reference.trace(x, mask, built.weights()).representation
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-10)
    for got, want in zip(gradients(actual, inputs), gradients(expected, inputs), strict=True):
        torch.testing.assert_close(got, want, rtol=0, atol=1e-10)


@pytest.mark.parametrize("attention", VARIANTS)
@pytest.mark.parametrize("sizes", [(F, H, A, K), pytest.param(NARROW, marks=pytest.mark.campaign)])
def test_gradcheck(attention, sizes):
    built = cell(attention, sizes=sizes)
    weights = [t.detach().requires_grad_() for t in built.weights()]
    x = torch.randn(2, 4, F, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[True, True, False, True], [True, True, True, False]])

    def scan(x, *weights):
        return recurrence.scan(x, mask, reference.Weights(*weights))

    assert torch.autograd.gradcheck(scan, (x, *weights))


@pytest.mark.parametrize("attention", VARIANTS)
@pytest.mark.parametrize("attention_size", [9, 19])  # the smaller one does not fold
def test_more_clips_than_a_block_and_widths_that_fill_no_tile(attention, attention_size):
    built = cell(attention, sizes=(37, 41, attention_size, 35))
    x = torch.randn(2 * recurrence.BLOCK + 3, 9, 37, dtype=torch.float64, requires_grad=True)
    inputs = [x, *built.parameters()]
    expected = reference.trace(x, None, built.weights()).representation
    actual = built(x)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-10)
    for got, want in zip(gradients(actual, inputs), gradients(expected, inputs), strict=True):
        torch.testing.assert_close(got, want, rtol=0, atol=1e-9)


@pytest.mark.parametrize("attention", VARIANTS)
def test_float32_is_within_1e_5_of_float64(attention):
    double = cell(attention, sizes=(64, 128, 64, 128))
    double.reset_parameters()  # weights as training starts with
    single = AttentionLSTM(64, 128, attention=attention)
    single.load_state_dict(double.state_dict())
    x = torch.randn(4, 100, 64)
    got, want = single(x), double(x.double())
    torch.testing.assert_close(got.double(), want, rtol=0, atol=1e-5)
    ours = gradients(got, list(single.parameters()))
    theirs = gradients(want, list(double.parameters()))
    for own, exact in zip(ours, theirs, strict=True):
        error = (own.double() - exact).abs().max() / exact.abs().max()
        assert error < 1e-5


@pytest.mark.parametrize("attention", VARIANTS)
def test_inference_and_training_give_the_same_bits(attention, monkeypatch):
    monkeypatch.setattr(recurrence, "SMALL", 0)
    built = cell(attention, torch.float32)
    x = torch.randn(recurrence.BLOCK + 5, 6, F)
    with torch.no_grad():
        inference = built(x)
    assert torch.equal(inference, built(x).detach())


BITS = """
import hashlib, torch
from asc_cli.models.lstm import AttentionLSTM
torch.set_num_threads(1)
for attention in [(), ("temporal",), ("semantic",), ("temporal", "semantic")]:
    torch.manual_seed(0)
    model = AttentionLSTM(64, 128, attention=attention)
    v = model(torch.randn(40, 96, 64))
    (v * torch.linspace(-1, 1, v.numel()).view_as(v)).sum().backward()
    for tensor in [v.detach(), *(p.grad for p in model.parameters())]:
        print(hashlib.sha1(tensor.numpy().tobytes()).hexdigest())
"""


@pytest.mark.campaign
def test_kernels_just_compiled_and_from_the_cache_give_the_same_bits(tmp_path):
    """Or a run that was begun on a new machine would resume to other bits."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    call = [sys.executable, "-c", BITS]
    output = [subprocess.check_output(call, env=environment, text=True) for _ in range(2)]
    assert list(tmp_path.rglob("*.nbc"))  # the second process had something to read
    assert output[0] == output[1]


@pytest.mark.parametrize("no_gradients", [torch.no_grad, torch.inference_mode])
def test_inference_keeps_one_frame_not_all(no_gradients, monkeypatch):
    """Though its weights ask for gradients: keeping every frame costs half as much again."""
    stored = []
    forward = recurrence._forward

    def spy(x, mask, weights, keep):
        stored.append(sum(buffer.nbytes for buffer in forward(x, mask, weights, keep)))
        return forward(x, mask, weights, keep)

    monkeypatch.setattr(recurrence, "_forward", spy)
    monkeypatch.setattr(recurrence, "SMALL", 0)
    model = AttentionLSTM(8, 16, attention=("temporal", "semantic"))
    with no_gradients():
        model(torch.randn(4, 50, 8))
    model(torch.randn(4, 50, 8))
    inference, training = stored
    assert inference < training / 10


@pytest.mark.parametrize("attention", VARIANTS)
def test_after_compile_kernels_no_training_compiles(attention, monkeypatch):
    """Nor are random numbers drawn."""
    from asc_cli.models._recurrence.backward import backward_block
    from asc_cli.models._recurrence.forward import forward_block

    model, x = cell(attention, torch.float32), torch.randn(3, 4, F)
    state = torch.get_rng_state()
    model.compile_kernels(lambda *n: None)
    assert torch.equal(torch.get_rng_state(), state)
    monkeypatch.setattr(forward_block, "_can_compile", False)
    monkeypatch.setattr(backward_block, "_can_compile", False)
    for mask in (None, torch.ones(3, 4, dtype=torch.bool)):
        model(x, mask).sum().backward()


def test_a_step_holds_none_of_its_arrays_afterwards(monkeypatch):
    """The kernels do not count references: neither one too many nor one too few."""
    allocated = []
    buffers = recurrence._buffers

    def spy(*args):
        result = buffers(*args)
        allocated.extend(weakref.ref(buffer) for buffer in result)
        return result

    monkeypatch.setattr(recurrence, "_buffers", spy)
    model = cell(("temporal", "semantic"), torch.float32)
    model(torch.randn(40, 3, F)).sum().backward()
    assert all(ref() is None for ref in allocated)


@pytest.mark.parametrize("attention", VARIANTS)
def test_the_number_of_threads_changes_no_bit(attention):
    built = cell(attention, torch.float32)
    x = torch.randn(4 * recurrence.BLOCK, 8, F, requires_grad=True)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            representation = built(x)
            results.append([representation, *gradients(representation, [x, *built.parameters()])])
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("attention", VARIANTS)
def test_a_masked_frame_changes_nothing_whatever_it_holds(attention):
    built = cell(attention, torch.float32)
    x, mask = torch.randn(3, 8, F), some_mask(3, 8)
    clean = built(x, mask)
    for value in (0.0, 1e30, math.nan, math.inf):
        other = x.masked_fill(~mask[..., None], value).requires_grad_()
        assert torch.equal(built(other, mask), clean)
        (dx,) = gradients(built(other, mask), [other])
        assert torch.equal(dx[~mask], torch.zeros_like(dx[~mask]))
        assert dx.isfinite().all()


@pytest.mark.parametrize("attention", VARIANTS)
def test_masked_frames_equal_missing_frames(attention):
    built = cell(attention)
    x = torch.randn(1, 6, F, dtype=torch.float64)
    mask = torch.tensor([[False, True, True, False, True, False]])
    torch.testing.assert_close(built(x, mask), built(x[:, mask[0]]), rtol=0, atol=1e-14)


@pytest.mark.parametrize("attention", VARIANTS)
def test_a_clip_without_valid_frames_is_zero_and_finite(attention):
    built = cell(attention)
    x = torch.randn(2, 4, F, dtype=torch.float64, requires_grad=True)
    mask = torch.zeros(2, 4, dtype=torch.bool)
    representation = built(x, mask)
    assert torch.equal(representation, torch.zeros(2, H, dtype=torch.float64))
    used = gradients(representation, [x, built.U])
    assert all(torch.equal(g, torch.zeros_like(g)) for g in used)


@pytest.mark.parametrize("attention", VARIANTS)
def test_nan_in_a_valid_frame_shows_in_its_clip_only(attention):
    built = cell(attention, torch.float32)
    x = torch.randn(3, 5, F)
    x[1, 2, 0] = math.nan
    broken = built(x).isnan().any(-1)
    assert broken.tolist() == [False, True, False]


@pytest.mark.parametrize("attention", VARIANTS)
def test_large_values_neither_overflow_nor_turn_nan(attention):
    built = cell(attention, torch.float32)
    x = (torch.randn(3, 5, F) * 1e4).requires_grad_()
    representation = built(x)
    assert representation.isfinite().all()
    assert all(g.isfinite().all() for g in gradients(representation, [x, *built.parameters()]))


def test_mixed_types_fail_with_torch_s_own_message():
    with pytest.raises(RuntimeError, match="dtype"):
        cell((), torch.float32)(torch.zeros(2, 3, F, dtype=torch.float64))


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("openmp", [True, False])
def test_every_block_runs_once_and_errors_reach_the_caller(openmp, monkeypatch, two_threads):
    if not openmp:
        monkeypatch.setattr(recurrence_blocks, "_openmp", lambda: None)
    done = []
    recurrence_blocks.run_blocks(50, done.append)
    assert sorted(done) == list(range(50))

    def fail(n):
        raise ValueError(f"block {n}")

    with pytest.raises(ValueError, match="block 0"):
        recurrence_blocks.run_blocks(1, fail)
    with pytest.raises(ValueError, match="block"):
        recurrence_blocks.run_blocks(9, fail)


def _in_child(queue):
    built = cell(("temporal", "semantic"), torch.float32)
    torch.manual_seed(1)
    queue.put(built(torch.randn(70, 5, F)).sum().item())


def test_works_in_a_forked_worker(two_threads):
    here = multiprocessing.get_context("fork").SimpleQueue()
    _in_child(here)  # threads ran in this process before the fork
    queue = multiprocessing.get_context("fork").SimpleQueue()
    worker = multiprocessing.get_context("fork").Process(target=_in_child, args=(queue,))
    worker.start()
    worker.join(timeout=60)
    assert worker.exitcode == 0
    assert queue.get() == here.get()


@pytest.mark.parametrize("attention", VARIANTS)
def test_what_the_gpu_captures_equals_what_the_cpu_runs(attention, monkeypatch):
    """The graph's function, with the capture itself replaced by a plain call."""
    captured = []

    def capture(function, samples):
        captured.append(samples)
        return function

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", capture)
    monkeypatch.setattr(reference, "_graphs", {})
    built = cell(attention)
    x, mask = torch.randn(3, 7, F, dtype=torch.float64), some_mask(3, 7)
    parameters = list(built.parameters())
    for m in (mask, None, mask):
        graphed = reference.graphed(x, m, built.weights())
        compiled = built(x, m)
        torch.testing.assert_close(graphed, compiled, rtol=0, atol=1e-10)
        for got, want in zip(
            gradients(graphed, parameters), gradients(compiled, parameters), strict=True
        ):
            torch.testing.assert_close(got, want, rtol=0, atol=1e-10)
    assert len(captured) == 2  # with and without a mask; the third call reused the first graph


def test_a_graph_s_memory_is_not_read_after_it_was_overwritten(monkeypatch):
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", lambda function, samples: function)
    monkeypatch.setattr(reference, "_graphs", {})
    built = cell(("temporal",))
    x = torch.randn(2, 3, F, dtype=torch.float64)
    first = reference.graphed(x, None, built.weights())
    reference.graphed(x, None, built.weights())
    with pytest.raises(RuntimeError, match="call backward after each forward pass"):
        first.sum().backward()
