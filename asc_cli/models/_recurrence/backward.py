"""The scan over time for one block of clips, backward; the forward pass is `forward`.

The frames in reverse; δ is the gradient of the loss with respect to the name that follows it:

    δα_t = ⟨δv, h_t⟩;  δg_t = α_t (δα_t − ⟨δv, v⟩);  δh_t += α_t δv
    δc_t += δh_t ⊙ o ⊙ (1 − tanh²c_t);  δc~ = i ⊙ δc_t;  δc_{t-1} = f ⊙ δc_t
    δs_i = i (1 − i) ⟨δc_t, c~⟩ + a_i δg_t;  δs_f = f (1 − f) ⟨δc_t, c_{t-1}⟩ + a_f δg_t
    δa = −δc~ ζᵀ;  δr = a ⊙ (δa − ⟨a, δa⟩);  δζ = −Σ_t aᵀ δc~
    δP_i = δs_i Q_i;  δQ_i = δs_i P_i;  δP_f, δQ_f likewise
    δh_{t-1} = δz U (+ δQ_i + δQ_f where Q is h_{t-1});  δ[W | U] = Σ_t δzᵀ [x_t | h_{t-1}]

z stands for all columns before their squashing, P and Q among them. The last sum is one matrix
product for every CHUNK frames, while their δz is still in cache. A masked frame has δz = 0 and
hands δh and δc on as they are.
"""

import numpy as np
from numba import njit

from asc_cli.models._recurrence.cache import cached_njit
from asc_cli.models._recurrence.forward import INLINE, KERNEL, dot, product
from asc_cli.models._recurrence.simd import NR, borrowed, exp, sigmoid, tanh

CHUNK = 4  # frames whose weight gradient is one product


@njit(**INLINE)
def _grad_output(o, c, dh, dc, dz_o):
    """δo before its squashing, and δc_t completed: h_t = o ⊙ tanh(c_t) backwards."""
    one = c.dtype.type(1)
    for j in range(c.size):
        y = tanh(c[j])
        dz_o[j] = dh[j] * y * o[j] * (one - o[j])
        dc[j] += dh[j] * o[j] * (one - y * y)


@njit(**INLINE)
def _grad_gates(i, f, candidate, c_before, dc, dz_i, dz_f, dz_c):
    """Vector gates: δi, δf before their squashing, δc~, and δc becomes δc_{t-1}."""
    one = dc.dtype.type(1)
    for j in range(dc.size):
        dz_i[j] = dc[j] * candidate[j] * i[j] * (one - i[j])
        dz_f[j] = dc[j] * c_before[j] * f[j] * (one - f[j])
        dz_c[j] = dc[j] * i[j]
        dc[j] *= f[j]


@njit(**INLINE)
def _grad_product(ds, p, q, dp, dq):
    """s = ⟨p, q⟩ backwards."""
    for j in range(p.size):
        dp[j] = ds * q[j]
        dq[j] = ds * p[j]


@njit(**INLINE)
def _grad_scalar_gates(L, gate, row, h_before, c_before, dg, s, dz, dh, dc, dgate):
    """Temporal attention's gates; dh becomes their share of δh_{t-1}, dc becomes δc_{t-1}."""
    H, P, one = L.Hp, L.Pp, dc.dtype.type(1)
    i, f = sigmoid(s[0]), sigmoid(s[1])
    candidate, p_i, p_f = row[L.c : L.c + H], row[L.p_i : L.p_i + P], row[L.p_f : L.p_f + P]
    dz_c, dp_i, dp_f = dz[L.c : L.c + H], dz[L.p_i : L.p_i + P], dz[L.p_f : L.p_f + P]
    ds_i = dot(dc, candidate) * i * (one - i) + gate[2] * dg
    ds_f = dot(dc, c_before) * f * (one - f) + gate[3] * dg
    for j in range(H):
        dz_c[j] = dc[j] * i
        dc[j] *= f
    if L.folded:
        for j in range(H):
            dh[j] = ds_i * p_i[j] + ds_f * p_f[j]
            dp_i[j] = ds_i * h_before[j]
            dp_f[j] = ds_f * h_before[j]
    else:
        dh[:] = 0
        _grad_product(ds_i, p_i, row[L.q_i : L.q_i + P], dp_i, dz[L.q_i : L.q_i + P])
        _grad_product(ds_f, p_f, row[L.q_f : L.q_f + P], dp_f, dz[L.q_f : L.q_f + P])
    dgate[0] += ds_i
    dgate[1] += ds_f
    dgate[2] += dg * s[0]
    dgate[3] += dg * s[1]


