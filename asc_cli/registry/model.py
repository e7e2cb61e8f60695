"""One registered model: its card, its files, and of an ensemble the models of its systems."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from asc_cli.core import checksums, plugins
from asc_cli.core.errors import AscError
from asc_cli.core.kind import VIDEOS, is_ensemble, kind_of
from asc_cli.registry import card as cards
from asc_cli.registry import members, training_files
from asc_cli.registry.training_files import TrainingFile


@dataclass(frozen=True)
class Model:
    """A registered model: its card and where its members' weights are."""

    card: dict[str, Any]
    folder: Path
    checked: bool = False  # whether the card has a checksum, which it then equals
    ensemble: str = ""  # NAME@VERSION of the ensemble whose system it is

    @property
    def id(self) -> str:
        """NAME@VERSION; of a system of an ensemble, NAME@VERSION/SYSTEM."""
        if self.ensemble:
            return f"{self.ensemble}/{self.card['name']}"
        return f"{self.card['name']}@{self.card['version']}"

    @property
    def is_ensemble(self) -> bool:
        """Whether it is the weighted mean of several systems, each with a feature of its own."""
        return is_ensemble(self.card["recipe"])

    @property
    def weights(self) -> tuple[float, ...]:
        """What each of its systems weighs; (1.0,) of a model that is no ensemble."""
        if not self.is_ensemble:
            return (1.0,)
        return tuple(float(row["weight"]) for row in self.card["recipe"]["systems"])

    @property
    def devices(self) -> tuple[str, ...]:
        """The recording devices that it has members of their own for."""
        rows = [system.card.get("devices") or () for system in self.systems()]
        return tuple(dict.fromkeys(device for row in rows for device in row))

    def systems(self) -> tuple[Model, ...]:
        """Return the models of its systems, in the order of `weights`; itself if it has none.

        Raises AscError where the card of one is damaged, or not of what the ensemble's card says.
        """
        if not self.is_ensemble:
            return (self,)
        rows = self.card["recipe"]["systems"]
        return tuple(self._system(number, row["name"]) for number, row in enumerate(rows, start=1))

    def _system(self, number: int, name: str) -> Model:
        self.require_intact(f"{system_folder(number)}/{cards.FILE}")
        model = replace(read_card(self.folder / system_folder(number)), ensemble=self.id)
        own, all_systems = model.card, self.card
        if own["name"] != name or model.is_ensemble or kind_of(own["recipe"]) == VIDEOS:
            raise AscError(f"model {self.id}: {model.folder} is not of its system {name}")
        for key in ("labels", "folds"):
            if own[key] != all_systems[key]:
                raise AscError(
                    f"model {self.id}: its system {name} has other {key} than its card; "
                    f"{members.REMEDY}"
                )
        return model

    def weight_files(self) -> list[str]:
        """Return the files of its weights, relative to its folder."""
        files = [member_file(fold) for fold in self.card["folds"]]
        if not self.is_ensemble:
            return files
        numbers = range(1, 1 + len(self.weights))
        return [f"{system_folder(number)}/{file}" for number in numbers for file in files]

    def member(self, fold: int) -> Path:
        return self.folder / member_file(fold)

    def training_files(self) -> tuple[TrainingFile, ...]:
        """Return every recording used in training or testing; () if not recorded.

        Raises AscError for a list that is damaged.
        """
        for name in (training_files.NAME, training_files.NAME_0_1):
            if name in self.card.get("files", {}):
                self.require_intact(name)
        return training_files.read(self.folder)

    def require_intact(self, *names: str) -> None:
        """Raise AscError for a file that differs from its checksum in the card.

        names: Of files in its folder; none: all that have a checksum.
        """
        expected = self.card.get("files", {})
        for name in names or expected:
            path = self.folder / name
            contents = path.read_bytes() if path.is_file() else b""
            if name in expected and checksums.of_bytes(contents) != expected[name]:
                raise AscError(
                    f"model {self.id}: {path} is damaged: it differs from its checksum in the "
                    f"card; {members.REMEDY}"
                )

    def remarks(self) -> list[str]:
        """Return a remark if damage to its files could not be noticed."""
        whose = [] if self.checked else [cards.FILE]
        files = self.card.get("files", {})
        whose += [name for name in self.weight_files() if name not in files]
        if not whose:
            return []
        return [
            f"model {self.id}: {', '.join(whose)}: without a checksum, as version 0.1 wrote them; "
            "whether they are damaged is not known"
        ]


def member_file(fold: int) -> str:
    return f"fold{fold:02d}.safetensors"


def unknown_file(fold: int) -> str:
    """Return the name of a member's statistics for recordings of none of the scenes."""
    return f"unknown{fold:02d}.safetensors"


def system_folder(number: int) -> str:
    """Return the name of the folder of an ensemble's system, numbered from 1."""
    return f"system{number:02d}"


def catalog(model: Model) -> plugins.Catalog:
    """Return the code that a model brought along, and what is shipped.

    Raises:
        AscError: Code that it needs is missing or was changed.
    """
    if model.is_ensemble:
        codes = [code for system in model.systems() for code in catalog(system).code]
        unique = {(code.kind, code.name): code for code in codes}
        return plugins.Catalog(tuple(unique.values()), sealed=True)
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


def read_card(folder: Path, archive: Path | None = None) -> Model:
    """Return the model in a folder, unpacked from `archive` if that is given. Raises AscError where
    its card is damaged."""
    values, checked = cards.read(folder, archive)
    return Model(values, folder, checked)
