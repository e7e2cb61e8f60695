"""The scan over time for one block of clips, forward and backward, forward.

A block (some ten clips) runs through all T frames on one thread; what it touches stays in that
core's cache. Per frame:

    z = [x_t | h_{t-1}] [W | U]ᵀ + b     one product for the gates that see both
    p = x_t Wᵀ                           and one for what depends on x only (P_i, P_f, W_x x)
    r → a = softmax(r);  c~ = W_x x_t − a ζ                          semantic attention
    s_i = ⟨P_i, Q_i⟩ + b_i, s_f likewise; i, f = σ(s_i), σ(s_f)        temporal attention
    c_t = f ⊙ c_{t-1} + i ⊙ c~;  h_t = o ⊙ tanh(c_t);  v += softmax weight · h_t

with P_i = x W_ixᵀ W_ih, P_f = x W_fxᵀ W_fh and Q = h_{t-1} (folded), so that temporal attention's
gates cost two dot products a frame and no matrix product with h; or, where F H is the larger
product, with P_i = x W_ixᵀ and Q_i = h_{t-1} W_ihᵀ among the gates that see both. v is summed with
the running-maximum form of softmax, so inference keeps nothing but the current frame.

Arrays are flat and time-major inside a block: xh (T + 1, rows, Fp + Hp) holds [x_t | h_{t-1}],
S (T, rows, stride) the gates after their squashing, C (T + 1, rows, Hp) the memory. A masked
frame is read as zeros, carries h and c over and has α = 0; so does a row that pads the block.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from asc_cli.models._recurrence.cache import cached_njit
from asc_cli.models._recurrence.simd import MR, NR, borrowed, exp, larger, sigmoid, tanh, tile

INLINE: dict[str, Any] = {
    # into its caller, always: a copy of its own would be compiled otherwise there, and whether that
    # or the caller's runs would depend on what was read from the cache (measured: other last bits)
    "forceinline": True,
    "error_model": "numpy",
    "fastmath": {"contract", "reassoc", "nsz"},  # fuse a b + c, sum in vector lanes; NaN stays NaN
}
KERNEL: dict[str, Any] = {
    "nogil": True,  # blocks run on threads side by side
    "error_model": "numpy",
    "fastmath": INLINE["fastmath"],
}


class Layout(NamedTuple):
    """Sizes of one call, padded (…p) to whole tiles, and each segment's first column in S."""

    rows: int  # clips of a block
    F: int
    Fp: int
    H: int
    Hp: int
    K: int
    Kp: int
    both: int  # columns that see x and h; the ones that see x only follow
    columns: int
    stride: int  # of a row of S: columns and a cache line, so that rows do not share cache sets
    i: int
    f: int
    o: int
    c: int  # c~, before it W_x x in semantic attention
    r: int
    p_i: int
    p_f: int
    q_i: int
    q_f: int
    Pp: int  # columns of each P
    temporal: bool
    semantic: bool
    folded: bool  # Q is h_{t-1}; else it has columns


