"""Read the records of a TFRecord file with their offsets, and check that each is complete.

    u64 length | u32 masked CRC-32C of the length | data | u32 masked CRC-32C of the data
    masked = (CRC rotated right by 15 bits + 0xa282ead8) mod 2³²                 all little-endian

The `tfrecord` package reads such files too, but checks neither CRC, gives no offsets and stops at
the first truncated record. So framing is done here; protocol buffers are the package's.

When a length is damaged, the start of the next record is unknown. It is then searched for: 12
bytes of which the last four are the masked CRC of the first eight, and a length that fits into the
file. The CRC is linear over xor, so that of every eight bytes is eight look-ups in tables.
"""

from __future__ import annotations

import functools
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

HEADER = struct.Struct("<QI")  # length of the data, masked CRC of these eight bytes
FOOTER = struct.Struct("<I")  # masked CRC of the data
MASK = 0xA282EAD8
BUFFERED = SEARCHED = 1 << 20  # bytes read, and searched after damage, at a time
FEWEST = HEADER.size + FOOTER.size  # bytes of an empty record


class Record(NamedTuple):
    offset: int  # of its first byte
    end: int  # of its last byte, plus one: where the next is
    data: bytes  # b"" where there is a fault
    fault: str = ""  # the error, "" if there is none


def records(path: Path, start: int = 0) -> Iterator[Record]:
    """Yield every record from the offset `start`, one that begins there, to the end of the file.

    A damaged record has a fault, and reading continues after it. Raises OSError.
    """
    with path.open("rb", buffering=BUFFERED) as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(start)
        if not size:
            yield Record(0, 0, b"", "the file is empty")
        while start < size:
            record = _record(file, start, size)
            yield record
            if record.fault:
                file.seek(record.end)
            start = record.end


def masked_crc(data: bytes) -> int:
    from crc32c import crc32c

    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + MASK) & 0xFFFFFFFF


def _record(file: IO[bytes], start: int, size: int) -> Record:
    header = file.read(HEADER.size)
    if len(header) < HEADER.size:
        return Record(start, size, b"", f"cut short: {len(header)} of a header's 12 bytes")
    length, crc = HEADER.unpack(header)
    if masked_crc(header[:8]) != crc:
        next_record = next_header(file, start + 1, size)
        lost = f"{next_record - start} bytes lost" + (
            ", to the end of the file" * (next_record == size)
        )
        return Record(start, next_record, b"", f"its length does not match its checksum; {lost}")
    end = start + HEADER.size + length + FOOTER.size
    if end > size:
        return Record(start, size, b"", f"cut short: {size - start} of its {end - start} bytes")
    data = file.read(length)
    [crc] = FOOTER.unpack(file.read(FOOTER.size))
    if masked_crc(data) != crc:
        return Record(start, end, b"", "its data do not match their checksum")
    return Record(start, end, data)


# -- after damage -----------------------------------------------------------------------------


def next_header(file: IO[bytes], start: int, size: int) -> int:
    """Return the offset of the first complete header from `start` on; the file's size if there is
    none."""
    while start + FEWEST <= size:
        file.seek(start)
        block = np.frombuffer(file.read(SEARCHED + HEADER.size - 1), np.uint8)
        n = len(block) - HEADER.size + 1
        stored = sum(block[8 + k : 8 + k + n].astype(np.uint32) << (8 * k) for k in range(4))
        for position in np.flatnonzero(_masked_crcs(block, n) == stored).tolist():
            length = int.from_bytes(block[position : position + 8].tobytes(), "little")
            if start + position + FEWEST + length <= size:
                return start + position
        start += n
    return size


def _masked_crcs(block: np.ndarray, n: int) -> np.ndarray:  # -> (n,) uint32
    """Return the masked CRC of the eight bytes from each of the first n."""
    table, zeros = _tables()
    crc = np.full(n, zeros, np.uint32)
    for k in range(8):
        crc ^= table[k][block[k : k + n]]
    return (crc >> np.uint32(15) | crc << np.uint32(17)) + np.uint32(MASK)


@functools.cache
def _tables() -> tuple[np.ndarray, int]:
    """Return how byte b at place k changes the CRC of eight zeros, (8, 256), and that CRC."""
    from crc32c import crc32c

    zeros = crc32c(bytes(8))
    changed = [
        [crc32c(bytes(k) + bytes([b]) + bytes(7 - k)) ^ zeros for b in range(256)] for k in range(8)
    ]
    return np.array(changed, np.uint32), zeros
