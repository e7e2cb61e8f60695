"""A model's logits of stored recordings, computed once for all trainings that learn from them.

    logits/<model>-<key>/about.json              whose they are
    logits/<model>-<key>/<a>.safetensors         (n, C) of the n recordings whose SHA-256 begins
                                                 with the digit a, and these n hashes

    l_c = 1/K Σ_k ln p_c(clip k)                 K clips of the recording

The key is the hash of the model's identity (its weights and settings), of the member and of the
feature with its clips: nothing outdated is ever used. Each file has a checksum; a damaged one is
computed again. A recording is computed alone, so its bits do not depend on the others.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from asc_cli.core import atomic, json_text, parallel, paths, tensors
from asc_cli.core.errors import AscError, DamagedFile
from asc_cli.frontend import clips, store
from asc_cli.frontend.feature import StoredFeature
from asc_cli.frontend.variant import StoredVariant
from asc_cli.inference import engine, ensemble
from asc_cli.inference.member import TORCH
from asc_cli.registry import models
from asc_cli.registry.identity import identity

ABOUT = "about.json"


@dataclass(frozen=True)
class StoredLogits:
    """Where one member's logits are stored, of recordings as they are or in one variant.

    Attributes:
        model: NAME@VERSION.
        fold: The member's.
        feature: What it computes them from.
        folder: Where they are stored.
    """

    model: str
    fold: int
    feature: StoredFeature
    folder: Path

    def load(self, digests: Sequence[str]) -> np.ndarray:  # -> (n, C) float32
        """Return the logits of recordings. Raises AscError for one that is not stored."""
        stored: dict[str, np.ndarray] = {}
        for digit in sorted({digest[0] for digest in digests}):
            stored |= _read(self.folder / f"{digit}.safetensors")
        try:
            return np.stack([stored[digest] for digest in digests])
        except KeyError as fault:
            raise AscError(
                f"{self.folder}: the logits of recording {fault} are missing or damaged; the same "
                "command computes them again"
            ) from fault


def stored_logits(
    model: models.Model, fold: int, variant: StoredVariant | None = None
) -> StoredLogits:
    """Return where a member's logits are, whether they are computed yet or not."""
    loaded = ensemble.load(model, fold, engine=TORCH)
    feature = replace(loaded.feature, variant=variant)
    settings = model.card["recipe"]["clips"]
    about = [identity(model), fold, feature.description(), settings]
    key = hashlib.sha256(json_text.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    folder = paths.logits() / f"{model.card['name']}-{key}"
    return StoredLogits(model.id, fold, feature, folder)


def compute(
    needed: Sequence[tuple[StoredLogits, Sequence[str]]],
    jobs: int | None,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Compute the logits that are missing, of recordings whose features are stored.

    Args:
        needed: Logits, and the SHA-256 of each recording's file.
        jobs: Worker processes; one per processor when None.
        progress: Called with (done, all) of the recordings that are missing.

    Returns:
        How many were computed.
    """
    done = 0
    # again where another process wrote the same file at the same time, without these recordings
    while tasks := [task for stored, digests in needed for task in _tasks(stored, digests)]:
        total = done + sum(len(digests) for _, _, digests in tasks)
        for stored in {task[0].folder: task[0] for task in tasks}.values():
            atomic.write_json(stored.folder / ABOUT, {"model": stored.model, "fold": stored.fold})
        for n in parallel.map_unordered(
            _compute,
            tasks,
            jobs if len(tasks) > 1 else 1,
            here=True,  # reads the feature store
        ):
            done += n
            if progress:
                progress(done, total)
    return done


def _tasks(
    stored: StoredLogits, digests: Sequence[str]
) -> Iterator[tuple[StoredLogits, str, tuple[str, ...]]]:
    by_digit: dict[str, list[str]] = defaultdict(list)
    for digest in dict.fromkeys(digests):
        by_digit[digest[0]].append(digest)
    for digit, own in sorted(by_digit.items()):
        there = _read(stored.folder / f"{digit}.safetensors")
        if missing := tuple(digest for digest in own if digest not in there):
            yield stored, digit, missing


def _compute(stored: StoredLogits, digit: str, digests: Sequence[str]) -> int:
    """Compute the logits of recordings in a worker, and store them beside those there are."""
    import torch

    [loaded] = engine.loaded(
        engine.Request(models.find(stored.model), stored.fold, engine=TORCH)
    ).systems
    features = store.Stored(stored.feature)
    new = {digest: _of_recording(loaded, features.load(digest)) for digest in digests}
    path = stored.folder / f"{digit}.safetensors"
    rows = {**_read(path), **new}
    values = torch.from_numpy(np.stack([*rows.values()]))
    tensors.save(path, {"logits": values}, {"recordings": " ".join(rows)})
    return len(new)


def _of_recording(model: ensemble.Loaded, frames: np.ndarray) -> np.ndarray:  # (T, F) -> (C,)
    cut = clips.from_stream([frames], model.clip_grid, engine.BATCH_CLIPS)
    parts = [
        ensemble.log_probabilities(model, batch, lengths)[0]
        for batch, lengths, _ in clips.numbered(cut, model.clip_grid)
    ]
    logits = np.concatenate(parts).mean(axis=0)
    if not np.isfinite(logits).all():
        raise AscError(f"model {model.id}: {engine.NOT_FINITE}")
    return np.float32(logits)


def _read(path: Path) -> dict[str, np.ndarray]:
    """Return digest → logits (C,) in a file; nothing of a file that is damaged or not there."""
    try:
        file = tensors.load(path)
        digests, values = file.texts["recordings"].split(), file.arrays["logits"].numpy()
    except (OSError, KeyError, DamagedFile):
        return {}
    return dict(zip(digests, values, strict=True)) if file.checked else {}
