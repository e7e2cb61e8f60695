"""Code blocks of the project's own pages, so that tests can run what the pages print."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    language: str
    title: str  # the file that it is, "" for none
    text: str


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page, in order."""
    results = FENCE.findall(page.read_text(encoding="utf-8"))
    return [Block(language, title, text) for language, title, text in results]


def commands(found: list[Block]) -> list[str]:
    """Lines of the shell blocks."""
    return [line for block in found if block.language == "sh" for line in block.text.splitlines()]


def write(found: list[Block], folder: Path) -> list[Path]:
    """Write the blocks that are files below `folder`."""
    written = []
    for block in found:
        if block.title:
            path = folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            written.append(path)
    return written


def run(lines: list[str], folder: Path, package: Path = ROOT) -> dict[str, str]:
    """Run lines of a page in `folder`, where asc is `package`'s; what each printed on stdout.

    One process runs them all (tests/run_lines.py), so that torch is imported once. Fails on the
    first line that does not end with exit code 0, showing what it said.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": str(package),
        "ASC_HOME": str(folder / "home"),
        "ASC_DATA": str(folder / "home" / "datasets"),
        "COLUMNS": "120",
        "LOKY_MAX_CPU_COUNT": "1",  # little data: starting worker processes would take longest
    }
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "run_lines.py")],
        cwd=folder,
        env=environment,
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = json.loads(done.stdout.splitlines()[-1])
    assert list(outputs) == list(dict.fromkeys(lines))
    return outputs
