"""Recordings → scenes with probabilities, by the members of a registered model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli import audio, catalog, clips, registry, scoring, store
from asc_cli.errors import AscError, FileFault
from asc_cli.features import stream
from asc_cli.recipe import Recipe, from_settings
from asc_cli.workflow import _fold

BATCH_CLIPS = 64


@dataclass(frozen=True)
class Prediction:
    """The scene of one recording, or what is wrong with its file."""

    file: str
    model: str
    scenes: dict[str, float]  # probability of each, in the model's order; {} on failure
    duration_s: float
    error: str | None = None

    @property
    def scene(self) -> str:
        return max(self.scenes, key=self.scenes.__getitem__)

    def json(self) -> dict[str, Any]:
        if self.error is not None:
            return {"file": self.file, "error": self.error}
        return {
            "file": self.file,
            "scene": self.scene,
            "probability": self.scenes[self.scene],
            "scenes": self.scenes,
            "duration_s": round(self.duration_s, 3),
            "model": self.model,
        }


@dataclass(frozen=True)
class Member:
    """One fold's network, ready to use."""

    network: Any
    standardise: clips.Standardisation


@dataclass(frozen=True)
class Loaded:
    """A registered model in memory."""

    id: str
    labels: tuple[str, ...]
    recipe: Recipe
    feature: store.Feature
    clipping: clips.Clipping
    members: tuple[Member, ...]


def predict(
    paths: Iterable[Path], *, model: str | None = None, fold: int | None = None
) -> Iterator[Prediction]:
    """The scene of each recording, in order, as it is known.

    model: NAME or NAME@VERSION, the default model when None. fold: that member alone; the
    average of all members' probabilities when None. A bad file gives a Prediction with `error`.
    Memory does not grow with a recording's length. Raises AscError if there is no such model.
    """
    loaded = load(registry.find(model), fold)
    for path in paths:
        try:
            scores, seconds = recording(loaded, Path(path))
        except FileFault as fault:
            yield Prediction(str(path), loaded.id, {}, 0.0, fault.reason)
        else:
            scenes = dict(zip(loaded.labels, (float(value) for value in scores), strict=True))
            yield Prediction(str(path), loaded.id, scenes, seconds)


def load(model: registry.Model, fold: int | None = None) -> Loaded:
    """A model's networks with their weights. Raises AscError if a file of it is damaged."""
    card = model.card
    if fold is not None and fold not in card["folds"]:
        raise AscError(f"model {model.id} has no fold {fold}; it has {card['folds']}")
    recipe = from_settings(card["name"], card["recipe"])
    described = card["feature"]
    feature = store.resolve(
        described["name"], described["audio"]["sample_rate"], described["parameters"]
    )
    if feature.description() != described:
        raise AscError(
            f"model {model.id} was trained on {described['name']} version {described['version']} "
            f"({described['audio']['decoding']}); this asc computes version {feature.version} "
            f"({audio.DECODING}). Train it again, or use the asc that made it"
        )
    folds = card["folds"] if fold is None else [fold]
    members = tuple(_member(recipe, model.member(k), len(card["labels"])) for k in folds)
    clipping = _fold.clipping_of(recipe, feature)
    return Loaded(model.id, tuple(card["labels"]), recipe, feature, clipping, members)


def recording(model: Loaded, path: Path) -> tuple[np.ndarray, float]:
    """Scene probabilities (C,) of one file and its length in seconds. Raises FileFault."""
    heard = _Heard()
    total = np.zeros(len(model.labels))
    n_clips = 0
    for batch, lengths in _batches(model, path, heard):
        total += scoring.contributions(
            _log_probabilities(model, batch, lengths), model.recipe.evaluation.aggregate
        ).sum(axis=0)
        n_clips += len(batch)
    scores = scoring.conclude(total[None], np.array([n_clips]), model.recipe.evaluation.aggregate)[
        0
    ]
    return scores, heard.samples / model.feature.sample_rate


class _Heard:
    """Counts samples as they stream by."""

    samples = 0

    def __call__(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            self.samples += len(block)
            yield block


def _member(recipe: Recipe, path: Path, n_scenes: int) -> Member:
    import torch
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
        standardise = clips.Standardisation(
            arrays.pop("standardisation.mean"), arrays.pop("standardisation.deviation")
        )
        network = _fold.build(recipe, len(standardise.mean), n_scenes)
        weights = {
            name.removeprefix("model."): torch.from_numpy(a.copy()) for name, a in arrays.items()
        }
        network.load_state_dict(weights)
    except (OSError, SafetensorError, KeyError, RuntimeError) as fault:
        raise AscError(f"model weights {path}: cannot be used ({fault})") from fault
    return Member(network.eval(), standardise)


def _batches(
    model: Loaded, path: Path, heard: _Heard
) -> Iterator[tuple[np.ndarray, np.ndarray]]:  # (b, T, F), (b,)
    """Clips of a file as its frames stream in, at most BATCH_CLIPS at a time."""
    module = catalog.load("features", model.feature.name)
    blocks = heard(audio.blocks(path, model.feature.sample_rate))
    try:
        yield from clips.streamed(
            stream(module, blocks, model.feature.sample_rate, model.feature.parameters),
            model.clipping,
            BATCH_CLIPS,
        )
    except FileFault:
        raise
    except AscError as fault:
        raise FileFault(path, str(fault)) from fault


def _log_probabilities(
    model: Loaded, batch: np.ndarray, lengths: np.ndarray
) -> np.ndarray:  # (b, T, F), (b,) -> (b, C)
    """Log of the average over the members of the probabilities of each clip."""
    import torch

    valid = np.arange(batch.shape[1]) < lengths[:, None]
    mask = None if valid.all() else torch.from_numpy(valid)
    with torch.inference_mode():
        each = []
        for member in model.members:
            x = torch.from_numpy(member.standardise(batch) * valid[:, :, None])
            each.append(torch.log_softmax(member.network(x, mask).double(), dim=1))
        return (torch.logsumexp(torch.stack(each), dim=0) - math.log(len(each))).numpy()
