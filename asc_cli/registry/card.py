"""The card of a registered model, and the package versions that a run records.

card.yaml begins with `checksum`, of all its other keys, so that a card that is cut short does not
pass for one without. `files` has the SHA-256 of the weights and of training_files.txt. Who edits a
card by hand deletes the line `checksum`.
"""

from __future__ import annotations

import datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from asc_cli import __version__
from asc_cli.core import atomic, checksums, yaml_text
from asc_cli.core.errors import AscError
from asc_cli.core.installation import DISTRIBUTION
from asc_cli.core.kind import is_ensemble
from asc_cli.registry import card_schema, graphs

if TYPE_CHECKING:
    from asc_cli.recipe.ensemble import AnyRecipe

FILE = "card.yaml"
FORMAT, FORMAT_OF_ENSEMBLE = 1, 2  # asc 0.1 refuses 2 in words
SHOWN = 3  # faults in a message
README = "README.md"  # without a checksum: asc does not read it
PACKAGES = ("torch", "numpy", "scipy", "librosa", "scikit-learn", "soundfile", "soxr")


def card(
    run: Path, recipe: AnyRecipe, dataset: dict[str, str], metrics: dict[str, Any]
) -> dict[str, Any]:
    """Return a model's card, without labels and feature. dataset: what was published of it, its
    fingerprints."""
    return {
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "labels": [],
        "feature": {},
        "recipe": recipe.settings,
        "run": run.name,
        "metrics": {k: v for k, v in metrics.items() if isinstance(v, (int, float, str))},
        "conditions": metrics["conditions"],
        "dataset": dataset,
        "code": recipe.code(),
        "packages": packages(),
    }


def packages() -> dict[str, str]:
    """Return the versions of the packages that results depend on."""
    return {DISTRIBUTION: __version__, **{name: metadata.version(name) for name in PACKAGES}}


def format_of(card: dict[str, Any]) -> int:
    """Return the number of a card's format."""
    return FORMAT_OF_ENSEMBLE if is_ensemble(card["recipe"]) else FORMAT


def write(folder: Path, card: dict[str, Any]) -> None:
    """Write a model's card, with checksums of the files in its folder and of itself."""
    files = {
        path.relative_to(folder).as_posix(): checksums.of_bytes(path.read_bytes())
        for path in sorted([*folder.glob("*"), *folder.glob("system*/*")])
        if path.is_file() and path.name not in (README, *graphs.FILES) and path != folder / FILE
    }
    text = yaml.safe_dump({**card, "files": files}, sort_keys=False, allow_unicode=True)
    values = checksums.added(yaml_text.load(text, FILE))  # as it will be read
    line = f"{checksums.KEY}: {values[checksums.KEY]}\n"
    atomic.write_text(folder / FILE, line + text)


def read(folder: Path, archive: Path | None = None) -> tuple[dict[str, Any], bool]:
    """Return a model's card, and whether it has a checksum.

    Args:
        folder: The model's folder.
        archive: The file that the folder was unpacked from, for messages.

    Raises:
        AscError: It is damaged, or another version's.
    """
    where = f"{archive}: {FILE}" if archive else f"model card {folder / FILE}"
    remedy = "get the file again" if archive else "import it again, or delete its folder"
    try:
        card = yaml_text.read(folder / FILE, where)
    except AscError as fault:
        raise AscError(f"{fault}; {remedy}") from fault
    if not checksums.is_intact(card):
        raise AscError(
            f"{where}: is damaged: it differs from its checksum; {remedy}. If you edited it, "
            f"delete the line `{checksums.KEY}`"
        )
    checked = card.pop(checksums.KEY, None) is not None
    if card.get("format", FORMAT) not in (FORMAT, FORMAT_OF_ENSEMBLE):
        raise AscError(
            f"{where}: format {card['format']}, and this asc reads {FORMAT} and "
            f"{FORMAT_OF_ENSEMBLE}; use the version of asc that wrote it"
        )
    if faults := card_schema.faults(card):
        raise AscError(f"{where}: {'; '.join(faults[:SHOWN])}; {remedy}")
    return card, checked
