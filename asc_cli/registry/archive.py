"""A registered model as one zip file, to be registered elsewhere."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import zipfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from asc_cli.core import archives, atomic, paths
from asc_cli.core.errors import AscError
from asc_cli.registry import graphs
from asc_cli.registry.models import Check, Model, add_version, catalog, find, read_card

MAX_UNPACKED_BYTES = 4 << 30
MAX_EXPANSION = 20  # how much larger than the zip a model may be: weights do not shrink
PIECE_BYTES = 1 << 20
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
                _pack(archive, file, name)
    return model


def _is_damaged_graph(file: Path) -> bool:
    """Return whether a file is of a graph that nobody would use: it is made again."""
    return file.name in graphs.FILES and graphs.read(file.parent) is None


def _pack(archive: zipfile.ZipFile, file: Path, name: str) -> None:
    """Add a file without its date, which a zip holds for 1980 to 2107 alone."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    entry.file_size = file.stat().st_size
    with file.open("rb") as source, archive.open(entry, "w") as out:
        shutil.copyfileobj(source, out, PIECE_BYTES)


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
    building = paths.models() / f".tmp-import-{os.urandom(4).hex()}"
    building.mkdir(parents=True)
    try:
        _unpack(path, building)
        model = read_card(building, path)
        model.require_intact()
        card = model.card
        missing = [name for name in model.weight_files() if not (building / name).is_file()]
        if missing:
            raise AscError(f"{path}: the weights {', '.join(missing)} are not in it")
        _require_trust(path, building, trust_code, show)
        try:
            if check is not None:
                check(read_card(building))
            return add_version(building, card["name"], card)
        except AscError as fault:
            reason = str(fault).replace(f"{building}/", "")  # a folder that is gone then
            raise AscError(f"{path}: not a model that can be used: {reason}") from fault
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _require_trust(
    path: Path, building: Path, trust_code: bool, show: Callable[[str], None] | None
) -> None:
    """Raise AscError for a model that brings code, unless the user trusts it; show it then."""
    sources = sorted(building.rglob("*.py"))
    names = [source.relative_to(building).as_posix() for source in sources]
    quoted = shlex.quote(str(path))
    if sources and not trust_code:
        raise AscError(
            f"{path}: contains code that would run with your permissions: {', '.join(names)}. "
            f"Read it (unzip -p {quoted} '*.py'), then allow it: "
            f"asc models import {quoted} --trust-code"
        )
    try:
        catalog(read_card(building))
    except AscError as fault:
        raise AscError(
            f"{path}: the code in it is not the code that its card names; get the file again"
        ) from fault
    places: dict[str, list[str]] = defaultdict(list)  # text → files; systems may share it
    for name, source in zip(names, sources, strict=True):
        places[source.read_text(encoding="utf-8")].append(name)
    if show:
        for text, files in places.items():
            show(f"# {', '.join(files)}\n{text}")


def _unpack(path: Path, building: Path) -> None:
    """Unpack plain files at the top level, named like a model's files; refuse all else."""

    def check(members: list[archives.Member]) -> None:
        if sum(member.size for member in members) > MAX_UNPACKED_BYTES:
            raise AscError(f"{path}: unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB; refused")
        for member in members:
            if not MEMBER.fullmatch(member.name):
                raise AscError(f"{path}: holds {member.name!r}, which no model holds; refused")

    try:
        path.open("rb").close()
    except FileNotFoundError:
        raise AscError(f"{path}: there is no such file") from None
    except OSError as fault:
        raise AscError(f"{path}: cannot be read ({fault.strerror})") from fault
    if not zipfile.is_zipfile(path):
        raise AscError(f"{path}: not a model that asc models export wrote (no zip file)")
    archives.unpack(path, building, check=check, max_expansion=MAX_EXPANSION)
