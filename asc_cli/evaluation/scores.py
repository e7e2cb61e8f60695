"""The result of scoring: the metrics of a set of predictions, and their parts.

C scenes. Shares are from 0 to 1, log loss is in nats, and None stands for what cannot be computed:
log loss of predictions that are labels alone, precision of a scene that was never guessed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from asc_cli.evaluation.conditions import Conditions
from asc_cli.evaluation.intervals import Intervals
from asc_cli.evaluation.metrics import Bin
from asc_cli.evaluation.parts import DeviceScores, FoldScores, SceneScores, SubsetScores
from asc_cli.evaluation.rejection import Rejection


@dataclass(frozen=True)
class Remark:
    """A remark on a score.

    Attributes:
        code: What it is about; never renamed.
        text: The sentence.
    """

    code: str
    text: str

    def to_dict(self) -> dict[str, str]:
        """Return code and text.

        Returns:
            As in JSON.
        """
        return asdict(self)


@dataclass(frozen=True)
class Scores:
    """All metrics of a set of predictions.

    Attributes:
        recordings: How many are tested.
        metrics: Each line of METRICS: its name → its value.
        headline: The name of the metric that heads reports.
        aggregation: How the headline is computed, in words.
        error: 1 − headline.
        intervals: 95 % intervals of the headline.
        folds: Metrics of each fold.
        scenes: Metrics of each scene, in the order of the class index.
        confusion: C rows of C counts; a row is a true scene, a column a guess.
        reliability: Filled bins of confidence; empty for labels alone.
        devices: Metrics of each recording device; empty where devices are not known.
        device_groups: Metrics of all "seen" and all "unseen" devices, where training is known, and
            of the groups that the dataset's organisers report; empty where one device is known at
            most.
        remarks: What a reader must know beside the figures.
        conditions: What was trained and tested; None where nothing is known.
        title_from_outside: The headline's title, of a metric that is not in METRICS.
        cities: Metrics of each city; empty where the dataset does not name them.
        city_groups: Metrics of all "seen" and all "unseen" cities; empty where one is known at
            most, or training is not known.
    """

    recordings: int
    metrics: dict[str, float | None]
    headline: str
    aggregation: str
    error: float
    intervals: Intervals
    folds: tuple[FoldScores, ...]
    scenes: dict[str, SceneScores]
    confusion: list[list[int]]
    reliability: tuple[Bin, ...]
    devices: dict[str, DeviceScores]
    device_groups: dict[str, SubsetScores]
    remarks: tuple[Remark, ...]
    conditions: Conditions | None = None
    title_from_outside: str | None = None
    cities: dict[str, DeviceScores] = field(default_factory=dict)
    city_groups: dict[str, SubsetScores] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The headline metric's value."""
        value = self.metrics[self.headline]
        assert value is not None  # one that may head a report follows from labels alone
        return value

    def to_dict(self) -> dict[str, Any]:
        """Return what metrics.json holds; each metric is a key of its own.

        Returns:
            As in JSON.
        """
        outside = {"name": self.headline, "title": self.title_from_outside}
        return {
            "recordings": self.recordings,
            **self.metrics,
            **({"metric_from_outside": outside} if self.title_from_outside else {}),
            "headline": self.headline,
            "aggregation": self.aggregation,
            "error": self.error,
            "intervals": self.intervals.to_dict(),
            "folds": [asdict(fold) for fold in self.folds],
            "scenes": {scene: asdict(scores) for scene, scores in self.scenes.items()},
            "confusion": self.confusion,
            "reliability": [each.to_dict() for each in self.reliability],
            "devices": {name: device.to_dict() for name, device in self.devices.items()},
            "device_groups": {name: asdict(group) for name, group in self.device_groups.items()},
            "cities": {name: city.to_dict() for name, city in self.cities.items()},
            "city_groups": {name: asdict(group) for name, group in self.city_groups.items()},
            "remarks": [remark.to_dict() for remark in self.remarks],
            **({"conditions": self.conditions.to_dict()} if self.conditions else {}),
        }


@dataclass(frozen=True)
class Published:
    """A published figure beside ours.

    Attributes:
        metric: What the figure is.
        figure: The figure.
        ours: Ours of the same metric.
        source: Where the figure was published.
        why_not: In what ours was obtained otherwise, so that the two do not compare.
        reservations: Why the two do not compare although ours is of the whole protocol: theirs was
            chosen on its own test fold or is of other test recordings, or one has outside data.
    """

    metric: str
    figure: str
    ours: str
    source: str
    why_not: tuple[str, ...] = ()
    reservations: tuple[str, ...] = ()

    @property
    def comparable(self) -> bool:
        """Whether both were obtained under the same conditions, as far as asc knows them."""
        return not self.why_not and not self.reservations

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, the figure under `theirs`, and `comparable`.

        Returns:
            As in JSON; `why_not` has the reservations too.
        """
        return {
            "metric": self.metric,
            "theirs": self.figure,
            "ours": self.ours,
            "source": self.source,
            "comparable": self.comparable,
            "why_not": [*self.why_not, *self.reservations],
            "reservations": [*self.reservations],
        }


@dataclass(frozen=True, repr=False)
class Evaluation:
    """The metrics of a run, of a model on a dataset, or of a file of predictions.

    `evaluation["accuracy"]` is the value of a key of `to_dict()`.

    Attributes:
        scores: All metrics.
        run: The run's folder; None for a model or a file.
        model: The model, NAME@VERSION; None for a run or a file.
        predictions: The file of predictions; None for a run or a model.
        dataset: The dataset's name; None for a run.
        published: Published figures beside ours; None for a model or a file.
        runs: The folders of the runs whose probabilities were averaged; None for one run.
        weights: The weight of each of these runs; None for one run.
        rejection: Of a run with statistics for recordings of none of the scenes: how many test
            recordings stay, and how many others are rejected; else None.
    """

    scores: Scores
    run: str | None = None
    model: str | None = None
    predictions: str | None = None
    dataset: str | None = None
    published: list[Published] | None = None
    runs: tuple[str, ...] | None = None
    weights: tuple[float, ...] | None = None
    rejection: Rejection | None = None

    def __getitem__(self, key: str) -> Any:
        return self.to_dict()[key]

    def __repr__(self) -> str:
        result = self.to_dict()
        whose = Path(self.run).name if self.run else self.model or self.predictions or "mean"
        metric = result["headline"]
        return f"Evaluation({whose}: {metric.replace('_', ' ')} {100 * result[metric]:.1f} %)"

    def _repr_html_(self) -> str:
        """Return what `asc evaluate` prints, for a notebook."""
        from asc_cli.report.console.evaluation import evaluation
        from asc_cli.report.console.output import as_html

        return as_html(evaluation(self.to_dict()))

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc evaluate --json` prints.

        Returns:
            Whose metrics they are, the scenes' names, and the metrics.
        """
        about = {
            "run": self.run,
            "model": self.model,
            "predictions": self.predictions,
            "dataset": self.dataset,
            "runs": self.runs and [*self.runs],
            "weights": self.weights and [*self.weights],
        }
        rows = [row.to_dict() for row in self.published or ()]
        published = {} if self.published is None else {"published": rows}
        return {
            **{key: value for key, value in about.items() if value is not None},
            "scene_names": list(self.scores.scenes),
            **self.scores.to_dict(),
            **published,
            **({} if self.rejection is None else {"unknown": self.rejection.to_dict()}),
        }
