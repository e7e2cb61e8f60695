"""Zip and tar archives unpacked so that nothing gets out of the folder.

Only plain files and folders are taken. A member that would land elsewhere (`..`, an absolute path,
a drive letter), a link or a device, a duplicate name, or contents that are
implausibly large, make the whole archive refused before anything of it is written.
"""

from __future__ import annotations

import contextlib
import functools
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from asc_cli.core import atomic
from asc_cli.core.errors import AscError

MAX_EXPANSION = 200  # how much larger than the archive its contents may be; audio is under 20
PIECE_BYTES = 1 << 20
EXPANSION_FREE_BYTES = 64 << 20  # small archives of text may shrink more


@dataclass(frozen=True)
class Member:
    """A plain file in an archive."""

    name: str
    size: int  # bytes, from the archive's directory
    open: Callable[[], IO[bytes]]


def unpack(
    path: Path,
    into: Path,
    strip: int = 0,
    check: Callable[[list[Member]], None] = lambda members: None,
) -> int:
    """Unpack an archive into a folder, leaving out `strip` leading folders; returns the files.

    check: may raise AscError for what is in it. Raises AscError, before anything is written, for
    an archive that is damaged or hostile.
    """
    with _open_members(path) as members:
        check(members)
        targets = [(_target(path, into, member, strip), member) for member in members]
        _reject_zip_bomb(path, members)
        to_write = [(target, member) for target, member in targets if target is not None]
        if len({str(target).casefold() for target, _ in to_write}) < len(to_write):
            raise AscError(f"{path}: two of its members have the same name; refused")
        for target, member in to_write:
            _write(path, target, member)
    return len(to_write)


@contextlib.contextmanager
def _open_members(path: Path) -> Iterator[list[Member]]:
    """Yield the plain files of a zip or tar; folders are left out, everything else is refused."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield _zip_members(path, archive)
        else:
            with tarfile.open(path) as tar:
                yield _tar_members(path, tar)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as fault:
        raise AscError(f"{path}: is damaged, or no zip or tar archive ({fault})") from fault


def _zip_members(path: Path, archive: zipfile.ZipFile) -> list[Member]:
    members = []
    for info in archive.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise AscError(f"{path}: holds {info.filename!r}, a link or a device; refused")
        if not info.is_dir():
            opening = functools.partial(archive.open, info)
            members.append(Member(info.filename, info.file_size, opening))
    return members


def _tar_members(path: Path, tar: tarfile.TarFile) -> list[Member]:
    members = []
    for info in tar.getmembers():
        if not (info.isreg() or info.isdir()):
            raise AscError(f"{path}: holds {info.name!r}, a link or a device; refused")
        if info.isreg():
            members.append(Member(info.name, info.size, functools.partial(_from_tar, tar, info)))
    return members


def _from_tar(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(info)
    assert file is not None  # a regular file
    return file


def _target(path: Path, into: Path, member: Member, strip: int) -> Path | None:
    """Return the path that a member is written to; None for a file in the stripped folders."""
    name = member.name.replace("\\", "/")
    parts = PurePosixPath(name).parts
    if name.startswith("/") or PureWindowsPath(name).drive or ".." in parts or "\0" in name:
        raise AscError(f"{path}: holds {member.name!r}, which would land outside; refused")
    inside = parts[strip:]
    target = into.joinpath(*inside)
    if inside and not target.resolve().is_relative_to(into.resolve()):
        raise AscError(f"{path}: {member.name!r} would go through a link out of {into}; refused")
    return target if inside else None


def _reject_zip_bomb(path: Path, members: list[Member]) -> None:
    total, archive_bytes = sum(member.size for member in members), path.stat().st_size
    if total > max(EXPANSION_FREE_BYTES, MAX_EXPANSION * archive_bytes):
        raise AscError(
            f"{path}: {archive_bytes} bytes would unpack to {total}, which is implausibly large "
            f"(at most {MAX_EXPANSION} times the archive is accepted); refused"
        )


def _write(path: Path, target: Path, member: Member) -> None:
    """Write a member completely or not at all, and never more bytes than were announced."""
    with atomic.replacing(target, sync=False) as temporary, member.open() as source:
        with temporary.open("wb") as out:
            remaining = member.size
            while remaining and (piece := source.read(min(remaining, PIECE_BYTES))):
                remaining -= out.write(piece)
        if remaining or source.read(1):
            raise AscError(f"{path}: {member.name!r} is not {member.size} bytes long as announced")
