"""What a plug-in's file declares, read from its syntax tree: nothing is imported.

models      def build(n_bands, n_scenes, *, name: type = default, …)
features    one @dataclass(frozen=True) with __call__; its fields are the parameters
variants, augment                                 the same
datasets    DATASET = Dataset(…) and def read(root)
metrics     METRIC = Metric("name", function, "scope", title="…", definition="…")
cli         def command(…), or COMMANDS = {…}
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, Union

from asc_cli.core.errors import AscError

REQUIRED = object()
PLAIN_TYPES = {"int": int, "float": float, "bool": bool, "str": str, "None": None, "Any": Any}
EXPECTED = {
    "models": "a function build(n_bands, n_scenes, *, …)",
    "features": "a class with @dataclass(frozen=True) and __call__",
    "variants": "a class with @dataclass(frozen=True) and __call__",
    "augment": "a class with @dataclass(frozen=True) and __call__",
    "datasets": "DATASET = Dataset(…)",
    "metrics": "METRIC = Metric(…)",
    "cli": "a function command, or a table COMMANDS",
}
TYPES = (
    "int, float, bool, str, Literal[…], Sequence[…], tuple[…, ...], None, a union of these or "
    "Annotated[…, Field(ge=…, le=…)]"
)


@dataclass(frozen=True)
class MetricRow:
    """What a line of METRICS, or a plug-in's METRIC, says of a metric, less its function.

    Attributes:
        name: As in metrics.json.
        title: As tables and pages print it.
        share: Whether it is from 0 to 1 and printed in per cent.
        definition: How it is computed, of one that can head a report.
    """

    name: str
    title: str
    share: bool = True
    definition: str = ""


Node = ast.FunctionDef | ast.ClassDef | ast.Assign


@dataclass(frozen=True)
class Parameter:
    """A field of a feature's dataclass, or a keyword-only argument of a model's `build`."""

    name: str
    annotation: str
    default: Any  # REQUIRED if it has none
    type: Any  # what the annotation says


def entry(tree: ast.Module, kind: str, where: str) -> Node:
    """Return the statement of a file that is the plug-in.

    Args:
        tree: The file's syntax tree.
        kind: "models", "features", and so on.
        where: The file, for messages.

    Raises:
        AscError: There is none, or more than one.
    """
    entries = list(candidates(tree, kind))
    if not entries:
        raise AscError(f"{where}: {EXPECTED[kind]} was expected in it")
    functions = {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}
    if kind == "datasets" and not functions & {"read", "shards"}:
        raise AscError(f"{where}: a function read(root) was expected in it")
    inherits = isinstance(entries[0], ast.ClassDef) and bool(entries[0].bases)
    if kind == "features" and not inherits and "framing" not in _methods(entries[0]):
        raise AscError(
            f"{where}, line {entries[0].lineno}: a method framing(sample_rate) was expected in it"
        )
    if len(entries) > 1 and kind != "cli":
        lines = " and ".join(str(node.lineno) for node in entries)
        raise AscError(
            f"{where}: {EXPECTED[kind]} was expected once, and is there in lines {lines}; a file "
            "is one plug-in, and names of helper files begin with an underscore"
        )
    return entries[0]


def candidates(tree: ast.Module, kind: str) -> Iterator[Node]:
    """Yield the top-level statements that can be the plug-in; none in a helper file."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            if node.name == {"models": "build", "cli": "command"}.get(kind):
                yield node
        elif isinstance(node, ast.ClassDef):
            if kind in ("features", "variants", "augment") and _is_callable_dataclass(node):
                yield node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            wanted = {"datasets": "DATASET", "metrics": "METRIC", "cli": "COMMANDS"}.get(kind)
            is_call = isinstance(node.value, ast.Call)
            if node.targets[0].id == wanted and (is_call or kind == "cli"):
                yield node


def parameters(node: Node, where: str) -> list[Parameter]:
    """Return the parameters of a model's `build` or of a feature's dataclass, in order.

    Raises:
        AscError: One has a type or a default that cannot be read without running the file.
    """
    if isinstance(node, ast.ClassDef):
        fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
        return [
            _parameter(ast.unparse(each.target), each.annotation, each.value, where, each.lineno)
            for each in fields
            if not ast.unparse(each.annotation).startswith("ClassVar")
        ]
    if isinstance(node, ast.FunctionDef):
        arguments = node.args
        named = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
        if named[:2] != ["n_bands", "n_scenes"] or len(named) > 2:
            raise AscError(
                f"{where}, line {node.lineno}: build({', '.join(named)}, …): "
                "build(n_bands, n_scenes, *, …) was expected"
            )
        if arguments.vararg or arguments.kwarg:
            raise AscError(
                f"{where}, line {node.lineno}: build takes * or **: each parameter was expected by "
                "its name, so that a recipe can be checked"
            )
        return [
            _parameter(each.arg, each.annotation, default, where, each.lineno)
            for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        ]
    return []


