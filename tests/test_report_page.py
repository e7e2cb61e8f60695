"""report.html in a headless Chromium: no errors, tables that sort, recordings that play."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from asc_cli import workflow
from asc_cli.recipe import load as recipe
from tests.conftest import SMALL, in_full

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
)
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Chromium of this machine with an empty profile; none is downloaded."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no browser on this machine: none of {', '.join(NAMES)}")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    profile = tmp_path_factory.mktemp("profile")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch_persistent_context(
            profile, executable_path=path, args=list(FLAGS), headless=True
        )
        opened.set_default_timeout(20_000)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def runs(toy_root: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs of one recipe, of two folds and of one; training wrote their report.html."""
    with in_full(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASC_HOME", str(tmp_path_factory.mktemp("reported")))
        created = [recipe.load("toy_lstm", [*SMALL, f"training.seed={seed}"]) for seed in (1, 2)]
        return [
            workflow.train(one, data=toy_root, folds=folds, jobs=1).run
            for one, folds in zip(created, ([1, 2], [1]), strict=True)
        ]


@contextmanager
def shown(browser: Any, path: Path) -> Iterator[Any]:
    """The page, opened from its file; whatever it complains of fails the test."""
    page, complaints = browser.new_page(), []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.url}: not found"))
    page.on(
        "console",
        lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None,
    )
    page.goto(path.as_uri())
    yield page
    page.close()
    assert complaints == []


def column(page: Any, table: str, number: int) -> list[float | str]:
    """The cells of a table's column as they stand, by what they are sorted by."""
    script = "cells => cells.map(cell => cell.dataset.value ?? cell.textContent.trim())"
    cells = page.locator(f"{table} tbody tr > :nth-child({number})").evaluate_all(script)
    return [float(cell) if re.fullmatch(r"[\d.e-]+", cell) else cell for cell in cells]


def table(label: str) -> str:
    return f'[role=region][aria-label="{label}"] table'


@pytest.mark.campaign
def test_a_table_sorts_by_mouse_and_by_keyboard(browser: Any, runs: list[Path]):
    with shown(browser, runs[0] / "report.html") as page:
        scenes, names = table("Scenes"), sorted(column(page, table("Scenes"), 1))
        head = page.locator(f"{scenes} thead th").nth(2)
        assert head.inner_text().startswith("accuracy")
        head.get_by_role("button").click()
        falling = column(page, scenes, 3)
        assert falling == sorted(falling, reverse=True) and len(set(falling)) > 1
        assert head.get_attribute("aria-sort") == "descending"
        head.get_by_role("button").focus()
        page.keyboard.press("Enter")
        assert column(page, scenes, 3) == sorted(falling)
        assert head.get_attribute("aria-sort") == "ascending"
        page.keyboard.press("Shift+Tab")  # recordings
        page.keyboard.press("Shift+Tab")  # scene
        page.keyboard.press("Space")
        assert column(page, scenes, 1) == names
        assert head.get_attribute("aria-sort") is None


@pytest.mark.campaign
def test_a_recording_plays_where_it_lies(browser: Any, runs: list[Path], toy_root: Path):
    with shown(browser, runs[0] / "report.html") as page:
        players = page.locator("audio")
        assert players.count() > 1
        assert toy_root.as_uri() in players.first.get_attribute("src")
        for player in (players.nth(0), players.nth(1)):
            player.evaluate("async player => { player.muted = true; await player.play(); }")
        page.wait_for_function("document.querySelectorAll('audio')[1].currentTime > 0.1")
        assert players.nth(0).evaluate("player => player.paused")  # one at a time
        pictures = "images => images.every(image => image.complete && image.naturalWidth > 0)"
        assert page.locator(".clips img").evaluate_all(pictures)


@pytest.mark.campaign
def test_a_removed_recording_is_reported(browser: Any, runs: list[Path], tmp_path: Path):
    text = (runs[0] / "report.html").read_text(encoding="utf-8")
    removed = tmp_path / "report.html"
    removed.write_text(re.sub(r'src="file:[^"]*', 'src="gone.wav', text), encoding="utf-8")
    page = browser.new_page()
    page.goto(removed.as_uri())
    n_players = page.locator("audio").count()
    page.locator("audio").first.evaluate(
        "player => { player.load(); player.play().catch(() => 0) }"
    )
    page.get_by_text("The recording was moved or deleted").first.wait_for()
    assert page.locator("audio").count() == n_players - 1
    page.close()


@pytest.mark.campaign
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_down_alone(browser: Any, runs: list[Path], scheme: str):
    with shown(browser, runs[0] / "report.html") as page:
        page.set_viewport_size(PHONE)
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        style = "(({color, backgroundColor}) => [color, backgroundColor])"
        ink, paper = page.evaluate(f"{style}(getComputedStyle(document.body))")
        brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ink, paper)]
        assert (brightness[0] < brightness[1]) == (scheme == "light")


@pytest.mark.campaign
def test_everything_has_a_name_to_be_read_out(browser: Any, runs: list[Path]):
    with shown(browser, runs[0] / "report.html") as page:
        assert page.locator("html").get_attribute("lang") == "en" and page.title()
        assert page.locator("main h1, header h1").count() == 1
        assert page.locator("img:not([alt]), audio:not([aria-label])").count() == 0
        targets = page.locator("nav a").evaluate_all("links => links.map(link => link.hash)")
        assert targets and all(page.locator(target).count() == 1 for target in targets)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the results"


@pytest.mark.campaign
def test_printing_opens_what_is_folded_and_hides_players(browser: Any, runs: list[Path]):
    with shown(browser, runs[0] / "report.html") as page:
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator("details:not([open])").count() == 0
        page.emulate_media(media="print")
        assert not page.locator("audio").first.is_visible()
        assert page.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.campaign
def test_two_runs_side_by_side(browser: Any, runs: list[Path]):
    both = workflow.report(runs, runs[0].parent / "both.html")
    with shown(browser, both) as page:
        heads = page.locator(f"{table('Every metric')} thead th").all_inner_texts()
        assert heads[1:] == [run.name.replace("-", " ") for run in runs]  # told apart
        differing = page.locator(f"{table('What differs between the recipes')} tbody").inner_text()
        assert differing.split() == ["training.seed", "1", "2"]
        assert not page.get_by_text("not tested on the same data").count()
        folds = table("Accuracy of each fold")
        page.locator(f"{folds} thead button").first.click()
        assert column(page, folds, 1) == [2, 1]
        page.get_by_role("link", name="toy_lstm").first.click()
        assert page.url == (runs[0] / "report.html").as_uri()


def test_a_page_asks_nothing_of_the_network(runs: list[Path]):
    both = workflow.report(runs, runs[0].parent / "both.html")
    for path in (runs[0] / "report.html", both):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org", "")
        assert not re.findall(r"(?:src|href)=\"(?:https?:)?//|@import|url\((?!#)", text)
        assert path.stat().st_size < 2e6
