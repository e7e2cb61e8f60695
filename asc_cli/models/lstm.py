"""LSTM with temporal (TA) and semantic (SA) attention, and without: Zhang, Zhang and Wu,
"Multi-modal attention mechanisms in LSTM and its application to acoustic scene classification".

Vanilla (Eq. 1), L[x; h] = W x + U h + b:

    i, f, o = σ(L[x_t; h_{t-1}])              each (H,)
    c~      = tanh(L[x_t; h_{t-1}])
    c_t     = f ⊙ c_{t-1} + i ⊙ c~
    h_t     = o ⊙ tanh(c_t)                   the clip is represented by the last h_t

Temporal attention (Eq. 2-4): input and forget gate are scalars, the clip is a weighted sum.

    s_i = ⟨W_ix x_t, W_ih h_{t-1}⟩ = ⟨x_t W_ixᵀ W_ih, h_{t-1}⟩ = ⟨P_i, h_{t-1}⟩;  s_f likewise
    i, f = σ(s_i), σ(s_f)
    g_t  = a_i s_i + a_f s_f
    α_t  = softmax over time of g_t
    v    = Σ_t α_t h_t

Semantic attention (Eq. 5-6): the candidate is the frame's residual against a soft codeword.

    r    = L[x_t; h_{t-1}]                    (K,)
    a    = softmax(r)
    d~   = Σ_k a_k d_k                        codebook ζ = {d_k} (K, H)
    c~   = W_x x_t − d~                       no tanh, no bias

TA+SA: gates and pooling from the one, candidate from the other; o as in Eq. 1. h_0 = c_0 = 0.

B clips, T frames, F bands (the paper's M), H hidden units (its N), A attention size,
K codewords, C scenes. `_recurrence/reference.py:step` has these equations as code; `forward.py` is
the compiled version that runs on a CPU; `scan.py` chooses between them.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from asc_cli.core.errors import AscError
from asc_cli.models._recurrence import scan
from asc_cli.models._recurrence.reference import Trace, Weights

ATTENTIONS = ("temporal", "semantic")


class AttentionLSTM(nn.Module):
    """x (B, T, F) and mask (B, T) -> the clip's representation (B, H).

    Every weight and bias starts as in torch's LSTM, U(−1/√H, 1/√H), the codebook too;
    `forget_bias` sets the forget gate's bias instead. a_i = a_f = 1: both gates count alike,
    and because s starts small the pooling starts close to a plain mean over time.

    >>> cell = AttentionLSTM(64, 128, attention=("temporal", "semantic"))
    >>> cell(torch.zeros(8, 100, 64)).shape
    torch.Size([8, 128])
    """

    def __init__(
        self,
        n_features: int,
        n_hidden: int,
        *,
        attention: Sequence[str] = (),
        attention_size: int = 64,
        n_codewords: int | None = None,
        gate_bias: bool = False,
        forget_bias: float | None = None,
    ):
        super().__init__()
        _check(attention, gate_bias, forget_bias)
        F, H, A = n_features, n_hidden, attention_size
        self.temporal, self.semantic = "temporal" in attention, "semantic" in attention
        K = (n_codewords or H) if self.semantic else H
        gates = H if self.temporal else 3 * H  # o, or i, f, o
        self.W = nn.Parameter(torch.empty(gates + K, F))  # then r (K) or c~ (H)
        self.U = nn.Parameter(torch.empty(gates + K, H))
        self.b = nn.Parameter(torch.empty(gates + K))
        if self.semantic:
            self.W_x = nn.Parameter(torch.empty(H, F))
            self.codebook = nn.Parameter(torch.empty(K, H))
        if self.temporal:
            self.W_ix = nn.Parameter(torch.empty(A, F))
            self.W_ih = nn.Parameter(torch.empty(A, H))
            self.W_fx = nn.Parameter(torch.empty(A, F))
            self.W_fh = nn.Parameter(torch.empty(A, H))
            self.a = nn.Parameter(torch.empty(2))  # a_i, a_f
        self.gate_bias = nn.Parameter(torch.empty(2)) if gate_bias else None  # b_i, b_f
        self.forget_bias = forget_bias
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initial values, as the class says."""
        bound = self.U.shape[1] ** -0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)
        with torch.no_grad():
            if self.temporal:
                self.a.fill_(1.0)
            if self.forget_bias is not None:
                H = self.U.shape[1]
                biases = self.b[H : 2 * H] if self.gate_bias is None else self.gate_bias[1:]
                biases.fill_(self.forget_bias)

    def weights(self) -> Weights:
        """The gates side by side; temporal attention's in the order that multiplies less."""
        W: list[Tensor] = [self.W]
        U: list[Tensor] = [self.U]
        b: list[Tensor] = [self.b]
        gate = self.b.new_zeros(0)
        H = self.U.shape[1]
        folded = not self.temporal or self.folds()
        if not folded:
            A, F = self.W_ix.shape
            W.append(self.W.new_zeros(2 * A, F))  # Q sees h alone
            U += [self.W_ih, self.W_fh]
            b.append(self.b.new_zeros(2 * A))
        if self.semantic:
            W.append(self.W_x)
        if self.temporal:
            if folded:
                W += [self.W_ih.T @ self.W_ix, self.W_fh.T @ self.W_fx]  # (H, F): x -> P
            else:
                W += [self.W_ix, self.W_fx]
            bias = self.b.new_zeros(2) if self.gate_bias is None else self.gate_bias
            gate = torch.cat([bias, self.a])
        codebook = self.codebook if self.semantic else self.U.new_zeros(0, H)
        return Weights(torch.cat(W), torch.cat(U), torch.cat(b), codebook, gate)

    def folds(self) -> bool:
        """Whether x (W_ixᵀ W_ih) costs a frame no more than x W_ixᵀ and [x | h] [0 | W_ih]ᵀ."""
        (A, F), H = self.W_ix.shape, self.W_ih.shape[1]
        return F * H <= A * (2 * F + H)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # (B, T, F) -> (B, H)
        """mask is True where a frame is valid; a clip without any gets zeros."""
        self._check_shapes(x, mask)
        return scan.scan(x, mask, self.weights())

    def compile_kernels(self, report: Callable[[int, int], None]) -> None:
        """Compile what training on a processor computes with, as `models.compile_kernels` says."""
        scan.compile_kernels(self.W.dtype, report)

    def explain(self, x: Tensor, mask: Tensor | None = None) -> Trace:
        """Representation (B, H), and each attention's weights, None where there is none:
        α (B, T), the gates i_t and f_t (B, T, 2), the codewords' weights a (B, T, K)."""
        self._check_shapes(x, mask)
        return scan.explain(x, mask, self.weights())

    def _check_shapes(self, x: Tensor, mask: Tensor | None) -> None:
        F = self.W.shape[1]
        if x.dim() != 3 or x.shape[2] != F:
            raise ValueError(f"frames of shape {tuple(x.shape)}; expected (clips, frames, {F})")
        if mask is not None and (mask.shape != x.shape[:2] or mask.dtype != torch.bool):
            raise ValueError(
                f"mask of shape {tuple(mask.shape)} and type {mask.dtype}; expected "
                f"{tuple(x.shape[:2])} of torch.bool, True where a frame is valid"
            )


