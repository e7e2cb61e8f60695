"""Figures for the HTML page: SVG that takes the page's colours, and spectrograms as PNG.

Text and axes are drawn in a colour that is then replaced by `currentColor`, so that a figure is
readable in light and dark mode. Series differ by dash and label too, not by colour alone.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

INK = "#0a0b0c"  # replaced by the page's text colour
SERIES = ("#2f7fd1", "#d1622f", "#2f9e6b", "#a05fd0", "#b8860b", "#c2417b")
DASHES = ("-", "--", ":", "-.")
MOST_LINES = 6  # with more folds, lines have one style


def curve(histories: dict[int, list[dict[str, Any]]], key: str, name: str, scale: float) -> str:
    """Draw a column of the histories by epoch, a line per fold."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = _figure(4.6, 3.2)
    few = len(histories) <= MOST_LINES
    for i, (fold, rows) in enumerate(histories.items()):
        points = [(row["epoch"], scale * row[key]) for row in rows if row[key] is not None]
        axes.plot(
            [epoch for epoch, _ in points],
            [value for _, value in points],
            color=SERIES[i % len(SERIES)],
            linewidth=1.4 if few else 0.8,
            alpha=1 if few else 0.6,
            linestyle=DASHES[i % len(DASHES)] if few else "-",
            label=f"fold {fold}",
            marker="o" if len(points) == 1 else None,
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _label(axes, "epoch", name)
    if few:
        axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    return _svg(figure, key)


def reliability(bins: Sequence[dict[str, Any]]) -> str:
    """Draw accuracy against confidence; on the diagonal, the model is calibrated."""
    figure, axes = _figure(4.6, 4.4)
    axes.plot([0, 100], [0, 100], color=INK, linestyle="--", linewidth=0.8)
    left = [100 * b["from"] for b in bins]
    width = [100 * (b["to"] - b["from"]) for b in bins]
    axes.bar(
        left,
        [100 * b["accuracy"] for b in bins],
        width,
        align="edge",
        color=SERIES[0],
        alpha=0.35,
        edgecolor=SERIES[0],
    )
    most = max(b["recordings"] for b in bins)
    axes.scatter(
        [100 * b["confidence"] for b in bins],
        [100 * b["accuracy"] for b in bins],
        s=[10 + 70 * b["recordings"] / most for b in bins],
        color=SERIES[1],
        zorder=3,
        clip_on=False,  # so that dots at 0 and 100 % are not cut
    )
    _label(axes, "confidence: probability of the guess (%)", "right (%)")
    axes.set(xlim=(0, 100), ylim=(0, 100), aspect="equal")
    return _svg(figure, "reliability")


def spectrogram(frames: np.ndarray) -> str:  # (T, F) -> a data URL
    """Draw log-mel frames as an image: time to the right, frequency up."""
    import matplotlib
    from matplotlib.image import imsave

    step = max(1, len(frames) // 480)
    picture = frames[: len(frames) // step * step].reshape(-1, step, frames.shape[1]).mean(axis=1)
    low, high = np.percentile(picture, [2, 99.8])
    out = io.BytesIO()
    imsave(
        out,
        picture.T[::-1],
        vmin=low,
        vmax=max(high, low + 1e-6),
        cmap=matplotlib.colormaps["magma"],
        format="png",
    )
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.patch.set_alpha(0)
    axes.tick_params(colors=INK, labelsize=8)
    for side, spine in axes.spines.items():
        spine.set(color=INK, linewidth=0.6, visible=side in ("left", "bottom"))
    axes.grid(color=INK, alpha=0.12, linewidth=0.5)
    figure.patch.set_alpha(0)
    return figure, axes


def _label(axes: Any, x: str, y: str) -> None:
    axes.set_xlabel(x, color=INK, fontsize=9)
    axes.set_ylabel(y, color=INK, fontsize=9)


def _svg(figure: Any, name: str) -> str:
    """Return the figure as inline SVG: text as text, ids unique to the figure, no date."""
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style type=\"text/css\">.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(
        r'id="(axes|figure|patch|line2d|text|matplotlib|xtick|ytick|legend|Path)',
        rf'id="{name}-\1',
        svg,
    )
    svg = re.sub(r"font: ([\d.]+)px [^;\"]+", r"font: \1px system-ui, sans-serif", svg)
    size = r'width="[\d.]+pt" height="[\d.]+pt"'
    return re.sub(size, 'aria-hidden="true"', svg, count=1)
