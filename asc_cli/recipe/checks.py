"""Checks across the keys of a recipe, after each key alone is valid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asc_cli.core import code, plugins
from asc_cli.core.kind import RECORDINGS, VIDEOS, kind_of, kind_of_dataset, kind_of_model
from asc_cli.core.plugins import Catalog
from asc_cli.recipe.ensemble_keys import EnsembleKeys
from asc_cli.recipe.schema import Base
from asc_cli.recipe.sections import OUTSIDE
from asc_cli.recipe.source import Fault, Tree

NOT_FOR_STREAMS = {  # what a stream of shards does not use, and what it has instead
    "features": "its shards hold features",
    "clips": "a video is one sequence, up to stream.max_frames",
    "validation": "its validation part is stream.validation_part",
    "evaluation": "its figures are GAP, Hit@1 and PERR",
    "exclude": "leave shards out by stream.train_part",
    "subset": "none is published",
    "variants": "its videos are not changed",
    "augment": "its videos are not changed",
    "distil": "its videos have many labels",
    "fine_tune": "its videos name no recording device",
}

OF_DESCENT = ("clip_norm", "schedule", "ema_decay", "label_smoothing", "balance")
FIT_NETWORK = 3  # the argument of `Estimator.estimate` that a model without such a stage ignores
TRAINING_NOT_FOR_STREAMS = {
    "clip_norm": "stream.clip_norm is its key",
    "schedule": "its learning rate falls by stream.decay",
    "warm_up": "its learning rate falls by stream.decay",
    "ema_decay": "its weights are not averaged",
    "label_smoothing": "a video's labels do not exclude one another",
    "balance": "its videos come in the order of their shards",
}


def dataset(recipe: Base, tree: Tree, catalog: Catalog) -> list[Fault]:
    """Return faults: of an unknown dataset, and of a recipe for the other kind of data.

    A dataset of shards needs a stream and a multi-label model; others neither.
    """
    name = recipe.dataset
    if name not in catalog.names("datasets"):
        message = plugins.unknown("dataset", name, catalog.names("datasets"))
        if hint := plugins.path_hint(name):
            message = f"dataset = {name}: {hint}: dataset: table, data: {name}"
        message += f".{OUTSIDE.format(kind='datasets', name=name)}"
        return [Fault(tree.place("dataset"), message)]
    if kind_of_dataset(name, catalog) == VIDEOS:
        return list(_check_stream(recipe, tree, catalog))
    return [*_check_recordings(recipe, tree, catalog), *features_missing(tree)]


def features_missing(tree: Tree) -> list[Fault]:
    if tree.values.get("features") or kind_of(tree.values) == VIDEOS:
        return []
    return [Fault(tree.place(), "features is missing")]


def _check_stream(recipe: Base, tree: Tree, catalog: Catalog) -> Iterator[Fault]:
    name, settings = recipe.dataset, recipe.model_dump(mode="json")
    if kind_of(settings) == RECORDINGS:
        yield Fault(tree.place(), f"stream is missing; {name} is read as a stream of shards")
    if kind_of_model(settings["model"]["name"], catalog) == RECORDINGS:
        message = f"gives one scene; {name} has many labels a video: lstm_video"
        yield Fault(
            tree.place("model", "name"), f"model.name = {settings['model']['name']}: {message}"
        )
    for key, instead in NOT_FOR_STREAMS.items():
        if settings[key] != _default(key):
            yield Fault(tree.place(key), f"{key}: {name} is a stream of shards: {instead}")
    for key, instead in TRAINING_NOT_FOR_STREAMS.items():
        if getattr(recipe.training, key) != type(recipe.training).model_fields[key].default:
            message = f"training.{key}: {name} is a stream of shards: {instead}"
            yield Fault(tree.place("training", key), message)
    if recipe.training.curve_every != 1:
        message = "training.curve_every: a stream is evaluated after every epoch"
        yield Fault(tree.place("training", "curve_every"), message)
    if recipe.paper is not None and recipe.paper.gap is None:
        yield Fault(tree.place("paper"), "paper.gap is missing")


def _check_recordings(recipe: Base, tree: Tree, catalog: Catalog) -> Iterator[Fault]:
    name, settings = recipe.dataset, recipe.model_dump(mode="json")
    if kind_of(settings) == VIDEOS:
        message = f"stream: {name} is no stream of shards; remove the section"
        yield Fault(tree.place("stream"), message)
    if kind_of_model(settings["model"]["name"], catalog) == VIDEOS:
        message = f"labels videos, each with many; {name} has one scene a recording"
        yield Fault(
            tree.place("model", "name"), f"model.name = {settings['model']['name']}: {message}"
        )
    if recipe.paper is not None and recipe.paper.error is None:
        yield Fault(tree.place("paper"), "paper.error is missing")


def _default(key: str) -> Any:
    """Return the default of a recipe's key, as it is dumped."""
    if key == "features":
        return None
    default = Base.model_fields[key].default
    return default.model_dump(mode="json") if hasattr(default, "model_dump") else _as_list(default)


