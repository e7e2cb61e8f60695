"""Zip parts as Tampere University publishes them on Zenodo."""

from __future__ import annotations

from asc_cli.datasets import Archive


def archives(record: int, stem: str, parts: dict[str, str]) -> tuple[Archive, ...]:
    """Return an archive per part: {part: md5}; each holds one folder named `stem`."""
    return tuple(
        Archive(f"https://zenodo.org/records/{record}/files/{stem}.{part}.zip", md5)
        for part, md5 in parts.items()
    )
