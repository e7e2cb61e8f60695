"""Checksums of asc's own files: SHA-256, and where each is written.

    JSON, YAML, a line of the journal   the key `checksum`: of all other keys
    safetensors                         `checksum` in its header: of the file, with zeros there
    CSV and other text                  a file beside it, NAME.sha256, as sha256sum writes it
    an array of the feature store       in the file's name (frontend/arrays.py)

A file without one was written by version 0.1, or by hand. It is read; it is unchecked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from asc_cli.core import json_text

KEY = "checksum"
CHARACTERS = 64  # hexadecimal
_SIDECAR = re.compile(rb"([0-9a-f]{64}) [ *].*\n?")


def of_bytes(*parts: bytes | memoryview) -> str:
    """Return the SHA-256 of these bytes, one after another."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def of_mapping(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a mapping's contents without its checksum; the keys' order is nothing.

    Raises:
        TypeError: A key is no text, or a value is nothing that JSON has.
    """
    others = {key: value for key, value in values.items() if key != KEY}
    return of_bytes(json_text.dumps(others, sort_keys=True).encode())


def added(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a mapping with its checksum as the first key: a file that is cut loses others first.

    Args:
        values: What JSON or YAML gives back as it is: text, numbers, lists and mappings.
    """
    others = {key: value for key, value in values.items() if key != KEY}
    return {KEY: of_mapping(values), **others}


def is_intact(values: Mapping[str, Any]) -> bool:
    """Return whether a mapping has the contents of its checksum, or has none."""
    if KEY not in values:
        return True
    try:
        return values[KEY] == of_mapping(values)
    except TypeError:
        return False


def beside(name: str, contents: bytes) -> str:
    """Return the text of the file NAME.sha256."""
    return f"{of_bytes(contents)}  {name}\n"


def fits_beside(text: bytes, contents: bytes) -> bool:
    """Return whether the text of a file NAME.sha256 is of these contents."""
    match = _SIDECAR.fullmatch(text)
    return match is not None and match[1].decode() == of_bytes(contents)
