"""Archives with a wrong byte, field or end: unpacked, or refused with nothing of them written."""

from __future__ import annotations

import io
import os
import random
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from asc_cli.core.archives import unpack
from asc_cli.core.errors import AscError
from tests.faults.fuzzing import cut, flip, mutated

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
NAMES = ("set/audio/a.wav", "set/audio/b.wav", "set/meta.txt", "set/evaluation_setup/fold1.txt")
FIELDS = (0, 1, 8, 12, 14, 97, 255, 65_535, 2**31 - 1, 2**32 - 1)
MARKS = (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06")
LINKS = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)


def originals() -> list[bytes]:
    """A good archive of every kind."""
    noise = random.Random(0)
    contents = {name: noise.randbytes(600) + b"text " * 300 for name in NAMES}
    archives = []
    for method in METHODS:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            for name, data in contents.items():
                archive.writestr(name, data)
        archives.append(out.getvalue())
    for kind in ("", "gz", "bz2", "xz"):
        for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode=f"w:{kind}", format=form) as tar:
                for name, data in {**contents, "set/" + "long " * 30: b"x"}.items():
                    info = tarfile.TarInfo(name)
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
            archives.append(out.getvalue())
    return archives


def files(seed: int, count: int) -> Iterator[bytes]:
    """Mutated archives, the same for the same seed."""
    return mutated(seed, count, originals(), MUTATIONS)


def _field(data: bytearray, draw: random.Random) -> None:
    """Write another number into a header, of a zip or a tar."""
    at = data.find(draw.choice(MARKS), draw.randrange(len(data) + 1))
    at = max(at, 0) + draw.randrange(4, 46)
    size = draw.choice((1, 2, 4))
    data[at : at + size] = (draw.choice(FIELDS) % 256**size).to_bytes(size, "little")


def _octal(data: bytearray, draw: random.Random) -> None:
    """Write another size, or kind of member, into a tar's header."""
    at = 512 * draw.randrange(1 + len(data) // 512)
    if draw.random() < 0.5:
        data[at + 124 : at + 136] = draw.choice((b"77777777777\0", b"-0000000001\0", b"x" * 12))
    else:
        data[at + 156 : at + 157] = draw.choice(LINKS)
    header = bytes(data[at : at + 148]) + b" " * 8 + bytes(data[at + 156 : at + 512])
    data[at + 148 : at + 156] = b"%06o\0 " % sum(header)


def _rename(data: bytearray, draw: random.Random) -> None:
    """Give a member another name of the same length."""
    name = draw.choice(NAMES).encode()
    other = draw.choice((b"../", b"/", b"C:\\", b"\0", b"\xff", b"set/audio/../../../"))
    data[:] = data.replace(name, (other + name)[: len(name)], draw.choice((1, 2)))


def _splice(data: bytearray, draw: random.Random) -> None:
    at = draw.randrange(len(data) + 1)
    if draw.random() < 0.5:
        data[at:at] = draw.randbytes(draw.randrange(1, 60))
    else:
        del data[at : at + draw.randrange(1, 60)]


MUTATIONS = (flip, flip, _field, _field, _octal, _rename, cut, _splice)


def attack(path: Path, root: Path) -> str:
    """Unpack a file; return how it ended. Refused, nothing of it may have been written."""
    try:
        unpack(path, root / "into")
    except AscError as fault:
        assert "\n" not in str(fault)
        written = [name for _, _, names in os.walk(root) for name in names]
        assert not written, f"refused, and yet there are {written}"
        return "refused"
    return "unpacked"