def defines(node: Node, attribute: str) -> bool:
    """Return whether a class sets an attribute, or has a method or property of its name."""
    body = node.body if isinstance(node, ast.ClassDef) else []
    targets = [each.target for each in body if isinstance(each, ast.AnnAssign)]
    names = {each.id for each in targets if isinstance(each, ast.Name)}
    return attribute in names | _methods(node)


def constant(tree: ast.Module, key: str, default: Any) -> Any:
    """Return what a file sets `key` to at its top level; `default` where it does not."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == key:
            return ast.literal_eval(node.value)
    return default


def summary(tree: ast.Module) -> str:
    """Return the first line of a file's docstring, without its full stop."""
    return (ast.get_docstring(tree) or "").split("\n")[0].rstrip(".")


def command_help(tree: ast.Module) -> str:
    """Return the docstring of a command's function; of a table of commands, the file's."""
    for node in candidates(tree, "cli"):
        if isinstance(node, ast.FunctionDef):
            return ast.get_docstring(node) or summary(tree)
    return ast.get_docstring(tree) or ""


def metric_row(call: ast.expr, where: str) -> MetricRow:
    """Return what `Metric(…)` says, less its function.

    Raises:
        AscError: It is no call of Metric, lacks a title, or an argument is no literal.
    """
    if not isinstance(call, ast.Call) or not call.args:
        raise AscError(f'{where}: METRIC = Metric("name", function, "scope", title="…") expected')
    read = {each.name for each in fields(MetricRow)}
    try:
        named = {k.arg: ast.literal_eval(k.value) for k in call.keywords if k.arg in read}
        return MetricRow(ast.literal_eval(call.args[0]), **named)
    except (ValueError, TypeError) as fault:
        raise AscError(
            f"{where}, line {call.lineno}: a name, a title and a definition as literals were "
            f"expected ({fault})"
        ) from fault


def _parameter(
    name: str, annotation: ast.expr | None, default: ast.expr | None, where: str, line: int
) -> Parameter:
    try:
        value = REQUIRED if default is None else ast.literal_eval(default)
    except ValueError:
        shown = ast.unparse(default) if default else ""
        raise AscError(
            f"{where}, line {line}: the default of {name} is {shown}; a literal was expected, as "
            "it is read without running the file"
        ) from None
    if annotation is None:
        return Parameter(name, "Any", value, Any)
    try:
        meaning = _type(annotation)
    except (KeyError, ValueError, TypeError):
        raise AscError(
            f"{where}, line {line}: the type of {name} is {ast.unparse(annotation)}; {TYPES} was "
            "expected"
        ) from None
    return Parameter(name, ast.unparse(annotation), value, meaning)


def _type(node: ast.expr) -> Any:
    """The type that an annotation names. Raises KeyError, ValueError or TypeError for others."""
    if isinstance(node, ast.Constant) and node.value is None:
        return None
    if isinstance(node, ast.Name):
        return PLAIN_TYPES[node.id]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([_type(node.left), _type(node.right)])
    if not isinstance(node, ast.Subscript):
        raise ValueError(ast.unparse(node))
    inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    match ast.unparse(node.value).rpartition(".")[2]:
        case "Literal":
            return Literal[tuple(ast.literal_eval(each) for each in inside)]
        case "Optional":
            return _union([_type(inside[0]), None])
        case "Union":
            return _union([_type(each) for each in inside])
        case "Annotated":
            return Annotated[_type(inside[0]), _limits(inside[1])]
        case "Sequence":
            return Sequence[_type(inside[0])]  # type: ignore[misc]
        case "list":
            return list[_type(inside[0])]  # type: ignore[misc]
        case "tuple":
            ends = isinstance(inside[-1], ast.Constant) and inside[-1].value is ...
            parts = [_type(each) for each in (inside[:-1] if ends else inside)]
            return tuple.__class_getitem__((*parts, ...) if ends else tuple(parts))
    raise ValueError(ast.unparse(node))


def _limits(node: ast.expr) -> Any:
    """The limits that `Field(ge=0, le=1)` states. Raises ValueError or TypeError for others."""
    from pydantic import Field

    if not isinstance(node, ast.Call) or node.args:
        raise ValueError(ast.unparse(node))
    return Field(**{str(k.arg): ast.literal_eval(k.value) for k in node.keywords})


def _union(types: list[Any]) -> Any:
    return Union[tuple(types)]  # noqa: UP007 - how many there are is not known here


def _is_callable_dataclass(node: ast.ClassDef) -> bool:
    return "__call__" in _methods(node) and any(map(_is_frozen, node.decorator_list))


def _methods(node: Node) -> set[str]:
    body = node.body if isinstance(node, ast.ClassDef) else []
    return {each.name for each in body if isinstance(each, ast.FunctionDef)}


def _is_frozen(decorator: ast.expr) -> bool:
    return (
        isinstance(decorator, ast.Call)
        and ast.unparse(decorator.func) in ("dataclass", "dataclasses.dataclass")
        and any(k.arg == "frozen" and ast.unparse(k.value) == "True" for k in decorator.keywords)
    )
