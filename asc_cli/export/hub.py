"""A registered model as a folder to publish: weights, card and configuration.

README.md                the model card, with the metadata that model hubs read
config.json              the card for programs: labels, feature, recipe, metrics, versions
card.yaml, fold01.safetensors, …    the registry's files, unchanged
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from asc_cli.core import atomic
from asc_cli.core.errors import AscError

KEYS = (
    "format",
    "name",
    "version",
    "created",
    "labels",
    "feature",
    "recipe",
    "folds",
    "metrics",
    "conditions",
    "dataset",
    "packages",
)


def write(card: dict[str, Any], source: Path, target: Path) -> list[Path]:
    """Write a new folder. Raises AscError if `target` is not empty."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise AscError(f"--output {target}: exists; the name of a new folder was expected")
    building = target.parent / f".tmp-{os.urandom(4).hex()}"
    building.mkdir(parents=True)
    try:
        for path in sorted(source.iterdir()):
            if path.suffix == ".safetensors" or path.name == "card.yaml":
                shutil.copyfile(path, building / path.name)
        config = {key: card[key] for key in KEYS if key in card}
        atomic.write_json(building / "config.json", config, checksum=False)
        readme = (source / "README.md").read_text(encoding="utf-8")
        atomic.write_text(building / "README.md", front_matter(card) + readme)
        if target.exists():
            target.rmdir()
        building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return sorted(target.iterdir())


def front_matter(card: dict[str, Any]) -> str:
    """Return the YAML metadata above a model card."""
    import yaml

    licence = card["recipe"].get("licence")
    about = {
        **({"license": licence.lower()} if licence else {}),
        "library_name": "asc-scenes",
        "pipeline_tag": "audio-classification",
        "tags": ["acoustic-scene-classification", card["recipe"]["model"]["name"]],
        "datasets": [card["recipe"]["dataset"]],
    }
    return f"---\n{yaml.safe_dump(about, sort_keys=False, allow_unicode=True)}---\n\n"
