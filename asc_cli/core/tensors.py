"""safetensors files with a checksum: weights and checkpoints. Read as tensors of torch, or, where
torch may be absent, as arrays of numpy.

The header's metadata has `checksum`: the SHA-256 of the whole file with zeros in its place. It
covers names, shapes and texts too. Files of version 0.1 have none; they are read unchecked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asc_cli.core import atomic, checksums
from asc_cli.core.errors import DamagedFile

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

ZEROS = b'"checksum":"' + b"0" * checksums.CHARACTERS + b'"'


@dataclass(frozen=True)
class Tensors:
    """What a safetensors file holds. checked: whether it has a checksum, which it then equals."""

    arrays: dict[str, Tensor]
    texts: dict[str, str]
    checked: bool


@dataclass(frozen=True)
class Arrays:
    """The same, as arrays of numpy."""

    arrays: dict[str, np.ndarray]
    texts: dict[str, str]
    checked: bool


def save(path: Path, arrays: Mapping[str, Tensor], texts: Mapping[str, str] | None = None) -> None:
    """Write arrays and texts with their checksum; complete or not at all."""
    from safetensors.torch import save as to_bytes

    zeros = "0" * checksums.CHARACTERS
    data = to_bytes(_apart(arrays), {**(texts or {}), checksums.KEY: zeros})
    end = _header_end(data)
    filled = ZEROS.replace(zeros.encode(), checksums.of_bytes(data).encode())
    with atomic.replacing(path) as temporary, temporary.open("wb") as out:
        out.write(data[:end].replace(ZEROS, filled))
        out.write(memoryview(data)[end:])


def _apart(arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return arrays that share no memory, as safetensors takes them: layers may share weights."""
    storages: set[int] = set()
    apart = {}
    for name, array in arrays.items():
        storage = array.untyped_storage().data_ptr()
        apart[name] = array.clone() if storage in storages else array
        storages.add(storage)
    return apart


def load(path: Path) -> Tensors:
    """Read what `save` wrote, or a file without a checksum.

    Raises:
        OSError: It cannot be read.
        DamagedFile: It is no safetensors file, or differs from its checksum; the text is the
            reason alone.
    """
    from safetensors.torch import load as from_bytes

    read, texts, checked = _read(path, from_bytes)
    return Tensors({name: array.clone() for name, array in read.items()}, texts, checked)  # aligned


def load_arrays(path: Path) -> Arrays:
    """Read what `save` wrote without torch; raises what `load` does."""
    from safetensors.numpy import load as from_bytes

    return Arrays(*_read(path, from_bytes))


def _read(
    path: Path, from_bytes: Callable[[bytes], dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, str], bool]:
    """Return the arrays and texts of a file, and whether it has a checksum."""
    from safetensors import SafetensorError

    data = path.read_bytes()
    try:
        texts = _texts(data)
        expected = texts.pop(checksums.KEY, None)
        if expected is not None and _checksum(data, expected) != expected:
            raise DamagedFile("it differs from its checksum")
        return from_bytes(data), texts, expected is not None
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise fault if isinstance(fault, DamagedFile) else DamagedFile(str(fault)) from fault


def _header_end(data: bytes) -> int:
    return 8 + int.from_bytes(data[:8], "little")


def _texts(data: bytes) -> dict[str, str]:
    """Return the metadata in the header."""
    end = _header_end(data)
    if not 8 < end <= len(data):
        raise ValueError(f"{len(data)} bytes, with a header of {end - 8}")
    header: Any = json.loads(data[8:end])
    return dict(header.get("__metadata__") or {})


def _checksum(data: bytes, expected: str) -> str:
    """Return the checksum of a file that says it has this one."""
    end = _header_end(data)
    written = ZEROS.replace(b"0" * checksums.CHARACTERS, str(expected).encode())
    header = data[:end].replace(written, ZEROS, 1)
    return checksums.of_bytes(header, memoryview(data)[end:])
