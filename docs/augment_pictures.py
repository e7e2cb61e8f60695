"""Pictures of what each augmentation does to made-up clips: small PNG files for the documentation.

A clip of 64 frames and 48 bands, log-mel like: bursts of noise over a hum, or a rising tone. What
is shown is the level in dB, from dark to bright; panels stand side by side.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from asc_cli.augment import Batch, Scale
from asc_cli.core import plugins

FRAMES, BANDS, PIXELS, GAP = 64, 48, 3, 8
MIXED = ("between_class", "freq_mixstyle", "mixup")  # their pictures show the other clip too
SHOWN = {  # parameters under which the effect is seen at once, and the seed
    "band_mask": ({"width": 10}, 4),
    "between_class": ({"share": 1.0}, 4),
    "equaliser": ({"db": 20.0}, 3),
    "freq_mixstyle": ({"share": 1.0, "alpha": 5.0}, 9),
    "gain": ({"db": 20.0}, 3),
    "mixup": ({"alpha": 5.0}, 4),
    "time_mask": ({"width": 12}, 2),
    "time_roll": ({"share": 0.5}, 2),
}
LOWEST, HIGHEST = -9.0, 5.0  # ln of power: the darkest and the brightest


def clip_pair() -> np.ndarray:  # -> (2, T, F) ln of power
    rng = np.random.default_rng(0)
    t, f = np.arange(FRAMES)[:, None], np.arange(BANDS)[None]
    noise = rng.normal(0, 0.5, (2, FRAMES, BANDS))
    bursts = -6 + 7 * (t % 16 < 4) * np.exp(-(t % 16) / 3) + 5 * np.exp(-(((f - 5) / 1.5) ** 2))
    tone = -7 + 9 * np.exp(-(((f - 8 - t / 2) / 1.5) ** 2))
    return (np.stack([bursts, tone + 0 * t]) + noise).astype(np.float32)


def picture(name: str) -> bytes:
    """Return a PNG: the clip, the other clip where two are mixed, and what came out."""
    import torch

    parameters, seed = SHOWN.get(name, ({}, 0))
    pair = clip_pair()
    flat = torch.zeros(BANDS)
    batch = Batch(torch.from_numpy(pair), None, torch.eye(2), Scale(flat, flat + 1, 1.0))
    transform = plugins.INSTALLED.dataclass_of("augment", name)(**parameters)
    changed = transform(batch, np.random.default_rng(seed)).frames.numpy()
    own = 1 if name == "time_roll" else 0  # a tone that rises shows where it was cut
    shown = [pair[own], *([pair[1]] if name in MIXED else []), changed[own]]
    panels = [drawn(frames) for frames in shown]
    height = panels[0].shape[0]
    gap = np.full((height, GAP, 3), 255, np.uint8)
    parts = [part for panel in panels for part in (gap, panel)][1:]
    return png(np.concatenate(parts, axis=1))


def drawn(frames: np.ndarray) -> np.ndarray:  # (T, F) -> (height, width, 3), low bands at the foot
    share = np.clip((frames.T[::-1] - LOWEST) / (HIGHEST - LOWEST), 0, 1)
    share = np.round(share * 24) / 24  # few colours: small files
    colour = np.stack([share**0.6, share**1.6, 0.35 + 0.3 * share - 0.4 * share**2], axis=-1)
    pixels = np.round(255 * np.clip(colour, 0, 1)).astype(np.uint8)
    return pixels.repeat(PIXELS, axis=0).repeat(PIXELS, axis=1)


def png(pixels: np.ndarray) -> bytes:  # (height, width, 3) uint8
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
