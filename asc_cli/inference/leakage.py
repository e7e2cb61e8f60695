"""Leakage checks: was a model trained on the recordings that it is tested on?"""

from __future__ import annotations

from collections.abc import Sequence

from asc_cli.core.errors import AscError
from asc_cli.evaluation import submission
from asc_cli.frontend import store
from asc_cli.protocol import audit
from asc_cli.protocol.source import Source, exclude, open_source
from asc_cli.registry import models


def lists_fingerprint(source: Source) -> str:
    return audit.fingerprint(source.listing, {})


def as_trained(model: models.Model, source: Source) -> Source:
    """Return the model's own dataset as in its recipe: the subset, less the excluded files."""
    settings = model.card["recipe"]
    if settings["subset"] is not None:
        source = open_source(source.dataset.name, source.root, settings["subset"], source.catalog)
    files = source.listing.by_file()
    return exclude(source, tuple(file for file in settings["exclude"] if file in files))


def require_unseen_recordings(
    model: models.Model, source: Source, folds: Sequence[int] | None
) -> list[str]:
    """Return remarks for the evaluation of a model on another dataset than its own.

    Raises AscError when its members were, or may have been, trained on the test recordings.
    """
    trained, tested = model.card["dataset"]["name"], source.dataset.name
    if trained == tested != "table":
        raise AscError(
            f"model {model.id} was trained on other lists of {tested} than those at "
            f"{source.root}: its members may have been trained on the test recordings; evaluate it "
            "on the copy that it was trained on, or train on this one"
        )
    if trained in source.dataset.shares_with:
        raise AscError(
            f"model {model.id} was trained on {trained}, which has recordings in common with "
            f"{tested}: it would be tested on its training data; train on {tested}"
        )
    names = list(dict.fromkeys(file for _, file in submission.tested(source.listing, folds)))
    digests = model.training_digests()
    if seen := [name for name in names if store.digest(source.path(name)) in digests]:
        raise AscError(
            f"model {model.id} was trained or tested on {len(seen)} of these {len(names)} "
            f"recordings, such as {seen[0]}; leave them out of the list"
        )
    remark = (
        "no file is in its training data; the same sound in another file would not be noticed"
        if digests
        else "its training files are not recorded, so some may be among these"
    )
    on = tested if tested != trained else "another table"
    return [
        f"all {len(model.card['folds'])} members were averaged; none is tested by its own fold: "
        f"trained on {trained}, tested on {on}; {remark}"
    ]
