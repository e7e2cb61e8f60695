"""The attention LSTMs of models/lstm.py as one ONNX Scan over time: small, quick, exact.

The equations are models/lstm.py's, the step _recurrence.reference.step's. `x` (B, T, F) and `mask`
(B, T) go in, `logits` (B, C) come out; a masked frame leaves the state as it is and has α = 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SCAN = """
    x_t = Transpose <perm=[1, 0, 2]> (x)
    mask_t = Transpose <perm=[1, 0]> (mask)
    valid_t = Unsqueeze (mask_t, last_axis)
    from_x = MatMul (x_t, W)
    columns = Add (from_x, b)
    n_clips = Shape <start=0, end=1> (x)
    state = Concat <axis=0> (n_clips, hidden)
    h0 = ConstantOfShape (state)
    {scanned} = Scan <num_scan_inputs=2, body=step (
            float[B, H] h, float[B, H] c, float[B, N] z_x, bool[B, 1] valid
        ) => ({body_outputs}) {{{body}
            h_next = Where (valid, h_now, h)
            c_next = Where (valid, c_now, c){extra}
        }}> (h0, h0, columns, valid_t)
"""
SPLIT_BOTH = """
            from_h = MatMul (h, U)
            {all} = Split <axis=-1> (z_x, widths_x)
            z_both = Add (z_both_x, from_h)
            {both} = Split <axis=-1> (z_both, widths_both)"""
GATES = """
            i = Sigmoid (z_i)
            f = Sigmoid (z_f)"""
TEMPORAL_GATES = """
            pq_i = Mul (z_p_i, {q_i})
            pq_f = Mul (z_p_f, {q_f})
            sum_i = ReduceSum <keepdims=1> (pq_i, last_axis)
            sum_f = ReduceSum <keepdims=1> (pq_f, last_axis)
            s_i = Add (sum_i, b_i)
            s_f = Add (sum_f, b_f)
            as_i = Mul (a_i, s_i)
            as_f = Mul (a_f, s_f)
            g = Add (as_i, as_f)
            i = Sigmoid (s_i)
            f = Sigmoid (s_f)"""
SEMANTIC = """
            a = Softmax <axis=-1> (z_r)
            d = MatMul (a, codebook)
            candidate = Sub (z_w, d)"""
NO_ATTENTION = """
            candidate = Tanh (z_c)"""
STATE = """
            kept = Mul (f, c)
            added = Mul (i, candidate)
            c_now = Add (kept, added)
            o = Sigmoid (z_o)
            squashed = Tanh (c_now)
            h_now = Mul (o, squashed)"""
POOL = """
    g_t = Where (valid_t, g_over_time, lowest)
    alpha = Softmax <axis=0> (g_t)
    weighted = Mul (alpha, h_over_time)
    v = ReduceSum <keepdims=0> (weighted, zero_axis)
"""


def nodes(cell: Any) -> tuple[str, dict[str, np.ndarray]]:
    """Return the cell's scan, which writes `v` (B, H), and its constants."""
    weights = cell.weights()
    segments = weights.segments
    n_both, n_all = weights.U.shape[0], weights.W.shape[0]
    names = list(segments)
    both, total = [], 0
    for name in names:
        if total < n_both:
            both.append(name)
            total += segments[name]
    x_only = names[len(both) :]
    body = _body(weights, both, x_only)
    temporal = weights.temporal
    constants = {
        "W": weights.W.detach().numpy().T,
        "U": weights.U.detach().numpy().T,
        "b": np.pad(weights.b.detach().numpy(), (0, n_all - n_both)),
        "hidden": np.array([weights.U.shape[1]]),
        "widths_x": np.array([n_both, *(segments[name] for name in x_only)]),
        "widths_both": np.array([segments[name] for name in both]),
        "codebook": weights.codebook.detach().numpy(),
    }
    if not temporal:
        text = SCAN.format(
            scanned="v, c_last",
            body=body,
            extra="",
            body_outputs="float[B, H] h_next, float[B, H] c_next",
        )
        return text, constants
    for name, value in zip(("b_i", "b_f", "a_i", "a_f"), weights.gate.tolist(), strict=True):
        constants[name] = np.array(value, np.float32)
    constants["lowest"] = np.array(np.finfo(np.float32).min)
    constants["zero_axis"] = np.array([0])
    text = SCAN.format(
        scanned="h_last, c_last, h_over_time, g_over_time",
        body=body,
        extra="\n            h_out = Identity (h_next)",
        body_outputs="float[B, H] h_next, float[B, H] c_next, float[B, H] h_out, float[B, 1] g",
    )
    return text + POOL, constants


def _body(weights: Any, both: list[str], x_only: list[str]) -> str:
    """Return the nodes of one frame: from z's columns and the state to c_now, h_now (and g)."""
    split = SPLIT_BOTH.format(
        all=", ".join(f"z_{name}" for name in ["both_x", *x_only]),
        both=", ".join(f"z_{name}" for name in both),
    )
    gates = GATES
    if weights.temporal:
        q_i, q_f = ("z_q_i", "z_q_f") if "q_i" in both else ("h", "h")
        gates = TEMPORAL_GATES.format(q_i=q_i, q_f=q_f)
    return split + gates + (SEMANTIC if weights.semantic else NO_ATTENTION) + STATE
