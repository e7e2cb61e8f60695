"""The scan over time in plain torch operations, one step function per frame.

The same mathematics as `forward`, for whatever that does not serve: a GPU (where the
whole scan is captured as one graph), an export (ONNX), half precision, double backward, and a
small input without gradients, for which compiled kernels are not worth loading.

B clips, T frames, F bands, H hidden units, K codewords; N columns of gates, `both` of them see h.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Weights(NamedTuple):
    """One cell's weights with the gates side by side, in this order (those that exist):

    see x and h: i, f (H each), o (H), r (K) or c~ (H), Q_i, Q_f;
    see x only:  W_x x (H), P_i, P_f.

    Temporal attention's s = ⟨P, Q⟩ has P = x W_ixᵀ W_ih and Q = h_{t-1} itself, which needs no
    columns (H each); or, where that costs more, P = x W_ixᵀ and Q = h_{t-1} W_ihᵀ (A each).
    """

    W: Tensor  # (N, F)
    U: Tensor  # (both, H)
    b: Tensor  # (both,)
    codebook: Tensor  # (K, H), K = 0 without semantic attention
    gate: Tensor  # (4,): b_i, b_f, a_i, a_f, or (0,) without temporal attention

    @property
    def temporal(self) -> bool:
        return self.gate.numel() > 0

    @property
    def semantic(self) -> bool:
        return self.codebook.shape[0] > 0

    @property
    def segments(self) -> dict[str, int]:
        """Width of each gate's columns, in their order."""
        K, H = self.codebook.shape
        widths = {} if self.temporal else {"i": H, "f": H}
        widths |= {"o": H, "r": K} if self.semantic else {"o": H, "c": H}
        A = (self.b.shape[0] - sum(widths.values())) // 2  # 0 where Q is h
        widths |= {"q_i": A, "q_f": A} if A else {}
        widths |= {"w": H} if self.semantic else {}
        return widths | ({"p_i": A or H, "p_f": A or H} if self.temporal else {})


class Frame(NamedTuple):
    """One frame's result."""

    h: Tensor  # (B, H)
    c: Tensor  # (B, H)
    g: Tensor | None  # (B,), temporal attention only
    gates: Tensor | None  # (B, 2): i, f; temporal attention only
    a: Tensor | None  # (B, K), semantic attention only


class Trace(NamedTuple):
    """What a scan ends with, and what it attended to."""

    representation: Tensor  # (B, H)
    alpha: Tensor | None  # (B, T), temporal attention only
    gates: Tensor | None  # (B, T, 2): i_t, f_t; temporal attention only
    a: Tensor | None  # (B, T, K), semantic attention only


def step(z: dict[str, Tensor], h: Tensor, c: Tensor, weights: Weights) -> Frame:
    """One frame from its gates' columns z before squashing, h_{t-1} and c_{t-1} (B, H)."""
    g = gates = a = None
    if weights.temporal:
        b_i, b_f, a_i, a_f = weights.gate.unbind()
        s_i = (z["p_i"] * z.get("q_i", h)).sum(-1, keepdim=True) + b_i  # ⟨P_i, Q_i⟩: (B, 1)
        s_f = (z["p_f"] * z.get("q_f", h)).sum(-1, keepdim=True) + b_f
        g = (a_i * s_i + a_f * s_f).squeeze(-1)
        i, f = torch.sigmoid(s_i), torch.sigmoid(s_f)
        gates = torch.cat([i, f], -1)
    else:
        i, f = torch.sigmoid(z["i"]), torch.sigmoid(z["f"])
    if weights.semantic:
        a = torch.softmax(z["r"], -1)
        candidate = z["w"] - a @ weights.codebook
    else:
        candidate = torch.tanh(z["c"])
    c = f * c + i * candidate
    return Frame(torch.sigmoid(z["o"]) * torch.tanh(c), c, g, gates, a)