@njit(**INLINE)
def _cell_backward(L, gate, row, h_before, c_before, c, dv, alpha, dg, s, dz, dh, dc, dgate):
    """One clip's frame up to δz (δr excepted); dh becomes temporal attention's δh_{t-1}."""
    H = L.Hp
    o, candidate, dz_c = row[L.o : L.o + H], row[L.c : L.c + H], dz[L.c : L.c + H]
    if L.temporal:
        for j in range(H):
            dh[j] += alpha * dv[j]
    _grad_output(o, c, dh, dc, dz[L.o : L.o + H])
    if L.temporal:
        _grad_scalar_gates(L, gate, row, h_before, c_before, dg, s, dz, dh, dc, dgate)
    else:
        i, f = row[L.i : L.i + H], row[L.f : L.f + H]
        dz_i, dz_f = dz[L.i : L.i + H], dz[L.f : L.f + H]
        _grad_gates(i, f, candidate, c_before, dc, dz_i, dz_f, dz_c)
        dh[:] = 0
    if not L.semantic:
        for j in range(H):
            dz_c[j] *= dc.dtype.type(1) - candidate[j] * candidate[j]


@njit(**INLINE)
def _softmax_backward(a, da, dr):
    """δr = a ⊙ (δa − ⟨a, δa⟩)."""
    mean = dot(a, da)
    for k in range(a.size):
        dr[k] = a[k] * (da[k] - mean)


@njit(**INLINE)
def _weight_gradients(L, n, xh, X, S, Z, dz, dW, dcodebook):
    """Add n rows' share to δ[W | U] and −δζ."""
    width, stride = L.Fp + L.Hp, L.stride
    xh_t = (xh, X, NR, width)
    both, only_x = (dW, 0, width), (dW, L.both * width, width)
    product((L.both, width, n), (dz, 0, 1, stride), xh_t, both, both)
    shape = (L.columns - L.both, L.Fp, n)
    product(shape, (dz, L.both, 1, stride), xh_t, only_x, only_x)
    if L.semantic:
        sums = (dcodebook, 0, L.Hp)
        product((L.Kp, L.Hp, n), (S, Z + L.r, 1, stride), (dz, L.c, NR, stride), sums, sums)


@njit(**INLINE)
def _input_gradients(L, first, t0, frames, W, dz, zeros, out, dx):
    """δx = δz W for some frames of the block."""
    shape, panels = (frames * L.rows, L.Fp, L.columns), (W, 0, L.columns * NR, NR)
    product(shape, (dz, 0, L.stride, 1), panels, (zeros, 0, 0), (out, 0, L.Fp))
    for q in range(frames):
        for m in range(min(L.rows, dx.shape[0] - first)):
            row = out[(q * L.rows + m) * L.Fp :]
            for j in range(L.F):
                dx[first + m, t0 + q, j] = row[j]


@njit(**INLINE)
def _start(L, dv, first, v, dh, dV, mean):
    """δv of the block's clips into `dV`, ⟨δv, v⟩ into `mean`; δh_T where v is the last h."""
    n, H = min(dv.shape[0] - first, L.rows), L.Hp
    if not L.temporal:
        for m in range(n):
            dh[m * H : m * H + L.H] = dv[first + m]
    for m in range(n):
        dV[m, : L.H] = dv[first + m]
        mean[m] = dot(dV[m], v[m])


@njit(**INLINE)
def _attention_backward(L, minus_codebook_t, S, Z, dz, D, zeros, da):
    """δa = −δc~ ζᵀ, δr; the frame's rows start at Z in S and at D in dz."""
    stride, shape, panels = L.stride, (L.rows, L.Kp, L.Hp), (minus_codebook_t, 0, L.Hp * NR, NR)
    product(shape, (dz, D + L.c, stride, 1), panels, (zeros, 0, 0), (da, 0, L.Kp))
    for m in range(L.rows):
        r = m * stride + L.r
        a = S[Z + r : Z + r + L.Kp]
        _softmax_backward(a, da[m * L.Kp : (m + 1) * L.Kp], dz[D + r : D + r + L.Kp])


