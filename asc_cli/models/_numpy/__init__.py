"""What models that fit themselves answer, in numpy: a prediction by them needs no torch.

Each computes what the `forward` of its model's file does, from the same arrays under the same
names; the equations are there. tests/test_engines.py compares the two. A network among their
stages, as a label tree's, is computed here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from asc_cli.models._numpy.label_tree import LabelTreeCnn, LabelTreeGru
from asc_cli.models._numpy.mixtures import Mixtures
from asc_cli.models._numpy.pairs import Pairs
from asc_cli.models._numpy.parts import SparseParts

Arrays = Mapping[str, np.ndarray]


class Forward(Protocol):
    """A fitted model. B clips, T frames, F bands, C scenes."""

    has_embedding: bool

    def __init__(self, parameters: Mapping[str, Any], arrays: Arrays):
        """Take the parameters of the model's `build`, and the arrays of a member's file."""

    def __call__(
        self, x: np.ndarray, mask: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return scores (B, C) of clips (B, T, F) with their mask (B, T), and embeddings (B, D)."""
        ...


FORWARD: dict[str, type[Forward]] = {  # name of a shipped model → its forward pass
    "gmm": Mixtures,
    "label_tree_cnn": LabelTreeCnn,
    "label_tree_gru": LabelTreeGru,
    "sparse_nmf": SparseParts,
    "svm": Pairs,
}
