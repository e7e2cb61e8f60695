"""Which model the user chose as the default, in models/default.json."""

from __future__ import annotations

from pathlib import Path

from asc_cli.core import atomic, paths
from asc_cli.core.errors import AscError, DamagedFile


def chosen() -> str | None:
    """Return the NAME@VERSION that was chosen; None: the newest counts.

    Raises AscError for a file that `choose` did not write.
    """
    path = _file()
    if not path.exists():
        return None
    try:
        return str(atomic.read_json(path, model=str)["model"])
    except DamagedFile as fault:
        raise AscError(
            f"{path}: not the choice that asc models use writes ({fault}); delete it, or choose "
            "again with asc models use MODEL"
        ) from fault


def choose(model: str) -> None:
    """Make NAME@VERSION the default."""
    atomic.write_json(_file(), {"model": model})


def clear() -> None:
    """Let the newest model be the default again."""
    _file().unlink()


def _file() -> Path:
    return paths.models() / "default.json"
