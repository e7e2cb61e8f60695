"""A registered model as one zip file, to be registered elsewhere."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from asc_cli.core import archives, atomic, paths
from asc_cli.core.errors import AscError
from asc_cli.registry import graphs
from asc_cli.registry.models import Check, Model, add_version, catalog, find, read_card

MAX_UNPACKED_BYTES = 4 << 30
MAX_EXPANSION = 20  # how much larger than the zip a model may be: weights do not shrink
MEMBER = re.compile(
    r"(system\d{2,}/)?(card\.yaml|README\.md|(training_files|heard)\.txt|(fold|unknown)\d+\.safetensors"
    r"|graph\.(onnx|json)|plugins/(code\.json|([A-Za-z0-9_]+/)*[A-Za-z0-9_]+\.py))"
)


def export(reference: str | None, path: Path) -> Model:
    """Write a model as one zip file, for `import_file` elsewhere.

    Args:
        reference: NAME or NAME@VERSION; the default model when None.
        path: The file to write; replaced if it exists.

    Returns:
        The model.

    Raises:
        AscError: There is no such model.
    """
    model = find(reference)
    model.require_intact()
    with atomic.replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for file in sorted(model.folder.rglob("*")):
            name = file.relative_to(model.folder).as_posix()
            if MEMBER.fullmatch(name) and file.is_file() and not _is_damaged_graph(file):
                archives.add(archive, file, name)
    return model


def _is_damaged_graph(file: Path) -> bool:
    """Return whether a file is of a graph that nobody would use: it is made again."""
    return file.name in graphs.FILES and graphs.read(file.parent) is None


def import_file(
    path: Path,
    trust_code: bool = False,
    show: Callable[[str], None] | None = None,
    check: Check | None = None,
) -> Model:
    """Register a model from a zip that `export` wrote.

    Args:
        path: The zip file.
        trust_code: Whether code that it brings may run from now on, as you. Without it, a model
            that brings code is refused.
        show: Called with the text of that code before the model is registered.
        check: Called with the model before it is registered; may raise AscError.

    Returns:
        The registered model.

    Raises:
        AscError: The file is anything else, or brings code that is not trusted.
    """
    quoted = shlex.quote(str(path))
    allow = (
        f"Read it (unzip -p {quoted} '*.py'), then allow it: "
        f"asc models import {quoted} --trust-code"
    )
    with unpacked(path) as model:
        require_trust(path, model, allow if not trust_code else None, show)
        return register(path, model, check)


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[Model]:
    """Yield the model in a zip that `export` wrote, in a temporary folder. None of it has run.

    Raises:
        AscError: The file is anything else, or differs from a checksum.
    """
    building = paths.models() / f".tmp-import-{os.urandom(4).hex()}"
    building.mkdir(parents=True)
    try:
        _unpack(path, building)
        model = read_card(building, path)
        model.require_intact()
        missing = [name for name in model.weight_files() if not (building / name).is_file()]
        if missing:
            raise AscError(f"{path}: the weights {', '.join(missing)} are not in it")
        yield model
    finally:
        shutil.rmtree(building, ignore_errors=True)


def register(
    path: Path, model: Model, check: Check | None = None, version: int | None = None
) -> Model:
    """Register an unpacked model whose code is trusted.

    version: The one that it gets if there is none of that number.
    """
    try:
        if check is not None:
            check(read_card(model.folder))
        return add_version(model.folder, model.card["name"], model.card, version)
    except AscError as fault:
        reason = str(fault).replace(f"{model.folder}/", "")  # a folder that is gone then
        raise AscError(f"{path}: not a model that can be used: {reason}") from fault


def require_trust(
    path: Path, model: Model, allow: str | None, show: Callable[[str], None] | None
) -> None:
    """Raise AscError for a model that brings code, unless the user trusts it; show it then.

    Args:
        path: The archive.
        model: What is in it.
        allow: How to read and to allow the code, if the user has not said that it is trusted.
        show: Called with the text of the code.
    """
    sources = sorted(model.folder.rglob("*.py"))
    names = [source.relative_to(model.folder).as_posix() for source in sources]
    if sources and allow is not None:
        raise AscError(
            f"{path}: contains code that would run with your permissions: {', '.join(names)}. "
            f"{allow}"
        )
    try:
        catalog(read_card(model.folder))
    except AscError as fault:
        raise AscError(
            f"{path}: the code in it is not the code that its card names; get the file again"
        ) from fault
    if show:
        for text in code_of(model):
            show(text)


def code_of(model: Model) -> list[str]:
    """Return the text of each file of code that a model brings, under the names that it has."""
    places: dict[str, list[str]] = defaultdict(list)  # text → files; systems may share it
    for source in sorted(model.folder.rglob("*.py")):
        name = source.relative_to(model.folder).as_posix()
        places[source.read_text(encoding="utf-8")].append(name)
    return [f"# {', '.join(files)}\n{text}" for text, files in places.items()]


def _unpack(path: Path, building: Path) -> None:
    """Unpack plain files at the top level, named like a model's files; refuse all else."""

    def check(members: list[archives.Member]) -> None:
        if sum(member.size for member in members) > MAX_UNPACKED_BYTES:
            raise AscError(f"{path}: unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB; refused")
        for member in members:
            if not MEMBER.fullmatch(member.name):
                raise AscError(f"{path}: holds {member.name!r}, which no model holds; refused")

    archives.require_zip(path, "a model that asc models export wrote")
    archives.unpack(path, building, check=check, max_expansion=MAX_EXPANSION)
