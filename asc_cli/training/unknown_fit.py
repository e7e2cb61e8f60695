"""Fit what scores recordings of none of the scenes: inference/unknown.py has the formulas.

Thresholds are of recordings that were held out. Which of the network's scores is s, where the
recipe says auto, is decided by a folder's negatives: the one whose S tells them from held-out
recordings best, by AUROC, if it does so better than the default's in 97.5 % of bootstrap draws of
both; else the default. Signals that are made up decide nothing: t rejects them, whatever S is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.evaluation.intervals import ALPHA, BOOTSTRAPS
from asc_cli.evaluation.rejection import auroc
from asc_cli.inference.distances import Gaussian, Neighbours, fit_gaussian, neighbours
from asc_cli.inference.unknown import SCORES, Layout, Scale, Sound, Statistics, t

DEFAULT = "probability"  # docs/results/unknown.md says on what recordings it was chosen
FEWEST_TO_CHOOSE = 10  # recordings of none of the scenes
LEAST = 0.01  # variance of v within a scene, of 1 in all: scenes of one recording have none
TRAINED_WITHIN = 0.99  # share of the training recordings that the limit of t is above


def fewest(keep: float) -> int:
    """Return how many held-out recordings a share to keep needs: the smallest n whose
    ⌈(n + 1) keep⌉-th smallest score exists (Vovk et al., Algorithmic learning, 2005)."""
    return math.ceil(round(keep / (1 - keep), 9))


def require_enough(n: int, keep: float) -> None:
    """Raise AscError where too few recordings are held out for a share to keep."""
    if n < fewest(keep):
        raise AscError(
            f"evaluation.unknown: {n} recordings are held out, and to keep a share of {keep} needs "
            f"{fewest(keep)}: a larger validation.fraction, or a smaller evaluation.unknown.keep"
        )


def fit(
    rows: np.ndarray,  # (n, V) of recordings that were trained on
    labels: np.ndarray,  # (n,)
    held_out: np.ndarray,  # (m, V) of recordings that were not
    negatives: np.ndarray,  # (k, V) of recordings of none of the scenes
    layout: Layout,
    score: str,
    keep: float,
    n_recorded: int = 0,
) -> Statistics:
    """Fit distributions on training recordings, and all else on those held out and negatives.

    n_recorded: How many of the negatives, the last ones, are recordings, not signals.

    Raises:
        AscError: Too few are held out, or the network has no linear layer to take a distance from.
    """
    require_enough(len(held_out), keep)
    if score == "distance" and not layout.n_embedding:
        raise AscError(
            "evaluation.unknown.score = distance: this model has no linear layer to take "
            "embeddings from; probability, energy or auto"
        )
    embeddings = fit_gaussian(layout.embeddings(rows), labels) if layout.n_embedding else None
    sound = _fit_sound(rows, labels, held_out, negatives, layout, keep)
    names = [name for name in SCORES if name != "distance" or embeddings]
    if score != "auto":
        names = [score]
    elif n_recorded < FEWEST_TO_CHOOSE:
        names = [DEFAULT]
    fitted = {name: sound.statistics(name, layout, embeddings, held_out, keep) for name in names}
    recorded = negatives[len(negatives) - n_recorded :]
    return fitted[
        best_score({name: (own.sums(held_out), own.sums(recorded)) for name, own in fitted.items()})
    ]


def best_score(sums: dict[str, tuple[np.ndarray, np.ndarray]]) -> str:
    """Return which score's S, of held-out recordings and of negatives, tells them apart; the
    default, unless another is better beyond chance."""
    if len(sums) == 1:
        return next(iter(sums))
    areas = {name: auroc(*both) for name, both in sums.items()}
    best = max(areas, key=lambda name: (areas[name], name == DEFAULT))
    if best == DEFAULT:
        return DEFAULT
    rng = np.random.default_rng(0)
    differences = []
    for _ in range(BOOTSTRAPS):
        draws = [rng.integers(len(x), size=len(x)) for x in sums[best]]
        one, other = (
            auroc(*(x[draw] for x, draw in zip(sums[name], draws, strict=True)))
            for name in (best, DEFAULT)
        )
        differences.append(one - other)
    return best if np.quantile(differences, ALPHA / 2) > 0 else DEFAULT


@dataclass(frozen=True)
class _FittedSound:
    """What is the same whichever of the network's scores is taken."""

    sounds: Neighbours
    reach: float
    sound: Sound

    def statistics(
        self,
        score: str,
        layout: Layout,
        embeddings: Gaussian | None,
        held_out: np.ndarray,
        keep: float,
    ) -> Statistics:
        scale = scale_of(layout.score(score, held_out, embeddings), keep)
        own = Statistics(score, layout, embeddings, self.sounds, scale, self.reach, self.sound)
        together = scale_of(own.sums(held_out), keep)
        return replace(own, sound=replace(self.sound, together=together))


def _fit_sound(
    rows: np.ndarray,
    labels: np.ndarray,
    held_out: np.ndarray,
    negatives: np.ndarray,
    layout: Layout,
    keep: float,
) -> _FittedSound:
    trained, others = layout.sounds(rows), layout.sounds(held_out)
    sounds = neighbours(trained)
    stored, scaled = sounds.rows * sounds.scale, trained / sounds.scale
    among, apart = sounds.distance(stored, itself=True), sounds.distance(others)
    away = sounds.others(layout.sounds(negatives))
    limits = np.quantile(t(among, away, stored), TRAINED_WITHIN), t(apart, away, others).max()
    unscaled = Scale(0.0, 1.0)
    sound = Sound(
        fit_gaussian(scaled, labels, LEAST),
        fit_gaussian(scaled, np.zeros(len(scaled)), LEAST),
        scale_of(apart, keep),
        unscaled,
        unscaled,
        away,
        max(1e-9, *map(float, limits)),
    )
    sound = replace(sound, relative=scale_of(sound.g(others), keep))
    return _FittedSound(sounds, max(1e-9, float(among.max()), float(apart.max())), sound)


def scale_of(values: Sequence[float] | np.ndarray, keep: float) -> Scale:
    """Return the median of held-out recordings' values, and the end that a share of `keep` of new
    ones is below."""
    ordered = np.sort(values)
    place = math.ceil(round((len(ordered) + 1) * keep, 9)) - 1
    return Scale(float(np.median(ordered)), float(ordered[place]))
