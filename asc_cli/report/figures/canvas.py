"""Helpers for all figures: matplotlib without a screen, atomic files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asc_cli.core import atomic
from asc_cli.core.errors import AscError

FORMATS = (".png", ".svg", ".pdf")
DOTS_PER_INCH = 150


def require() -> None:
    """Import matplotlib: where it is missing, a command ends here, before its work."""
    import matplotlib  # noqa: F401


def subplots(rows: int, columns: int, width: float, height: float, **more: Any) -> tuple[Any, Any]:
    """Return a figure of `width` × `height` inches and its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, **more)
    for axis in axes.flat if hasattr(axes, "flat") else [axes]:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def legible(text: str) -> str:
    """Replace characters that the font lacks by □, instead of a warning for each."""
    from matplotlib.font_manager import findfont
    from matplotlib.ft2font import FT2Font

    glyphs = FT2Font(findfont("DejaVu Sans")).get_charmap()
    return "".join(c if c == "\n" or (ord(c) in glyphs and c.isprintable()) else "□" for c in text)


def save(figure: Any, path: Path) -> None:
    """Write the figure in the format that the path's suffix names."""
    if path.suffix.lower() not in FORMATS:
        raise AscError(f"{path}: a figure is written as {', '.join(FORMATS)}")
    with atomic.replacing(path) as temporary:
        figure.savefig(temporary, dpi=DOTS_PER_INCH)
