"""Downloads from a local server, and archives that mean harm: each ends as it should."""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import io
import os
import random
import stat
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from asc_cli.core.archives import EXPANSION_FREE_BYTES, unpack
from asc_cli.core.errors import AscError
from asc_cli.datasets import Archive
from asc_cli.protocol import download


def zipped(members: dict[str, bytes], mode: int = 0o100644) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, contents in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, contents)
    return out.getvalue()


SOUND = random.Random(0).randbytes(100_000)  # does not shrink
GOOD = zipped({"set-1.0/audio/a.wav": SOUND, "set-1.0/meta.txt": b"a.wav\tbus\n"})
MD5 = hashlib.md5(GOOD).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves GOOD; breaks the connection after `breaks` bytes of an answer, for each of them."""

    breaks: list[int]
    ranges: list[str | None]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        if "missing" in self.path:
            self.send_error(404)
            return
        asked = self.headers.get("Range")
        server.ranges.append(asked)
        start = int(asked[6:-1]) if asked else 0
        body = GOOD[start:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.breaks:
            body = body[: server.breaks.pop(0)]
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as created:
        yield created


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    created = Server(("127.0.0.1", 0), Handler)
    created.breaks, created.ranges = [], []
    thread = threading.Thread(target=created.serve_forever, daemon=True)
    thread.start()
    yield created
    created.shutdown()
    thread.join()
    created.server_close()


def url(server: Server, name: str = "set.zip") -> str:
    return f"http://127.0.0.1:{server.server_port}/{name}"


def test_a_right_download_is_unpacked_once(server: Server, tmp_path: Path):
    seen: list[tuple[str, int, int]] = []
    archive = Archive(url(server), MD5)
    assert download.fetch(archive, tmp_path, lambda *its: seen.append(its))
    assert (tmp_path / "meta.txt").read_bytes() == b"a.wav\tbus\n"
    assert (tmp_path / "audio/a.wav").stat().st_size == len(SOUND)
    assert seen[-1] == ("set.zip", len(GOOD), len(GOOD))
    assert not download.fetch(archive, tmp_path) and len(server.ranges) == 1


def test_a_plain_file_is_put_in_its_folder(server: Server, tmp_path: Path):
    download.fetch(Archive(url(server, "split5.csv"), into="split_setup"), tmp_path)
    assert (tmp_path / "split_setup/split5.csv").read_bytes() == GOOD


def test_a_wrong_checksum_is_refused_and_leaves_nothing(server: Server, tmp_path: Path):
    with pytest.raises(AscError, match="its checksum is not the published md5 0000"):
        download.fetch(Archive(url(server), "0" * 32), tmp_path)
    assert list((tmp_path / ".download").iterdir()) == []
    assert not (tmp_path / "meta.txt").exists()


def test_a_broken_download_resumes(server: Server, tmp_path: Path):
    half = 3 * download.CHUNK_BYTES
    server.breaks = [half]
    assert download.fetch(Archive(url(server), MD5), tmp_path)
    assert server.ranges == [None, f"bytes={half}-"]


def test_a_second_call_resumes_what_a_first_one_left(server: Server, tmp_path: Path):
    half = 3 * download.CHUNK_BYTES
    server.breaks = [half, 0, 0]
    with pytest.raises(AscError, match=f"broke after {half} bytes .*resumes"):
        download.fetch(Archive(url(server), MD5), tmp_path)
    assert (tmp_path / ".download/set.zip.part").stat().st_size == half
    assert download.fetch(Archive(url(server), MD5), tmp_path)
    assert server.ranges[-1] == f"bytes={half}-"


def test_ever_breaking_connections_are_given_up(server: Server, tmp_path: Path):
    server.breaks = [download.CHUNK_BYTES] * 3
    with pytest.raises(AscError, match="broke 3 times; what was downloaded is kept"):
        download.fetch(Archive(url(server), MD5), tmp_path)


def test_missing_files_are_reported(server: Server, tmp_path: Path):
    with pytest.raises(AscError, match="the server refuses: 404"):
        download.fetch(Archive(url(server, "missing.zip"), MD5), tmp_path)


def tarred(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for info, contents in members:
            info.size = len(contents)
            archive.addfile(info, io.BytesIO(contents))
    return out.getvalue()


def link(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def long_header() -> bytes:
    """A tar whose extended header claims 8 GiB, which zeros in a gzip would fill."""
    info = tarfile.TarInfo("long")
    info.type, info.size = tarfile.XHDTYPE, 8**11 - 1
    return gzip.compress(info.tobuf() + bytes(4096))


HOSTILE = {
    "parent": (zipped({"a/../../evil": b"x"}), "would land outside"),
    "absolute": (zipped({"/tmp/evil": b"x"}), "would land outside"),
    "backslash": (zipped({"..\\evil": b"x"}), "would land outside"),
    "drive": (zipped({"C:/evil": b"x"}), "would land outside"),
    "symlink": (zipped({"link": b"/etc"}, stat.S_IFLNK | 0o777), "a link or a device"),
    "bomb": (zipped({"zeros": bytes(EXPANSION_FREE_BYTES + 1)}), "implausibly large"),
    "twice": (zipped({"a.wav": b"x", "A.wav": b"y"}), "have the same name"),
    "tar parent": (tarred((tarfile.TarInfo("../evil"), b"x")), "would land outside"),
    "tar symlink": (tarred((link("l", tarfile.SYMTYPE), b"")), "a link or a device"),
    "tar hard link": (tarred((link("l", tarfile.LNKTYPE), b"")), "a link or a device"),
    "tar device": (tarred((link("l", tarfile.CHRTYPE), b"")), "a link or a device"),
    "beside its folder": (zipped({"a": b"x", "a/b": b"y"}), "in a folder that is also a file"),
    "composed": (zipped({"\u00e9": b"x", "e\u0301": b"y"}), "have the same name"),
    "long name": (zipped({"x" * 300: b"x"}), "a name of more than 255 bytes"),
    "tar header": (long_header(), "has a header of 8589934591 bytes; refused"),
    "cut": (GOOD[: len(GOOD) // 2], "is damaged, or no zip or tar"),
    "text": (b"<html>not found</html>", "is damaged, or no zip or tar"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_writes_nothing(name: str, tmp_path: Path):
    contents, message = HOSTILE[name]
    path = tmp_path / "archive.zip"
    path.write_bytes(contents)
    with pytest.raises(AscError, match=message):
        unpack(path, tmp_path / "in" / "root")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


def test_a_link_in_the_way_is_not_followed(tmp_path: Path):
    path, outside = tmp_path / "a.zip", tmp_path / "outside"
    path.write_bytes(zipped({"audio/evil": b"x"}))
    outside.mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root/audio").symlink_to(outside)
    with pytest.raises(AscError, match="would go through a link out of"):
        unpack(path, tmp_path / "root")
    assert list(outside.iterdir()) == []


def test_a_member_longer_than_declared_is_refused(tmp_path: Path):
    path = tmp_path / "a.zip"
    full = bytearray(zipped({"a": b"x" * 1000}))
    at = full.rindex(b"PK\x01\x02")
    full[at + 24 : at + 28] = (10).to_bytes(4, "little")  # the size in the directory
    path.write_bytes(full)
    with pytest.raises(AscError, match="is damaged|bytes long as announced"):
        unpack(path, tmp_path / "root")
    assert not (tmp_path / "root/a").exists()


def test_a_tar_is_unpacked(tmp_path: Path):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(tarred((tarfile.TarInfo("set/audio/a.wav"), b"x")))
    assert unpack(path, tmp_path / "root", strip=1) == 1
    assert (tmp_path / "root/audio/a.wav").read_bytes() == b"x"


def packed(method: int, encrypted: bool = False, unknown: bool = False) -> bytes:
    """A zip of two files, the first of which can be read."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("a.wav", b"good" * 1_000)
        archive.writestr("b.wav", SOUND)
    data = bytearray(out.getvalue())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.rindex(mark)
        data[at + flags] |= encrypted
        if unknown:
            data[at + flags + 2 : at + flags + 4] = (97).to_bytes(2, "little")
    return bytes(data)


