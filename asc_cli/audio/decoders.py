"""The libraries that decode and resample audio: other versions may give other samples.

What libsndfile decodes with (FLAC, Vorbis, Opus, mpg123) is part of its own package and tells no
version.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import metadata
from typing import Any

ORIGINAL = {"libsndfile": "1.2.2", "soxr": "1.1.0"}  # of 0.1.0, which did not record them


@functools.cache
def versions() -> Mapping[str, str]:
    """Return the version of each library here."""
    import soundfile

    return {
        "libsndfile": soundfile.__libsndfile_version__,
        "soxr": metadata.version("soxr"),
    }


def described() -> Mapping[str, str]:
    """Return what a feature's description says of them: those that are not ORIGINAL's.

    So a feature that is decoded as by 0.1.0 keeps its key, and its stored arrays.
    """
    return {name: now for name, now in versions().items() if now != ORIGINAL[name]}


def differences(audio: Mapping[str, Any]) -> list[str]:
    """Return how the libraries here differ from those that a feature's description means.

    Args:
        audio: The description's `audio`.
    """
    return [
        f"{name} {audio.get(name, ORIGINAL[name])} then, {now} now"
        for name, now in versions().items()
        if audio.get(name, ORIGINAL[name]) != now
    ]


def remarks(described: Mapping[str, Any]) -> list[str]:
    """Return a remark on a model whose audio was decoded by other versions.

    Args:
        described: The `feature` of its card; one of videos has no audio.
    """
    audio = described.get("audio")
    changed = differences(audio) if isinstance(audio, Mapping) else []
    if not changed:
        return []
    return [
        f"it was trained on audio that other versions decoded ({'; '.join(changed)}); "
        "probabilities may differ in their last digits"
    ]
