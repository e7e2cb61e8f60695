"""The attention LSTMs of models/lstm.py as one ONNX Scan over time: small, quick, exact.

The equations are models/lstm.py's, the step _recurrence.reference.step's. `x` (B, T, F) and `mask`
(B, T) go in, `logits` (B, C) come out; a masked frame leaves the state as it is and has α = 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# what `nodes` takes from a cell
OF_PARAMETERS = ("W", "U", "b", "codebook", "b_i", "b_f", "a_i", "a_f")
COMPUTED = {  # the same, from the parameters
    "W": "    W_all = Concat <axis=0> ({W})\n    W = Transpose <perm=[1, 0]> (W_all)\n",
    "U": "    U_all = Concat <axis=0> ({U})\n    U = Transpose <perm=[1, 0]> (U_all)\n",
    "b": "    b = Concat <axis=0> ({b})\n",
    "folded": """
    W_ih_t = Transpose <perm=[1, 0]> (cell_W_ih)
    W_fh_t = Transpose <perm=[1, 0]> (cell_W_fh)
    P_i = MatMul (W_ih_t, cell_W_ix)
    P_f = MatMul (W_fh_t, cell_W_fx)
""",
    "gate": """
    b_i, b_f = Split <axis=0> ({bias}, widths_1)
    a_i, a_f = Split <axis=0> (cell_a, widths_1)
""",
}
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
PLAIN = """
    W_i, W_f, W_o, W_c = Split <axis=0> (cell_W, widths_4)
    U_i, U_f, U_o, U_c = Split <axis=0> (cell_U, widths_4)
    b_i, b_f, b_o, b_c = Split <axis=0> (cell_b, widths_4)
    W_all = Concat <axis=0> (W_i, W_o, W_f, W_c)
    U_all = Concat <axis=0> (U_i, U_o, U_f, U_c)
    b_all = Concat <axis=0> (b_i, b_o, b_f, b_c, no_b)
    W = Unsqueeze (W_all, zero_axis)
    U = Unsqueeze (U_all, zero_axis)
    b = Unsqueeze (b_all, zero_axis)
    x_t = Transpose <perm=[1, 0, 2]> (x)
    counted = Cast <to=6> (mask)
    lengths = ReduceSum <keepdims=0> (counted, last_axis)
    h_over_time, h_last, c_last = LSTM <hidden_size={H}> (x_t, W, U, b, lengths)
    v = Squeeze (h_last, zero_axis)
"""
STATE_OUTPUTS = ("float[B, H] h_next", "float[B, H] c_next")
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
ALPHA = """
    alpha_flat = Squeeze (alpha, last_axis)
    alpha_clips = Transpose <perm=[1, 0]> (alpha_flat)
"""
CODEWORDS = """
    codewords = Transpose <perm=[1, 0, 2]> (a_over_time)
"""


def computed(cell: Any) -> tuple[str, dict[str, np.ndarray]]:
    """Return nodes that compute W, U, b and the gates' numbers of `nodes` from the parameters of a
    cell, which are read as `cell_W` and so on, and their constants."""
    F = cell.W.shape[1]
    W, U, b = ["cell_W"], ["cell_U"], ["cell_b"]
    constants, text = {}, ""
    folded = not cell.temporal or cell.folds()
    if not folded:
        A = cell.W_ix.shape[0]
        constants["no_W"] = np.zeros((2 * A, F), np.float32)
        W.append("no_W")
        U += ["cell_W_ih", "cell_W_fh"]
    if cell.semantic:
        W.append("cell_W_x")
    if cell.temporal:
        W += ["P_i", "P_f"] if folded else ["cell_W_ix", "cell_W_fx"]
        text += COMPUTED["folded"] if folded else ""
        has_bias = cell.gate_bias is not None
        constants |= {"widths_1": np.array([1, 1]), "no_bias": np.zeros(2, np.float32)}
        text += COMPUTED["gate"].format(bias="cell_gate_bias" if has_bias else "no_bias")
    weights = cell.weights()
    if missing := weights.W.shape[0] - cell.b.shape[0]:
        constants["no_b"] = np.zeros(missing, np.float32)
        b.append("no_b")
    for name, parts in (("W", W), ("U", U), ("b", b)):
        text += COMPUTED[name].format(**{name: ", ".join(parts)})
    if cell.semantic:
        text += "    codebook = Identity (cell_codebook)\n"
    return text, constants


def plain(cell: Any) -> tuple[str, dict[str, np.ndarray]]:
    """Return the same for a cell without attention, by ONNX's own LSTM, which reads as many frames
    of a clip as the mask counts: they come first."""
    H = cell.U.shape[1]
    return PLAIN.format(H=H), {
        "widths_4": np.full(4, H),
        "no_b": np.zeros(4 * H, np.float32),
        "zero_axis": np.array([0]),
    }


def attended(cell: Any) -> tuple[str, dict[str, str]]:
    """Return nodes that give what a cell attends to, and the outputs' names: alpha (B, T) and
    codewords (B, T, K), where it has them."""
    text, outputs = "", {}
    if cell.temporal:
        text, outputs = ALPHA, {"alpha": "alpha_clips"}
    if cell.semantic:
        text, outputs = text + CODEWORDS, {**outputs, "codewords": "codewords"}
    return text, outputs


def nodes(cell: Any, keep_codewords: bool = False) -> tuple[str, dict[str, np.ndarray]]:
    """Return the cell's scan, which writes `v` (B, H), and its constants.

    keep_codewords: Also write `a_over_time` (T, B, K), of a cell with semantic attention.
    """
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
    constants = {
        "W": weights.W.detach().numpy().T,
        "U": weights.U.detach().numpy().T,
        "b": np.pad(weights.b.detach().numpy(), (0, n_all - n_both)),
        "hidden": np.array([weights.U.shape[1]]),
        "widths_x": np.array([n_both, *(segments[name] for name in x_only)]),
        "widths_both": np.array([segments[name] for name in both]),
        "codebook": weights.codebook.detach().numpy(),
    }
    scanned, outputs, extra = ["h_last", "c_last"], [*STATE_OUTPUTS], ""
    if weights.temporal:
        scanned += ["h_over_time", "g_over_time"]
        outputs += ["float[B, H] h_out", "float[B, 1] g"]
        extra = "\n            h_out = Identity (h_next)"
        gate = zip(("b_i", "b_f", "a_i", "a_f"), weights.gate.tolist(), strict=True)
        constants |= {name: np.array(value, np.float32) for name, value in gate}
        constants["lowest"] = np.array(np.finfo(np.float32).min)
        constants["zero_axis"] = np.array([0])
    else:
        scanned[0] = "v"
    if keep_codewords and weights.semantic:
        scanned.append("a_over_time")
        outputs.append("float[B, K] a")
    text = SCAN.format(
        scanned=", ".join(scanned),
        body=_body(weights, both, x_only),
        extra=extra,
        body_outputs=", ".join(outputs),
    )
    return text + (POOL if weights.temporal else ""), constants


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
