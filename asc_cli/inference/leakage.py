"""Leakage checks: was a model trained on the recordings that it is tested on?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from asc_cli.core.errors import AscError
from asc_cli.evaluation.scores import Remark
from asc_cli.frontend.identify import audio_digests
from asc_cli.frontend.index import Entry
from asc_cli.protocol.duplicates import require_no_shared_audio
from asc_cli.protocol.fingerprint import fingerprint, fingerprint_0_1
from asc_cli.protocol.source import Source, exclude, open_source
from asc_cli.registry import models


def as_trained(model: models.Model, source: Source) -> Source:
    """Return the model's own dataset as in its recipe: the subset, less the excluded files."""
    settings = model.card["recipe"]
    if (subset := settings.get("subset")) is not None:
        source = open_source(source.dataset.name, source.root, subset, source.catalog)
    files = source.listing.by_file()
    return exclude(source, tuple(file for file in settings.get("exclude", ()) if file in files))


def has_own_lists(model: models.Model, source: Source) -> bool:
    """Return whether the model was trained on lists that name the same files in the same parts."""
    return bool(_data(model).get("lists") == fingerprint_0_1(source.listing, {}))


def trained_on(model: models.Model) -> str:
    """Return the name of the dataset that a model was trained on; "" if its card has none."""
    return str(_data(model).get("name", ""))


def _data(model: models.Model) -> dict[str, Any]:
    return model.card.get("dataset") or {}


def require_unseen_by_members(
    model: models.Model, source: Source, folds: Sequence[int], entries: Mapping[str, Entry]
) -> Remark:
    """Return a remark for the evaluation of each member on its own fold's recordings.

    The lists are those that the model was trained on. The audio is compared too: with what the
    model was trained on, by the hash of decoded samples, and within the lists.

    entries: Of the files of the lists that can be read.

    Raises AscError when a member was, or may have been, trained on what it is tested on.
    """
    audio = audio_digests(entries)
    require_no_shared_audio(
        source.dataset.name, source.listing, source.audio_root, audio, set(folds)
    )
    digests = {file: entry.digest for file, entry in entries.items()}
    prints = (fingerprint(source.listing, digests), fingerprint_0_1(source.listing, digests))
    if _data(model).get("fingerprint") in prints:
        return Remark(
            "own-folds",
            "fold k's recordings were predicted by fold k's member, which was not trained on them",
        )
    _require_untrained(model, source, folds, audio)
    return Remark(
        "own-folds-other-audio",
        "the files, or what their list says of them, differ from those that the model was trained "
        "on; fold k's recordings were predicted by fold k's member, and none has the same samples "
        "as a recording that it was trained on",
    )


def _require_untrained(
    model: models.Model, source: Source, folds: Sequence[int], audio: dict[str, str]
) -> None:
    """Raise AscError if a member was trained on audio that its fold tests."""
    trained: dict[int, set[str]] = {fold: set() for fold in folds}
    recorded = model.training_files()
    for recording in recorded:
        for fold in recording.folds or ():
            trained.setdefault(fold, set()).add(recording.audio_digest or "")
    if not recorded or any(recording.folds is None for recording in recorded):
        raise AscError(
            f"model {model.id} was trained on other audio than that at {source.audio_root}, and "
            "which member was trained on which of it is not recorded, as in models of version 0.1; "
            "evaluate it on the copy that it was trained on, or train it again"
        )
    for split in source.listing.splits:
        if split.fold not in folds:
            continue
        seen = [file for file in split.test if audio.get(file) in trained[split.fold]]
        if seen:
            raise AscError(
                f"model {model.id}: its member of fold {split.fold} was trained on {len(seen)} of "
                f"the {len(split.test)} recordings that the fold tests at {source.audio_root}, "
                f"such as {seen[0]}; the audio there is not what the model was trained on"
            )


def require_unseen(model: models.Model, source: Source, entries: Mapping[str, Entry]) -> Remark:
    """Return a remark for the evaluation of a model on another dataset than its own.

    entries: Of the tested files that can be read.

    Raises AscError when its members were, or may have been, trained on the test recordings.
    """
    trained, tested = trained_on(model), source.dataset.name
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
    if seen := _seen(model, entries):
        raise AscError(
            f"model {model.id} was trained or tested on {len(seen)} of these {len(entries)} "
            f"recordings, such as {seen[0]}; leave them out of the list"
        )
    on = tested if tested != trained else "another table"
    return Remark(
        "all-members",
        f"all {len(model.card['folds'])} members were averaged; none is tested by its own fold: "
        f"trained on {trained}, tested on {on}; {_what_was_compared(model)}",
    )


def _seen(model: models.Model, entries: Mapping[str, Entry]) -> list[str]:
    """Return the files that the model was trained or tested on, by their bytes or samples."""
    recorded = model.training_files()
    hashes = {r.digest for r in recorded} | {r.audio_digest for r in recorded if r.audio_digest}
    return [
        name
        for name, entry in entries.items()
        if entry.digest in hashes or entry.audio_digest in hashes
    ]


def _what_was_compared(model: models.Model) -> str:
    recorded = model.training_files()
    if not recorded:
        return "its training files are not recorded, so some may be among these"
    if any(recording.audio_digest is None for recording in recorded):
        return (
            "no file is in its training data; the same sound in another file would not be noticed"
        )
    return (
        "no file has the samples of one in its training data; a copy that was cut, made louder or "
        "coded with loss would not be noticed"
    )
