"""Predict with a model of videos: labels or metrics of the videos in shards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli import models as model_files
from asc_cli.audio import decode, media
from asc_cli.core import parallel, paths, plugins
from asc_cli.core.errors import AscError
from asc_cli.datasets.yt8m import Batch, Fault, Layout, Order, Stream, Video, batches
from asc_cli.evaluation import complexity
from asc_cli.inference.ensemble import is_video_model
from asc_cli.registry import members, models
from asc_cli.video import metrics

TOO_MANY = 1000  # damaged records
NOT_FINITE = "the confidences are not finite; its frames, or the model's weights, are damaged"
BATCH_VIDEOS = 64  # per batch in inference; the recipe's batch size where that is smaller


@dataclass(frozen=True)
class LabelledVideo:
    """A video and its likeliest labels.

    Attributes:
        file: The shard that it is in.
        video: Its id.
        labels: [label, confidence from 0 to 1] each, the likeliest first.
        model: NAME@VERSION.
    """

    file: str
    video: str
    labels: list[list[Any]]
    model: str

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc predict --json` prints of a video.

        Returns:
            Attribute → value.
        """
        return vars(self)


def label(
    paths: Sequence[Path], *, model: str | None = None, top: int = 20, jobs: int | None = None
) -> Iterator[LabelledVideo | Fault]:
    """Label the videos of YouTube-8M shards.

    Args:
        paths: Shards, .tfrecord files.
        model: NAME or NAME@VERSION of a model of videos; the default model when None.
        top: How many labels of each video to return, the likeliest first.
        jobs: Processes that read shards ahead; None and 1: none.

    Yields:
        A LabelledVideo of each video, and a Fault of each record or file that cannot be read.

    Raises:
        AscError: There is no such model, or it takes recordings.
    """
    registered = models.find(model)
    network, layout, recipe = load(registered)
    with parallel.prefetch_pool(jobs) as pool:
        for path in paths:
            faults: list[Fault] = []
            if path.suffix.lower() in (*decode.SUFFIXES, *media.SUFFIXES):
                reason = (
                    f"model {registered.id} takes shards of videos' features (.tfrecord), not "
                    "recordings; name a model of scenes with --model"
                )
                yield Fault(str(path), None, reason)
                continue
            stream = Stream([path], layout, Order(), pool=pool, damaged=faults.append)
            for batch, p in predict_batches(network, stream, layout, recipe, "cpu"):
                yield from _rows(path, batch, p, top, registered.id)
            yield from faults


def _rows(
    path: Path, batch: Batch, p: np.ndarray, top: int, model: str
) -> Iterator[LabelledVideo | Fault]:
    labels, confidences = metrics.best(p, top)
    for video, video_labels, video_confidences in zip(batch.ids, labels, confidences, strict=True):
        if not np.isfinite(video_confidences).all():
            yield Fault(str(path), None, f"video {video}: {NOT_FINITE}")
            continue
        pairs = [
            list(pair)
            for pair in zip(video_labels.tolist(), video_confidences.tolist(), strict=True)
        ]
        yield LabelledVideo(str(path), video, pairs, model)


@dataclass(frozen=True)
class VideoEvaluation:
    """The figures of a run on videos, or of a model on a dataset of shards.

    `evaluation["gap"]` is the value of a key of `to_dict()`.

    Attributes:
        figures: GAP, Hit@1, PERR and counts; of a run, those of its epochs too.
        run: The run's folder; None for a model.
        model: The model, NAME@VERSION; None for a run.
        dataset: The dataset's name; None for a run.
        part: The part of the dataset that is scored; None for a run.
    """

    figures: dict[str, Any]
    run: str | None = None
    model: str | None = None
    dataset: str | None = None
    part: str | None = None

    def __getitem__(self, key: str) -> Any:
        return self.to_dict()[key]

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Records that could not be read: file, offset and error of each."""
        return self.figures["failed"]

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc evaluate --json` prints.

        Returns:
            Whose figures they are, and the figures.
        """
        about = {
            "run": self.run,
            "model": self.model,
            "dataset": self.dataset,
            "part": self.part,
        }
        present = {key: value for key, value in about.items() if value is not None}
        return {**present, **self.figures}


