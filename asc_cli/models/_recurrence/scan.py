"""The scan over time of the attention LSTMs: which code runs it, and its backward pass.

`scan` takes x (B, T, F), a mask and a cell's weights, and gives the representation (B, H).

- On a CPU, float32 and float64: compiled kernels (`forward`, `backward`).
  The batch is cut into blocks of at most BLOCK clips; each block runs through all its frames on
  one thread, in that core's cache, forward and backward. The cut depends on B alone and blocks'
  weight gradients are added in their order, so the bits do not depend on the number of threads.
- On a GPU, the plain steps of `reference` captured as one graph.
- Otherwise (export, half precision, small inputs without gradients) the plain steps themselves.

B clips, T frames, F bands, H hidden units, K codewords, N columns of gates. `x.requires_grad` is
honoured; a second derivative is not.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from asc_cli.models._recurrence import reference
from asc_cli.models._recurrence.reference import Trace, Weights
from asc_cli.models._recurrence.threads import run_blocks

if TYPE_CHECKING:  # the kernels are compiled code: loaded when they are first needed
    from asc_cli.models._recurrence.forward import Layout

BLOCK = 32  # clips at most: what a block needs for one frame stays in a core's cache
KERNEL_TYPES = (torch.float32, torch.float64)
SMALL = 8192  # clip-frames: below, inference runs the plain steps and loads no compiled code


def scan(x: Tensor, mask: Tensor | None, weights: Weights) -> Tensor:
    """Representation (B, H) of x (B, T, F); mask (B, T) is True where a frame is valid."""
    grad = torch.is_grad_enabled() and any(t.requires_grad for t in (x, *weights))
    if _compiled(x, weights, grad):
        if grad:
            return _Scan.apply(x, mask, *weights)
        return _representation(_forward(x, mask, weights, keep=False), x, weights)
    if x.is_cuda:
        return reference.graphed(x, mask, weights)
    return reference.trace(x, mask, weights).representation


@torch.no_grad()
def explain(x: Tensor, mask: Tensor | None, weights: Weights) -> Trace:
    """`scan` in plain steps, and what it attended to; zeros at masked frames."""
    trace = reference.trace(x, mask, weights)
    if mask is None:
        return trace
    absent = ~mask[..., None]
    gates, a = (None if y is None else y.masked_fill(absent, 0) for y in (trace.gates, trace.a))
    return trace._replace(gates=gates, a=a)


def compile_kernels(dtype: torch.dtype, report: Callable[[int, int], None]) -> None:
    """Load the kernels of a type for training; compile those that this machine has not yet.

    report: Is called with (kernels compiled, all) when one is compiled, before and after.
    """
    if dtype not in KERNEL_TYPES:
        return
    from asc_cli.models._recurrence import backward, cache, forward

    shapes = ((4, 1), (4, 1), (4,), (0, 1), (0,))  # a cell of one unit, one band, no attention
    weights = [torch.zeros(shape, dtype=dtype, requires_grad=True) for shape in shapes]
    kernels = (forward.forward_block, backward.backward_block)
    with cache.reporting(kernels, report), torch.enable_grad():
        _Scan.apply(torch.zeros(1, 1, 1, dtype=dtype), None, *weights).sum().backward()


def _compiled(x: Tensor, weights: Weights, grad: bool) -> bool:
    """Return whether the compiled kernels are used for this call; depends on the call alone."""
    if x.device.type != "cpu" or x.dtype not in KERNEL_TYPES:
        return False
    if any(t.dtype != x.dtype or t.device != x.device for t in weights):
        return False  # the plain steps say what does not fit
    if x.numel() == 0 or torch.jit.is_tracing() or torch.compiler.is_compiling():
        return False
    return grad or x.shape[0] * x.shape[1] >= SMALL


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, mask, *tensors):  # -> (B, H)
        weights = Weights(*tensors)
        buffers = _forward(x, mask, weights, keep=True)
        ctx.save_for_backward(*tensors, mask, *buffers)  # freed with the graph
        ctx.dx_shape = x.shape if ctx.needs_input_grad[0] else None
        return _representation(buffers, x, weights)

    @staticmethod
    @once_differentiable
    def backward(ctx, dv):
        n = len(Weights._fields)
        weights, (mask, *buffers) = Weights(*ctx.saved_tensors[:n]), ctx.saved_tensors[n:]
        dx, gradients = _backward(dv, mask, weights, buffers, ctx.dx_shape)
        return dx, None, *gradients


def _representation(buffers: Sequence[Tensor], x: Tensor, weights: Weights) -> Tensor:
    """v of every block -> (B, H), without the padding."""
    H = weights.codebook.shape[1]
    return buffers[-1].flatten(0, 1)[: x.shape[0], :H].clone()


def _pad(n: int, unit: int) -> int:
    return -(-n // unit) * unit


def _layout(weights: Weights, n_clips: int) -> "Layout":
    """Sizes padded to whole tiles, and where each gate's columns start."""
    from asc_cli.models._recurrence.forward import MR, NR, Layout

    (K, H), F = weights.codebook.shape, weights.W.shape[1]
    blocks = -(-n_clips // BLOCK)
    widths = [_pad(n, NR) for n in weights.segments.values()]
    starts = dict(zip(weights.segments, itertools.accumulate([0, *widths]), strict=False))
    names = list(weights.segments)
    folded = "q_f" not in names
    last = ("r" if weights.semantic else "c") if folded else "q_f"
    columns = sum(widths)
    return Layout(
        rows=_pad(-(-n_clips // blocks), MR),
        F=F,
        Fp=_pad(F, NR),
        H=H,
        Hp=_pad(H, NR),
        K=K,
        Kp=_pad(K, NR),
        both=sum(widths[: names.index(last) + 1]),
        columns=columns,
        stride=columns + 16,
        c=starts["w" if weights.semantic else "c"],
        temporal=weights.temporal,
        semantic=weights.semantic,
        folded=folded,
        Pp=_pad(weights.segments.get("p_i", 0), NR),
        **{name: starts.get(name, 0) for name in ("i", "f", "o", "r", "p_i", "p_f", "q_i", "q_f")},
    )


def _pad_rows(M: Tensor, weights: Weights) -> Tensor:
    """Each gate's rows of M padded to whole tiles: (N, ·) -> (columns, ·)."""
    from asc_cli.models._recurrence.forward import NR

    sizes, left = [], M.shape[0]
    for n in weights.segments.values():  # U and b end with the gates that see h
        if left > 0:
            sizes.append(n)
            left -= n
    last = (0, 0) * (M.dim() - 1)
    parts = [functional.pad(p, (*last, 0, _pad(len(p), NR) - len(p))) for p in M.split(sizes)]
    return torch.cat(parts)


def _unpad_rows(M: Tensor, weights: Weights, n: int) -> Tensor:
    """The reverse: (columns, ·) -> the first n of (N, ·)."""
    from asc_cli.models._recurrence.forward import NR

    widths = list(weights.segments.values())
    parts = M.split([_pad(w, NR) for w in widths])
    return torch.cat([p[:w] for p, w in zip(parts, widths, strict=True)])[:n]


def _pad_columns(M: Tensor, width: int) -> Tensor:
    return functional.pad(M, (0, width - M.shape[1]))


def _panels(M: Tensor) -> np.ndarray:
    """(k, n) -> flat (n / NR, k, NR): a tile's columns lie together, in the order it reads them."""
    from asc_cli.models._recurrence.forward import NR

    return M.unflatten(1, (-1, NR)).transpose(0, 1).contiguous().view(-1).numpy()


def _forward_packs(weights: Weights, L: "Layout") -> tuple[np.ndarray, ...]:
    W = _pad_columns(_pad_rows(weights.W, weights), L.Fp)
    U = _pad_columns(_pad_rows(weights.U, weights), L.Hp)
    codebook = functional.pad(weights.codebook, (0, L.Hp - L.H, 0, L.Kp - L.K))
    W_both = torch.cat([W[: L.both], U], 1)  # (both, Fp + Hp)
    return _panels(W_both.T), _panels(W[L.both :].T), _panels(-codebook)


def _backward_packs(weights: Weights, L: "Layout") -> tuple[np.ndarray, ...]:
    W = _pad_columns(_pad_rows(weights.W, weights), L.Fp)
    U = _pad_columns(_pad_rows(weights.U, weights), L.Hp)
    codebook = functional.pad(weights.codebook, (0, L.Hp - L.H, 0, L.Kp - L.K))
    return _panels(U), _panels(-codebook.T), _panels(W)


def _buffers(L: "Layout", blocks: int, T: int, keep: bool, dtype: torch.dtype) -> list[Tensor]:
    """xh, S, C, s, g, stat, v: what the forward pass fills, block by block; with `keep` of every
    frame, else of one."""
    frames, slots = (T, T + 1) if keep else (1, 2)
    shapes = (
        (blocks, slots * L.rows * (L.Fp + L.Hp)),
        (blocks, frames * L.rows * L.stride),
        (blocks, slots * L.rows * L.Hp),
        (blocks, frames, L.rows, 2),
        (blocks, T, L.rows),
        (blocks, L.rows, 2),
        (blocks, L.rows, L.Hp),
    )
    return [torch.empty(shape, dtype=dtype) for shape in shapes]


def _valid(mask: Tensor | None) -> np.ndarray:
    return np.zeros((0, 0), np.bool_) if mask is None else mask.contiguous().numpy()


def _gate(weights: Weights) -> np.ndarray:
    return functional.pad(weights.gate, (0, 4 - weights.gate.numel())).numpy()


def _forward(x: Tensor, mask: Tensor | None, weights: Weights, keep: bool) -> list[Tensor]:
    """Every block forward: its buffers, v (blocks, rows, Hp) last."""
    from asc_cli.models._recurrence.forward import forward_block

    L = _layout(weights, x.shape[0])
    blocks = -(-x.shape[0] // L.rows)
    buffers = _buffers(L, blocks, x.shape[1], keep, x.dtype)
    arrays = [buffer.numpy() for buffer in buffers]
    frames, valid = x.detach().contiguous().numpy(), _valid(mask)
    packs, gate = _forward_packs(weights, L), _gate(weights)
    bias = functional.pad(_pad_rows(weights.b, weights), (0, L.columns - L.both)).numpy()

    def run(n: int) -> None:
        own = (array[n] for array in arrays)
        forward_block(frames, valid, n * L.rows, L, packs, bias, gate, *own, keep)

    run_blocks(blocks, run)
    return buffers


def _backward(
    dv: Tensor,
    mask: Tensor | None,
    weights: Weights,
    buffers: Sequence[Tensor],
    dx_shape: torch.Size | None,
) -> tuple[Tensor | None, list[Tensor]]:
    """Every block backward: δx if its shape is given, and the weights' gradients."""
    from asc_cli.models._recurrence.backward import backward_block

    L, blocks = _layout(weights, len(dv)), len(buffers[-1])
    packs, gate, valid = _backward_packs(weights, L), _gate(weights), _valid(mask)
    sizes = (L.columns * (L.Fp + L.Hp), L.both, L.Kp * L.Hp, 4)
    sums = [torch.zeros(blocks, n, dtype=dv.dtype) for n in sizes]
    dx = torch.zeros(dx_shape or (0, 0, 0), dtype=dv.dtype)
    incoming, dx_array = dv.contiguous().numpy(), dx.numpy()
    arrays = [tensor.numpy() for tensor in (*buffers, *sums)]

    def run(n: int) -> None:
        own = (array[n] for array in arrays)
        backward_block(incoming, valid, n * L.rows, L, packs, gate, *own, dx_array)

    run_blocks(blocks, run)
    totals = [_in_order(parts) for parts in sums]
    return (None if dx_shape is None else dx), _gradients(totals, weights, L)


def _in_order(parts: Tensor) -> Tensor:
    """Sum over blocks, first to last."""
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total


def _gradients(totals: list[Tensor], weights: Weights, L: "Layout") -> list[Tensor]:
    """Padded sums -> gradients in the order and shapes of `Weights`."""
    dWU = totals[0].view(L.columns, L.Fp + L.Hp)
    both = weights.b.shape[0]
    dW = _unpad_rows(dWU[:, : L.F], weights, weights.W.shape[0])
    dU = _unpad_rows(dWU[:, L.Fp : L.Fp + L.H], weights, both)
    db = _unpad_rows(functional.pad(totals[1], (0, L.columns - L.both)), weights, both)
    dcodebook = -totals[2].view(L.Kp, L.Hp)[: L.K, : L.H]
    return [dW, dU, db, dcodebook, totals[3][: weights.gate.numel()]]
