"""Modules imported from their text: code from outside, under a package name of its own."""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from types import ModuleType
from typing import Any

from asc_cli.core import installation

PREFIX = "asc_plugins_"  # of the package that a plug-in is imported under
Files = Sequence[tuple[str, str]]  # (path, source); "/" between the parts of a path


def add(package: str, files: Files, folder: str, top: str) -> None:
    """Make modules importable as `package`.…, once a process.

    Args:
        package: The name of the package that they are imported under.
        files: Paths of the modules, and their text.
        folder: Where they were read, for tracebacks.
        top: A package whose full name they import one another by; "" for none.
    """
    _FINDER.add(package, files, folder, top)


def fault_in_plugin(fault: BaseException) -> str | None:
    """Return an exception in a sentence if it was raised by code from outside, or below it.

    Returns:
        Its file and line, type and text, or how to install an extra that the code needs; None for
        an exception that is not of such code.
    """
    place, trace = None, fault.__traceback__
    while trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__", "")).startswith(PREFIX):
            place = f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}"
        trace = trace.tb_next
    if place is None:
        return None
    return installation.missing_extra(place, fault) or f"{place}: {type(fault).__name__}: {fault}"


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads modules from their text."""

    def __init__(self) -> None:
        self._sources: dict[str, tuple[str, str, bool, str]] = {}  # module → text, file, pkg, top

    def add(self, package: str, files: Files, folder: str, top: str) -> None:
        if package in self._sources:
            return
        if self not in sys.meta_path:
            sys.meta_path.append(self)
        for path, source in files:
            parts = PurePosixPath(path).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            module = parts[:-1] if is_package else parts
            for i in range(len(module)):
                dotted = ".".join([package, *module[:i]])
                self._sources.setdefault(dotted, ("", f"<{dotted}>", True, top))
            where = os.path.join(folder, *PurePosixPath(path).parts)
            self._sources[".".join([package, *module])] = (source, where, is_package, top)

    def find_spec(
        self, fullname: str, path: Any = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._sources:
            return None
        _, where, is_package, _ = self._sources[fullname]
        return importlib.util.spec_from_loader(fullname, self, origin=where, is_package=is_package)

    def is_package(self, fullname: str) -> bool:
        return self._sources[fullname][2]

    def get_source(self, fullname: str) -> str:
        return self._sources[fullname][0]

    def exec_module(self, module: ModuleType) -> None:
        source, where, _, top = self._sources[module.__name__]
        package = module.__name__.split(".")[0]
        tree = _Renaming(package, top, self._sources).visit(ast.parse(source, where))
        exec(compile(ast.fix_missing_locations(tree), where, "exec"), module.__dict__)


class _Renaming(ast.NodeTransformer):
    """Lets modules of a copied package import each other by the package's full name."""

    def __init__(self, package: str, top: str, sources: Mapping[str, Any]) -> None:
        self.package, self.top, self.sources = package, top, sources

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        if node.level == 0 and node.module:
            node.module = self._renamed(node.module)
        return node

    def visit_Import(self, node: ast.Import) -> ast.Import:
        for alias in node.names:
            if alias.asname:
                alias.name = self._renamed(alias.name)
        return node

    def _renamed(self, module: str) -> str:
        inside = f"{self.package}.{module}"
        return inside if module.split(".")[0] == self.top and inside in self.sources else module


_FINDER = _Finder()
