"""Folders of generated datasets: marked, so that generated files never mix with other data."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from asc_cli.core import atomic, json_text
from asc_cli.core.errors import AscError


def claim_folder(mark: Path, arguments: dict[str, Any], kind: str, others: Iterable[Path]) -> None:
    """Write `mark` into its folder before any data, or check the one that is there.

    arguments: what the data are generated from. kind: what they are, for messages. others: paths
    of which none may exist in a folder without a mark. Raises AscError for a folder that holds
    other data, or data that other arguments generated.
    """
    root, text = mark.parent, json_text.dumps(arguments)
    if mark.is_file():
        if (existing := mark.read_text(encoding="utf-8").strip()) != text:
            raise AscError(
                f"{root} holds {kind} of {existing}, not {text}; give another folder, or delete "
                "that one"
            )
        return
    if other := next((path for path in others if path.exists()), None):
        raise AscError(
            f"{root} holds {other.name}, which was not generated here (it has no {mark.name}); "
            "give an empty folder"
        )
    atomic.write_text(mark, text + "\n")
