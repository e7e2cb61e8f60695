"""Embeddings as one .npz file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asc_cli.core import atomic


def write(path: Path, embeddings: list[tuple[dict[str, Any], Any]]) -> None:
    """Write arrays `files` (n,), `embeddings` (n, D) and `model`, from (row, embedding) pairs."""
    import numpy as np

    names = np.array([row["file"] for row, _ in embeddings], dtype=np.str_)
    model, stacked = np.array(embeddings[0][0]["model"]), np.stack([v for _, v in embeddings])
    with atomic.replacing(path) as temporary, temporary.open("wb") as out:
        np.savez(out, files=names, embeddings=stacked, model=model)
