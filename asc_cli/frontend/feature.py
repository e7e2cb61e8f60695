"""A feature with every parameter resolved: its key in the store, its framing, its frames."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli import features
from asc_cli.audio import decode, decoders
from asc_cli.core import json_text, paths, plugins
from asc_cli.core.errors import AscError
from asc_cli.frontend.clips import ClipGrid, clip_grid_from_frames, clip_grid_from_seconds
from asc_cli.frontend.variant import StoredVariant


@dataclass(frozen=True)
class StoredFeature:
    """A feature with every parameter resolved."""

    name: str
    sample_rate: int  # Hz
    parameters: dict[str, Any]
    version: int
    root: Path  # the store's folder, so that workers on other machines need no $ASC_HOME
    catalog: plugins.Catalog = field(default=plugins.INSTALLED, compare=False)
    variant: StoredVariant | None = None  # what changes the samples first

    def __reduce__(self) -> Any:  # without what is cached: a worker imports plug-ins itself
        return StoredFeature, tuple(getattr(self, each.name) for each in fields(self))

    @functools.cached_property
    def key(self) -> str:
        return _key(self.description())

    @functools.cached_property
    def key_of_0_1(self) -> str:
        """The key that version 0.1 gave it, which recorded no versions of decoders."""
        described = self.description()
        audio = {k: v for k, v in described["audio"].items() if k not in decoders.ORIGINAL}
        return _key({**described, "audio": audio})

    def description(self) -> dict[str, Any]:
        """Return what its key is the hash of, and what a model's card says of it.

        A parameter, or a version of a decoder, that is what it was before there was a key for it
        is left out: nothing that was stored or trained before gets another name.
        """
        added = self.catalog.added(self.name)
        described = {
            "name": self.name,
            "version": self.version,
            "parameters": {
                name: value
                for name, value in self.parameters.items()
                if name not in added or value != added[name]
            },
            "audio": {
                "sample_rate": self.sample_rate,
                "decoding": decode.DECODING,
                **decoders.described(),
            },
        }
        if (code := self.catalog.find("features", self.name)) is not None:
            described["code"] = code.hash  # two people's features may share a name and a version
        if hasattr(self.compute, "files"):
            described["files"] = self.compute.files()
        if self.variant:
            described["variant"] = self.variant.to_dict()
        return described

    @functools.cached_property
    def folder(self) -> Path:
        return self.root / f"{self.name}-{self.key}"

    @functools.cached_property
    def compute(self) -> features.Feature:
        """The feature itself: compute(samples, sample_rate) -> (T, F)."""
        return self.catalog.feature(self.name, self.parameters)

    def download(self) -> None:
        """Get what it reads from where it is published, if it is an encoder of a hub."""
        if hasattr(self.compute, "download"):
            self.compute.download()

    @functools.cached_property
    def framing(self) -> features.Framing:
        """Frame and hop length in samples. Raises AscError for parameters without a meaning."""
        try:
            framing = self.compute.framing(self.sample_rate)
            if min(framing.frame_samples, framing.hop_samples) >= 1:
                return framing
            reason = f"frames of {framing.frame_samples} samples every {framing.hop_samples}"
        except (ValueError, TypeError, ArithmeticError) as fault:
            raise self.impossible(fault) from fault
        raise self.impossible(reason)

    def impossible(self, reason: object) -> AscError:
        """Return the error of parameters that this feature cannot be computed with."""
        return AscError(
            f"features: {self.name} cannot be computed with {self.parameters} at "
            f"{self.sample_rate} Hz ({reason})"
        )

    @functools.cached_property
    def n_bands(self) -> int:
        """F, the numbers in a frame."""
        return len(self.floor)

    @functools.cached_property
    def floor(self) -> np.ndarray:  # (F,)
        """The frame of digital silence."""
        return self.compute(_silence(self), self.sample_rate)[0]

    @property
    def hop_seconds(self) -> float:
        return self.framing.hop_samples / self.sample_rate

    def clip_grid(self, settings: Mapping[str, Any]) -> ClipGrid:
        """Return the grid of clips on its frames, from a recipe's `clips`. Raises AscError."""
        try:
            floor = self.floor if settings.get("silence") == "drop" else None
            grid = self._clip_grid(settings)
            return replace(grid, loop=settings.get("short") == "loop", floor=floor)
        except (ValueError, TypeError, ArithmeticError, KeyError) as fault:
            raise AscError(f"clips: {dict(settings)} give no clips ({fault})") from fault

    def _clip_grid(self, settings: Mapping[str, Any]) -> ClipGrid:
        if self.framing.of_recording and settings.get("length_frames") != 1:
            raise AscError(
                f"clips: {self.name} is one frame, of a recording as a whole; "
                "clips: {length_frames: 1, overlap: 0}"
            )
        if settings.get("length_frames") is not None:
            return clip_grid_from_frames(settings["length_frames"], settings["overlap"])
        return clip_grid_from_seconds(
            settings["length_s"],
            settings["overlap"],
            self.sample_rate,
            0 if self.framing.centred else self.framing.frame_samples,
            self.framing.hop_samples,
        )


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


def of_card(described: Mapping[str, Any], catalog: plugins.Catalog) -> StoredFeature:
    """Return the feature that a model was trained on, as it is computed here.

    What the card lacks has the value that it had then (`ADDED` of the feature). Other versions of
    the decoders are no obstacle, see `audio.decoders.remarks`.

    Args:
        described: The card's `feature`.
        catalog: Where features are looked up.

    Raises:
        AscError: The feature is not there, or is computed otherwise now.
    """
    name, audio = described["name"], described["audio"]
    parameters = {**catalog.added(name), **described["parameters"]}
    feature = resolve(name, audio["sample_rate"], parameters, catalog)
    now = feature.description()
    then = (described["version"], audio["decoding"], described.get("code"))
    if then != (now["version"], now["audio"]["decoding"], now.get("code")):
        raise AscError(
            f"the model was trained on {name} version {described['version']} "
            f"({audio['decoding']}); this asc computes version {feature.version} "
            f"({decode.DECODING}). Train it again, or use the version of asc that trained it"
        )
    if described.get("files") != now.get("files"):
        raise AscError(
            f"the model was trained on {name} with other files than those that {parameters} names "
            "now; put the files of then there, or train it again"
        )
    return feature


def _silence(feature: StoredFeature) -> np.ndarray:  # (N,)
    """Return the zeros of one frame, or of the window that frames depend on."""
    framing = feature.framing
    return np.zeros(max(framing.frame_samples, framing.window_samples), np.float32)


def _key(description: dict[str, Any]) -> str:
    text = json_text.dumps(description, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def probe(feature: StoredFeature) -> None:
    """Raise AscError if these parameters give no frames, whatever the audio."""
    try:
        silence = _silence(feature)
        frames = feature.compute(silence, feature.sample_rate)
        if feature.variant:
            feature.variant.changed(silence, feature.sample_rate)
    except (ValueError, TypeError, ArithmeticError) as fault:
        raise feature.impossible(fault) from fault
    if frames.ndim != 2 or 0 in frames.shape or not np.isfinite(frames).all():
        raise AscError(
            f"features: {feature.name} gives no bands with {feature.parameters} at "
            f"{feature.sample_rate} Hz"
        )
