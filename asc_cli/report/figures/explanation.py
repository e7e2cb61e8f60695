"""What a model listened to, as one picture that needs no paper beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.report.figures.canvas import legible, save, subplots

SHOWN_CODEWORDS = 10
MOST_BOXES = 8  # more hide the sound
TOUCHING = 0.01  # of the picture's width
TICKS_HZ = (100, 500, 1000, 2000, 5000, 10_000, 20_000)
ACCENT = "#d1495b"


def draw(explanation: Any, path: Path) -> None:
    """Attention above the spectrogram, the codewords' weights below; time runs to the right."""
    panels = [(_sound, 3.0)]
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
    """The answer that asc predict gives, and under it whose attention is drawn."""
    scene, probability = explanation.scene, explanation.probability
    if explanation.all_members:
        scene, probability, n = explanation.all_members
        member = (
            f"the {n} networks together; drawn: the one of fold {explanation.fold}, which by "
            f"itself says {explanation.scene}, {100 * explanation.probability:.0f} %"
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
    axis.set_title("How closely the model listened to each moment", loc="left", fontsize=10)


def _sound(axis: Any, explanation: Any) -> None:
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
        axis.set_ylabel("pitch")
    remark = "; boxes: the moments it listened to most" if explanation.salient else ""
    axis.set_title(
        f"The sound: bright is loud, low pitches at the bottom{remark}", loc="left", fontsize=10
    )


def boxes(salient: Sequence[dict[str, float]], seconds: float) -> list[tuple[float, float]]:
    """The strongest MOST_BOXES stretches, those that would touch on paper drawn as one."""
    merged: list[dict[str, float]] = []
    for stretch in salient:
        if merged and stretch["start_s"] - merged[-1]["end_s"] < TOUCHING * seconds:
            last = merged[-1]
            last["end_s"] = stretch["end_s"]
            last["attention"] = max(last["attention"], stretch["attention"])
        else:
            merged.append(dict(stretch))
    strongest = sorted(merged, key=lambda stretch: -stretch["attention"])[:MOST_BOXES]
    return sorted((stretch["start_s"], stretch["end_s"]) for stretch in strongest)


def _codewords(axis: Any, explanation: Any) -> None:
    from matplotlib.colors import PowerNorm

    weights = explanation.codewords  # (T, K)
    shown = np.argsort(weights.max(axis=0))[::-1][:SHOWN_CODEWORDS]
    shown = shown[np.argsort(weights[:, shown].argmax(axis=0))]  # by when each is strongest
    image = axis.imshow(
        weights[:, shown].T,
        aspect="auto",
        cmap="Greys",
        interpolation="nearest",
        norm=PowerNorm(0.5, vmin=0),  # the weaker ones are seen beside the strongest
        extent=(0, len(weights) * explanation.frame_s, len(shown) - 0.5, -0.5),
    )
    axis.set_yticks(range(len(shown)), [f"pattern {k + 1}" for k in shown], fontsize=7)
    axis.figure.colorbar(image, ax=axis, label="weight", pad=0.01)
    axis.set_title(
        f"Which of its {weights.shape[1]} learnt sound patterns the model compared it with: "
        f"the {len(shown)} strongest",
        loc="left",
        fontsize=10,
    )