@njit(**INLINE)
def _add_bias_gradient(L, dz, D, db):
    """Add a frame's rows to δb, in their order; the frame starts at D in dz."""
    for m in range(L.rows):
        row = dz[D + m * L.stride : D + m * L.stride + L.both]
        for j in range(L.both):
            db[j] += row[j]


@njit(**INLINE)
def _scratch(L, dtype, n_dx):
    """Arrays of a block's own: dh, dc, dz and da of some frames, zeros, out, dV, mean."""
    return (
        np.zeros(L.rows * L.Hp, dtype),
        np.zeros(L.rows * L.Hp, dtype),
        np.empty(CHUNK * L.rows * L.stride, dtype),
        np.empty(L.rows * L.Kp, dtype),
        np.zeros(max(L.columns, L.Fp + L.Hp), dtype),
        np.empty(CHUNK * L.rows * L.Fp if n_dx else 0, dtype),
        np.zeros((L.rows, L.Hp), dtype),
        np.zeros(L.rows, dtype),
    )


@njit(**INLINE)
def _frames(dv, valid, first, L, packs, gate, saved, sums, dx, scratch):
    """All frames in reverse; the caller holds the arrays, so that none is counted here."""
    rows, H, width, stride = L.rows, L.Hp, L.Fp + L.Hp, L.stride
    dv, valid, gate, dx = borrowed((dv, valid, gate, dx))
    U, minus_codebook_t, W = borrowed(packs)
    xh, S, C, s, g, stat, v = borrowed(saved)
    dW, db, dcodebook, dgate = borrowed(sums)
    dh, dc, dz, da, zeros, out, dV, mean = borrowed(scratch)
    T, n = g.shape[0], dv.shape[0] - first
    _start(L, dv, first, v, dh, dV, mean)
    for t in range(T - 1, -1, -1):
        t0 = t // CHUNK * CHUNK
        X, Xn, Z = t * rows * width, (t + 1) * rows * width, t * rows * stride
        Cb, Cn, D = t * rows * H, (t + 1) * rows * H, (t - t0) * rows * stride
        for m in range(rows):
            d = dz[D + m * stride : D + (m + 1) * stride]
            if m >= n or not (valid.size == 0 or valid[first + m, t]):
                d[:] = 0
                continue
            alpha = dg = gate[0]
            if L.temporal:
                h = xh[Xn + m * width + L.Fp : Xn + (m + 1) * width]
                alpha = exp(g[t, m] - stat[m, 0]) / stat[m, 1]
                dg = alpha * (dot(dV[m], h) - mean[m])
            row = S[Z + m * stride : Z + (m + 1) * stride]
            h_before = xh[X + m * width + L.Fp : X + (m + 1) * width]
            c_before, c = C[Cb + m * H : Cb + (m + 1) * H], C[Cn + m * H : Cn + (m + 1) * H]
            dh_m, dc_m = dh[m * H : (m + 1) * H], dc[m * H : (m + 1) * H]
            _cell_backward(
                L, gate, row, h_before, c_before, c, dV[m], alpha, dg, s[t, m], d, dh_m, dc_m, dgate
            )
        if L.semantic:
            _attention_backward(L, minus_codebook_t, S, Z, dz, D, zeros, da)
        _add_bias_gradient(L, dz, D, db)
        dh_t = (dh, 0, H)
        product((rows, H, L.both), (dz, D, stride, 1), (U, 0, L.both * NR, NR), dh_t, dh_t)
        if t == t0:
            frames = min(CHUNK, T - t0)
            _weight_gradients(L, frames * rows, xh, X, S, Z, dz, dW, dcodebook)
            if dx.size:
                _input_gradients(L, first, t0, frames, W, dz, zeros, out, dx)


@cached_njit(**KERNEL)
def backward_block(
    dv, valid, first, L, packs, gate, xh, S, C, s, g, stat, v, dW, db, dcodebook, dgate, dx
):
    """All frames in reverse; adds to the block's own dW, db, dcodebook, dgate, writes its dx."""
    saved, sums = (xh, S, C, s, g, stat, v), (dW, db, dcodebook, dgate)
    scratch = _scratch(L, xh.dtype, dx.size)
    _frames(dv, valid, first, L, packs, gate, saved, sums, dx, scratch)
