"""docs/howto/own-code.md in an empty folder, asc installed as a wheel, in processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import markdown
from tests.conftest import ROOT

pytestmark = pytest.mark.campaign
PAGE = markdown.blocks(ROOT / "docs" / "howto" / "own-code.md")
OFFLINE = ("No matching distribution found for hatchling", "Temporary failure in name resolution")
PROJECT = """
[build-system]
requires = ["hatchling>=1.24"]
build-backend = "hatchling.build"

[project]
name = "their-package"
version = "1.2"
"""


def pip(*words: object) -> None:
    """Run pip; skips the test, saying so, where the build system cannot be fetched."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and any(text in done.stderr for text in OFFLINE):
        pytest.skip("pip cannot fetch hatchling, which builds the wheel")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with asc installed from its wheel, without what it depends on."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT)
    [wheel] = folder.glob("asc_scenes-*.whl")
    pip("install", "--quiet", "--no-deps", "--target", folder / "site", wheel)
    return folder / "site"


def bash(lines: list[str], folder: Path, *sites: Path, home: str = "home") -> str:
    """Run lines in `folder` with asc of these sites; what they print on stdout."""
    script = [
        "set -euo pipefail",
        f'asc() {{ "{sys.executable}" -m asc_cli "$@"; }}',
        "export -f asc",
        *lines,
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, sites)),
        "ASC_HOME": str(folder / home),
        "LOKY_MAX_CPU_COUNT": "2",
    }
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_plugins_beside_a_recipe(site: Path, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    markdown.write(PAGE, folder)
    where = f'"{sys.executable}" -c "import asc_cli; print(asc_cli.__file__)"'
    assert bash([where], folder, site).startswith(str(site))
    printed = bash(markdown.commands(PAGE), folder, site)
    assert "rooms@1" in printed and "accuracy of the worst scene" in printed
    predict = "asc predict rooms/kitchen_house1_0.wav rooms/stairwell_house1_0.wav --json"
    before = bash([predict], folder, site)
    (folder / "plugins").rename(folder / "gone")
    imported = ["asc models import rooms.zip --trust-code 2> shown.txt", predict]
    after = bash(imported, folder, site, home="elsewhere")
    assert after.endswith(before)
    assert "class BagOfFrames" in (folder / "shown.txt").read_text()


def test_an_installed_package(site: Path, tmp_path: Path) -> None:
    """The same files as modules of a package that pip installed; the command too."""
    project, folder, their_site = (tmp_path / name for name in ("project", "empty", "their-site"))
    folder.mkdir()
    entries = [PROJECT]
    for block in PAGE:
        if block.title.startswith("plugins/"):
            kind, file = block.title.split("/")[1:]
            package = project / "their_package"
            package.mkdir(parents=True, exist_ok=True)
            (package / file).write_text(block.text)
            if not file.startswith("_"):
                name = file.removesuffix(".py")
                entries.append(
                    f'[project.entry-points."asc_cli.{kind}"]\n{name} = "their_package.{name}"\n'
                )
        elif block.title:
            (folder / block.title).write_text(block.text)
    (project / "their_package" / "__init__.py").touch()
    (project / "pyproject.toml").write_text("\n".join(entries))
    pip("install", "--quiet", "--no-deps", "--target", their_site, project)
    printed = bash(markdown.commands(PAGE), folder, site, their_site)
    assert "rooms@1" in printed and "accuracy of the worst scene" in printed
    shown = bash(["asc models show rooms"], folder, site, their_site)
    assert "origin: their-package 1.2" in shown
    predict = "asc predict rooms/kitchen_house1_0.wav --json"
    assert bash([predict], folder, site) == bash([predict], folder, site, their_site)


def test_a_fault_in_a_worker_process_is_a_sentence(site: Path, tmp_path: Path) -> None:
    markdown.write(PAGE, tmp_path)
    model = tmp_path / "plugins" / "models" / "bag_of_frames.py"
    model.write_text(model.read_text().replace("torch.relu(", "torch.relux("))
    lines = [
        "ASC_PLUGINS=plugins asc make_rooms rooms",
        "asc train rooms.yaml --jobs 2 2> errors.txt && exit 1",
        "cat errors.txt",
    ]
    output = bash(["set +e", *lines], tmp_path, site)
    assert "bag_of_frames.py, line " in output and "AttributeError" in output
    assert "Traceback" not in output
