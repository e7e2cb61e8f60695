"""The file of predictions that a challenge takes: a row per recording, in its list's order.

filename<TAB>scene_label                             labels alone, with or without this header
filename<TAB>scene_label<TAB><scene 1><TAB>…         and a probability for each scene
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Form:
    """The form of a challenge's file.

    Attributes:
        names: Recording → how the challenge's list names it, in the list's order.
        scenes: The scenes, in the order of the columns.
        header: Whether the names of the columns come first.
        probabilities: Whether there is a column for each scene.
        delimiter: What stands between columns.
    """

    names: Mapping[str, str]
    scenes: tuple[str, ...]
    header: bool
    probabilities: bool
    delimiter: str


def text(form: Form, rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the file's text. rows: Recording → its prediction, as `asc predict --json` prints."""
    return "".join(form.delimiter.join(cells) + "\n" for cells in _cells(form, rows))


def _cells(form: Form, rows: Mapping[str, Mapping[str, Any]]) -> Iterator[list[str]]:
    scenes = form.scenes if form.probabilities else ()
    if form.header:
        yield ["filename", "scene_label", *scenes]
    for file, name in form.names.items():
        row = rows[file]
        yield [name, row["scene"], *(repr(float(row["scenes"][scene])) for scene in scenes)]
