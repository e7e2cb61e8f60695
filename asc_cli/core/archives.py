"""Zip and tar archives unpacked so that nothing gets out of the folder, and all of it or nothing.

Only plain files and folders are taken. A member that would land elsewhere (`..`, an absolute path,
a drive letter), a link or a device, a name that is there twice or cannot be a file's, or contents
that are implausibly large, make the whole archive refused before anything of it is written. What is
only seen when a member is read, a wrong checksum or a damaged stream, is found in a folder beside
the others: files are moved to their places when all are there.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import shutil
import stat
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from asc_cli.core import atomic
from asc_cli.core.errors import AscError

MAX_EXPANSION = 200  # how much larger than the archive its contents may be; audio is under 20
MAX_MEMBERS = 2_000_000  # the largest published set has 230 350 recordings
MAX_NAME_BYTES = 255  # of a file or folder, on all common file systems
MAX_HEADER_BYTES = 1 << 20  # of a tar's extended header, which is read into memory
PIECE_BYTES = 1 << 20
UNIX = 3  # a zip's number of the system that wrote it
EXPANSION_FREE_BYTES = 64 << 20  # small archives of text may shrink more
READ_FAULTS = (errno.EIO, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ESTALE, errno.EISDIR)


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
    max_expansion: int = MAX_EXPANSION,
) -> int:
    """Unpack an archive into a folder, leaving out `strip` leading folders; returns the files.

    check: may raise AscError for what is in it. Raises AscError for an archive that is damaged or
    hostile; nothing of it is then in the folder.
    """
    with contextlib.ExitStack() as opened:
        with _reading(path):
            members, read_rest = opened.enter_context(_open_members(path, max_expansion))
        check(members)
        inside = [(_inside(path, member, strip), member) for member in members]
        to_write = {parts: member for parts, member in inside if parts}
        _require_distinct(path, [parts for parts, _ in inside if parts])
        for parts in to_write:
            _require_place(path, into, parts)
        staging = into / f".tmp-unpack-{path.name}"
        shutil.rmtree(staging, ignore_errors=True)  # of a process that was killed
        try:
            for parts, member in to_write.items():
                _write(path, staging.joinpath(*parts), member)
            with _reading(path):
                read_rest()
            for parts in to_write:
                into.joinpath(*parts).parent.mkdir(parents=True, exist_ok=True)
                os.replace(staging.joinpath(*parts), into.joinpath(*parts))
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return len(to_write)


def require_zip(path: Path, kind: str) -> None:
    """Raise AscError unless a file can be read and is a zip.

    Args:
        path: The file.
        kind: What it should be: "a model that asc models export wrote".
    """
    try:
        path.open("rb").close()
    except FileNotFoundError:
        raise AscError(f"{path}: there is no such file") from None
    except OSError as fault:
        raise AscError(f"{path}: cannot be read ({fault.strerror})") from fault
    if not zipfile.is_zipfile(path):
        raise AscError(f"{path}: not {kind} (no zip file)")


def add(archive: zipfile.ZipFile, file: Path, name: str) -> None:
    """Add a file to a zip, without its date, which a zip holds for 1980 to 2107 alone."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    entry.file_size = file.stat().st_size
    with file.open("rb") as source, archive.open(entry, "w") as out:
        shutil.copyfileobj(source, out, PIECE_BYTES)


def add_bytes(archive: zipfile.ZipFile, name: str, contents: bytes) -> None:
    """Add a file to a zip as it is: without its date, and the same on every system."""
    entry = zipfile.ZipInfo(name)
    entry.create_system = UNIX
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    archive.writestr(entry, contents)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Raise whatever the readers of archives raise for a damaged one as AscError.

    zipfile, tarfile and the decompressors raise their own errors, OSError, RuntimeError, EOFError,
    ValueError, IndexError and more; nothing but reading stands in this block.
    """
    try:
        yield
    except (AscError, MemoryError):
        raise
    except OSError as fault:
        if fault.errno in READ_FAULTS:
            raise AscError(f"{path}: cannot be read ({fault.strerror})") from fault
        raise _damaged(path, fault) from fault
    except NotImplementedError as fault:
        raise AscError(f"{path}: is packed in a way that is not read ({fault})") from fault
    except RuntimeError as fault:
        if "encrypted" in str(fault):
            raise AscError(f"{path}: is encrypted; unpack it yourself") from fault
        raise _damaged(path, fault) from fault
    except Exception as fault:
        raise _damaged(path, fault) from fault


def _damaged(path: Path, fault: Exception) -> AscError:
    reason = str(fault).partition("\n")[0].rstrip(":") or type(fault).__name__
    return AscError(f"{path}: is damaged, or no zip or tar archive ({reason}); get it again")


@contextlib.contextmanager
def _open_members(
    path: Path, max_expansion: int
) -> Iterator[tuple[list[Member], Callable[[], None]]]:
    """Yield the plain files of a zip or tar, and what reads its end, where its checksum is.

    Folders are left out, everything else is refused.
    """
    total = _Total(path, max_expansion)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield _zip_members(path, archive, total), lambda: None
    else:
        with tarfile.open(path, tarinfo=_Header) as tar:
            yield _tar_members(path, tar, total), functools.partial(_read_rest, tar, total)


@dataclass
class _Total:
    """What an archive's members add up to, while they are counted."""

    path: Path
    max_expansion: int
    members: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        """Count a member. Raises AscError for implausibly many, or implausibly large ones."""
        self.members += 1
        self.bytes += size
        archive_bytes = self.path.stat().st_size
        if self.members > MAX_MEMBERS:
            raise AscError(f"{self.path}: holds more than {MAX_MEMBERS} files; refused")
        if self.bytes > max(EXPANSION_FREE_BYTES, self.max_expansion * archive_bytes):
            raise AscError(
                f"{self.path}: {archive_bytes} bytes would unpack to {self.bytes} or more, which "
                f"is implausibly large (at most {self.max_expansion} times the archive is "
                "accepted); refused"
            )


