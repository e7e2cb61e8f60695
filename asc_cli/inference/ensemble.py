"""A registered model in memory: clips of a recording → probabilities of its scenes.

A member is the network that one fold trained; a system is all members of one recipe. A model is one
system, or an ensemble of several, each with a feature and clips of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.core.kind import VIDEOS, kind_of
from asc_cli.core.plugins import unknown
from asc_cli.evaluation import aggregate, calibration
from asc_cli.frontend import variant
from asc_cli.frontend.clips import ClipGrid
from asc_cli.frontend.feature import StoredFeature, of_card
from asc_cli.frontend.variant import StoredVariant
from asc_cli.inference import member
from asc_cli.inference.member import AUTO, Member
from asc_cli.inference.networks import NO_EMBEDDING
from asc_cli.inference.unknown import Statistics
from asc_cli.inference.unknown_file import load as load_statistics
from asc_cli.registry import graphs, models
from asc_cli.registry.model import unknown_file


@dataclass(frozen=True)
class Loaded:
    """A registered model in memory."""

    id: str
    labels: tuple[str, ...]
    aggregate: str  # how clips' probabilities become a recording's: aggregate.summands
    feature: StoredFeature
    clip_grid: ClipGrid
    members: tuple[Member, ...]
    variants: tuple[StoredVariant, ...] = ()  # scored beside each recording
    unknown: tuple[Statistics, ...] = ()  # of each member, where they were asked for

    @property
    def systems(self) -> tuple[Loaded, ...]:
        """Itself: a model of one system."""
        return (self,)

    @property
    def weights(self) -> tuple[float, ...]:
        """What its one system weighs."""
        return (1.0,)


@dataclass(frozen=True)
class LoadedEnsemble:
    """A registered ensemble in memory: its systems, and what their probabilities weigh."""

    id: str
    labels: tuple[str, ...]
    systems: tuple[Loaded, ...]
    weights: tuple[float, ...]


def load_systems(
    model: models.Model,
    fold: int | None = None,
    device: str | None = None,
    engine: str = AUTO,
    unknown: bool = False,
) -> Loaded | LoadedEnsemble:
    """Load a model or an ensemble with all that it needs to predict.

    Args:
        model: A registered model.
        fold: The member that this fold trained, of each system; None: all members.
        device: The recording device, of models with members for devices; None: the general ones.
        engine: What answers: auto, which needs torch for models alone that have no graph; or torch.
        unknown: Load the statistics for recordings of none of the scenes too.

    Returns:
        The model, whose `systems` each predict, and their `weights`.

    Raises:
        AscError: A file of it is damaged.
    """
    if not model.is_ensemble:
        return load(model, fold, device, engine, unknown)
    systems = tuple(load(system, fold, device, engine, unknown) for system in model.systems())
    return LoadedEnsemble(model.id, tuple(model.card["labels"]), systems, model.weights)


def load(
    model: models.Model,
    fold: int | None = None,
    device: str | None = None,
    engine: str = AUTO,
    unknown: bool = False,
) -> Loaded:
    """Load the networks of a model of one system; those for a recording device, of members that
    have them. Raises AscError if a file of it is damaged."""
    require_scenes(model)
    require_one_system(model, "this")
    card = model.card
    folds = card["folds"] if fold is None else [require_fold(model, fold)]
    described, settings = card["feature"], card["recipe"]
    model.require_intact(*(models.member_file(k) for k in folds))
    catalog = models.catalog(model)
    feature = of_card(described, catalog)
    labels = tuple(card["labels"])
    graph = graphs.read(model.folder) if engine == AUTO else None
    return Loaded(
        model.id,
        labels,
        aggregate.require_method(settings["evaluation"]["aggregate"]),
        feature,
        feature.clip_grid(settings["clips"]),
        tuple(member.load(model, k, catalog, device, engine, graph) for k in folds),
        variant.of_card(card, catalog),
        tuple(_statistics(model, k) for k in folds) if unknown else (),
    )


def _statistics(model: models.Model, fold: int) -> Statistics:
    """Return a member's statistics for recordings of none of the scenes."""
    name = unknown_file(fold)
    if name not in model.card.get("files", {}):
        raise AscError(
            f"--unknown: model {model.id} has no statistics for it; train it with --set "
            "validation.fraction=0.2 --set evaluation.unknown.keep=0.95"
        )
    model.require_intact(name)
    statistics = load_statistics(model.folder / name)
    if statistics.layout.n_scenes != len(model.card["labels"]):
        raise AscError(f"model {model.id}: {name} is of {statistics.layout.n_scenes} scenes")
    return statistics


def grid_of(model: models.Model) -> ClipGrid:
    """Return how recordings are cut into clips for a model of one system."""
    feature = of_card(model.card["feature"], models.catalog(model))
    return feature.clip_grid(model.card["recipe"]["clips"])


def takes_shards(model: str | None) -> bool:
    """Return whether a model takes shards of videos, not recordings.

    Args:
        model: NAME or NAME@VERSION; the default model when None.

    Returns:
        True for a model of videos.

    Raises:
        AscError: There is no such model.
    """
    return is_video_model(models.find(model))


