"""The fingerprint of a dataset's copy: what a result on it depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from asc_cli.core import json_text
from asc_cli.datasets import Listing


def fingerprint(listing: Listing, digests: Mapping[str, str]) -> str:
    """Return the hash of labels, splits, the audio's hashes and every column of the lists."""
    return _hash(
        {
            "labels": listing.labels,
            "recordings": sorted(
                (*astuple(r), digests.get(r.file, "")) for r in listing.recordings
            ),
            "splits": _splits(listing),
        }
    )


def fingerprint_0_1(listing: Listing, digests: Mapping[str, str]) -> str:
    """Return the fingerprint of version 0.1, which left out recording devices.

    Without digests, it says which recordings are in which part of which fold.
    """
    return _hash(
        {
            "labels": listing.labels,
            "recordings": sorted(
                (r.file, r.label, r.group, digests.get(r.file, "")) for r in listing.recordings
            ),
            "splits": _splits(listing),
        }
    )


def _splits(listing: Listing) -> list[Any]:
    return [(s.fold, sorted(s.train), sorted(s.test)) for s in listing.splits]


def _hash(contents: dict[str, Any]) -> str:
    return hashlib.sha256(json_text.dumps(contents).encode()).hexdigest()[:16]