def damaged(data: bytes) -> bytes:
    """Other bytes two thirds into the file."""
    at = 2 * len(data) // 3
    return data[:at] + bytes(b ^ 0xFF for b in data[at : at + 64]) + data[at + 64 :]


def tarred_as(kind: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{kind}") as archive:
        for name, contents in (("a.wav", b"good"), ("b.wav", SOUND)):
            info = tarfile.TarInfo(name)
            info.size = len(contents)
            archive.addfile(info, io.BytesIO(contents))
    return out.getvalue()


UNREADABLE = {
    "stored": (damaged(packed(zipfile.ZIP_STORED)), "is damaged"),
    "deflate": (damaged(packed(zipfile.ZIP_DEFLATED)), "is damaged"),
    "bzip2": (damaged(packed(zipfile.ZIP_BZIP2)), "is damaged"),
    "lzma": (damaged(packed(zipfile.ZIP_LZMA)), "is damaged"),
    "encrypted": (packed(zipfile.ZIP_STORED, encrypted=True), "is encrypted; unpack it yourself"),
    "unknown": (packed(zipfile.ZIP_STORED, unknown=True), "is packed in a way that is not read"),
    "tar.gz": (damaged(tarred_as("gz")), "is damaged"),
    "tar.bz2": (damaged(tarred_as("bz2")), "is damaged"),
    "tar.xz": (damaged(tarred_as("xz")), "is damaged"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_damage_that_reading_finds_leaves_nothing_of_the_archive(name: str, tmp_path: Path):
    contents, message = UNREADABLE[name]
    path, root = tmp_path / "archive.zip", tmp_path / "root"
    path.write_bytes(contents)
    root.mkdir()
    (root / "other.wav").touch()
    with pytest.raises(AscError, match=message):
        unpack(path, root)
    assert [p.name for p in root.iterdir()] == ["other.wav"]


def test_a_full_disk_is_no_damaged_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"a": b"x"}))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "root/a")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left on device"):
        unpack(path, tmp_path / "root")
    assert not list((tmp_path / "root").iterdir())


@pytest.mark.parametrize("in_the_way", ["a/b", "a"])
def test_a_folder_or_a_file_in_the_way_is_named(tmp_path: Path, in_the_way: str):
    path, root = tmp_path / "x.zip", tmp_path / "root"
    path.write_bytes(zipped({"a/b": b"x"}))
    if in_the_way == "a":
        root.mkdir()
        (root / "a").touch()
    else:
        (root / "a/b").mkdir(parents=True)
    with pytest.raises(AscError, match=rf"root/{in_the_way} is a .* was expected. Move it away"):
        unpack(path, root)


def test_what_a_killed_process_left_goes(tmp_path: Path):
    path, root = tmp_path / "x.zip", tmp_path / "root"
    path.write_bytes(zipped({"a": b"x"}))
    (root / ".tmp-unpack-x.zip/old").mkdir(parents=True)
    assert unpack(path, root) == 1 and [p.name for p in root.iterdir()] == ["a"]
