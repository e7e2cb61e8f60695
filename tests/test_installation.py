"""Hints about extras: right for every way in which asc can have been installed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from asc_cli.core import installation
from asc_cli.registry import card as _run
from tests.conftest import ROOT, command

PIP = f"{sys.executable} -m pip install "


def installed(
    monkeypatch: pytest.MonkeyPatch, origin: dict[str, Any] | None, *requires: str
) -> None:
    """As if asc had been installed from there."""
    text = None if origin is None else json.dumps(origin)
    results = SimpleNamespace(read_text=lambda name: text, requires=list(requires))
    monkeypatch.setattr(metadata, "distribution", lambda name: results)


def test_an_editable_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, {"url": ROOT.as_uri(), "dir_info": {"editable": True}})
    assert installation.install_command("onnx") == f"{PIP}--editable '{ROOT}[onnx]'"


def test_a_folder_that_was_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, {"url": ROOT.as_uri(), "dir_info": {}})
    assert installation.install_command("onnx") == f"{PIP}'{ROOT}[onnx]'"


@pytest.mark.parametrize(("revision", "at"), [("main", "@main"), (None, "")])
def test_a_git_url(monkeypatch: pytest.MonkeyPatch, revision: str | None, at: str) -> None:
    vcs = {"vcs": "git", "commit_id": "0" * 40, "requested_revision": revision}
    installed(monkeypatch, {"url": "https://example.org/asc.git", "vcs_info": vcs})
    requested = f"asc-scenes[mic] @ git+https://example.org/asc.git{at}"
    assert installation.install_command("mic") == f"{PIP}'{requested}'"


def test_a_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wheel = tmp_path / "my wheels" / "asc_scenes-0.2.0-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.touch()
    installed(monkeypatch, {"url": wheel.as_uri(), "archive_info": {}})
    assert installation.install_command("yt8m") == f"{PIP}'{wheel}[yt8m]'"
    installed(monkeypatch, {"url": "https://example.org/a.whl", "archive_info": {}})
    assert (
        installation.install_command("yt8m")
        == f"{PIP}'asc-scenes[yt8m] @ https://example.org/a.whl'"
    )


def test_a_wheel_that_is_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    origin = {"url": (tmp_path / "asc.whl").as_uri(), "archive_info": {}}
    requires = (
        "numpy",
        'onnx>=1.17; extra == "onnx"',
        "onnxruntime>=1 ; extra == 'onnx'",
        'sounddevice; extra == "mic"',
    )
    installed(monkeypatch, origin, *requires)
    assert installation.install_command("onnx") == f"{PIP}'onnx>=1.17' 'onnxruntime>=1'"


def test_a_package_that_no_installer_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    assert installation.install_command("onnx") == f"{PIP}--editable '{ROOT}[onnx]'"


def test_an_environment_of_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert installation.install_command("onnx").startswith(
        f"uv pip install --python {sys.executable} "
    )


def test_the_sentence_has_need_reason_and_remedy() -> None:
    output = installation.needs_extra("export", "onnx", ImportError("No module named 'onnx'"))
    start = "export: the extra `onnx` is needed (No module named 'onnx'); install it with: "
    assert output == start + installation.install_command("onnx")


def test_a_leftover_installation_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "asc_cli-0.1.0.dist-info").mkdir()
    done = subprocess.run(
        command("--version"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path)},
        check=True,
    )
    (line,) = done.stderr.splitlines()
    assert line.startswith("asc: asc-cli is installed beside asc-scenes; both have the command asc")
    assert "-m pip uninstall asc-cli and install asc again: " in line
    assert done.stdout.count("\n") == 1


def test_without_one_nothing_is_reported() -> None:
    assert installation.leftover_hint() is None


def test_no_hint_installs_asc_from_an_index() -> None:
    index = re.compile(r"pip3? install[^\n]*\basc-(cli|scenes)\b(?! @)")
    pages = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "Makefile",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "asc_cli").rglob("*.py"),
    ]
    results = [str(page) for page in pages if index.search(page.read_text(encoding="utf-8"))]
    assert results == []
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "not on PyPI" in readme and "`asc-cli` there is another author's tool" in readme


def test_the_citation_names_this_version() -> None:
    import yaml

    from asc_cli import __version__

    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert cited["version"] == __version__ and cited["license"] == "MIT"


def test_packages_name_the_distribution_whatever_is_installed() -> None:
    from asc_cli import __version__

    assert _run.packages()["asc-scenes"] == __version__
