"""A registered model as one zip file, to be registered elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from pathlib import Path

from asc_cli.core import archives, atomic, paths
from asc_cli.core.errors import AscError
from asc_cli.registry.models import Model, add_version, find, member_file, read_card

MAX_UNPACKED_BYTES = 4 << 30
MEMBER = re.compile(r"card\.yaml|README\.md|(training_files|heard)\.txt|fold\d+\.safetensors")


def export(reference: str | None, path: Path) -> Model:
    """Write a model as one zip file, for `import_file` elsewhere."""
    model = find(reference)
    with atomic.replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for file in sorted(model.folder.iterdir()):
            archive.write(file, file.name)
    return model


def import_file(path: Path) -> Model:
    """Register a model from a zip that `export` wrote. Raises AscError for anything else."""
    building = paths.models() / f".tmp-import-{os.urandom(4).hex()}"
    building.mkdir(parents=True)
    try:
        _unpack(path, building)
        card = read_card(building).card
        missing = [f for f in card["folds"] if not (building / member_file(f)).is_file()]
        if missing:
            raise AscError(f"{path}: the weights of fold(s) {missing} are not in it")
        return add_version(building, card["name"], card)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _unpack(path: Path, building: Path) -> None:
    """Unpack plain files at the top level, named like a model's files; refuse all else."""

    def check(members: list[archives.Member]) -> None:
        if sum(member.size for member in members) > MAX_UNPACKED_BYTES:
            raise AscError(f"{path}: unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB; refused")
        for member in members:
            if not MEMBER.fullmatch(member.name):
                raise AscError(f"{path}: holds {member.name!r}, which no model holds; refused")

    if not path.exists():
        raise AscError(f"{path}: there is no such file")
    if not zipfile.is_zipfile(path):
        raise AscError(f"{path}: not a model that asc models export wrote (no zip file)")
    archives.unpack(path, building, check=check)
