"""Axes of a figure as SVG: ticks, grid, labels, and what is drawn in them.

A coordinate is a number of the data; `Axes.at` returns its place. Lengths are in the units of the
viewBox: as a page shows the figure, about 0.6 CSS pixels each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

LEFT, RIGHT, TOP, BOTTOM = 62, 14, 12, 46  # margins
FONT = "font-family: system-ui, sans-serif"
STEPS = (1, 2, 2.5, 5, 10)  # between two ticks, times a power of ten
Point = tuple[float, float]


@dataclass
class Axes:
    """A rectangle of the data, and the elements drawn so far.

    Attributes:
        x: Its left and right edge.
        y: Its lower and upper edge.
        width: Of the figure.
        height: Of the figure.
        name: Unique in the page; ids begin with it.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    width: int
    height: int
    name: str
    elements: list[str] = field(default_factory=list)

    def at(self, x: float, y: float) -> Point:
        """Return the place of a point of the data."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return (
            LEFT + across * (self.width - LEFT - RIGHT),
            self.height - BOTTOM - up * (self.height - TOP - BOTTOM),
        )

    def line(self, points: Sequence[Point], style: str) -> None:
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.at(*point) for point in points))
        self.elements.append(f'<polyline points="{places}" fill="none" style="{style}"/>')

    def dot(self, point: Point, radius: float, style: str) -> None:
        x, y = self.at(*point)
        self.elements.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" style="{style}"/>'
        )

    def bar(self, left: float, right: float, height: float, style: str) -> None:
        x, y = self.at(left, height)
        end, foot = self.at(right, 0)
        size = f'width="{end - x:.1f}" height="{foot - y:.1f}"'
        self.elements.append(f'<rect x="{x:.1f}" y="{y:.1f}" {size} style="{style}"/>')

    def text(self, place: Point, text: str, size: int = 13, anchor: str = "middle") -> None:
        x, y = place
        self.elements.append(
            f'<text x="{x:.1f}" y="{y:.1f}" fill="currentColor" text-anchor="{anchor}" '
            f'style="font-size: {size}px; {FONT}">{escape(text)}</text>'
        )

    def grid(self, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> None:
        """Draw the axes below and on the left, a line across at each tick, and the numbers."""
        (left, right), (low, high) = self.x, self.y
        faint = "stroke: currentColor; stroke-opacity: .12"
        for tick in x_ticks:
            self.line([(tick, low), (tick, high)], faint)
            x, y = self.at(tick, low)
            self.text((x, y + 18), f"{tick:g}")
        for tick in y_ticks:
            self.line([(left, tick), (right, tick)], faint)
            x, y = self.at(left, tick)
            self.text((x - 7, y + 4), f"{tick:g}", anchor="end")
        self.line([(left, high), (left, low), (right, low)], "stroke: currentColor")

    def label(self, x: str, y: str) -> None:
        """Write what the axes show."""
        middle = LEFT + (self.width - LEFT - RIGHT) / 2
        self.text((middle, self.height - 8), x, 14)
        centre = TOP + (self.height - TOP - BOTTOM) / 2
        self.elements.append(f'<g transform="translate(16 {centre:.1f}) rotate(-90)">')
        self.text((0, 0), y, 14)
        self.elements.append("</g>")

    def legend(self, rows: Sequence[tuple[str, str]], upper: bool) -> None:
        """Write (text, style of its line) in the upper or the lower right corner."""
        first = TOP + 12 if upper else self.height - BOTTOM + 6 - 18 * len(rows)
        for i, (text, style) in enumerate(rows):
            y, end = first + 18 * i, self.width - RIGHT - 6
            self.text((end - 34, y + 4), text, anchor="end")
            points = f"{end - 28},{y} {end},{y}"
            self.elements.append(f'<polyline points="{points}" fill="none" style="{style}"/>')

    def svg(self) -> str:
        """Return the figure, to stand in a page that says in words what it shows."""
        box = f'viewBox="0 0 {self.width} {self.height}"'
        inside = "\n".join(self.elements)
        head = f'<svg xmlns="http://www.w3.org/2000/svg" id="{self.name}-figure" {box}'
        return f'{head} aria-hidden="true">\n{inside}\n</svg>'


def ticks(low: float, high: float, most: int, integers: bool = False) -> list[float]:
    """Return round numbers from low to high, evenly spaced.

    Args:
        low: The lower end.
        high: The upper end, above it.
        most: As many spaces between ticks as there may be.
        integers: Whether they must be integers.
    """
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    steps = [step * power for step in STEPS]
    if integers:
        steps = [max(1.0, float(round(step))) for step in steps]
    step = next(step for step in steps if (high - low) / step <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def extent(values: Sequence[float], margin: float = 0.05) -> tuple[float, float]:
    """Return the smallest and the largest value, with a margin; something even where there are none
    or all are the same."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    room = margin * (high - low) or max(abs(high), 1.0) * margin
    return low - room, high + room
