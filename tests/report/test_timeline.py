"""A timeline is read without colours too."""

from __future__ import annotations

from asc_cli.report.console import timeline


def test_the_strip_has_a_letter_a_scene():
    scenes = {"bus": 0.5, "park": 0.5}
    parts = [
        {"start_s": 10.0 * i, "scene": s, "scenes": scenes}
        for i, s in enumerate(["park", "park", "bus", "unsure"])
    ]
    strip, key = (line.plain for line in timeline.strip(parts))
    assert strip == "00:00:00 AABC"
    assert key.split() == ["A", "park", "B", "bus", "C", "unsure"]
