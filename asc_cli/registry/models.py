"""The model registry: name@version, each a folder that holds all a prediction needs.

    models/<name>/<version>/card.yaml            what the model is, does and was made from
                            README.md            the same for a person
                            fold01.safetensors   weights and standardisation of one member
                            heard.txt            hashes of the recordings it was made from
    models/<name>/newest                         the highest version there ever was
    models/default.json                          set by `asc models use`, else the newest counts

Weights are safetensors, the rest YAML or JSON: nothing is ever unpickled.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from asc_cli.core import atomic, paths, plugins
from asc_cli.core.errors import AscError
from asc_cli.registry import readme

FORMAT = 1
REQUIRED = ("format", "name", "version", "created", "labels", "feature", "recipe", "folds")
SAFE_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C ten times as fast, as safe
HEARD = "heard.txt"
CARDS = "[!.]*/[0-9]*/card.yaml"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


@dataclass(frozen=True)
class Model:
    """A registered model: its card and where its members' weights are."""

    card: dict[str, Any]
    folder: Path

    @property
    def id(self) -> str:
        return f"{self.card['name']}@{self.card['version']}"

    def member(self, fold: int) -> Path:
        return self.folder / member_file(fold)

    def heard(self) -> frozenset[str]:
        """Hashes of the recordings that it was made from; empty where that is not known."""
        path = self.folder / HEARD
        return frozenset(path.read_text().split()) if path.exists() else frozenset()


def member_file(fold: int) -> str:
    return f"fold{fold:02d}.safetensors"


def register(
    name: str, card: dict[str, Any], members: dict[int, Path], heard: Iterable[str] = ()
) -> Model:
    """Copy members (fold → safetensors) and card into the next free version of `name`.

    heard: hashes of all recordings that some member was trained or tested on.
    """
    under = paths.models() / name
    under.mkdir(parents=True, exist_ok=True)
    building = under / f".tmp-{os.getpid()}-{os.urandom(4).hex()}"
    building.mkdir()
    try:
        for fold, path in members.items():
            shutil.copyfile(path, building / member_file(fold))
        atomic.write_text(building / HEARD, "".join(f"{digest}\n" for digest in sorted(heard)))
        return add_version(building, name, {**card, "folds": sorted(members)})
    finally:
        shutil.rmtree(building, ignore_errors=True)


def models() -> list[Model]:
    """Every registered model whose card can be read, oldest first; `damaged` has the others."""
    found = []
    for path in paths.models().glob(CARDS):
        with contextlib.suppress(AscError):
            found.append(read_card(path.parent))
    return sorted(found, key=lambda m: (m.card["created"], m.card["name"], m.card["version"]))


def damaged() -> list[str]:
    """What is wrong with each registered model's card that cannot be read."""
    faults = []
    for path in sorted(paths.models().glob(CARDS)):
        try:
            read_card(path.parent)
        except AscError as fault:
            faults.append(str(fault))
    return faults


def find(reference: str | None = None) -> Model:
    """NAME@VERSION, or NAME for its newest version, or the default for None.

    Raises AscError with the nearest known name.
    """
    known = models()
    if not known and (faults := damaged()):
        raise AscError(faults[0])
    if not known:
        raise AscError(
            f"no models in {paths.models()}; train one (asc train toy_lstm), "
            "import one (asc models import FILE), or try asc demo"
        )
    if reference is None:
        return _default(known)
    name, _, version = reference.partition("@")
    named = [model for model in known if model.card["name"] == name]
    if version and (paths.models() / name / version / "card.yaml").is_file():
        read_card(paths.models() / name / version)  # raises where its card is damaged
    if not named:
        raise AscError(
            plugins.unknown("model", name, sorted({model.card["name"] for model in known}))
        )
    named.sort(key=lambda model: model.card["version"])
    if not version:
        return named[-1]
    for model in named:
        if str(model.card["version"]) == version:
            return model
    versions = ", ".join(str(model.card["version"]) for model in named)
    raise AscError(f"model {name} has no version {version!r}; it has {versions}")


def use(reference: str) -> Model:
    """Make a model the default."""
    model = find(reference)
    atomic.write_json(_default_file(), {"model": model.id})
    return model


def remove(reference: str) -> Model:
    """Delete one version, whose number is not given again; a default that pointed at it points at
    the newest again."""
    model = find(reference)
    if _chosen() == model.id:
        _default_file().unlink()
    under = model.folder.parent
    atomic.write_text(_newest_file(under), str(_newest(under)))
    doomed = model.folder.with_name(f".tmp-removed-{os.urandom(4).hex()}")
    model.folder.rename(doomed)  # gone for readers at once, whole or not at all
    shutil.rmtree(doomed)
    return model


def add_version(building: Path, name: str, card: dict[str, Any]) -> Model:
    """Give a finished folder the next version and put it in its place in one step."""
    if not NAME.fullmatch(name):
        raise AscError(f"model name {name!r}: letters, digits, '.', '_', '+' and '-' were expected")
    under = paths.models() / name
    under.mkdir(parents=True, exist_ok=True)
    while True:
        version = 1 + _newest(under)
        whole = {**card, "format": FORMAT, "name": name, "version": version}
        atomic.write_text(
            building / "card.yaml", yaml.safe_dump(whole, sort_keys=False, allow_unicode=True)
        )
        atomic.write_text(building / "README.md", readme.text(whole))
        try:
            os.rename(building, under / str(version))  # fails if another process took the number
        except OSError:
            if not (under / str(version)).exists():
                raise
            continue
        return Model(whole, under / str(version))


def read_card(folder: Path) -> Model:
    path = folder / "card.yaml"
    try:
        card = yaml.load(path.read_text(encoding="utf-8"), Loader=SAFE_YAML)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as fault:
        raise AscError(
            f"model card {path}: cannot be read ({fault}); delete its folder to be rid of it"
        ) from fault
    missing = [k for k in REQUIRED if k not in card] if isinstance(card, dict) else list(REQUIRED)
    if missing:
        raise AscError(f"model card {path}: lacks {', '.join(missing)}")
    if card["format"] != FORMAT:
        raise AscError(
            f"model card {path}: format {card['format']}, and this asc reads {FORMAT}; "
            "use the version of asc that wrote it"
        )
    return Model(card, folder)


def _newest(under: Path) -> int:
    """The highest version that a name's folder has or had; 0 for none."""
    there = [int(p.name) for p in under.glob("[0-9]*") if p.name.isdigit()]
    kept = _newest_file(under)
    return max([0, *there, *([int(kept.read_text())] if kept.exists() else [])])


def _newest_file(under: Path) -> Path:
    return under / "newest"


def _default(known: Sequence[Model]) -> Model:
    chosen = _chosen()
    return next((model for model in known if model.id == chosen), known[-1])


def _chosen() -> str | None:
    """The model that `use` chose. Raises AscError for a file that it did not write."""
    path = _default_file()
    if not path.exists():
        return None
    try:
        return str(atomic.read_json(path)["model"])
    except (ValueError, KeyError, TypeError) as fault:
        raise AscError(
            f"{path}: not the choice that asc models use writes ({fault}); delete it, or choose "
            "again with asc models use MODEL"
        ) from fault


def _default_file() -> Path:
    return paths.models() / "default.json"
