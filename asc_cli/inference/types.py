"""Types of predictions: a recording's scene, and its scenes over time."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.inference.level import Level

UNSURE, UNKNOWN = "unsure", "unknown"
UNKNOWN_THRESHOLD = 1.0  # scores are in its unit
Parameters = ParamSpec("Parameters")
SHOWN = 5  # scenes in a notebook


@dataclass(frozen=True)
class Segment:
    """The scene of a part of a recording.

    Attributes:
        start_s: Where it begins, seconds from the recording's start.
        end_s: Where it ends, seconds.
        scene: Its most probable scene; "unsure" when that is below the threshold.
        probability: Of the most probable scene.
        scenes: The probability of each scene, in the model's order; they sum to 1.
        unknown_score: How far it is from all scenes, where that was asked for; its scene is
            "unknown" above 1.
    """

    start_s: float
    end_s: float
    scene: str
    probability: float
    scenes: dict[str, float]
    unknown_score: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as they stand in JSON.

        Returns:
            Attribute → value; without an unknown_score that was not asked for.
        """
        return _without_unknown(vars(self))


@dataclass(frozen=True, repr=False)
class Prediction:
    """The scene of one recording, or the error of its file.

    `repr()` is one line; a notebook shows the likeliest scenes as a table.

    Attributes:
        file: The recording, as it was named.
        model: The model, NAME@VERSION.
        scenes: The probability of each scene, in the model's order; they sum to 1. Empty if there
            is an `error`.
        duration_s: Length of the recording, seconds.
        error: What is wrong with the file; None if nothing is.
        threshold: Probability below which the scene is "unsure".
        timeline: The scene of each part, one after another; None unless it was asked for.
        embedding: (D,) float32, the input of each member's last layer, mean over clips, members
            side by side; None unless it was asked for.
        unknown_score: How far it is from all scenes, in units of the threshold: the scene is
            "unknown" above 1. None unless it was asked for.
    """

    file: str
    model: str
    scenes: dict[str, float]
    duration_s: float
    error: str | None = None
    threshold: float = 0.0
    timeline: tuple[Segment, ...] | None = None
    embedding: np.ndarray | None = None
    unknown_score: float | None = None

    @property
    def scene(self) -> str:
        """The most probable scene; "unknown" when the recording is too far from all scenes, if
        that was asked for; "unsure" when the probability is below the threshold.

        Raises AscError, with the error in words, for a file that could not be predicted.
        """
        return likeliest_scene(self._scenes(), self.threshold, self.unknown_score)

    @property
    def probability(self) -> float:
        """The probability of the most probable scene, from 0 to 1; raises what `scene` does."""
        return max(self._scenes().values())

    def _scenes(self) -> dict[str, float]:
        if self.error is not None:
            raise AscError(f"{self.file}: {self.error}")
        return self.scenes

    def __repr__(self) -> str:
        if self.error is not None:
            return f"Prediction({self.file}: {self.error})"
        return f"Prediction({self.file}: {self.scene}, {100 * self.probability:.1f} %)"

    def _repr_html_(self) -> str:
        """Return a table of the likeliest scenes, for a notebook."""
        if self.error is not None:
            return f"<p><b>{html.escape(self.file)}</b>: {html.escape(self.error)}</p>"
        scenes = sorted(self.scenes, key=self.scenes.__getitem__, reverse=True)[:SHOWN]
        rows = "".join(
            f"<tr><td>{html.escape(scene)}</td>"
            f"<td style='text-align: right'>{100 * self.scenes[scene]:.1f} %</td>"
            f"<td><meter value='{self.scenes[scene]:.4f}'></meter></td></tr>"
            for scene in scenes
        )
        title = f"{html.escape(self.file)}, {self.duration_s:.1f} s, by {html.escape(self.model)}"
        return f"<table><caption>{title}</caption>{rows}</table>"

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc predict --json` prints of a recording.

        Returns:
            File, scene, probabilities, duration and model, and the timeline if there is one; or
            file and error.
        """
        if self.error is not None:
            return {"file": self.file, "error": self.error}
        row: dict[str, Any] = {
            "file": self.file,
            "scene": self.scene,
            "probability": self.probability,
            "scenes": self.scenes,
            "duration_s": round(self.duration_s, 3),
            "model": self.model,
        }
        if self.unknown_score is not None:
            row |= {"unknown_score": self.unknown_score, "unknown_threshold": UNKNOWN_THRESHOLD}
        if self.timeline is not None:
            row["timeline"] = [segment.to_dict() for segment in self.timeline]
            row["segments"] = [segment.to_dict() for segment in merge_segments(self.timeline)]
        return row


class Predictions(Iterator[Prediction]):
    """Predictions as they are ready, one after another.

    Each is there once: `list(predictions)` holds them all, and `to_frame()` takes those that are
    left.
    """

    def __init__(self, predictions: Iterable[Prediction]):
        self._predictions = iter(predictions)

    def __next__(self) -> Prediction:
        return next(self._predictions)

    def close(self) -> None:
        """Stop predicting; what was predicted stays in the journal, if there is one."""
        if close := getattr(self._predictions, "close", None):
            close()

    def to_frame(self) -> Any:
        """Return the predictions as a table of pandas.

        Returns:
            A DataFrame indexed by file, with scene, probability, duration_s, error, and a column
            with the probability of each scene. What a failed file lacks is missing.

        Raises:
            AscError: pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError as fault:
            raise AscError(
                f"to_frame: pandas is not installed ({fault}); pip install pandas"
            ) from fault
        rows = {p.file: _row(p) for p in self}
        columns = ["scene", "probability", "duration_s", "error"]
        frame = pandas.DataFrame.from_dict(rows, orient="index")
        scenes = [name for name in frame.columns if name not in columns]
        return frame.reindex(columns=[*columns, *scenes]).rename_axis("file")


def as_predictions(
    function: Callable[Parameters, Iterator[Prediction]],
) -> Callable[Parameters, Predictions]:
    """Let a generator of predictions return them as `Predictions`."""

    @functools.wraps(function)
    def wrapped(*arguments: Parameters.args, **named: Parameters.kwargs) -> Predictions:
        return Predictions(function(*arguments, **named))

    return wrapped


def _row(prediction: Prediction) -> dict[str, Any]:
    if prediction.error is not None:
        return {"error": prediction.error}
    return {
        "scene": prediction.scene,
        "probability": prediction.probability,
        "duration_s": prediction.duration_s,
        "error": None,
        **prediction.scenes,
    }


def _without_unknown(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in row.items() if k != "unknown_score" or v is not None}


def likeliest_scene(
    scenes: dict[str, float], threshold: float, unknown_score: float | None = None
) -> str:
    if unknown_score is not None and unknown_score > UNKNOWN_THRESHOLD:
        return UNKNOWN
    scene = max(scenes, key=scenes.__getitem__)
    return scene if scenes[scene] >= threshold else UNSURE


def merge_segments(timeline: Sequence[Segment]) -> list[Segment]:
    """Merge neighbouring segments of one scene; average their probabilities over time."""
    runs: list[list[Segment]] = []
    for segment in timeline:
        if runs and runs[-1][0].scene == segment.scene:
            runs[-1].append(segment)
        else:
            runs.append([segment])
    return [_average(run) for run in runs]


def _average(run: Sequence[Segment]) -> Segment:
    weights = np.array([segment.end_s - segment.start_s for segment in run])
    scenes = {
        scene: float(np.average([segment.scenes[scene] for segment in run], weights=weights))
        for scene in run[0].scenes
    }
    probability = float(np.average([segment.probability for segment in run], weights=weights))
    scores = [segment.unknown_score for segment in run if segment.unknown_score is not None]
    score = float(np.average(scores, weights=weights)) if scores else None
    return Segment(run[0].start_s, run[-1].end_s, run[0].scene, probability, scenes, score)


@dataclass(frozen=True)
class LivePrediction:
    """The scene of the last seconds of live sound.

    Attributes:
        time_s: Seconds of sound up to here.
        scene: The most probable scene; "unsure" when that is below the threshold.
        probability: Of the most probable scene.
        scenes: The probability of each scene, in the model's order; they sum to 1.
        model: NAME@VERSION.
        level: How loud the sound has been since the prediction before.
        unknown_score: As of a `Prediction`.
    """

    time_s: float
    scene: str
    probability: float
    scenes: dict[str, float]
    model: str
    level: Level
    unknown_score: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc listen --json` prints.

        Returns:
            Attribute → value, those of the level beside the others.
        """
        own = {k: v for k, v in _without_unknown(vars(self)).items() if k != "level"}
        return {**own, **vars(self.level)}


@dataclass(frozen=True)
class Scored:
    """The scores of one file."""

    path: Path
    duration_s: float
    probabilities: np.ndarray  # (C,) probabilities of the recording
    ends_s: np.ndarray  # (W,) end of each segment; the next one starts there
    segments: np.ndarray  # (W, C)
    embedding: np.ndarray | None  # (D,) mean over clips
    unknown: np.ndarray | None = None  # (1 + W,) of the recording and each segment
