"""Folders: $ASC_HOME for what asc writes, $ASC_DATA for published datasets."""

from __future__ import annotations

import os
from pathlib import Path

from asc_cli.core.errors import AscError, refusal


def expanded(path: str | Path, what: str) -> Path:
    """Return a path with ~ and ~user written out.

    Args:
        path: As a user wrote it.
        what: Which setting it is, for the message.

    Raises:
        AscError: There is no such user, or none has a home.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as fault:
        raise AscError(
            f"{what} {path}: no home folder of that user is known; write the path in full"
        ) from fault


def home() -> Path:
    """Return $ASC_HOME, or the platform's folder for user data."""
    if configured := os.environ.get("ASC_HOME"):
        return expanded(configured, "ASC_HOME").absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("asc", appauthor=False))


def features() -> Path:
    return home() / "features"


def packs() -> Path:
    return home() / "packs"


def logits() -> Path:
    return home() / "logits"


def runs() -> Path:
    return home() / "runs"


def tuning() -> Path:
    return home() / "tuning"


def models() -> Path:
    return home() / "models"


def data() -> Path:
    """Return the folder that holds a folder per dataset: $ASC_DATA, or datasets/ in the home."""
    configured = os.environ.get("ASC_DATA")
    return expanded(configured, "ASC_DATA").absolute() if configured else home() / "datasets"


def children(folder: Path) -> list[Path]:
    """Return what is in a folder of asc's own, by name; nothing where there is no such folder.

    Raises:
        AscError: It may not be looked into, or is no folder.
    """
    try:
        return sorted(folder / name for name in os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError as fault:
        raise AscError(refusal(fault, folder)) from fault


def dataset_root(name: str, path: Path | None = None) -> Path:
    """Return the root of a dataset: `path` if there is one, else $ASC_DATA/<name>."""
    return expanded(path, "--data").absolute() if path else data() / name
