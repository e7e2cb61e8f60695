"""An exponential moving average of a network's weights (EMA).

    average ← d · average + (1 − d) · weights             after every step
    d = min(decay, (1 + step) / (10 + step))              step from 0

The smaller d of the first steps lets the random weights of the start fade; it is that of
tf.train.ExponentialMovingAverage. Batch normalisation's mean and variance are averaged like
weights; whole numbers, such as its counters, are copied.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

PREFIX = "average."  # of its arrays in a checkpoint


class WeightAverage:
    """The average of a network's weights; it begins as a copy of them."""

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.values = _copied(model)

    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after a step, numbered from 0."""
        d = min(self.decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, value in model.state_dict().items():
                if value.is_floating_point():
                    self.values[name].lerp_(value, 1 - d)
                else:
                    self.values[name].copy_(value)

    @contextlib.contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Put the average into the network for a while, then its own weights again."""
        weights = _copied(model)
        model.load_state_dict(self.values)
        try:
            yield
        finally:
            model.load_state_dict(weights)

    def arrays(self) -> dict[str, Tensor]:
        """Return what a checkpoint holds of it."""
        return {f"{PREFIX}{name}": value.contiguous() for name, value in self.values.items()}

    def load(self, arrays: dict[str, Tensor]) -> None:
        """Take the average from a checkpoint's arrays. Raises KeyError where one is missing."""
        for name, value in self.values.items():
            value.copy_(arrays[f"{PREFIX}{name}"])


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