def is_video_model(model: models.Model) -> bool:
    return kind_of(model.card["recipe"]) == VIDEOS


def require_scenes(model: models.Model) -> None:
    if is_video_model(model):
        raise AscError(
            f"model {model.id} labels videos: it takes shards of their features, as in asc predict "
            "shard.tfrecord; name a model of scenes with --model, or asc models use one"
        )


def require_fold(model: models.Model, fold: int) -> int:
    if fold not in model.card["folds"]:
        raise AscError(f"model {model.id} has no fold {fold}; it has {model.card['folds']}")
    return fold


def require_device(model: models.Model, device: str | None) -> str | None:
    """Return a recording device. Raises AscError if the model has no members for it."""
    if device is None or device in model.devices:
        return device
    if not model.devices:
        raise AscError(
            f"--recording-device {device}: model {model.id} has no members for recording devices; "
            "fine_tune in its recipe trains them"
        )
    raise AscError(f"model {model.id}: {unknown('recording device', device, model.devices)}")


def require_one_system(model: models.Model, what: str) -> None:
    """Raise AscError for an ensemble, of which `what` is not defined."""
    if model.is_ensemble:
        names = [system.id for system in model.systems()]
        raise AscError(
            f"{what}: model {model.id} is an ensemble, whose systems have features and networks of "
            f"their own; name one of them: {', '.join(names)}"
        )


def require_parts(model: models.Model, what: str) -> None:
    """Raise AscError for a model, or an ensemble with a system, that cannot classify parts of a
    recording."""
    for system in model.systems():
        feature = of_card(system.card["feature"], models.catalog(system))
        if feature.framing.of_recording:
            raise AscError(
                f"{what}: model {system.id} describes a recording as a whole ({feature.name}), and "
                "has no parts of it to classify"
            )
        require_no_variants(system, what)


def require_no_variants(model: models.Model, what: str) -> None:
    """Raise AscError for a model that scores variants of a whole recording beside it."""
    if names := [v["name"] for v in model.card["recipe"]["evaluation"].get("variants", ())]:
        raise AscError(
            f"{what}: model {model.id} scores variants of a whole recording beside it "
            f"(evaluation.variants: {', '.join(names)}); train the recipe without them: "
            "--set evaluation.variants=[]"
        )


def clip_seconds(model: models.Model) -> float:
    """Return the length of a model's clips in seconds, rounded up to a millisecond; of an ensemble,
    of those of its systems the longest."""
    return max(_clip_seconds(system) for system in model.systems())


def _clip_seconds(model: models.Model) -> float:
    settings = model.card["recipe"]["clips"]
    if settings.get("length_frames") is None:
        return float(settings["length_s"])
    hop_s = of_card(model.card["feature"], models.catalog(model)).hop_seconds
    return math.ceil(1000 * settings["length_frames"] * hop_s) / 1000


def log_probabilities(
    model: Loaded,
    batch: np.ndarray,  # (b, T, F)
    lengths: np.ndarray,  # (b,) frames of each clip that count
    embed: bool = False,
    described: list[np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:  # -> (b, C), (b, D)
    """Return the log of each clip's probabilities, averaged over the members.

    described: Of a model with statistics: the members' descriptions of the clips, (b, V) each, are
    added to it. Raises AscError for embeddings that a member does not have.

    And, if `embed`, embeddings: the inputs of the members' last linear layers, side by side.
    """
    valid = np.arange(batch.shape[1]) < lengths[:, None]
    mask = None if valid.all() else valid
    logs, embeddings = [], []
    for number, own in enumerate(model.members):
        frames = own.standardise(batch)
        x = frames if mask is None else frames * valid[:, :, None]
        if described is None:
            scores, embedding = own.network.log_probabilities(x, mask, embed)
        else:
            layout = model.unknown[number].layout
            if embed and not layout.n_embedding:
                raise AscError(NO_EMBEDDING)
            scores, rows, embedding = layout.describe(own.network, x, mask)
            described.append(rows)
        if embed and embedding is not None:
            if embedding.shape[:-1] != (len(x),):
                raise AscError(
                    "--embeddings: the last linear layer of this model does not read one row of "
                    f"numbers for each clip, but {embedding.shape} for {len(x)} clips"
                )
            embeddings.append(embedding)
        with np.errstate(all="ignore"):  # what is not finite is refused where it is used
            logs.append(calibration.apply_temperature(scores, own.temperature))
    with np.errstate(all="ignore"):
        average = np.logaddexp.reduce(logs) - math.log(len(logs))
    return average, np.concatenate(embeddings, axis=1) if embed else None


def unknown_scores(model: Loaded, rows: np.ndarray) -> np.ndarray:  # (n, ΣV) -> (n,)
    """Return the mean over the members of their scores of descriptions, side by side."""
    sizes = [statistics.layout.size for statistics in model.unknown]
    parts = np.split(rows, np.cumsum(sizes)[:-1], axis=1)
    own = [each.scores(part) for each, part in zip(model.unknown, parts, strict=True)]
    return np.mean(own, axis=0)
