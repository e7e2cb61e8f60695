"""Recordings of none of the scenes: signals that are made up, and those of a folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from asc_cli.audio import inputs
from asc_cli.core.errors import AscError
from asc_cli.features import stream
from asc_cli.frontend import store
from asc_cli.frontend.feature import StoredFeature
from asc_cli.frontend.identify import audio_digests, identify
from asc_cli.frontend.index import Entry
from asc_cli.frontend.signals import signals

KEY = "evaluation.unknown.negatives"


def frames(feature: StoredFeature, folder: str | None) -> list[np.ndarray]:  # -> (T, F) each
    """Return the features of the signals, then of the recordings of a folder if there is one."""
    made_up = [_frames_of(feature, samples) for samples in signals(feature.sample_rate)]
    return [*made_up, *(store.compute(feature, path) for path in recordings(folder))]


def recordings(folder: str | None) -> list[Path]:
    """Return the recordings of a folder, sorted; none without a folder.

    Raises:
        AscError: It is no folder, or has no recordings.
    """
    if folder is None:
        return []
    if not os.path.isdir(folder):
        raise AscError(
            f"{KEY} = {folder}: a folder with recordings of none of the scenes was expected"
        )
    paths = [path for path in inputs.find([folder]) if not os.path.isdir(path)]
    if not paths:
        raise AscError(f"{KEY} = {folder}: it has no recordings")
    return paths


def identity(folder: str) -> str:
    """Return a hash of the sounds of a folder, whatever their names are."""
    digests = sorted(audio_digests(entries(folder)).values())
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:16]


def require_others(folder: str | None, dataset: str, digests: Mapping[str, str]) -> None:
    """Raise AscError for a folder with a recording of the dataset, under whatever name.

    digests: File of the dataset → hash of its decoded samples.
    """
    if folder is None:
        return
    file_of = {digest: file for file, digest in digests.items()}
    if same := [
        (path, file_of[d]) for path, d in audio_digests(entries(folder)).items() if d in file_of
    ]:
        path, file = same[0]
        raise AscError(
            f"{KEY} = {folder}: {len(same)} of its recordings are of {dataset}, such as {path}, "
            f"which holds the same audio as {file}; only recordings of none of the scenes belong "
            "there, and none that is tested"
        )


def entries(folder: str | None) -> dict[str, Entry]:
    """Return the hashes of each recording of a folder. Raises AscError for one that cannot be
    read."""
    paths = {os.fspath(path): path for path in recordings(folder)}
    identified = identify(paths, jobs=1)
    if unread := [path for path in paths if path not in identified]:
        raise AscError(
            f"{KEY}: {unread[0]} cannot be read; asc predict {unread[0]} says why. Take it out of "
            "the folder"
        )
    return identified


def _frames_of(feature: StoredFeature, samples: np.ndarray) -> np.ndarray:  # (N,) -> (T, F)
    """Return the features of samples at the feature's sample rate, in its variant."""
    if feature.variant:
        samples = feature.variant.changed(samples, feature.sample_rate)
    return np.concatenate([*stream(feature.compute, iter([samples]), feature.sample_rate)])
