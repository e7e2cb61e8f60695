"""The command line where only what comes with the small installation can be imported.

    python tests/small_installation.py < commands.json

A process of its own: stdin has [[arguments], …], stdout gets [[exit code, stdout, stderr], …]. The
modules of the extras are not found, as if they had not been installed.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from asc_cli.core.installation import MODULES

MISSING = frozenset(module for modules in MODULES.values() for module in modules)


class Without:
    """A finder of modules to which those of the extras are not there."""

    def __init__(self, finder: Any) -> None:
        self.finder = finder

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.partition(".")[0] in MISSING:
            return None
        return self.finder.find_spec(name, path, target)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.finder, name)


def main() -> None:
    from typer.testing import CliRunner

    from asc_cli.cli import application

    app, results = application(), []
    for arguments in json.load(sys.stdin):
        done = CliRunner().invoke(app, arguments)
        text = "" if isinstance(done.exception, (SystemExit, type(None))) else repr(done.exception)
        results.append([done.exit_code, done.stdout, done.stderr + text])
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
    main()