class _Header(tarfile.TarInfo):
    """A tar's header that does not read an extended header of gigabytes into memory."""

    EXTENDED = (
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
    )

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in self.EXTENDED and not 0 <= self.size <= MAX_HEADER_BYTES:
            raise AscError(f"{tar.name!s}: has a header of {self.size} bytes; refused")
        return super()._proc_member(tar)  # type: ignore[misc]


def _zip_members(path: Path, archive: zipfile.ZipFile, total: _Total) -> list[Member]:
    members = []
    for info in archive.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise AscError(f"{path}: holds {info.filename!r}, a link or a device; refused")
        total.add(info.file_size)
        if not info.is_dir():
            opening = functools.partial(archive.open, info)
            members.append(Member(info.filename, info.file_size, opening))
    return members


def _tar_members(path: Path, tar: tarfile.TarFile, total: _Total) -> list[Member]:
    members = []
    for info in tar:
        if not (info.isreg() or info.isdir()):
            raise AscError(f"{path}: holds {info.name!r}, a link or a device; refused")
        total.add(max(0, info.size))
        if info.isreg():
            members.append(Member(info.name, info.size, functools.partial(_from_tar, tar, info)))
    return members


def _read_rest(tar: tarfile.TarFile, total: _Total) -> None:
    """Read on to the end: only there a compressed tar's checksum is compared."""
    assert tar.fileobj is not None
    while piece := tar.fileobj.read(PIECE_BYTES):
        total.add(len(piece))


def _from_tar(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(info)
    assert file is not None  # a regular file
    return file


def _inside(path: Path, member: Member, strip: int) -> tuple[str, ...]:
    """Return the parts of a member's path in the folder; () for one in the stripped folders."""
    name = member.name.replace("\\", "/")
    parts = PurePosixPath(name).parts
    if name.startswith("/") or PureWindowsPath(name).drive or ".." in parts or "\0" in name:
        raise AscError(f"{path}: holds {member.name!r}, which would land outside; refused")
    if any(len(part.encode("utf-8", "surrogateescape")) > MAX_NAME_BYTES for part in parts):
        raise AscError(
            f"{path}: holds {member.name[:80]!r} …, a name of more than {MAX_NAME_BYTES} bytes; "
            "refused"
        )
    return parts[strip:]


def _require_distinct(path: Path, names: list[tuple[str, ...]]) -> None:
    """Raise AscError for two names that are one on some systems, and for a file that is a folder
    of others too."""
    folded = [tuple(_folded(part) for part in parts) for parts in names]
    files = set(folded)
    if len(files) < len(names):
        raise AscError(f"{path}: two of its members have the same name; refused")
    for parts, name in zip(folded, names, strict=True):
        if any(parts[:n] in files for n in range(1, len(parts))):
            raise AscError(
                f"{path}: {'/'.join(name)!r} is in a folder that is also a file; refused"
            )


def _folded(part: str) -> str:
    return unicodedata.normalize("NFC", part).casefold()


def _require_place(path: Path, into: Path, parts: tuple[str, ...]) -> None:
    """Raise AscError where a link leads out, or where a folder, or a file, is in the way."""
    target = into.joinpath(*parts)
    if not target.resolve().is_relative_to(into.resolve()):
        name = "/".join(parts)
        raise AscError(f"{path}: {name!r} would go through a link out of {into}; refused")
    if target.is_dir():
        raise AscError(f"{path}: {target} is a folder; a file was expected. Move it away")
    for parent in target.parents[: len(parts) - 1]:
        if parent.exists() and not parent.is_dir():
            raise AscError(f"{path}: {parent} is a file; a folder was expected. Move it away")


def _write(path: Path, target: Path, member: Member) -> None:
    """Write a member, and never more bytes than were announced."""
    with _reading(path):
        source = member.open()
    with source:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic.naming(target), target.open("wb") as out:
            remaining = member.size
            while remaining and (piece := _read(path, source, min(remaining, PIECE_BYTES))):
                remaining -= out.write(piece)
        if remaining or _read(path, source, 1):
            raise AscError(f"{path}: {member.name!r} is not {member.size} bytes long as announced")


def _read(path: Path, source: IO[bytes], size: int) -> bytes:
    with _reading(path):
        return source.read(size)
