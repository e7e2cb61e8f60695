"""The page of asc serve in Chromium: files, microphone, labels; and the lines of its how-to."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests import markdown
from tests.conftest import ROOT
from tests.serve.server import Server, serving
from tests.test_export import registered

pytestmark = pytest.mark.campaign
api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def server(home: Path) -> Iterator[Server]:
    registered("rooms", "model.attention=[temporal]")
    with serving(home, "--jobs", 1) as started:
        yield started


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    """Ten recordings, and one that is broken."""
    paths = []
    for number in range(10):
        noise = np.random.default_rng(number).normal(0, 0.1, (1 + number % 2) * 40_000)
        path = tmp_path / "recordings" / f"place{number // 2}_{number}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, noise, 22_050)
        paths.append(path)
    broken = tmp_path / "recordings" / "x broken <b>.wav"
    broken.write_bytes(b"RIFF0000WAVE")
    return [*paths, broken]


def wait(page: Any, expression: str, seconds: float = 30) -> None:
    """Wait for an expression; the page's own policy forbids that the page evaluates text."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, (expression, page.inner_text("body"))
        time.sleep(0.05)


def opened(browser: Any, server: Server, **options: Any) -> tuple[Any, list[str]]:
    """A page that has loaded its model, and what it says is wrong."""
    context = browser.new_context(accept_downloads=True, **options)
    page, faults = context.new_page(), []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.on(
        "console", lambda message: faults.append(message.text) if message.type == "error" else 0
    )
    page.goto(server.url)
    wait(page, "document.getElementById('about').textContent.includes('scenes')")
    return page, faults


def test_recordings_are_predicted_and_their_labels_are_trained_on(
    browser: Any, server: Server, recordings: list[Path], tmp_path: Path
):
    page, faults = opened(browser, server)
    page.set_input_files("#files", [str(path) for path in recordings])
    wait(page, "document.getElementById('status').textContent.startsWith('11 of 11')")
    shown = page.inner_text("#list")
    assert "x broken <b>.wav" in shown and "is cut short" in shown
    page.click("#explain")
    wait(page, "document.getElementById('explain').hidden")
    scene = page.inner_text("#answer").rpartition(",")[0]
    page.keyboard.press("Enter")
    for number in range(1, 10):
        page.keyboard.press("j")
        page.keyboard.press("12"[number % 2])
    page.keyboard.press("j")
    page.keyboard.press("1")
    page.keyboard.press("Backspace")
    with page.expect_download() as download:
        page.keyboard.press("Control+s")
    table = tmp_path / "recordings" / "labels.csv"
    download.value.save_as(table)
    lines = table.read_text().splitlines()
    assert lines[0] == "file,label" and len(lines) == 11
    assert lines[1] == f"place0_0.wav,{scene.replace(' ', '_')}" or scene in lines[1]
    page.click("text=place1_2.wav")
    page.click("#picture", position={"x": 200, "y": 60})
    wait(page, "document.getElementById('audio').currentTime > 0.2")
    assert [text for text in faults if "422" not in text] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shutil.copy(recordings[0], tmp_path / "recordings" / "clip.wav")
    blocks = markdown.blocks(ROOT / "docs" / "howto" / "serve.md")
    lines = [
        line.replace("http://127.0.0.1:8000/", server.url)
        for line in markdown.commands(blocks)
        if not line.startswith(("docker", "asc serve", "ASC_SERVE_TOKEN"))
    ]
    assert len(lines) == 5
    printed = markdown.run(lines, tmp_path / "recordings")
    assert '"scene"' in printed[lines[-1]]


def test_files_and_folders_are_dropped(browser: Any, server: Server, recordings: list[Path]):
    """By Chromium's own events of a drag, so that folders are folders."""
    page, _ = opened(browser, server)
    session = page.context.new_cdp_session(page)
    box = page.locator("#drop").bounding_box()
    folder = recordings[0].parent
    (folder / "notes.txt").write_text("no recording")
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    where = {"x": box["x"] + 20, "y": box["y"] + 20, "data": data}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **where})
    wait(page, "document.getElementById('status').textContent.startsWith('11 of 11')")
    shown = page.inner_text("#list")
    assert "recordings/place0_0.wav" in shown and "notes.txt" not in shown


def test_the_microphone_is_recorded_and_classified(browser: Any, server: Server):
    page, faults = opened(browser, server)
    page.click("#record")
    wait(page, "document.getElementById('live').textContent.includes('%')")
    page.click("#record")
    wait(page, "document.getElementById('status').textContent.includes('1 of 1')")
    assert "microphone" in page.inner_text("#title") and "%" in page.inner_text("#answer")
    assert faults == []


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_and_can_be_read(
    browser: Any, server: Server, recordings: list[Path], width: int, scheme: str
):
    page, _ = opened(browser, server, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.set_input_files("#files", [str(recordings[1])])
    wait(page, "document.getElementById('status').textContent.startsWith('1 of 1')")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    unnamed = """[...document.querySelectorAll('button, input, select, meter, canvas')]
        .filter(e => e.offsetParent !== null)
        .filter(e => !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).length"""
    assert page.evaluate(unnamed) == 0
    small = """[...document.querySelectorAll('main button:not(.name), .button')]
        .filter(e => e.offsetParent !== null && e.getBoundingClientRect().height < 40).length"""
    assert page.evaluate(small) == 0
    contrast = page.evaluate(CONTRAST)
    assert min(contrast.values()) >= 4.5, contrast


CONTRAST = """(() => {
  const luminance = text => {
    const [r, g, b] = text.match(/[\\d.]+/g).map(Number)
      .map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = e => {
    for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (!colour.endsWith(", 0)") && colour !== "transparent") return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const ratios = {};
  for (const id of ["about", "status", "answer", "caption", "save", "title"]) {
    const e = document.getElementById(id);
    const both = [luminance(getComputedStyle(e).color), luminance(background(e))];
    const [a, b] = both.sort((x, y) => y - x);
    if (!e.disabled) ratios[id] = (a + 0.05) / (b + 0.05);
  }
  return ratios;
})()"""
