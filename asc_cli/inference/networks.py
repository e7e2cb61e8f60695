"""A member's network as what answers for it: onnxruntime, numpy, or torch.

All take standardised clips x (B, T, F) float32, with zeros beyond a short clip's end, and a mask
(B, T) that is True for frames that count, or None when all do. Answers are the same to 1e-5
whichever it is, and of one of them the same to 1e-6 however clips are batched.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from asc_cli.core.errors import AscError, first_line
from asc_cli.core.onnx_session import session
from asc_cli.models._numpy import Forward

Attention = tuple[np.ndarray | None, np.ndarray | None]  # α (B, T), codewords' weights (B, T, K)
NO_EMBEDDING = "--embeddings: this model has no linear layer to take them from"


class Network(Protocol):
    """One member's network, loaded."""

    @property
    def attends(self) -> bool:
        """Whether `attention` can be asked for."""

    def scores(
        self, x: np.ndarray, mask: np.ndarray | None, embed: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return what the log probabilities are the log softmax of (B, C), and embeddings."""

    def log_probabilities(
        self, x: np.ndarray, mask: np.ndarray | None, embed: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return clips' log probabilities (B, C) float64, and embeddings (B, D) if asked for.

        Raises AscError for embeddings of a network without a linear layer.
        """

    def attention(self, x: np.ndarray, mask: np.ndarray | None) -> Attention:
        """Return the weights of each frame, and of each codeword in each frame; None for what the
        network has not."""


class _BySoftmax(ABC):
    """Log probabilities from a network's scores, in numpy."""

    @abstractmethod
    def scores(
        self, x: np.ndarray, mask: np.ndarray | None, embed: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return clips' scores (B, C), and embeddings (B, D) if asked for."""

    def log_probabilities(
        self, x: np.ndarray, mask: np.ndarray | None, embed: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        scores, embedding = self.scores(x, mask, embed)
        return log_softmax(scores), embedding


class GraphNetwork(_BySoftmax):
    """The graph of an architecture with one member's weights, by onnxruntime."""

    def __init__(self, graph: bytes, names: Sequence[str], weights: Mapping[str, np.ndarray]):
        self.session = session(graph, "its graph does not fit its weights", names, weights)
        self.source = graph, [*names], {name: weights[name] for name in names}
        self.outputs = {output.name for output in self.session.get_outputs()}

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what a copy in another process is built from: a session cannot be pickled."""
        return GraphNetwork, self.source

    @property
    def attends(self) -> bool:
        return bool(self.outputs & {"alpha", "codewords"})

    def scores(
        self, x: np.ndarray, mask: np.ndarray | None, embed: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        if embed and "embedding" not in self.outputs:
            raise AscError(NO_EMBEDDING)
        scores, *rest = self._run(["scores", "embedding"] if embed else ["scores"], x, mask)
        if scores.ndim != 2:
            raise AscError(f"its graph gives scores of shape {scores.shape}")
        return scores, rest[0] if embed else None

    def attention(self, x: np.ndarray, mask: np.ndarray | None) -> Attention:
        names = [name for name in ("alpha", "codewords") if name in self.outputs]
        if not names:
            return None, None
        arrays = dict(zip(names, self._run(names, x, mask), strict=True))
        return arrays.get("alpha"), arrays.get("codewords")

    def _run(self, names: list[str], x: np.ndarray, mask: np.ndarray | None) -> list[np.ndarray]:
        counted = np.ones(x.shape[:2], bool) if mask is None else mask
        try:
            return list(self.session.run(names, {"x": x, "mask": counted}))
        except MemoryError:
            raise
        except Exception as fault:  # onnxruntime has a class for each kind, without one for all
            raise AscError(f"its graph cannot be computed ({first_line(fault)})") from fault


class NumpyNetwork(_BySoftmax):
    """A model that fitted itself, by numpy."""

    attends = False

    def __init__(self, forward: Forward):
        self.forward = forward

    def scores(
        self, x: np.ndarray, mask: np.ndarray | None, embed: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        if embed and not self.forward.has_embedding:
            raise AscError(NO_EMBEDDING)
        with np.errstate(all="ignore"):  # what is not finite is refused where it is used
            scores, embedding = self.forward(x, mask)
        return scores, embedding if embed else None

    def attention(self, x: np.ndarray, mask: np.ndarray | None) -> Attention:
        return None, None


class TorchNetwork:
    """A network by torch, as it was trained: its answers have the bits of the training's."""

    def __init__(self, module: Any):
        self.module = module

    @property
    def attends(self) -> bool:
        return hasattr(self.module, "explain")

    def scores(
        self, x: np.ndarray, mask: np.ndarray | None, embed: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        import torch

        into: list[Any] = []
        hook = self._capture_penultimate(into) if embed else None
        with torch.inference_mode():
            scores = self.module(torch.from_numpy(x), _tensor(mask)).double().numpy()
        if hook is not None:
            hook.remove()
        if embed and not into:
            raise AscError(NO_EMBEDDING)
        return scores, into[-1].numpy() if embed else None

    def log_probabilities(
        self, x: np.ndarray, mask: np.ndarray | None, embed: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        import torch

        scores, embedding = self.scores(x, mask, embed)
        return torch.log_softmax(torch.from_numpy(scores), dim=1).numpy(), embedding

    def attention(self, x: np.ndarray, mask: np.ndarray | None) -> Attention:
        import torch

        with torch.inference_mode():
            trace = self.module.explain(torch.from_numpy(x), _tensor(mask))
        alpha, a = (None if each is None else each.numpy() for each in (trace.alpha, trace.a))
        return alpha, a

    def _capture_penultimate(self, into: list[Any]) -> Any:
        """Append the input of the last linear layer to `into`."""
        from torch import nn

        layers = [layer for layer in self.module.modules() if isinstance(layer, nn.Linear)]
        if not layers:
            raise AscError(NO_EMBEDDING)
        return layers[-1].register_forward_pre_hook(lambda _, inputs: into.append(inputs[0]))


def module_of(network: Network) -> Any:
    """Return the torch module of a network that was loaded for torch."""
    assert isinstance(network, TorchNetwork)
    return network.module


def log_softmax(scores: np.ndarray) -> np.ndarray:  # (B, C) -> (B, C) float64
    with np.errstate(all="ignore"):  # what is not finite is refused where it is used
        double = scores.astype(np.float64)
        return double - np.logaddexp.reduce(double, axis=1, keepdims=True)


def _tensor(mask: np.ndarray | None) -> Any:
    import torch

    return None if mask is None else torch.from_numpy(mask)
