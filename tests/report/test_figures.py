"""Figures of the page: places of known points, and pictures that decode to the colours meant."""

import base64
import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.image import imread

from asc_cli.report.html import figures
from asc_cli.report.html.axes import Axes, extent, ticks


@pytest.mark.parametrize(
    ("low", "high", "whole", "expected"),
    [
        (0, 100, False, [0, 20, 40, 60, 80, 100]),
        (-0.05, 2.3, False, [0, 0.5, 1, 1.5, 2]),
        (0.95, 3.05, True, [1, 2, 3]),
        (0.95, 1.05, True, [1]),
        (0, 41, True, [0, 10, 20, 30, 40]),
        (1234.5, 1234.6, False, [1234.5, 1234.52, 1234.54, 1234.56, 1234.58, 1234.6]),
    ],
)
def test_ticks_are_round(low: float, high: float, whole: bool, expected: list[float]) -> None:
    assert ticks(low, high, 7, whole) == pytest.approx(expected)


def test_edges_have_room_even_around_one_value() -> None:
    assert extent([0, 10]) == (-0.5, 10.5)
    assert extent([30, 30]) == (28.5, 31.5)
    assert extent([0, 0]) == (-0.05, 0.05)
    assert extent([]) == (-0.05, 1.05)


def test_the_data_fills_the_rectangle() -> None:
    axes = Axes((0, 1), (0, 100), 640, 440, "x")
    assert axes.at(0, 0) == (62, 394)
    assert axes.at(1, 100) == (626, 12)
    assert axes.at(0.5, 50) == (344, 203)


def history(*losses: float | None) -> list[dict[str, object]]:
    return [{"epoch": i, "train_loss": loss} for i, loss in enumerate(losses, start=1)]


def test_a_curve_has_a_line_for_each_fold_and_leaves_out_what_is_no_number() -> None:
    histories = {1: history(2, 1, 0.5), 4: history(2, None, float("inf"), 1.5)}
    root = ET.fromstring(figures.curve(histories, "train_loss", "loss <nats> & more", 1))
    lines = [e for e in root.iter() if e.tag.endswith("polyline") and "#" in e.get("style", "")]
    in_axes = [line.get("points", "").split() for line in lines[:2]]
    assert [len(points) for points in in_axes] == [3, 2]
    texts = [e.text for e in root.iter() if e.tag.endswith("text")]
    assert {"fold 1", "fold 4", "epoch", "loss <nats> & more"} <= set(texts)
    ys = [float(point.split(",")[1]) for point in in_axes[0]]
    assert ys == sorted(ys)  # a falling loss goes down, which in SVG is a larger y
    assert "dasharray: none" in lines[0].get("style", "")
    assert "dasharray: 6 3" in lines[1].get("style", "")


def test_a_legend_is_where_the_lines_do_not_end() -> None:
    def legend_y(*losses: float) -> float:
        drawn = figures.curve({1: history(*losses)}, "train_loss", "x", 1)
        return float(re.search(r'y="([\d.]+)"[^>]*>fold 1', drawn)[1])  # type: ignore[index]

    assert legend_y(2, 1, 0) < 50 and legend_y(0, 1, 2) > 350


def test_of_one_epoch_there_is_a_dot_and_of_none_there_are_axes() -> None:
    assert "<circle" in figures.curve({1: history(1.0)}, "train_loss", "x", 1)
    assert "<svg" in figures.curve({1: history(None)}, "train_loss", "x", 1)


def test_many_folds_have_no_legend() -> None:
    drawn = figures.curve({f: history(2, 1) for f in range(1, 8)}, "train_loss", "x", 1)
    assert "fold 1" not in drawn and drawn.count("stroke-opacity: .6") == 7


def test_a_bin_is_a_bar_of_its_accuracy_with_a_dot_at_its_confidence() -> None:
    bins = [
        {"from": 0.2, "to": 0.4, "accuracy": 0.5, "confidence": 0.3, "recordings": 10},
        {"from": 0.8, "to": 1.0, "accuracy": 1.0, "confidence": 0.9, "recordings": 40},
    ]
    root = ET.fromstring(figures.reliability(bins))
    axes = Axes((0, 100), (0, 100), 500, 482, "reliability")
    bars = [e for e in root.iter() if e.tag.endswith("rect")]
    assert [float(bar.get("x", "")) for bar in bars] == pytest.approx(
        [axes.at(20, 0)[0], axes.at(80, 0)[0]], abs=0.1
    )
    assert float(bars[1].get("y", "")) == pytest.approx(axes.at(0, 100)[1], abs=0.1)
    dots = [e for e in root.iter() if e.tag.endswith("circle")]
    assert float(dots[0].get("cx", "")) == pytest.approx(axes.at(30, 0)[0], abs=0.1)
    assert float(dots[0].get("r", "")) < float(dots[1].get("r", ""))


def test_dots_at_the_edge_of_reliability_are_not_cut() -> None:
    one = {"from": 0.93, "to": 1.0, "accuracy": 1.0, "confidence": 1.0, "recordings": 9}
    root = ET.fromstring(figures.reliability([one]))
    (dot,) = [e for e in root.iter() if e.tag.endswith("circle")]
    x, y, r = (float(dot.get(key, "")) for key in ("cx", "cy", "r"))
    assert x + r < 500 and y - r > 0 and "clip" not in ET.tostring(root, encoding="unicode")


def test_a_spectrogram_has_low_frequencies_below_and_the_colours_of_magma() -> None:
    frames = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (100, 1))  # (T, F), louder upwards
    kind, data = figures.spectrogram(frames).split(",")
    assert kind == "data:image/png;base64"
    image = imread(io.BytesIO(base64.b64decode(data)))[:, :, :3]
    assert image.shape == (64, 100, 3)
    magma = np.array(colormaps["magma"].colors)
    np.testing.assert_allclose(image[0, 0], magma[-1], atol=0.01)
    np.testing.assert_allclose(image[-1, 0], magma[0], atol=0.01)
    level = int(256 * (frames[0, 32] - 0.02) / 0.978)
    np.testing.assert_allclose(image[64 - 1 - 32, 0], magma[level], atol=0.03)


def test_all_colours_are_within_one_hundredth_of_magma() -> None:
    np.testing.assert_allclose(figures._magma() / 255, colormaps["magma"].colors, atol=0.012)


def test_a_long_recording_is_averaged_to_the_width_of_the_page_and_silence_is_drawn() -> None:
    for frames in (np.zeros((9600, 64), np.float32), np.zeros((1, 64), np.float32)):
        data = figures.spectrogram(frames).split(",")[1]
        assert imread(io.BytesIO(base64.b64decode(data))).shape[1] == min(480, len(frames))
