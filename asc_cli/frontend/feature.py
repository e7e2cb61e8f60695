"""A feature with every parameter resolved: its key in the store, its framing, its frames."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli import features
from asc_cli.audio import decode
from asc_cli.core import paths, plugins
from asc_cli.core.errors import AscError
from asc_cli.frontend.clips import ClipGrid, clip_grid_from_frames, clip_grid_from_seconds


@dataclass(frozen=True)
class StoredFeature:
    """A feature with every parameter resolved."""

    name: str
    sample_rate: int  # Hz
    parameters: dict[str, Any]
    version: int
    root: Path  # the store's folder, so that workers on other machines need no $ASC_HOME
    catalog: plugins.Catalog = field(default=plugins.INSTALLED, compare=False)

    def __reduce__(self) -> Any:  # without what is cached: a worker imports plug-ins itself
        return StoredFeature, tuple(getattr(self, each.name) for each in fields(self))

    @functools.cached_property
    def key(self) -> str:
        text = json.dumps(self.description(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def description(self) -> dict[str, Any]:
        described = {
            "name": self.name,
            "version": self.version,
            "parameters": self.parameters,
            "audio": {"sample_rate": self.sample_rate, "decoding": decode.DECODING},
        }
        if (code := self.catalog.find("features", self.name)) is not None:
            described["code"] = code.hash  # two people's features may share a name and a version
        return described

    @functools.cached_property
    def folder(self) -> Path:
        return self.root / f"{self.name}-{self.key}"

    @functools.cached_property
    def compute(self) -> features.Feature:
        """The feature itself: compute(samples, sample_rate) -> (T, F)."""
        return self.catalog.feature(self.name, self.parameters)

    @functools.cached_property
    def framing(self) -> features.Framing:
        """Frame and hop length in samples."""
        return self.compute.framing(self.sample_rate)

    @property
    def hop_seconds(self) -> float:
        return self.framing.hop_samples / self.sample_rate

    def clip_grid(self, settings: Mapping[str, Any]) -> ClipGrid:
        """Return the grid of clips on its frames, from a recipe's `clips`. Raises AscError."""
        if settings.get("length_frames") is not None:
            return clip_grid_from_frames(settings["length_frames"], settings["overlap"])
        return clip_grid_from_seconds(
            settings["length_s"],
            settings["overlap"],
            self.sample_rate,
            self.framing.frame_samples,
            self.framing.hop_samples,
        )

    def object(self, digest: str) -> Path:
        return self.folder / digest[:2] / f"{digest[2:]}.npy"


def resolve(
    name: str,
    sample_rate: int,  # Hz
    parameters: dict[str, Any],
    catalog: plugins.Catalog = plugins.INSTALLED,
) -> StoredFeature:
    """Return a feature with its defaults filled in. Raises AscError for an unknown name."""
    defaults = {f.name: f.default for f in fields(catalog.feature_class(name))}
    parameters, version = {**defaults, **parameters}, catalog.version(name)
    return StoredFeature(name, sample_rate, parameters, version, paths.features(), catalog)


def probe(feature: StoredFeature) -> None:
    """Raise AscError if these parameters give no frames, whatever the audio."""
    try:
        silence = np.zeros(feature.framing.frame_samples, np.float32)
        frames = feature.compute(silence, feature.sample_rate)
    except (ValueError, TypeError, ArithmeticError) as fault:
        raise AscError(
            f"features: {feature.name} cannot be computed with {feature.parameters} at "
            f"{feature.sample_rate} Hz ({fault})"
        ) from fault
    if frames.ndim != 2 or 0 in frames.shape or not np.isfinite(frames).all():
        raise AscError(
            f"features: {feature.name} gives no bands with {feature.parameters} at "
            f"{feature.sample_rate} Hz"
        )
