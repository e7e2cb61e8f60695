"""Whether an explanation is true: curves of deletion and insertion.

A recording is cut into UNITS parts of equal length, which an explanation r ranks. c is the scene
that the model gives the recording as it is.

    D_r(s)   probability of c without the share s that r ranks highest
    I_r(s)   probability of c with nothing but the share s that r ranks highest
    D_0(s)   without the share s at random, the mean over orders;  I_0(s) = D_0(1 − s)

    deletion area  = ∫ D_0(s) − D_r(s) ds          insertion area = ∫ I_r(s) − I_0(s) ds

Above 0, what is ranked highest matters more than as much at random; at 0, the ranking explains
nothing. Of nothing at all, every scene has the same probability. Petsiuk, Das and Saenko: RISE,
BMVC 2018, arXiv:1806.07421. A bootstrap over groups within folds gives intervals.

n recordings, P points of a curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.evaluation.intervals import of_mean

UNITS = 20
COUNTS = tuple(range(0, UNITS + 1, 2))  # parts removed at each point
ALL_COUNTS = tuple(range(UNITS + 1))  # of a single recording, where fewer points would tie
SHARES = tuple(count / UNITS for count in COUNTS)
MOST_CHANCE = 0.1  # of random orders that may change the answer to one recording more


@dataclass(frozen=True)
class Faithfulness:
    """How true an explanation is, over recordings.

    Attributes:
        by: What ranks: "attention" or "occlusion".
        recordings: How many.
        shares: Of a recording that is removed, or inserted.
        deletion: Mean of D_r at the shares.
        insertion: Mean of I_r at the shares.
        random: Mean of D_0 at the shares.
        deletion_area: Mean of the deletion area.
        deletion_interval: Its interval of 95 %.
        insertion_area: Mean of the insertion area.
        insertion_interval: Its interval of 95 %.
    """

    by: str
    recordings: int
    shares: tuple[float, ...]
    deletion: tuple[float, ...]
    insertion: tuple[float, ...]
    random: tuple[float, ...]
    deletion_area: float
    deletion_interval: tuple[float, float]
    insertion_area: float
    insertion_interval: tuple[float, float]

    @property
    def explains(self) -> bool:
        """Whether deletion does more than at random: the interval is above 0."""
        return self.deletion_interval[0] > 0

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, and `explains`.

        Returns:
            As in JSON.
        """
        values = asdict(self)
        listed = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
        return {**listed, "explains": self.explains}


def read(row: object) -> Faithfulness:
    """Return what `to_dict` wrote. Raises AscError for anything else."""
    import pydantic

    try:
        return pydantic.TypeAdapter(Faithfulness).validate_python(row)
    except pydantic.ValidationError as fault:
        raise AscError(
            "faithfulness.json: not of the form that this asc writes; measure it again with "
            "asc report RUN --faithfulness N"
        ) from fault


@dataclass(frozen=True)
class Check:
    """Whether an explanation of one recording is true.

    Attributes:
        orders: Random orders that it was compared with.
        below: Of them, those whose removal changes the answer less.
        equal: Of them, those whose removal changes it as much.
        area: Its deletion area.
    """

    orders: int
    below: int
    equal: int
    area: float

    @property
    def explains(self) -> bool:
        """Whether at most MOST_CHANCE of the random orders change it more; an equal one is half."""
        return self.orders - self.below - self.equal / 2 <= MOST_CHANCE * self.orders

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, and `explains`."""
        return {**asdict(self), "explains": self.explains}


def areas(curves: np.ndarray) -> np.ndarray:  # (..., P) -> (...)
    """Return the areas below curves of evenly spaced points from 0 to 1, by trapezoids."""
    return ((curves[..., 1:] + curves[..., :-1]) / 2).mean(axis=-1)


def of_recordings(
    by: str,
    deletion: np.ndarray,
    insertion: np.ndarray,
    random: np.ndarray,
    folds: np.ndarray,
    groups: Sequence[str],
) -> Faithfulness:
    """Return how true an explanation is, from curves (n, P) of recordings.

    Args:
        by: What ranks.
        deletion: D_r.
        insertion: I_r.
        random: D_0.
        folds: (n,) of each recording.
        groups: Of each recording: what is drawn together.

    Raises:
        AscError: There is one group alone, which has no interval.
    """
    if len(set(groups)) < 2:
        raise AscError("--faithfulness: recordings of two groups or more were expected")
    deleted = areas(random) - areas(deletion)
    inserted = areas(insertion) - areas(random[:, ::-1])
    return Faithfulness(
        by,
        len(deletion),
        SHARES,
        tuple(deletion.mean(axis=0).tolist()),
        tuple(insertion.mean(axis=0).tolist()),
        tuple(random.mean(axis=0).tolist()),
        float(deleted.mean()),
        of_mean(deleted, folds, groups),
        float(inserted.mean()),
        of_mean(inserted, folds, groups),
    )


def check(deletion: np.ndarray, random: np.ndarray) -> Check:  # (P,), (orders, P)
    """Compare an explanation of one recording with random orders."""
    own, others = areas(deletion), areas(random)
    equal = np.isclose(others, own, rtol=0, atol=1e-9)
    below = int(((others > own) & ~equal).sum())
    return Check(len(random), below, int(equal.sum()), float(others.mean() - own))
