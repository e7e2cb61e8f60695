"""Where things live: $ASC_HOME for what we make, $ASC_DATA for what others published."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """$ASC_HOME, or the platform's folder for user data."""
    if named := os.environ.get("ASC_HOME"):
        return Path(named).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("asc", appauthor=False))


def features() -> Path:
    return home() / "features"


def packs() -> Path:
    return home() / "packs"


def runs() -> Path:
    return home() / "runs"


def models() -> Path:
    return home() / "models"


def data() -> Path:
    """The folder that holds a folder per dataset: $ASC_DATA, or datasets/ in the home."""
    named = os.environ.get("ASC_DATA")
    return Path(named).expanduser().absolute() if named else home() / "datasets"


def dataset_root(name: str, given: Path | None = None) -> Path:
    """Root of a dataset: the given path, else $ASC_DATA/<name>."""
    return given.expanduser().absolute() if given else data() / name