def trace(x: Tensor, mask: Tensor | None, weights: Weights) -> Trace:
    """Scan x (B, T, F) with mask (B, T): every frame through `step`, then the pooling."""
    if mask is not None:
        x = x.masked_fill(~mask[..., None], 0)  # a masked frame may hold anything, NaN too
    both = weights.b.shape[0]
    bias = functional.pad(weights.b, (0, weights.W.shape[0] - both))
    frames = functional.linear(x, weights.W, bias).unbind(1)  # T times (B, N)
    h = c = x.new_zeros(x.shape[0], weights.U.shape[1])
    past: list[Frame] = []
    for t, frame in enumerate(frames):
        z_both = frame[:, :both] + h @ weights.U.T
        z_all = torch.cat([z_both, frame[:, both:]], -1).split(list(weights.segments.values()), -1)
        now = step(dict(zip(weights.segments, z_all, strict=True)), h, c, weights)
        if mask is not None:
            valid = mask[:, t, None]
            now = now._replace(h=torch.where(valid, now.h, h), c=torch.where(valid, now.c, c))
        h, c = now.h, now.c
        past.append(now)
    return _pooled(past, mask)


def _pooled(past: list[Frame], mask: Tensor | None) -> Trace:
    """All frames -> the representation: the last h, with temporal attention Σ_t α_t h_t."""
    last = past[-1]
    a = None if last.a is None else _over_time([p.a for p in past])
    if last.g is None:
        return Trace(last.h, None, None, a)
    alpha = attention(_over_time([p.g for p in past]), mask)
    v = torch.einsum("bt,bth->bh", alpha, _over_time([p.h for p in past]))
    return Trace(v, alpha, _over_time([p.gates for p in past]), a)


def _over_time(frames: Sequence[Tensor | None]) -> Tensor:
    return torch.stack([frame for frame in frames if frame is not None], 1)


def attention(g: Tensor, mask: Tensor | None) -> Tensor:
    """α = softmax of g (B, T) over each clip's valid frames; zeros where there is none."""
    if mask is None:
        return torch.softmax(g, -1)
    lowest = torch.finfo(g.dtype).min
    return torch.softmax(g.masked_fill(~mask, lowest), -1).masked_fill(~mask, 0)


OF_A_CAPTURE = (  # torch's own warnings while it warms up for a capture; results are right
    "The AccumulateGrad node's stream does not match",
    "Attempting to run cuBLAS, but there was no current CUDA context",
)
_Key = tuple[Any, ...]
_graphs: dict[_Key, tuple[Any, list[int]]] = {}


def graphed(x: Tensor, mask: Tensor | None, weights: Weights) -> Tensor:
    """The scan's representation on a GPU: one captured graph forward, one backward.

    A graph belongs to one shape and writes to its own fixed memory: a result must be taken
    backward before the next call with that shape, which is checked.
    """
    tensors = [x, *weights]
    present = mask is not None
    kinds = tuple((t.shape, t.dtype, t.requires_grad) for t in tensors)
    key = (x.device, present, torch.is_grad_enabled(), *kinds)
    inputs = (x, *weights, mask) if mask is not None else (x, *weights)
    if key not in _graphs:
        with warnings.catch_warnings():
            for text in OF_A_CAPTURE:
                warnings.filterwarnings("ignore", message=text)
            _graphs[key] = (torch.cuda.make_graphed_callables(_flat, _samples(inputs)), [0])
    call, turn = _graphs[key]
    turn[0] += 1
    out = call(*inputs).clone()
    if out.requires_grad:
        out.register_hook(_same_turn(turn, turn[0]))
    return out


def _flat(x: Tensor, *tensors: Tensor) -> Tensor:
    """`trace` with its weights, and a mask if there is one, as plain arguments."""
    mask = tensors[5] if len(tensors) > 5 else None
    return trace(x, mask, Weights(*tensors[:5])).representation


def _samples(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(t.detach().clone().requires_grad_(t.requires_grad) for t in inputs)


def _same_turn(turn: list[int], own_turn: int) -> Callable[[Tensor], None]:
    def check(_: Tensor) -> None:
        if turn[0] != own_turn:
            raise RuntimeError(
                "the scan ran again on clips of the same shape before this backward pass, and its "
                "graph's memory was overwritten; call backward after each forward pass"
            )

    return check
