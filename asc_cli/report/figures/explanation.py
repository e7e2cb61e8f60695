"""The attention of a model over one recording, as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.report.figures.canvas import legible, save, subplots

MAX_CODEWORDS = 10
MAX_BOXES = 8  # more hide the spectrogram
MIN_GAP = 0.01  # of the figure's width
TICKS_HZ = (100, 500, 1000, 2000, 5000, 10_000, 20_000)
ACCENT = "#d1495b"


def draw(explanation: Any, path: Path) -> None:
    """Draw attention above the spectrogram, the codewords' weights below; time runs to the
    right."""
    panels = [(_spectrogram, 3.0)]
    if explanation.attention is not None:
        panels.insert(0, (_attention, 1.2))
    if explanation.codewords is not None:
        panels.append((_codewords, 2.0))
    heights = [height for _, height in panels]
    figure, axes = subplots(
        len(panels), 1, width=10, height=1.2 + sum(heights), sharex=True, height_ratios=heights
    )
    for axis, (panel, _) in zip(np.atleast_1d(axes), panels, strict=True):
        panel(axis, explanation)
    np.atleast_1d(axes)[-1].set_xlabel("time, s")
    figure.suptitle(legible(_title(explanation)), x=0.01, ha="left", fontsize=11)
    save(figure, path)


def _title(explanation: Any) -> str:
    """Return the model's prediction, and below it whose attention is drawn."""
    scene, probability = explanation.scene, explanation.probability
    if explanation.all_members:
        scene, probability, n = explanation.all_members
        member = (
            f"average of {n} networks; drawn: the one of fold {explanation.fold}, which alone "
            f"predicts {explanation.scene}, {100 * explanation.probability:.0f} %"
        )
    else:
        member = f"the network of fold {explanation.fold} alone"
    name = Path(explanation.file).name
    return f"{name}: {scene}, {100 * probability:.0f} %\n{explanation.model}: {member}"


def _attention(axis: Any, explanation: Any) -> None:
    seconds = np.arange(len(explanation.attention)) * explanation.frame_s
    axis.fill_between(seconds, explanation.attention, color=ACCENT, alpha=0.35, linewidth=0)
    axis.plot(seconds, explanation.attention, color=ACCENT, linewidth=1)
    axis.axhline(1, color="0.4", linewidth=0.8, linestyle="--")
    axis.annotate(
        "average",
        (1, 1),
        xycoords=("axes fraction", "data"),
        xytext=(3, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color="0.4",
    )
    axis.set(ylim=(0, None), ylabel="× average")
    title = f"Attention of the model over time{_checked(explanation.check)}"
    axis.set_title(title, loc="left", fontsize=10)


def _checked(check: Any) -> str:
    """Return whether attention explains the answer, in words; "" where it was not checked."""
    if check is None:
        return ""
    n = check.below + check.equal
    compared = f"changes the answer at least as much as {n} of {check.orders} random orders"
    if check.explains:
        return f": removing what it attends to {compared}"
    return f" EXPLAINS NOTHING here: removing what it attends to\n{compared} of the same parts do"


def _spectrogram(axis: Any, explanation: Any) -> None:
    image = explanation.frames.T  # (F, T)
    low, high = np.percentile(image, [5, 99.5])
    axis.imshow(
        image,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=low,
        vmax=high,
        extent=(0, image.shape[1] * explanation.frame_s, -0.5, image.shape[0] - 0.5),
    )
    seconds = image.shape[1] * explanation.frame_s
    for start_s, end_s in boxes(explanation.salient, seconds):
        axis.axvspan(start_s, end_s, facecolor="none", edgecolor="white", linewidth=1)
    hz = explanation.bands_hz
    if hz is None:
        axis.set_ylabel("band")
    else:
        ticks = [tick for tick in TICKS_HZ if hz[0] <= tick <= hz[-1]]
        names = [f"{tick // 1000} kHz" if tick >= 1000 else f"{tick} Hz" for tick in ticks]
        axis.set_yticks(np.interp(ticks, hz, np.arange(len(hz))), names)
        axis.set_ylabel("frequency")
    remark = "; boxes: segments of highest attention" if explanation.salient else ""
    axis.set_title(
        f"Spectrogram: bright is loud, low frequencies at the bottom{remark}",
        loc="left",
        fontsize=10,
    )


def boxes(salient: Sequence[dict[str, float]], seconds: float) -> list[tuple[float, float]]:
    """Return the MAX_BOXES strongest segments; close neighbours are merged."""
    merged: list[dict[str, float]] = []
    for segment in salient:
        if merged and segment["start_s"] - merged[-1]["end_s"] < MIN_GAP * seconds:
            last = merged[-1]
            last["end_s"] = segment["end_s"]
            last["attention"] = max(last["attention"], segment["attention"])
        else:
            merged.append(dict(segment))
    strongest = sorted(merged, key=lambda segment: -segment["attention"])[:MAX_BOXES]
    return sorted((segment["start_s"], segment["end_s"]) for segment in strongest)


def _codewords(axis: Any, explanation: Any) -> None:
    from matplotlib.colors import PowerNorm

    weights = explanation.codewords  # (T, K)
    strongest = np.argsort(weights.max(axis=0))[::-1][:MAX_CODEWORDS]
    strongest = strongest[
        np.argsort(weights[:, strongest].argmax(axis=0))
    ]  # by the time of each maximum
    image = axis.imshow(
        weights[:, strongest].T,
        aspect="auto",
        cmap="Greys",
        interpolation="nearest",
        norm=PowerNorm(0.5, vmin=0),  # so that weak ones are visible too
        extent=(0, len(weights) * explanation.frame_s, len(strongest) - 0.5, -0.5),
    )
    axis.set_yticks(range(len(strongest)), [f"codeword {k + 1}" for k in strongest], fontsize=7)
    axis.figure.colorbar(image, ax=axis, label="weight", pad=0.01)
    axis.set_title(
        f"Weights of the codewords: the {len(strongest)} strongest of {weights.shape[1]}",
        loc="left",
        fontsize=10,
    )
