"""Metrics of a part of the predictions: a fold, a scene, a recording device, a city.

Shares are from 0 to 1, log loss is in nats, and None stands for what cannot be computed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class FoldScores:
    """Metrics of one fold.

    Attributes:
        fold: Its number, from 1.
        recordings: How many it tests.
        accuracy: Right / all.
        macro_accuracy: Mean over the tested scenes of right / all of the scene.
        macro_f1: Mean over the tested scenes.
        log_loss: Mean of −ln p(label), nats.
        absent: Scenes that the fold does not test.
    """

    fold: int
    recordings: int
    accuracy: float
    macro_accuracy: float
    macro_f1: float
    log_loss: float | None
    absent: list[str]


@dataclass(frozen=True)
class SceneScores:
    """Metrics of one scene.

    Attributes:
        recordings: Tested recordings of the scene, all folds.
        accuracy: Right / all of the scene, mean over the folds that test it.
        precision: Share of right guesses of the scene, all folds together.
        f1: Harmonic mean of precision and recall, all folds together.
        log_loss: Mean of −ln p(label) over the scene's recordings, all folds together, nats.
    """

    recordings: int
    accuracy: float | None
    precision: float | None
    f1: float | None
    log_loss: float | None = None


@dataclass(frozen=True)
class SubsetScores:
    """Metrics of some of the recordings, all folds together.

    Attributes:
        recordings: How many there are.
        accuracy: Right / all.
        macro_accuracy: Mean over the tested scenes of right / all of the scene.
        log_loss: Mean of −ln p(label), nats.
    """

    recordings: int
    accuracy: float
    macro_accuracy: float
    log_loss: float | None


@dataclass(frozen=True)
class DeviceScores:
    """Metrics of one recording device, or of one city.

    Attributes:
        scores: Of its recordings.
        seen: Whether it was trained on; None where that is not known.
    """

    scores: SubsetScores
    seen: bool | None

    def to_dict(self) -> dict[str, Any]:
        """Return the scores and `seen` side by side.

        Returns:
            As in JSON.
        """
        return {**asdict(self.scores), "seen": self.seen}
