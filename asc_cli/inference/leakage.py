"""Does a model know the recordings that it would be tested on?"""

from __future__ import annotations

from collections.abc import Sequence

from asc_cli.core.errors import AscError
from asc_cli.evaluation import submission
from asc_cli.frontend import store
from asc_cli.protocol import audit
from asc_cli.protocol.source import Source, open_source, without
from asc_cli.registry import models


def lists_fingerprint(source: Source) -> str:
    return audit.fingerprint(source.listing, {})


def as_trained(model: models.Model, source: Source) -> Source:
    """The model's own dataset as its recipe takes it: the subset, less the excluded files."""
    settings = model.card["recipe"]
    if settings["subset"] is not None:
        source = open_source(source.dataset.name, source.root, settings["subset"])
    files = source.listing.by_file()
    return without(source, tuple(file for file in settings["exclude"] if file in files))


def require_unseen_recordings(
    model: models.Model, source: Source, folds: Sequence[int] | None
) -> list[str]:
    """What to say of a model on lists that it was not trained on.

    Raises AscError when its members have heard what they would be tested on, or may have.
    """
    trained, tested = model.card["dataset"]["name"], source.dataset.name
    if trained == tested != "table":
        raise AscError(
            f"model {model.id} was trained on other lists of {tested} than those at "
            f"{source.root}: its members may have heard what they would be tested on; evaluate it "
            "on the copy that it was trained on, or train on this one"
        )
    if trained in source.dataset.shares_with:
        raise AscError(
            f"model {model.id} was trained on {trained}, which has recordings in common with "
            f"{tested}: it would be tested on what it has heard; train on {tested}"
        )
    names = list(dict.fromkeys(file for _, file in submission.tested(source.listing, folds)))
    heard = model.heard()
    if known := [name for name in names if store.digest(source.path(name)) in heard]:
        raise AscError(
            f"model {model.id} was made from {len(known)} of these {len(names)} recordings, "
            f"{known[0]} among them: what it has heard is no test; leave them out of the list"
        )
    told = (
        "no file is one that it was made from; the same sound in another file cannot be told"
        if heard
        else "it does not say which files it was made from, so some may be among these"
    )
    on = tested if tested != trained else "another table"
    return [
        f"all {len(model.card['folds'])} members were averaged; none is tested by its own fold: "
        f"trained on {trained}, tested on {on}; {told}"
    ]
