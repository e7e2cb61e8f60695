"""Support vector machine on a clip's mean frame, one scene against one.

    z = cut(mean of x over the valid frames, ±6) / √(n_groups · width of its group)
    d_ij = Σ_s a_ijs k(z_s, z) + b_ij              for scenes i < j, on their support vectors z_s
    k(u, z) = ⟨u, z⟩, or exp(−γ |u − z|²) with γ = 1 / the median of |u − z|² in training
    v_c = pairs that c wins + u_c / (3 (1 + |u_c|))       u_c: the sum of its d, its sign by side
    scores = sharpness · v

On the feature `texture` a clip is one frame: the recording. Dividing by a group's width lets groups
of numbers count alike, however many numbers they have. Fitted by scikit-learn's SVC (libsvm, Chang
and Lin 2011), whose decision values v are. softmax(scores) is no fitted probability; recipes may
calibrate it by evaluation.calibrate.

B clips, T frames, F bands, C scenes, P = C (C − 1) / 2 pairs, S support vectors.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from asc_cli.core.errors import AscError
from asc_cli.models import Clips, FitNetwork, OwnedClips
from asc_cli.models._sklearn import require_enough, tensor

CUT = 6.0  # deviations, where bands are standardised
BATCH_CLIPS = 64
SMALLEST_DISTANCE = 1e-12


class SVM(nn.Module):
    scale: Tensor  # (F,)
    vectors: Tensor  # (S, F)
    weights: Tensor  # (P, S)
    bias: Tensor  # (P,)
    gamma: Tensor  # ()
    first: Tensor  # (P, C), 1 where a scene is the pair's first
    second: Tensor  # (P, C)

    def __init__(self, scale: np.ndarray, n_scenes: int, kernel: str, C: float, sharpness: float):
        super().__init__()
        self.n_scenes, self.kernel, self.C, self.sharpness = n_scenes, kernel, C, sharpness
        first, second = np.triu_indices(n_scenes, 1)
        scenes = np.eye(n_scenes)
        wins = {"first": scenes[first], "second": scenes[second]}  # (P, C)
        self.register_buffer("scale", torch.from_numpy(scale))
        for name in ("vectors", "weights", "bias"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.float64))
        self.register_buffer("gamma", torch.zeros((), dtype=torch.float64))
        for name, rows in wins.items():
            self.register_buffer(name, torch.from_numpy(rows), persistent=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # (B, T, F) -> (B, C)
        d = self._kernel(self._prepared(x, mask)) @ self.weights.T + self.bias  # (B, P)
        wins = (d > 0).to(d.dtype)
        sums = d @ (self.first - self.second)
        votes = wins @ self.first + (1 - wins) @ self.second
        return self.sharpness * (votes + sums / (3 * (sums.abs() + 1)))

    def _prepared(self, x: Tensor, mask: Tensor | None) -> Tensor:  # -> (B, F)
        x = x.double()
        if mask is None:
            mean = x.mean(dim=1)
        else:
            mean = (x * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        return mean.clamp(-CUT, CUT) * self.scale

    def _kernel(self, z: Tensor) -> Tensor:  # (B, F) -> (B, S)
        inner = z @ self.vectors.T
        if self.kernel == "linear":
            return inner
        distance = z.square().sum(1, keepdim=True) - 2 * inner + self.vectors.square().sum(1)
        return torch.exp(-self.gamma * distance.clamp_min(0))

    def estimate(
        self, clips: OwnedClips, labels: np.ndarray, fit_network: FitNetwork, seed: int
    ) -> None:
        """Fit the machines of all pairs; nothing is random."""
        from sklearn.svm import SVC

        n_scenes = self.n_scenes
        for scene, count in enumerate(np.bincount(labels, minlength=n_scenes)):
            require_enough(count, scene, n_scenes, 1, "clips")
        z = self._all_prepared(clips)
        if self.kernel == "rbf":
            self.gamma.fill_(1 / max(_median_distance(z), SMALLEST_DISTANCE))
        fitted = SVC(C=self.C, kernel=self.kernel, gamma=float(self.gamma) or 1.0).fit(z, labels)
        self.vectors = tensor(z[fitted.support_])
        self.weights = tensor(_by_pair(fitted.dual_coef_, fitted.n_support_))
        self.bias = tensor(np.asarray(fitted.intercept_, np.float64))
        if n_scenes == 2:  # scikit-learn's single machine is for the second scene
            self.weights, self.bias = -self.weights, -self.bias

    def _all_prepared(self, clips: Clips) -> np.ndarray:  # -> (B, F)
        parts = []
        for start in range(0, len(clips), BATCH_CLIPS):
            x, mask = clips.batch(np.arange(start, min(start + BATCH_CLIPS, len(clips))))
            parts.append(self._prepared(tensor(x), None if mask is None else tensor(mask)))
        return torch.cat(parts).numpy()

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        """Resize the buffers to the state's number of support vectors, then load as torch does."""
        for name in ("vectors", "weights", "bias"):
            if (loaded := state_dict.get(prefix + name)) is not None:
                setattr(self, name, torch.zeros(loaded.shape, dtype=torch.float64))
        super()._load_from_state_dict(state_dict, prefix, *args)


def _median_distance(z: np.ndarray) -> float:  # (B, F)
    """Return the median of |u − z|² between different clips."""
    norms = np.square(z).sum(axis=1)
    distance = norms[:, None] + norms - 2 * z @ z.T
    return float(np.median(distance[np.triu_indices(len(z), 1)]))


def _by_pair(dual: np.ndarray, n_support: np.ndarray) -> np.ndarray:  # (C - 1, S) -> (P, S)
    """Return each pair's weight of every support vector; libsvm stores them by scene."""
    ends = np.cumsum(n_support)
    own = [slice(end - n, end) for n, end in zip(n_support, ends, strict=True)]
    pairs = list(zip(*np.triu_indices(len(own), 1), strict=True))
    weights = np.zeros((len(pairs), dual.shape[1]))
    for row, (i, j) in enumerate(pairs):
        weights[row, own[i]] = dual[j - 1, own[i]]
        weights[row, own[j]] = dual[i, own[j]]
    return weights


def build(
    n_bands: int,
    n_scenes: int,
    *,
    kernel: Literal["linear", "rbf"] = "linear",
    svm_c: float = 3.0,
    sharpness: float = 2.0,
    group_widths: tuple[int, ...] = (),
) -> nn.Module:
    """A machine for every two scenes.

    kernel: of the machines; rbf: a Gaussian as wide as the training clips' median distance.
    svm_c: C of the machines: the smaller, the wider their margin.
    sharpness: what decision values are multiplied by before the softmax.
    group_widths: sizes of the groups of bands that count alike, a list; empty: every band alike.
    """
    widths = group_widths or (n_bands,)
    if sum(widths) != n_bands or min(widths) < 1:
        raise AscError(
            f"model.group_widths = {list(group_widths)}: their sum is {sum(widths)}, but the "
            f"feature has {n_bands} bands"
        )
    scale = np.repeat([(len(widths) * width) ** -0.5 for width in widths], widths)
    return SVM(scale, n_scenes, kernel, svm_c, sharpness)
