"""How well recordings of none of the scenes are told from those of the scenes.

    AUROC      share of pairs, one recording of none of the scenes and one of them, in which the
               first has the higher unknown_score; equal scores count half
    rejected   share of recordings of none of the scenes with a score above 1
    stay       share of the scenes' recordings with a score of at most 1
    curve      rejected against stay, as the threshold moves

Intervals are of 95 %, percentiles of a bootstrap as in intervals.py: the scenes' recordings are
drawn by group, those of none of the scenes each by itself with its scores of all members, and both
sides anew each time. Where all of a side are rejected, or none, its share has the exact interval of
Clopper and Pearson.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from asc_cli.evaluation.intervals import BOOTSTRAPS, exact, percentiles

THRESHOLD = 1.0  # of unknown_score, which is in its unit
STAY_SHARES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99, 1.0)


def auroc(inside: np.ndarray, outside: np.ndarray) -> float:  # (n,), (m,)
    """Return the share of pairs in which what is outside has the larger score; half of equals."""
    ordered = np.sort(inside)
    below = np.searchsorted(ordered, outside, "left") + np.searchsorted(ordered, outside, "right")
    return float(below.mean() / (2 * len(inside)))


@dataclass(frozen=True)
class Rejection:
    """How well recordings of none of the scenes are rejected.

    Attributes:
        recordings: Scored recordings of the scenes.
        others: Scored recordings of none of them.
        auroc: See above; None without others.
        auroc_interval: Lower and upper end.
        rejected: Share of the others; None without.
        rejected_interval: Lower and upper end.
        stay: Share of the scenes' recordings that keep their scene.
        stay_interval: Lower and upper end.
        drawn: What of the scenes was drawn: "groups" or "recordings".
        curve: Pairs of stay and rejected at other thresholds.
    """

    recordings: int
    others: int
    auroc: float | None
    auroc_interval: tuple[float, float] | None
    rejected: float | None
    rejected_interval: tuple[float, float] | None
    stay: float
    stay_interval: tuple[float, float]
    drawn: str
    curve: tuple[tuple[float, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes.

        Returns:
            As in JSON, tuples as lists.
        """
        return {k: _lists(v) for k, v in asdict(self).items()}


def rejection(
    inside: np.ndarray,  # (n,) scores of recordings of the scenes
    groups: Sequence[str],  # (n,) of each; "" for none
    outside: np.ndarray,  # (k, m) of others, by each of k members; m may be 0
) -> Rejection:
    """Compute shares, AUROC, intervals and the curve."""
    names = [group or f"\0{i}" for i, group in enumerate(groups)]
    number = {name: i for i, name in enumerate(dict.fromkeys(names))}
    members = np.array([number[name] for name in names])
    rng = np.random.default_rng(0)
    areas, shares, stays = [], [], []
    n_others, all_others = outside.shape[1], outside.ravel()
    rows_of = [np.flatnonzero(members == i) for i in range(len(number))]
    for _ in range(BOOTSTRAPS):
        drawn = rng.integers(len(rows_of), size=len(rows_of))
        own = inside[np.concatenate([rows_of[i] for i in drawn])]
        stays.append((own <= THRESHOLD).mean())
        if n_others:
            away = outside[:, rng.integers(n_others, size=n_others)].ravel()
            areas.append(auroc(own, away))
            shares.append((away > THRESHOLD).mean())
    has, remain = n_others > 0, inside <= THRESHOLD
    above = all_others > THRESHOLD
    return Rejection(
        len(inside),
        n_others,
        auroc(inside, all_others) if has else None,
        percentiles(np.array(areas)) if has else None,
        float(above.mean()) if has else None,
        _interval(above, n_others, shares) if has else None,
        float(remain.mean()),
        _interval(remain, len(number), stays),
        "groups" if any(groups) else "recordings",
        tuple(_curve(inside, all_others)) if has else (),
    )


def _interval(right: np.ndarray, n: int, draws: list[float]) -> tuple[float, float]:
    """Return the interval of a share; the exact one where all outcomes are the same."""
    if right.all() or not right.any():
        return exact(bool(right[0]), n)
    return percentiles(np.array(draws))


def _curve(inside: np.ndarray, outside: np.ndarray) -> list[tuple[float, float]]:
    """Return the share of the others that is rejected where a share of the scenes' stays."""
    ends = np.quantile(inside, STAY_SHARES, method="inverted_cdf")
    return [
        (float((inside <= end).mean()), float((outside > end).mean())) for end in np.unique(ends)
    ]


def _lists(value: Any) -> Any:
    return [*map(_lists, value)] if isinstance(value, tuple) else value