def _as_list(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


def unknown_sources(recipe: Base | EnsembleKeys, tree: Tree) -> list[Fault]:
    """Return faults for keys under source.stated and source.ours that the recipe does not have."""
    settings = recipe.model_dump(mode="json")
    keys = [name for name, value in settings.items() if not isinstance(value, dict)]
    for section in (name for name, value in settings.items() if isinstance(value, dict)):
        keys += [section, *(f"{section}.{key}" for key in settings[section])]
    listed = [(k, key) for k in ("stated", "ours") for key in (settings["source"] or {}).get(k, ())]
    return [
        Fault(tree.place("source", list_name), plugins.unknown("key", key, keys))
        for list_name, key in listed
        if key not in keys
    ]


def optimiser(recipe: Base, tree: Tree) -> list[Fault]:
    """Return faults: settings of another optimiser than the recipe's."""
    t = recipe.training
    faults = {
        "l2": (
            t.optimiser == "adamw" and t.l2 > 0,
            "adamw takes off weight_decay in place of a penalty; l2: 0, or optimiser: adam",
        ),
        "weight_decay": (
            t.optimiser != "adamw" and t.weight_decay > 0,
            f"is of adamw; {t.optimiser} has l2",
        ),
        "momentum": (
            t.optimiser != "sgd" and t.momentum > 0,
            f"is of sgd; remove it, or optimiser: sgd in place of {t.optimiser}",
        ),
        "nesterov": (
            t.nesterov and not (t.optimiser == "sgd" and t.momentum > 0),
            "needs optimiser: sgd and a momentum above 0",
        ),
        "warm_up": (
            t.schedule == "one_cycle" and t.warm_up == 0,
            "one_cycle rises before it falls; more than 0, or schedule: cosine",
        ),
    }
    return [
        Fault(tree.place("training", key), f"training.{key} = {getattr(t, key)}: {message}")
        for key, (wrong, message) in faults.items()
        if wrong
    ]


def fits_itself(recipe: Base, tree: Tree, catalog: Catalog) -> list[Fault]:
    """Return faults: what is for batches of clips, with a model that fits itself on all of them."""
    messages: dict[tuple[str, ...], str] = {}
    if recipe.augment:
        messages[("augment",)] = (
            "augment: the model {} fits itself, on one set of clips; augment: []"
        )
    if recipe.clips.crops == "random":
        messages[("clips", "crops")] = (
            "clips.crops = random: the model {} fits itself, on one set of clips; crops: grid"
        )
    if recipe.distil:
        messages[("distil",)] = "distil: the model {} fits itself, to labels alone; distil: null"
    if recipe.fine_tune:
        messages[("fine_tune",)] = "fine_tune: the model {} fits itself, once; fine_tune: null"
    fields = type(recipe.training).model_fields
    descent = [key for key in OF_DESCENT if getattr(recipe.training, key) != fields[key].default]
    if not messages and not descent:
        return []
    name = recipe.model_dump()["model"]["name"]
    estimate = code.method(catalog.code_of("models", name), "estimate", 5)
    if estimate is None:
        return []
    if not code.uses_argument(estimate, FIT_NETWORK):
        for key in descent:
            messages[("training", key)] = (
                f"training.{key}: the model {{}} fits itself, without gradient descent; leave it "
                "out"
            )
    return [Fault(tree.place(*key), text.format(name)) for key, text in messages.items()]


def augmentation(recipe: Base, tree: Tree, catalog: Catalog) -> list[Fault]:
    """Return faults: augmentations that change levels, of a feature that is no logarithm."""
    settings = recipe.model_dump(mode="json")
    feature = (settings["features"] or {}).get("name")
    if feature is None or catalog.defines("features", feature, "log_of_power"):
        return []
    return [
        Fault(
            tree.place("augment", str(i)),
            f"augment.{i} = {each['name']}: changes levels, and the feature {feature} is no "
            "logarithm of the power in bands; log_mel is one",
        )
        for i, each in enumerate(settings["augment"])
        if catalog.constant("augment", each["name"], "NEEDS_LOGARITHM", False)
    ]


def selection(recipe: Base, tree: Tree) -> list[Fault]:
    """Return faults: choosing an epoch or a temperature needs held-out recordings."""
    remedy = (
        "add validation: {fraction: 0.1, by: group}. The test fold cannot be used for it: "
        "its score would then depend on recordings that the model was chosen on"
    )
    faults = []
    if (
        recipe.training.choose_epoch == "validation"
        and recipe.validation is None
        and kind_of(recipe.model_dump()) == RECORDINGS  # videos have a validation part
    ):
        message = f"training.choose_epoch = validation, but nothing is held out; {remedy}"
        faults.append(Fault(tree.place("training", "choose_epoch"), message))
    if recipe.evaluation.calibrate == "temperature" and recipe.validation is None:
        message = f"evaluation.calibrate = temperature, but nothing is held out; {remedy}"
        faults.append(Fault(tree.place("evaluation", "calibrate"), message))
    if recipe.evaluation.unknown and recipe.validation is None:
        message = f"evaluation.unknown: nothing is held out; {remedy}"
        faults.append(Fault(tree.place("evaluation", "unknown"), message))
    if recipe.evaluation.unknown and (recipe.fine_tune or recipe.stream):
        what = "fine_tune" if recipe.fine_tune else "a model of videos"
        message = f"evaluation.unknown: {what} has no statistics of its own; leave one of them out"
        faults.append(Fault(tree.place("evaluation", "unknown"), message))
    if recipe.evaluation.calibrate == "temperature" and recipe.evaluation.aggregate == "vote":
        message = "evaluation.calibrate = temperature: votes do not change with it; aggregate: mean"
        faults.append(Fault(tree.place("evaluation", "calibrate"), message))
    return faults