@njit(**INLINE)
def product(shape, A, B, init, C):
    """C (M, N) = init + A B, tile by tile; a panel of B (K, NR) serves all rows from L1.

    shape = (M, N, K). Each operand is a flat array, where it starts in it, and strides: those of A
    from row to row and from k to k, of B from panel to panel and from k to k, of init and C from
    row to row.
    """
    M, N, K = shape
    a, a0, a_row, a_k = A
    b, b0, b_panel, b_k = B
    i, i0, i_row = init
    c, c0, c_row = C
    for n in range(0, N, NR):
        panel = b0 + (n // NR) * b_panel
        for m in range(0, M, MR):
            at, to = i0 + m * i_row + n, c0 + m * c_row + n
            tile(a, a0 + m * a_row, a_row, a_k, b, panel, b_k, i, at, i_row, c, to, c_row, K)  # type: ignore[call-arg]  # numba gives the typing context


@njit(**INLINE)
def load_frame(x, valid, first, t, L, frame, live):
    """x_t of the block's clips into `frame` (rows, Fp + Hp); zeros where there is no frame."""
    width = L.Fp + L.Hp
    for m in range(L.rows):
        b = first + m
        live[m] = b < x.shape[0] and (valid.size == 0 or valid[b, t])
        row = frame[m * width : m * width + L.Fp]
        if live[m]:
            source = x[b, t]
            for j in range(L.F):
                row[j] = source[j]
            for j in range(L.F, L.Fp):
                row[j] = 0
        else:
            row[:] = 0


@njit(**{**INLINE, "fastmath": {"nnan", "nsz"}})
def _largest(y):
    top = y[0]
    for j in range(1, y.size):
        top = larger(top, y[j])
    return top


@njit(**INLINE)
def _softmax(y, n):
    """The first n of y become their softmax, the padding after them zero."""
    top = _largest(y[:n])
    total = y.dtype.type(0)
    for j in range(n):
        y[j] = exp(y[j] - top)
        total += y[j]
    scale = y.dtype.type(1) / total
    for j in range(n):
        y[j] *= scale
    for j in range(n, y.size):
        y[j] = 0


@njit(**INLINE)
def dot(a, b):
    total = a.dtype.type(0)
    for j in range(a.size):
        total += a[j] * b[j]
    return total


@njit(**INLINE)
def _sigmoid(y):
    for j in range(y.size):
        y[j] = sigmoid(y[j])


@njit(**INLINE)
def _tanh(y):
    for j in range(y.size):
        y[j] = tanh(y[j])


@njit(**INLINE)
def _update(i, f, o, candidate, c_before, c, h):
    """Eq. 1's last two lines with vector gates."""
    for j in range(c.size):
        c[j] = f[j] * c_before[j] + i[j] * candidate[j]
        h[j] = o[j] * tanh(c[j])


@njit(**INLINE)
def _update_scalar(i, f, o, candidate, c_before, c, h):
    """Eq. 1's last two lines with temporal attention's scalar gates."""
    for j in range(c.size):
        c[j] = f * c_before[j] + i * candidate[j]
        h[j] = o[j] * tanh(c[j])


@njit(**INLINE)
def _pool(g, h, v, stat):
    """One more frame into v = Σ e^(g − top) h, stat = (top, Σ e^(g − top))."""
    if g > stat[0]:
        scale = exp(stat[0] - g)
        stat[0] = g
        stat[1] *= scale
        for j in range(v.size):
            v[j] *= scale
    weight = exp(g - stat[0])
    stat[1] += weight
    for j in range(v.size):
        v[j] += weight * h[j]


@njit(**INLINE)
def _cell(L, gate, row, h_before, h, c_before, c, s, v, stat):
    """One clip's frame after the products: gates, memory, output, pooling. Returns g_t."""
    H = L.Hp
    o, candidate = row[L.o : L.o + H], row[L.c : L.c + H]
    _sigmoid(o)
    if not L.semantic:
        _tanh(candidate)
    if not L.temporal:
        i, f = row[L.i : L.i + H], row[L.f : L.f + H]
        _sigmoid(i)
        _sigmoid(f)
        _update(i, f, o, candidate, c_before, c, h)
        return gate[0]
    q_i = h_before if L.folded else row[L.q_i : L.q_i + L.Pp]
    q_f = h_before if L.folded else row[L.q_f : L.q_f + L.Pp]
    s[0] = dot(row[L.p_i : L.p_i + L.Pp], q_i) + gate[0]
    s[1] = dot(row[L.p_f : L.p_f + L.Pp], q_f) + gate[1]
    _update_scalar(sigmoid(s[0]), sigmoid(s[1]), o, candidate, c_before, c, h)
    g = gate[2] * s[0] + gate[3] * s[1]
    _pool(g, h, v, stat)
    return g


@njit(**INLINE)
def _semantic_attention(L, minus_codebook, S, Z):
    """r → a = softmax(r), W_x x → c~ = W_x x − a ζ; the frame's rows of S start at Z."""
    for m in range(L.rows):
        r = Z + m * L.stride + L.r
        _softmax(S[r : r + L.Kp], L.K)
    c = (S, Z + L.c, L.stride)
    product(
        (L.rows, L.Hp, L.Kp), (S, Z + L.r, L.stride, 1), (minus_codebook, 0, L.Kp * NR, NR), c, c
    )


@njit(**INLINE)
def _start(L, xh, C, v, stat):
    """h_0 = 0, c_0 = 0, and nothing pooled yet."""
    xh[: L.rows * (L.Fp + L.Hp)] = 0
    C[: L.rows * L.Hp] = 0
    v[:] = 0
    for m in range(L.rows):
        stat[m, 0], stat[m, 1] = -np.inf, 0


@njit(**INLINE)
def _finish(L, h_last, v, stat):
    """v of each clip: the mean that was summed, or else its last h; h_last starts at [x | h]."""
    width = L.Fp + L.Hp
    for m in range(L.rows):
        if not L.temporal:
            v[m] = h_last[m * width + L.Fp : (m + 1) * width]
        elif stat[m, 1] > 0 or stat[m, 1] != stat[m, 1]:
            v[m] /= stat[m, 1]


@cached_njit(**KERNEL)  # compiled once per machine
def forward_block(x, valid, first, L, packs, bias, gate, xh, S, C, s, g, stat, v, keep):
    """All frames of the clips first … first + rows; `keep` saves every frame for the backward."""
    rows, H, width, T = L.rows, L.Hp, L.Fp + L.Hp, x.shape[1]
    W_both, W_x, minus_codebook = borrowed(packs)
    x, valid, bias, gate = borrowed((x, valid, bias, gate))
    xh, S, C, s, g, stat, v = borrowed((xh, S, C, s, g, stat, v))
    live = np.zeros(rows, np.bool_)
    _start(L, xh, C, v, stat)
    for t in range(T):
        now, then, at = (t, t + 1, t) if keep else (t % 2, 1 - t % 2, 0)
        X, Xn, Z = now * rows * width, then * rows * width, at * rows * L.stride
        Cb, Cn = now * rows * H, then * rows * H
        load_frame(x, valid, first, t, L, xh[X:], live)
        xh_t = (xh, X, width, 1)
        z, z_x = (S, Z, L.stride), (S, Z + L.both, L.stride)
        product((rows, L.both, width), xh_t, (W_both, 0, width * NR, NR), (bias, 0, 0), z)
        only_x = (rows, L.columns - L.both, L.Fp)
        product(only_x, xh_t, (W_x, 0, L.Fp * NR, NR), (bias, L.both, 0), z_x)
        if L.semantic:
            _semantic_attention(L, minus_codebook, S, Z)
        for m in range(rows):
            h_before = xh[X + m * width + L.Fp : X + (m + 1) * width]
            h = xh[Xn + m * width + L.Fp : Xn + (m + 1) * width]
            c_before = C[Cb + m * H : Cb + (m + 1) * H]
            c = C[Cn + m * H : Cn + (m + 1) * H]
            if live[m]:
                row = S[Z + m * L.stride : Z + (m + 1) * L.stride]
                g[t, m] = _cell(L, gate, row, h_before, h, c_before, c, s[at, m], v[m], stat[m])
            else:
                h[:] = h_before
                c[:] = c_before
                g[t, m] = 0
    last = (T if keep else T % 2) * rows * width
    _finish(L, xh[last:], v, stat)
