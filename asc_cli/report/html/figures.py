"""Figures for the HTML page: SVG that takes the page's colours, and spectrograms as PNG.

Text and axes are drawn in `currentColor`, so that a figure is readable in light and dark mode.
Series differ by dash and label too, not by colour alone.
"""

from __future__ import annotations

import base64
import functools
import math
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from asc_cli.report.html.axes import Axes, extent, ticks

SERIES = ("#2f7fd1", "#d1622f", "#2f9e6b", "#a05fd0", "#b8860b", "#c2417b")
DASHES = ("none", "6 3", "1.5 2.5", "7 2 1.5 2")
MOST_LINES = 6  # with more folds, lines have one style
MOST_TICKS = 7
# 17 colours of the map "magma" by N. J. Smith and S. van der Walt (CC0), evenly spaced
MAGMA = (
    "000004 0a0822 1d1147 36106b 51127c 6a1c81 832681 9c2e7f b73779 cf4070 e55064 f4695c fb8761 "
    "fea571 fec287 fde0a1 fcfdbf"
)


def curve(histories: dict[int, list[dict[str, Any]]], key: str, name: str, scale: float) -> str:
    """Draw a column of the histories by epoch, a line per fold."""
    lines = [
        [(row["epoch"], scale * row[key]) for row in rows if _is_number(row[key])]
        for rows in histories.values()
    ]
    points = [point for line in lines for point in line]
    axes = Axes(extent([x for x, _ in points]), extent([y for _, y in points]), 640, 440, key)
    axes.grid(ticks(*axes.x, MOST_TICKS, integers=True), ticks(*axes.y, MOST_TICKS))
    axes.label("epoch", name)
    few, styles = len(lines) <= MOST_LINES, []
    for i, line in enumerate(lines):
        dash = f"stroke-width: 2; stroke-dasharray: {DASHES[i % len(DASHES)]}"
        color = SERIES[i % len(SERIES)]
        styles.append(f"stroke: {color}; {dash if few else 'stroke-opacity: .6'}")
        axes.line(line, styles[-1])
        if len(line) == 1:
            axes.dot(line[0], 4, f"fill: {color}")
    if few:
        ends = [line[-1][1] for line in lines if line]
        upper = sum(ends) <= len(ends) * sum(axes.y) / 2  # where the lines do not end
        names = [f"fold {fold}" for fold in histories]
        axes.legend([*zip(names, styles, strict=True)], upper)
    return axes.svg()


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def reliability(bins: Sequence[dict[str, Any]]) -> str:
    """Draw accuracy against confidence; on the diagonal, the model is calibrated."""
    axes = Axes((0, 100), (0, 100), 500, 482, "reliability")
    axes.grid(range(0, 101, 20), range(0, 101, 20))
    axes.label("confidence: probability of the guess (%)", "right (%)")
    axes.line([(0, 0), (100, 100)], "stroke: currentColor; stroke-dasharray: 6 4")
    outline = f"fill: {SERIES[0]}; fill-opacity: .35; stroke: {SERIES[0]}"
    for b in bins:
        axes.bar(100 * b["from"], 100 * b["to"], 100 * b["accuracy"], outline)
    most = max(b["recordings"] for b in bins)
    for b in bins:  # of an area that grows with the number of recordings
        radius = math.sqrt(6 + 40 * b["recordings"] / most)
        axes.dot((100 * b["confidence"], 100 * b["accuracy"]), radius, f"fill: {SERIES[1]}")
    return axes.svg()


def rejection(curve: Sequence[Sequence[float]], at: tuple[float, float]) -> str:
    """Draw the share of recordings of none of the scenes that is rejected, against the share of the
    scenes' recordings that stays; a dot where the threshold is."""
    axes = Axes((0, 100), (0, 100), 500, 482, "rejection")
    axes.grid(range(0, 101, 20), range(0, 101, 20))
    axes.label("of the scenes: stay (%)", "of none of the scenes: rejected (%)")
    axes.line([(0, 100), (100, 0)], "stroke: currentColor; stroke-dasharray: 6 4")
    points = [(100 * stay, 100 * rejected) for stay, rejected in curve]
    axes.line(points, f"stroke: {SERIES[0]}; stroke-width: 2")
    axes.dot((100 * at[0], 100 * at[1]), 6, f"fill: {SERIES[1]}")
    return axes.svg()


def faithfulness(row: dict[str, Any]) -> str:
    """Draw the answer's probability by the share removed or inserted, as ranked and at random."""
    axes = Axes((0, 100), (0, 100), 500, 482, f"faithfulness-{row['by']}")
    axes.grid(range(0, 101, 20), range(0, 101, 20))
    axes.label("share of the recording removed, or inserted (%)", "probability of the answer (%)")
    curves = [
        ("removed, highest first", row["deletion"]),
        ("removed at random", row["random"]),
        ("inserted, highest first", row["insertion"]),
        ("inserted at random", row["random"][::-1]),
    ]
    names = []
    for i, (name, values) in enumerate(curves):
        style = f"stroke: {SERIES[i // 2]}; stroke-width: 2; stroke-dasharray: {DASHES[i % 2]}"
        axes.line([(100 * s, 100 * p) for s, p in zip(row["shares"], values, strict=True)], style)
        names.append((name, style))
    axes.legend(names, False)
    return axes.svg()


def spectrogram(frames: np.ndarray) -> str:  # (T, F) -> a data URL
    """Draw log-mel frames as an image: time to the right, frequency up."""
    step = max(1, len(frames) // 480)
    picture = frames[: len(frames) // step * step].reshape(-1, step, frames.shape[1]).mean(axis=1)
    low, high = np.percentile(picture, [2, 99.8])
    levels = 256 * (picture.T[::-1] - low) / max(high - low, 1e-6)
    image = png(np.clip(levels, 0, 255).astype(np.uint8), _magma())
    return "data:image/png;base64," + base64.b64encode(image).decode()


def png(image: np.ndarray, colours: np.ndarray) -> bytes:  # (height, width) uint8, (256, 3) uint8
    """Return an image of at most 256 colours as a PNG file (ISO/IEC 15948, colour type 3)."""
    height, width = image.shape
    rows = np.pad(image, ((0, 0), (1, 0)))  # each begins with its filter: 0, none
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            (b"PLTE", colours.tobytes()),
            (b"IDAT", zlib.compress(rows.tobytes(), 9)),
            (b"IEND", b""),
        )
    )


@functools.cache
def _magma() -> np.ndarray:  # -> (256, 3) uint8
    anchors = np.array([list(bytes.fromhex(colour)) for colour in MAGMA.split()])  # (17, 3)
    places = np.linspace(0, 255, len(anchors)).round()
    channels = [np.interp(np.arange(256), places, channel) for channel in anchors.T]
    return np.stack(channels, axis=1).round().astype(np.uint8)
