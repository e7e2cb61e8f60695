"""Which member of a model has not seen what a fold tests or validates on.

Equal fold numbers prove nothing: another split may have them. So every recording of the fold is
compared with what each member was trained on, by the bytes of the file and by decoded samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asc_cli.datasets import Dataset
from asc_cli.inference.leakage import trained_on
from asc_cli.registry import models


@dataclass(frozen=True)
class HeldOut:
    """The recordings of a fold that no training may see.

    Attributes:
        fold: The fold.
        files: Their names.
        digests: Name → SHA-256 of the file's bytes.
        audio_digests: Name → SHA-256 of its decoded samples.
    """

    fold: int
    files: Sequence[str]
    digests: Mapping[str, str]
    audio_digests: Mapping[str, str]

    def traces(self, file: str) -> set[str]:
        """Return what a recording is recognised by."""
        return {self.digests[file], self.audio_digests[file]}


def free_member(model: models.Model, dataset: Dataset, held_out: HeldOut) -> int | str:
    """Return the fold of a member that was trained on none of these recordings.

    Args:
        model: A registered model of scenes.
        dataset: The dataset that the recordings are of.
        held_out: The recordings.

    Returns:
        A fold of the model, the one of the same number first; or why there is none: a clause that
        follows the model's name, and names a recording.
    """
    rows = model.training_files()
    example = held_out.files[0]
    if not rows or any(row.folds is None for row in rows):
        return (
            f"does not record which member was trained on which recording, as in models of version "
            f"0.1, so it may have been trained on {example}; train it again"
        )
    if reason := _not_comparable(model, dataset, held_out):
        return reason
    seen: dict[int, list[str]] = {}
    for fold in model.card["folds"]:
        traces = {
            trace
            for row in rows
            if fold in (row.folds or ())
            for trace in (row.digest, row.audio_digest)
        }
        seen[fold] = [file for file in held_out.files if held_out.traces(file) & traces]
    free = [fold for fold, files in seen.items() if not files]
    if free:
        return held_out.fold if held_out.fold in free else free[0]
    least = min(seen, key=lambda fold: (len(seen[fold]), fold != held_out.fold, fold))
    return (
        f"has no member that was not trained on some of the {len(held_out.files)} recordings that "
        f"fold {held_out.fold} tests or validates on: its member of fold {least} was trained on "
        f"{len(seen[least])} of them, such as {seen[least][0]}"
    )


def _not_comparable(model: models.Model, dataset: Dataset, held_out: HeldOut) -> str | None:
    """Return why recordings of this dataset cannot be compared with what a model was trained on."""
    trained = trained_on(model)
    if trained in dataset.shares_with:
        return (
            f"was trained on {trained}, which has recordings in common with {dataset.name}, cut "
            f"otherwise, so it may have been trained on the sound of {held_out.files[0]}"
        )
    if trained != dataset.name or trained == "table":
        return None
    recorded = {trace for row in model.training_files() for trace in (row.digest, row.audio_digest)}
    absent = [file for file in held_out.files if not held_out.traces(file) & recorded]
    settings = model.card["recipe"]
    if settings.get("subset") is not None and len(absent) < len(held_out.files):
        return None  # what a subset leaves out
    absent = [file for file in absent if file not in (settings.get("exclude") or ())]
    if not absent:
        return None
    return (
        f"was trained on another copy of {dataset.name}, or on other lists: {absent[0]} is not "
        "among its recordings, so the two cannot be compared; train it on this copy"
    )
