"""What C libraries print stays out of asc's output."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Program, write

PRINTING = """
import os, sys
from asc_cli.core import streams
streams.separate()
os.write(1, b"library on stdout\\n")
with streams.libraries_silenced():
    os.write(2, b"library on stderr\\n")
    with streams.libraries_silenced():
        print("asc on stderr", file=sys.stderr)
os.write(2, b"later\\n")
print("asc on stdout")
"""


CLOSED = """
import os, sys
from asc_cli.core import streams
os.close(1)
streams.separate()
with streams.libraries_silenced():
    print("asc on stderr", file=sys.stderr)
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_only_asc_writes_on_stdout_and_nothing_of_it_is_lost() -> None:
    done = run(PRINTING)
    assert done.stdout == "asc on stdout\n"
    assert done.stderr == "library on stdout\nasc on stderr\nlater\n"


def test_a_closed_stream_changes_nothing() -> None:
    done = run(CLOSED)
    assert done.stdout == "" and done.stderr.startswith("asc on stderr\n")


@pytest.mark.campaign
def test_a_damaged_mp3_adds_no_lines(two_folds: Path, home: Path, program: Program) -> None:
    shutil.copytree(two_folds, home)
    path = write(home / "a.mp3", np.random.default_rng(0).normal(0, 0.1, 44_100))
    data = bytearray(path.read_bytes())
    data[3_000:3_400] = bytes(range(200)) * 2
    path.write_bytes(data)
    done = program("predict", path, path, "--json")
    assert [json.loads(line)["file"] for line in done.stdout.splitlines()] == [str(path)]
    assert all(line.startswith("asc: ") for line in done.stderr.splitlines())
