"""Packs on the remote, so that another home need not write them.

    packs/<feature>-<key>-<contents>/<hash of the table>/frames.npy table.npy pack.json

The names are those of the store, and the files too. The hash is the `table_sha256` of pack.json;
the table has the checksums of all frames: what two writers packed, if their features differ in a
bit, never mixes. pack.json is written last: a pack without it is not complete.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import uuid
from pathlib import Path
from typing import Any

from asc_cli.core import atomic
from asc_cli.core.remote import Remote, configured
from asc_cli.core.terminal import note
from asc_cli.frontend import pack as packs

FILES = ("frames.npy", "table.npy", "pack.json")  # in the order in which they are written
HASH = re.compile("[0-9a-f]{64}")


def fetch(target: Path, feature: dict[str, Any]) -> bool:
    """Get a pack of the name of a folder, which is then there; return whether the remote had it.

    feature: The feature's description. All frames are compared with their checksums first.
    """
    remote = configured()
    if remote is None:
        return False
    with remote.optional():
        for name in remote.names(f"packs/{target.name}"):
            if HASH.fullmatch(name) and _fetch(remote, name, target, feature):
                return True
    return False


def put(folder: Path) -> None:
    """Put a pack there, unless it is there already."""
    remote = configured()
    if remote is None or remote.read_only:
        return
    name = atomic.read_json(folder / "pack.json", table_sha256=str)["table_sha256"]
    with remote.optional():
        if FILES[-1] not in remote.names(f"packs/{folder.name}/{name}"):
            for file in FILES:
                remote.upload(folder / file, f"packs/{folder.name}/{name}/{file}")


def _fetch(remote: Remote, name: str, target: Path, feature: dict[str, Any]) -> bool:
    temporary = target.parent / f"{packs.TEMPORARY}{uuid.uuid4().hex}"
    temporary.mkdir(parents=True)
    try:
        with atomic.naming(target):
            for file in reversed(FILES):
                if not remote.download(f"packs/{target.name}/{name}/{file}", temporary / file):
                    return False
        if not packs.is_intact(temporary, feature):
            note(
                f"asc: remote {remote.address}: packs/{target.name}/{name} is damaged; the pack is "
                "written here"
            )
            return False
        with contextlib.suppress(OSError):  # another process was quicker: its pack is the same
            temporary.rename(target)
        return target.is_dir()
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