def evaluate(
    reference: str, dataset: str, data: Path | None, jobs: int | None, progress: Any
) -> VideoEvaluation:
    """Score a registered model on the validation part of a dataset of shards."""
    model = models.find(reference)
    network, layout, recipe = load(model)
    part, level = recipe["stream"]["validation_part"], layout.level
    shards = plugins.load("datasets", dataset).shards(
        paths.dataset_root(dataset, data), part, level
    )
    faults = Faults()
    with parallel.prefetch_pool(jobs) as pool:
        scores = score(network, shards, recipe, "cpu", pool, faults.add, progress)
    figures = {**scores, "headline": "gap", "failed": faults.rows_as_dicts()}
    return VideoEvaluation(figures, model=model.id, dataset=dataset, part=part)


def score(
    network: Any,
    shards: Sequence[Path],
    recipe: dict[str, Any],
    device: str,
    pool: Any,
    damaged: Callable[[Fault], None],
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Return GAP, Hit@1 and PERR of a model in memory. Raises AscError if no video has labels."""
    layout = layout_of(recipe["stream"])
    scores = metrics.Streaming()
    stream = Stream(shards, layout, Order(), pool=pool, damaged=damaged)
    done = 0
    for batch, p in predict_batches(network, stream, layout, recipe, device):
        if not np.isfinite(p).all():
            raise AscError(f"{shards[0].parent}: of a video, {NOT_FINITE}")
        scores.add(p, batch.truth)
        done += len(batch.ids)
        if progress:
            progress(done, round(done / max(1e-9, stream.share())))
    figures = scores.result()
    if not figures["positives"]:
        raise AscError(
            f"{shards[0].parent}: none of {done} videos has a label, so nothing can be scored; "
            "use a part that is published with labels: train or validate"
        )
    return figures


class Faults:
    """Damaged records, without duplicates when a stream is read several times."""

    def __init__(self) -> None:
        self.rows: list[Any] = []  # Fault, or a list of the same out of a checkpoint

    def add(self, fault: Fault) -> None:
        """Add a record. Raises AscError when there are too many."""
        if list(fault) in map(list, self.rows):
            return
        self.rows.append(fault)
        if len(self.rows) == TOO_MANY:
            raise AscError(
                f"{TOO_MANY} damaged records; are these the shards that the recipe's stream "
                f"section describes? The first: {Fault(*self.rows[0])}"
            )

    def rows_as_dicts(self) -> list[dict[str, Any]]:
        return [Fault(*row).to_dict() for row in self.rows]


def predict_batches(
    model: Any, videos: Iterable[Video], layout: Layout, recipe: dict[str, Any], device: str
) -> Iterator[tuple[Batch, np.ndarray]]:  # each with probabilities (B, C)
    """Yield batches of a stream of videos with a model's probabilities."""
    import torch

    from asc_cli.video import descent

    precision = recipe["stream"]["precision"]
    size = min(BATCH_VIDEOS, recipe["training"]["batch_size"])
    model.eval()
    with torch.inference_mode():
        for batch in batches(videos, size, layout):
            yield (
                batch,
                descent.probabilities(model, batch, precision, device).cpu().numpy(),
            )


# -- the model --------------------------------------------------------------------------------


def layout_of(stream: dict[str, Any]) -> Layout:
    """Return the layout of a recipe's `stream` section."""
    return Layout(**{name: stream[name] for name in Layout._fields})


def described(layout: Layout) -> dict[str, Any]:
    """Return a card's `feature`."""
    return {"name": "shards", **layout._asdict()}


def build(recipe: dict[str, Any], catalog: plugins.Catalog) -> Any:
    """Build a recipe's network with fresh weights."""
    layout = layout_of(recipe["stream"])
    return model_files.build(recipe["model"], layout.F, layout.n_labels, catalog)


def load(model: models.Model) -> tuple[Any, Layout, dict[str, Any]]:
    """Load a registered network, its layout and its recipe. Raises AscError."""
    recipe = model.card["recipe"]
    if not is_video_model(model):
        raise AscError(
            f"model {model.id} takes recordings, not shards of videos' features; name one that "
            "a recipe such as yt8m_ta_sa made"
        )
    model.require_intact(models.member_file(1))
    catalog = models.catalog(model)
    network, _ = members.load(model.member(1), lambda arrays: build(recipe, catalog))
    return network, layout_of(recipe["stream"]), recipe


def costs(model: models.Model) -> complexity.Costs:
    """Measure parameters, bytes and multiply-accumulates of a video of full length."""
    network, layout, _ = load(model)
    frames = layout.max_frames if layout.level == "frame" else 1
    n_members = len(model.card["folds"])
    return complexity.measure(network, frames, layout.F, frames, n_members)
