"""A registered model, in memory: clips of any recording → probabilities of its scenes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.audio import decode
from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.evaluation import calibration
from asc_cli.frontend import clips
from asc_cli.frontend.feature import Feature, resolve
from asc_cli.frontend.standardise import Standardisation
from asc_cli.registry import models


@dataclass(frozen=True)
class Member:
    """One fold's network, ready to use."""

    network: Any
    standardise: Standardisation
    temperature: float = 1.0


@dataclass(frozen=True)
class Loaded:
    """A registered model in memory."""

    id: str
    labels: tuple[str, ...]
    aggregate: str  # how clips' probabilities become a recording's: scoring.contributions
    feature: Feature
    clipping: clips.Clipping
    members: tuple[Member, ...]


def load(model: models.Model, fold: int | None = None) -> Loaded:
    """A model's networks with their weights. Raises AscError if a file of it is damaged."""
    require_scenes(model)
    card = model.card
    folds = card["folds"] if fold is None else [require_fold(model, fold)]
    described, settings = card["feature"], card["recipe"]
    feature = resolve(described["name"], described["audio"]["sample_rate"], described["parameters"])
    if feature.description() != described:
        raise AscError(
            f"model {model.id} was trained on {described['name']} version {described['version']} "
            f"({described['audio']['decoding']}); this asc computes version {feature.version} "
            f"({decode.DECODING}). Train it again, or use the asc that made it"
        )
    labels = tuple(card["labels"])
    members = tuple(_member(settings["model"], model.member(k), len(labels)) for k in folds)
    clipping = clipping_of(settings["clips"], feature)
    return Loaded(model.id, labels, settings["evaluation"]["aggregate"], feature, clipping, members)


def takes_shards(model: str | None) -> bool:
    """Whether a model, the default one when None, takes shards of videos, not recordings."""
    return of_videos(models.find(model))


def of_videos(model: models.Model) -> bool:
    return bool(model.card["recipe"].get("stream"))


def require_scenes(model: models.Model) -> None:
    if of_videos(model):
        raise AscError(
            f"model {model.id} labels videos: it takes shards of their features, as in asc predict "
            "shard.tfrecord; name a model of scenes with --model, or asc models use one"
        )


def require_fold(model: models.Model, fold: int) -> int:
    if fold not in model.card["folds"]:
        raise AscError(f"model {model.id} has no fold {fold}; it has {model.card['folds']}")
    return fold


def clipping_of(settings: dict[str, Any], feature: Feature) -> clips.Clipping:
    """How recordings are cut, from a recipe's `clips` section."""
    if settings.get("length_frames") is not None:
        return clips.clipping_in_frames(settings["length_frames"], settings["overlap"])
    module = plugins.load("features", feature.name)
    framing = module.framing(feature.sample_rate, **feature.parameters)
    return clips.clipping(
        settings["length_s"],
        settings["overlap"],
        feature.sample_rate,
        framing.frame_samples,
        framing.hop_samples,
    )


def clip_seconds(model: models.Model) -> float:
    """Length of the clips that a model hears; of frames' hops, up to a whole millisecond."""
    settings, described = model.card["recipe"]["clips"], model.card["feature"]
    if settings.get("length_frames") is None:
        return settings["length_s"]
    rate = described["audio"]["sample_rate"]
    framing = plugins.load("features", described["name"]).framing(rate, **described["parameters"])
    return math.ceil(1000 * settings["length_frames"] * framing.hop_samples / rate) / 1000


def build(settings: dict[str, Any], n_bands: int, n_scenes: int) -> Any:
    """A network with fresh weights, from a recipe's `model` section."""
    module = plugins.load("models", settings["name"])
    return module.build(n_bands, n_scenes, **{k: v for k, v in settings.items() if k != "name"})


def _member(settings: dict[str, Any], path: Path, n_scenes: int) -> Member:
    import torch
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
        standardise = Standardisation(
            arrays.pop("standardisation.mean"), arrays.pop("standardisation.deviation")
        )
        temperature = float(arrays.pop("calibration.temperature", np.ones(1))[0])
        network = build(settings, len(standardise.mean), n_scenes)
        weights = {
            name.removeprefix("model."): torch.from_numpy(a.copy()) for name, a in arrays.items()
        }
        network.load_state_dict(weights)
    except (OSError, SafetensorError, KeyError, RuntimeError) as fault:
        raise AscError(f"model weights {path}: cannot be used ({fault})") from fault
    return Member(network.eval(), standardise, temperature)


def log_probabilities(
    model: Loaded,
    batch: np.ndarray,  # (b, T, F)
    lengths: np.ndarray,  # (b,) frames of each clip that count
) -> np.ndarray:  # -> (b, C)
    """Log of the average over the members of the probabilities of each clip."""
    return _averaged([logs for logs, _ in _each(model, batch, lengths, False)])


def log_probabilities_and_embeddings(
    model: Loaded, batch: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:  # -> (b, C), (b, D)
    """The same, and what goes into each member's last linear layer, members side by side."""
    each = _each(model, batch, lengths, True)
    return _averaged([logs for logs, _ in each]), np.concatenate([v for _, v in each], axis=1)


def _averaged(logs: list[np.ndarray]) -> np.ndarray:
    return np.logaddexp.reduce(logs) - math.log(len(logs))


def _each(
    model: Loaded, batch: np.ndarray, lengths: np.ndarray, embed: bool
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each member's log probabilities (b, C), and embeddings (b, D) if they are wanted."""
    import torch

    valid = np.arange(batch.shape[1]) < lengths[:, None]
    mask = None if valid.all() else torch.from_numpy(valid)
    found = []
    with torch.inference_mode():
        for member in model.members:
            frames = member.standardise(batch)
            x = torch.from_numpy(frames if mask is None else frames * valid[:, :, None])
            heard: list[Any] = []
            hook = _listen_in(member.network, heard) if embed else None
            logs = torch.log_softmax(member.network(x, mask).double(), dim=1).numpy()
            if hook is not None:
                hook.remove()
            logs = calibration.tempered(logs, member.temperature)
            found.append((logs, heard[-1].numpy() if heard else logs[:, :0]))
    return found


def _listen_in(network: Any, heard: list[Any]) -> Any:
    """Append what goes into the network's last linear layer to `heard`."""
    from torch import nn

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    if not layers:
        raise AscError("--embeddings: this model has no linear layer to take them from")
    return layers[-1].register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0]))
