"""Models: one file each, clips in, scores out.

A model module is a `Model`: it has

    build(n_bands, n_scenes, *, …) -> nn.Module        parameters are keyword-only

whose forward(x, mask) takes clips x (B, T, F) and, where some are short, a mask (B, T) that is
True for frames that count, and gives scores (B, C): softmax(scores) are the clip's probabilities.

Where what `build` returns also has

    estimate(clips, labels, fit_network, seed) -> None

it is an `Estimator` and fits itself: mixtures, factorisations, trees, and networks among other
stages. What it learns are buffers, arrays like a network's weights, so store, registry, prediction
and report know no difference. Any other network is fitted by gradient descent.

B clips, T frames, F bands, C scenes.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from asc_cli.core import plugins
from asc_cli.core.errors import AscError, resource_fault
from asc_cli.core.importing import fault_in_plugin

if TYPE_CHECKING:
    from torch import nn


def build(
    settings: dict[str, Any],
    n_bands: int,
    n_scenes: int,
    catalog: plugins.Catalog = plugins.INSTALLED,
) -> Any:
    """Build the network of a recipe's `model` section, with fresh weights.

    Args:
        settings: The model's `name`, and its parameters as its file names them.
        n_bands: F, bands of the feature.
        n_scenes: C, scenes to tell apart.
        catalog: Where the model is looked up.

    Returns:
        The network, as `Model.build` describes it.

    Raises:
        AscError: No model has that name; the text names the nearest. Or its parameters give no
            network.
    """
    name = settings["name"]
    module = catalog.load("models", name)
    parameters = {key: value for key, value in settings.items() if key != "name"}
    with faults_in_words(name, "cannot be built"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Initializing zero-element tensors")
        network = module.build(n_bands, n_scenes, **parameters)
    if isinstance(network, Estimator):
        return network
    for key, array in network.named_parameters():
        if array.numel() == 0:
            raise AscError(
                f"model {name}: cannot be built with these settings ({key} is of shape "
                f"{tuple(array.shape)}); sizes from 1 were expected"
            )
    return network


def compile_kernels(network: Any, report: Callable[[int, int], None]) -> None:
    """Compile what a network's training on a processor computes with, once on a machine.

    Without this its first step does, which takes as long and cannot report.

    Args:
        network: A torch module, whose modules may have a method `compile_kernels(report)`.
        report: Is called with (kernels compiled, all) where some have to be compiled.
    """
    for module in network.modules():
        if hasattr(module, "compile_kernels"):
            module.compile_kernels(report)
            return


def require_usable(network: Any, name: str, n_frames: int, n_bands: int) -> None:
    """Try a network on a clip of zeros.

    One that fits itself is not tried: it answers nothing before.

    Args:
        network: As `build` returns it.
        name: The model's, for the message.
        n_frames: T, frames of a clip.
        n_bands: F, bands of the feature.

    Raises:
        AscError: It cannot take such clips.
    """
    import torch

    if isinstance(network, Estimator):
        return
    with faults_in_words(name, f"takes no clips of {n_frames} frames"), torch.no_grad():
        network.eval()(torch.zeros(1, n_frames, n_bands), None)
    network.train()


@contextlib.contextmanager
def faults_in_words(name: str, what: str) -> Iterator[None]:
    """Turn what settings that fit no network raise into a sentence.

    Args:
        name: The model's.
        what: What could not be done.

    Yields:
        Nothing.

    Raises:
        AscError: In place of another error, unless code from outside raised it, or memory lacks.
    """
    try:
        yield
    except (ValueError, TypeError, RuntimeError, ArithmeticError, LookupError) as fault:
        if fault_in_plugin(fault) or resource_fault(fault):
            raise
        text = " ".join(str(fault).partition("Exception raised from")[0].split()).strip(' "')
        raise AscError(f"model {name}: {what} with these settings ({text})") from fault


class Model(Protocol):
    """The interface of a model's file.

    The keyword-only arguments of its `build` are the keys of a recipe's `model` section; their
    types, defaults and descriptions are read from the source, without importing torch.

    A file may also set `MANY_LABELS = True`: its scores are then of labels that do not exclude one
    another, each with a probability of its own, as videos have.
    """

    def build(self, n_bands: int, n_scenes: int) -> nn.Module:
        """Return a network with fresh weights, drawn from torch's global generator.

        Further arguments are keyword-only: the model's own parameters.

        Args:
            n_bands: F, bands of the feature.
            n_scenes: C, scenes to tell apart.

        Returns:
            A module whose `forward(x, mask)` takes clips x (B, T, F) float32, standardised, and
            mask (B, T) bool, True for frames that count, or None when all do. It returns scores
            (B, C) float32, whose softmax over C is each clip's probabilities. Frames that the mask
            leaves out must not change the scores.

        Raises:
            AscError: A parameter has no meaning; the text names the recipe's key.
        """
        ...


class Clips(Protocol):
    """The interface of a set of clips for gradient descent. `frontend.clips.ClipSet` is one."""

    def __len__(self) -> int:
        """Return how many clips there are.

        Returns:
            B.
        """
        ...

    def batch(self, which: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return some of the clips.

        Args:
            which: (b,) int64, numbers of clips from 0.

        Returns:
            Frames (b, T, F) float32, standardised, and a mask (b, T) bool that is True for frames
            that count; None in its place if all do.
        """
        ...


class OwnedClips(Clips, Protocol):
    """Clips that know which recording each is of."""

    @property
    def owners(self) -> np.ndarray:
        """(B,) int64, the number of each clip's recording."""
        ...


FitNetwork = Callable[["nn.Module", Clips, np.ndarray], None]  # fits a network, labels (B,) int64


@runtime_checkable
class Estimator(Protocol):
    """The interface of a network that fits itself, in place of gradient descent."""

    def estimate(
        self, clips: OwnedClips, labels: np.ndarray, fit_network: FitNetwork, seed: int
    ) -> None:
        """Learn from the training clips, in place, into parameters and buffers.

        Args:
            clips: B training clips.
            labels: (B,) int64, the class index of each clip.
            fit_network: Fits a network that is one of the stages, by gradient descent with the
                recipe's training settings, and resumes it: fit_network(network, clips, labels).
            seed: All that is random follows from it alone, so that a fit that starts again ends
                with the same bits.

        Raises:
            AscError: The clips do not suffice for the parameters.
        """
        ...