class LSTMClassifier(nn.Module):
    """x (B, T, F) -> logits (B, C): the cell, then "128 × 128 × 19(15)" (section 3.2), one hidden
    layer with ReLU; dropout on the classifier's input and on its hidden layer."""

    def __init__(self, cell: AttentionLSTM, n_scenes: int, classifier_hidden: int, dropout: float):
        super().__init__()
        self.cell = cell
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(cell.U.shape[1], classifier_hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(classifier_hidden, n_scenes),
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # (B, T, F) -> (B, C)
        return self.classifier(self.cell(x, mask))

    def explain(self, x: Tensor, mask: Tensor | None = None) -> Trace:
        """Return the cell's attention: see `AttentionLSTM.explain`."""
        return self.cell.explain(x, mask)


def build(
    n_bands: int,
    n_scenes: int,
    *,
    attention: Sequence[Literal["temporal", "semantic"]] = (),
    n_hidden: int = 128,
    attention_size: int = 64,
    n_codewords: int | None = None,  # as many as hidden units
    classifier_hidden: int = 128,
    dropout: float = 0.0,  # 0.5 for DCASE2016
    gate_bias: bool = False,  # b_i, b_f in temporal attention's gates; Eq. 4 prints none
    forget_bias: float | None = None,  # initial bias of the forget gate; None as torch does
) -> LSTMClassifier:
    """One of the paper's four models.

    attention: which attentions, a list: none of them, either or both.
    n_hidden: hidden units, H.
    attention_size: of temporal attention, the size A that frame and state are projected to.
    n_codewords: of semantic attention, the codewords K; none: as many as hidden units.
    classifier_hidden: units of the classifier's hidden layer.
    dropout: share of the classifier's inputs and hidden units dropped in training, from 0 to 1.
    gate_bias: whether temporal attention's gates have a bias; Eq. 4 prints none.
    forget_bias: initial bias of the forget gate; none: as torch does.

    >>> model = build(64, 15, attention=["temporal"], dropout=0.5)
    >>> model(torch.zeros(8, 196, 64)).shape
    torch.Size([8, 15])
    """
    cell = AttentionLSTM(
        n_bands,
        n_hidden,
        attention=attention,
        attention_size=attention_size,
        n_codewords=n_codewords,
        gate_bias=gate_bias,
        forget_bias=forget_bias,
    )
    return LSTMClassifier(cell, n_scenes, classifier_hidden, dropout)


def _check(attention: Sequence[str], gate_bias: bool, forget_bias: float | None) -> None:
    names = [attention] if isinstance(attention, str) else list(attention)
    unknown = [name for name in names if name not in ATTENTIONS]
    if unknown or isinstance(attention, str) or len(set(names)) < len(names):
        raise AscError(
            f"model.attention is {attention!r}; expected a list with any of "
            f"{', '.join(ATTENTIONS)}, each at most once (empty: a plain LSTM)"
        )
    if gate_bias and "temporal" not in names:
        raise AscError(
            "model.gate_bias is true, but only temporal attention's gates lack a bias; "
            'add "temporal" to model.attention or remove gate_bias'
        )
    if forget_bias is not None and "temporal" in names and not gate_bias:
        raise AscError(
            f"model.forget_bias is {forget_bias}, but temporal attention's forget gate has no "
            "bias (Eq. 4); set model.gate_bias to true or remove forget_bias"
        )
