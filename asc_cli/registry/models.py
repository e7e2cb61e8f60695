"""The model registry: name@version, each a folder that holds all a prediction needs.

    models/<name>/<version>/card.yaml            labels, feature, recipe, folds, metrics, data
                            README.md            the same for a person
                            fold01.safetensors   weights and standardisation of one member
                            training_files.txt   hashes of its recordings, train and test
                            plugins/             code that it needs and that is not shipped
    models/<name>/newest                         the highest version so far, removed ones too
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

from asc_cli.core import atomic, paths, plugins, yaml_text
from asc_cli.core.code import Code, write_copy
from asc_cli.core.errors import AscError
from asc_cli.registry import readme, training_files
from asc_cli.registry.training_files import TrainingFile

FORMAT = 1
REQUIRED: dict[str, type] = {
    "format": int,
    "name": str,
    "version": int,
    "created": str,
    "labels": list,
    "feature": dict,
    "recipe": dict,
    "folds": list,
}
OPTIONAL: dict[str, type] = {"metrics": dict, "dataset": dict, "packages": dict, "code": list}
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

    def training_files(self) -> tuple[TrainingFile, ...]:
        """Every recording used in training or testing; () if not recorded."""
        return training_files.read(self.folder)


def member_file(fold: int) -> str:
    return f"fold{fold:02d}.safetensors"


def register(
    name: str,
    card: dict[str, Any],
    members: dict[int, Path],
    recordings: Iterable[TrainingFile] = (),
    code: Sequence[Code] = (),
) -> Model:
    """Copy members (fold → safetensors) and card into the next free version of `name`.

    recordings: All that some member was trained or tested on.
    code: Plug-ins that are not shipped, and that the model needs.
    """
    parent = paths.models() / name
    parent.mkdir(parents=True, exist_ok=True)
    building = parent / f".tmp-{os.getpid()}-{os.urandom(4).hex()}"
    building.mkdir()
    try:
        for fold, path in members.items():
            shutil.copyfile(path, building / member_file(fold))
        training_files.write(building, recordings)
        if code:
            write_copy(building / plugins.BESIDE, code)
        return add_version(building, name, {**card, "folds": sorted(members)})
    finally:
        shutil.rmtree(building, ignore_errors=True)


def catalog(model: Model) -> plugins.Catalog:
    """Return the code that a model brought along, and what is shipped.

    Raises:
        AscError: Code that it needs is missing or was changed.
    """
    own = plugins.brought_along(model.folder)
    hashes = {(code.kind, code.name): code.hash for code in own.code}
    for row in model.card.get("code", []):
        if row["origin"] != "asc" and hashes.get((row["kind"], row["name"])) != row["hash"]:
            raise AscError(
                f"model {model.id} needs {row['kind']}/{row['name']}.py, which is not in "
                f"{model.folder / plugins.BESIDE}; it came from {row['origin']}. Import the model "
                "again from the file that asc models export wrote, or train it again"
            )
    return own


def models() -> list[Model]:
    """Return every registered model whose card is readable, oldest first; see `damaged`."""
    readable = []
    for path in paths.models().glob(CARDS):
        with contextlib.suppress(AscError):
            readable.append(read_card(path.parent))
    return sorted(readable, key=lambda m: (m.card["created"], m.card["name"], m.card["version"]))


def damaged() -> list[str]:
    """Return an error message for each registered model whose card cannot be read."""
    faults = []
    for path in sorted(paths.models().glob(CARDS)):
        try:
            read_card(path.parent)
        except AscError as fault:
            faults.append(str(fault))
    return faults


def find(reference: str | None = None) -> Model:
    """Return NAME@VERSION, or NAME's newest version, or the default model for None.

    Raises AscError with the nearest name there is.
    """
    registered = models()
    if not registered and (faults := damaged()):
        raise AscError(faults[0])
    if not registered:
        raise AscError(
            f"no models in {paths.models()}; train one (asc train toy_lstm), "
            "import one (asc models import FILE), or try asc demo"
        )
    if reference is None:
        return _default(registered)
    name, _, version = reference.partition("@")
    matching = [model for model in registered if model.card["name"] == name]
    if version and (paths.models() / name / version / "card.yaml").is_file():
        read_card(paths.models() / name / version)  # raises where its card is damaged
    if not matching:
        raise AscError(
            plugins.unknown("model", name, sorted({model.card["name"] for model in registered}))
        )
    matching.sort(key=lambda model: model.card["version"])
    if not version:
        return matching[-1]
    for model in matching:
        if str(model.card["version"]) == version:
            return model
    versions = ", ".join(str(model.card["version"]) for model in matching)
    raise AscError(f"model {name} has no version {version!r}; it has {versions}")


def use(reference: str) -> Model:
    """Make a model the default."""
    model = find(reference)
    atomic.write_json(_default_file(), {"model": model.id})
    return model


def remove(reference: str) -> Model:
    """Delete one version, whose number is never reused; if it was the default, the newest model
    becomes the default again."""
    model = find(reference)
    if _chosen() == model.id:
        _default_file().unlink()
    parent = model.folder.parent
    atomic.write_text(_newest_file(parent), str(_newest(parent)))
    trash = model.folder.with_name(f".tmp-removed-{os.urandom(4).hex()}")
    model.folder.rename(trash)  # readers see all of it or nothing
    shutil.rmtree(trash)
    return model


def add_version(building: Path, name: str, card: dict[str, Any]) -> Model:
    """Give a finished folder the next version and move it into place atomically."""
    if not NAME.fullmatch(name):
        raise AscError(f"model name {name!r}: letters, digits, '.', '_', '+' and '-' were expected")
    parent = paths.models() / name
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        version = 1 + _newest(parent)
        full_card = {**card, "format": FORMAT, "name": name, "version": version}
        atomic.write_text(
            building / "card.yaml", yaml.safe_dump(full_card, sort_keys=False, allow_unicode=True)
        )
        atomic.write_text(building / "README.md", readme.text(full_card))
        try:
            os.rename(building, parent / str(version))  # fails if another process took the number
        except OSError:
            if not (parent / str(version)).exists():
                raise
            continue
        return Model(full_card, parent / str(version))


def read_card(folder: Path) -> Model:
    path = folder / "card.yaml"
    try:
        card = yaml_text.read(path, "model card")
    except AscError as fault:
        raise AscError(f"{fault}; delete its folder to be rid of it") from fault
    if missing := [key for key in REQUIRED if key not in card]:
        raise AscError(f"model card {path}: lacks {', '.join(missing)}")
    if faults := _wrong_types(card):
        raise AscError(f"model card {path}: {'; '.join(faults)}; delete its folder to be rid of it")
    if card["format"] != FORMAT:
        raise AscError(
            f"model card {path}: format {card['format']}, and this asc reads {FORMAT}; "
            "use the version of asc that wrote it"
        )
    return Model(card, folder)


def _wrong_types(card: dict[str, Any]) -> list[str]:
    """Return what in a card is of another type than this package writes."""
    types = REQUIRED | {key: kind for key, kind in OPTIONAL.items() if key in card}
    faults = [
        f"{key} is no {kind.__name__}"
        for key, kind in types.items()
        if not isinstance(card[key], kind)
    ]
    labels, folds = card["labels"], card["folds"]
    if isinstance(labels, list) and (
        not labels or not all(isinstance(each, str) for each in labels)
    ):
        faults.append("labels are no names")
    elif isinstance(labels, list) and len(set(labels)) < len(labels):
        faults.append("two labels are the same")
    if isinstance(folds, list) and (not folds or not all(type(each) is int for each in folds)):
        faults.append("folds are no numbers")
    return faults


def _newest(parent: Path) -> int:
    """Return the highest version that a name has or had; 0 for none."""
    versions = [int(p.name) for p in parent.glob("[0-9]*") if p.name.isdigit()]
    record = _newest_file(parent)
    text = record.read_text(encoding="utf-8").strip() if record.exists() else "0"
    if not text.isascii() or not text.isdigit():
        raise AscError(f"{record}: holds {text[:20]!r}, not the number of a version; delete it")
    return max([0, int(text), *versions])


def _newest_file(parent: Path) -> Path:
    return parent / "newest"


def _default(registered: Sequence[Model]) -> Model:
    chosen = _chosen()
    return next((model for model in registered if model.id == chosen), registered[-1])


def _chosen() -> str | None:
    """Return the model that `use` chose. Raises AscError for a file that it did not write."""
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
