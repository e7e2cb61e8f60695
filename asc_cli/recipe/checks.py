"""What the keys of a recipe must be together, after each alone is right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asc_cli.core import plugins
from asc_cli.core.kind import VIDEOS, kind_of_dataset
from asc_cli.recipe.schema import Base
from asc_cli.recipe.source import Fault, Tree

UNSTREAMED = {  # what a stream of shards has no use for, and what it has instead
    "features": "its shards hold features",
    "clips": "a video is one sequence, up to stream.max_frames",
    "validation": "its validation part is stream.validation_part",
    "evaluation": "its figures are GAP, Hit@1 and PERR",
    "exclude": "leave shards out by stream.train_part",
    "subset": "none is published",
}


def streaming(whole: Base, tree: Tree) -> list[Fault]:
    """A dataset of shards has a stream and a model of many labels; one of recordings has not."""
    if kind_of_dataset(whole.dataset) == VIDEOS:
        return list(_streamed(whole, tree))
    return [*_recorded(whole, tree), *features_missing(tree)]


def features_missing(tree: Tree) -> list[Fault]:
    if tree.values.get("features") or tree.values.get("stream"):
        return []
    return [Fault(tree.place(), "features is missing")]


def _streamed(whole: Base, tree: Tree) -> Iterator[Fault]:
    name, settings = whole.dataset, whole.model_dump(mode="json")
    if whole.stream is None:
        yield Fault(tree.place(), f"stream is missing; {name} is read as a stream of shards")
    if not _many_labels(settings):
        what = f"gives one scene; {name} has many labels a video: lstm_video"
        yield Fault(
            tree.place("model", "name"), f"model.name = {settings['model']['name']}: {what}"
        )
    for key, instead in UNSTREAMED.items():
        if settings[key] != _default(key):
            yield Fault(tree.place(key), f"{key}: {name} is a stream of shards: {instead}")
    if whole.training.curve_every != 1:
        what = "training.curve_every: a stream is evaluated after every epoch"
        yield Fault(tree.place("training", "curve_every"), what)
    if whole.paper is not None and whole.paper.gap is None:
        yield Fault(tree.place("paper"), "paper.gap is missing")


def _recorded(whole: Base, tree: Tree) -> Iterator[Fault]:
    name, settings = whole.dataset, whole.model_dump(mode="json")
    if whole.stream is not None:
        what = f"stream: {name} is no stream of shards; remove the section"
        yield Fault(tree.place("stream"), what)
    if _many_labels(settings):
        what = f"labels videos, each with many; {name} has one scene a recording"
        yield Fault(
            tree.place("model", "name"), f"model.name = {settings['model']['name']}: {what}"
        )
    if whole.paper is not None and whole.paper.error is None:
        yield Fault(tree.place("paper"), "paper.error is missing")


def _many_labels(settings: dict[str, Any]) -> bool:
    return plugins.constant("models", settings["model"]["name"], "MANY_LABELS", False)


def _default(key: str) -> Any:
    """Of a key of the whole recipe, as it is dumped."""
    if key == "features":
        return None
    default = Base.model_fields[key].default
    return default.model_dump(mode="json") if hasattr(default, "model_dump") else _plain(default)


def _plain(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


def unknown_sources(whole: Base, tree: Tree) -> list[Fault]:
    """Keys under source.stated and source.ours that are no keys of the recipe."""
    settings = whole.model_dump(mode="json")
    known = [name for name, value in settings.items() if not isinstance(value, dict)]
    for section in (name for name, value in settings.items() if isinstance(value, dict)):
        known += [section, *(f"{section}.{key}" for key in settings[section])]
    given = [(k, key) for k in ("stated", "ours") for key in (settings["source"] or {}).get(k, ())]
    return [
        Fault(tree.place("source", part), plugins.unknown("key", key, known))
        for part, key in given
        if key not in known
    ]


def selection(whole: Base, tree: Tree) -> list[Fault]:
    """Choosing needs recordings to choose on that are not the test fold's."""
    remedy = (
        "add validation: {fraction: 0.1, by: group}. The test fold may not choose: its score "
        "would then be of recordings that had a say in the model"
    )
    faults = []
    if (
        whole.training.choose_epoch == "validation"
        and whole.validation is None
        and whole.stream is None  # has a validation part
    ):
        what = f"training.choose_epoch = validation, but nothing is held out; {remedy}"
        faults.append(Fault(tree.place("training", "choose_epoch"), what))
    if whole.evaluation.calibrate == "temperature" and whole.validation is None:
        what = f"evaluation.calibrate = temperature, but nothing is held out; {remedy}"
        faults.append(Fault(tree.place("evaluation", "calibrate"), what))
    if whole.evaluation.calibrate == "temperature" and whole.evaluation.aggregate == "vote":
        what = "evaluation.calibrate = temperature: votes do not change with it; aggregate: mean"
        faults.append(Fault(tree.place("evaluation", "calibrate"), what))
    return faults
