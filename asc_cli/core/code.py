"""Source code from outside the package: a plug-in's file with the modules that it imports.

It is kept as text. So it can be copied into a run and beside a model, sent to another process, and
run there under a package name of its own (`asc_plugins_<hash>`), whatever is installed or has
changed since.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

from asc_cli.core import atomic, importing, installation
from asc_cli.core.errors import AscError

INDEX = "code.json"  # of a folder of copied plug-ins
HASH_CHARACTERS = 16
IGNORED = {"ctx", "kind", "type_comment", "type_ignores"}  # fields that change nothing that runs


@dataclass(frozen=True)
class Code:
    """A plug-in's source.

    Attributes:
        kind: "models", "features", "datasets", "metrics", "cli", "variants" or "augment".
        name: The plug-in's name in recipes and commands.
        origin: Where it came from, in words.
        files: (path, source) of its own file and of every module that it imports from beside it;
            its own comes first. Paths are relative and have "/" between their parts.
        folder: Where the files were read; another process need not have it.
        top: The installed package that it is part of; "" for a file in a plug-in folder.
    """

    kind: str
    name: str
    origin: str
    files: tuple[tuple[str, str], ...]
    folder: str = ""
    top: str = ""

    def __reduce__(self) -> Any:  # what is cached stays here
        return Code, (self.kind, self.name, self.origin, self.files, self.folder, self.top)

    @property
    def file(self) -> str:
        """The relative path of its own file."""
        return self.files[0][0]

    @functools.cached_property
    def hash(self) -> str:
        """Of what runs: the syntax trees of all files, without docstrings and comments."""
        trees = [(path, _plain(parsed(path, source))) for path, source in sorted(self.files)]
        return hashlib.sha256(repr(trees).encode()).hexdigest()[:HASH_CHARACTERS]

    @functools.cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of its own file."""
        return parsed(*self.files[0])

    def module(self) -> ModuleType:
        """Import it, once a process.

        Raises:
            AscError: The code cannot be imported; the text has the reason and the line.
        """
        package = f"{importing.PREFIX}{self.hash}"
        importing.add(package, self.files, self.folder or f"<{self.origin}>", self.top)
        dotted = ".".join([package, *PurePosixPath(self.file).with_suffix("").parts])
        try:
            return importlib.import_module(dotted.removesuffix(".__init__"))
        except AscError:
            raise
        except Exception as fault:
            raise AscError(self._cannot_import(fault)) from fault

    def described(self) -> dict[str, Any]:
        """Return what a run and a model's card record of it."""
        return {"kind": self.kind, "name": self.name, "origin": self.origin, "hash": self.hash}

    def _cannot_import(self, fault: Exception) -> str:
        if needed := installation.missing_extra(f"{self.file} ({self.origin})", fault):
            return needed
        where = importing.fault_in_plugin(fault) or f"{type(fault).__name__}: {fault}"
        missing = str(getattr(fault, "name", None) or "")
        if missing.startswith(importing.PREFIX):
            where += f"; {missing.partition('.')[2].replace('.', '/')}.py is not there"
        elif isinstance(fault, ModuleNotFoundError):
            where += "; a module beside it is imported as `from ._module import name`"
        return f"{self.file} ({self.origin}): cannot be imported: {where}"


def read(
    kind: str, name: str, origin: str, root: Path, file: str, top: str = "", within: str = ""
) -> Code:
    """Read a plug-in's file and the modules that it imports from beside it.

    Args:
        kind: What it is, as in `Code`.
        name: Its name.
        origin: Where it came from, in words.
        root: The folder that `file` is relative to; imports do not lead out of it.
        file: Its own file, with "/" between the parts.
        top: The package that it is part of, whose modules it may also import by their full names.
        within: What the paths of all its files begin with.

    Returns:
        The plug-in's code.

    Raises:
        AscError: A file cannot be read, or is no Python.
    """
    files: dict[str, str] = {}
    waiting = [file]
    while waiting:
        path = waiting.pop()
        if path in files:
            continue
        try:
            files[path] = (root / path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            raise AscError(f"{root / path} ({origin}): cannot be read ({fault})") from fault
        imported = [*_packages(path), *_imports(parsed(path, files[path]), path, top)]
        waiting += [p for p in imported if p.startswith(within) and (root / p).is_file()]
    ordered = ((path, files[path]) for path in [file, *sorted(files.keys() - {file})])
    return Code(kind, name, origin, tuple(ordered), str(root), top)


@functools.cache  # asc's own files do not change while it runs
def shipped_code(package: Path, kind: str, name: str) -> Code:
    """Return a shipped plug-in's code: its file, and what it imports of its kind."""
    folder, root = f"{package.name}/{kind}/", package.parent
    code = read(kind, name, "asc", root, f"{folder}{name}.py", package.name, within=folder)
    own = tuple(each for each in code.files if each[0] != f"{folder}__init__.py")
    return replace(code, files=own)


def method(code: Code, name: str, n_arguments: int) -> ast.FunctionDef | None:
    """Return a method of so many arguments, self among them, of a class in a plug-in's files; None
    if there is none. Packages' __init__ files, which hold protocols, do not count."""
    files = (each for each in code.files if not each[0].endswith("__init__.py"))
    methods = (
        each
        for path, source in files
        for node in ast.walk(parsed(path, source))
        if isinstance(node, ast.ClassDef)
        for each in node.body
        if isinstance(each, ast.FunctionDef)
        and each.name == name
        and len(_arguments(each)) == n_arguments
    )
    return next(methods, None)


def uses_argument(function: ast.FunctionDef, position: int) -> bool:
    """Return whether a function's body names its argument at a position; self is 0."""
    name = _arguments(function)[position].arg
    nodes = (node for statement in function.body for node in ast.walk(statement))
    return any(isinstance(node, ast.Name) and node.id == name for node in nodes)


def _arguments(function: ast.FunctionDef) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args]


