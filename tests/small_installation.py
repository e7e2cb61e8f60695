"""The command line where only what comes with the small installation can be imported.

    python tests/small_installation.py < commands.json

A process of its own: stdin has [[arguments], …], stdout gets [[exit code, stdout, stderr], …]. The
modules of the extras are not found, as if they had not been installed.
"""

from __future__ import annotations

import importlib.abc
import json
import sys

from asc_cli.core.installation import MODULES

MISSING = frozenset(module for modules in MODULES.values() for module in modules)


class Missing(importlib.abc.MetaPathFinder):
    """Finds nothing, in words of Python's own, where a module of an extra is asked for."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name.partition(".")[0] in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


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
    sys.meta_path.insert(0, Missing())
    main()
