"""Lines of a page's shell blocks, run in one process: asc and pytest here, the rest by bash.

Reads lines from stdin; prints {line: stdout} as JSON, or what went wrong and exits 1.
"""

from __future__ import annotations

import contextlib
import glob
import io
import json
import shlex
import subprocess
import sys

SHELL = {"|", ">"}  # what a shell alone can do


def expanded(line: str) -> list[str]:
    """A line's words as a shell would pass them on: *.wav becomes the files."""
    words = shlex.split(line)
    return [each for word in words for each in (sorted(glob.glob(word)) or [word])]


def asc(arguments: list[str]) -> tuple[int, str, str]:
    from typer.testing import CliRunner

    from asc_cli.cli import application

    done = CliRunner().invoke(application(), arguments)
    return done.exit_code, done.stdout, f"{done.stderr}{done.exception or ''}"


def tests(arguments: list[str]) -> tuple[int, str, str]:
    import pytest

    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = pytest.main(arguments)
    return int(code), output.getvalue(), ""


def bash(line: str) -> tuple[int, str, str]:
    full = f'set -euo pipefail\npython() {{ {shlex.quote(sys.executable)} "$@"; }}\n{line}'
    done = subprocess.run(["bash", "-c", full], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def main() -> None:
    printed = {}
    for line in sys.stdin.read().splitlines():
        first, *rest = expanded(line)
        here = {"asc": asc, "pytest": tests}
        in_shell = first not in here or SHELL & {*rest}
        code, out, err = bash(line) if in_shell else here[first](rest)
        if code:
            sys.exit(f"$ {line}\nexit {code}\n{out}\n{err}")
        printed[line] = out
    print(json.dumps(printed))


if __name__ == "__main__":
    main()