def write_copy(folder: Path, codes: Sequence[Code]) -> None:
    """Write plug-ins' sources into a folder, with an index that `read_copy` reads."""
    rows = []
    for code in codes:
        for path, source in code.files:
            atomic.write_text(folder / path, source)
        files = [path for path, _ in code.files]
        rows.append({**code.described(), "files": files, "top": code.top})
    atomic.write_json(folder / INDEX, {"code": rows})


def read_copy(folder: Path) -> tuple[Code, ...]:
    """Read what `write_copy` wrote; nothing where there is no copy.

    Raises:
        AscError: A file is missing or changed; the text says where the code came from.
    """
    index = folder / INDEX
    if not index.is_file():
        return ()
    try:
        rows = atomic.read_json(index)["code"]
        return tuple(_copied(folder, row) for row in rows)
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise AscError(f"{index}: cannot be read ({fault})") from fault


def _copied(folder: Path, row: dict[str, Any]) -> Code:
    files = []
    for path in row["files"]:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise AscError(f"{folder / INDEX}: {path!r} leads out of its folder; refused")
        if not (folder / path).is_file():
            raise AscError(
                f"{row['kind']} {row['name']}: its code {path} is not in {folder}; it came from "
                f"{row['origin']}. Put the file back there, or import or train the model again"
            )
        files.append((path, (folder / path).read_text(encoding="utf-8")))
    code = Code(row["kind"], row["name"], row["origin"], tuple(files), str(folder), row["top"])
    if code.hash != row["hash"]:
        raise AscError(
            f"{row['kind']} {row['name']}: its code in {folder} was changed since it was written "
            f"(hash {code.hash}, not {row['hash']}); it came from {row['origin']}. Put the file "
            "back, or import or train the model again"
        )
    return code


def parsed(path: str, source: str) -> ast.Module:
    """Return the syntax tree of a file's text, parsed once a process.

    Raises:
        AscError: It is no Python; the text names the file and the line.
    """
    try:
        return _tree(source)
    except (SyntaxError, ValueError, RecursionError) as fault:
        line = f", line {fault.lineno}" if isinstance(fault, SyntaxError) else ""
        reason = getattr(fault, "msg", None) or fault
        raise AscError(f"{path}{line}: is no valid Python: {reason}") from fault


@functools.cache
def _tree(source: str) -> ast.Module:
    return ast.parse(source)


def _packages(path: str) -> Iterator[str]:
    """The __init__ files that Python would run before a module."""
    for parent in PurePosixPath(path).parents:
        if str(parent) != ".":
            yield f"{parent}/__init__.py"


def _imports(tree: ast.Module, path: str, top: str) -> Iterator[str]:
    """Files that a module's imports may mean: relative ones, and of `top` by its full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            dotted = [alias.name for alias in node.names]
            bases = [each.split(".") for each in dotted if each.split(".")[0] == top]
            names: list[str] = []
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, path, top)
            bases = [] if base is None else [base]
            names = [alias.name for alias in node.names]
        else:
            continue
        for parts in bases:
            for more in ([], *([name] for name in names)):
                module = "/".join([*parts, *more])
                yield from (f"{module}.py", f"{module}/__init__.py")


def _base(node: ast.ImportFrom, path: str, top: str) -> list[str] | None:
    """The parts of the module that names are imported from; None for one from elsewhere."""
    module = node.module.split(".") if node.module else []
    if node.level == 0:
        return module if top and module[0] == top else None
    parents = PurePosixPath(path).parent.parts
    if node.level - 1 > len(parents):
        return None
    return [*parents[: len(parents) - (node.level - 1)], *module]


def _plain(node: Any) -> Any:
    """A syntax tree as nested tuples, the same in every version of Python, without docstrings."""
    if isinstance(node, list):
        return tuple(map(_plain, node))
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = []
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(value, list) and _has_docstring(value):
            value = value[1:]
        if name not in IGNORED and value is not None and value != []:
            fields.append((name, _plain(value)))
    return (type(node).__name__, *fields)


def _has_docstring(body: list[Any]) -> bool:
    return (
        bool(body)
        and isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    )
