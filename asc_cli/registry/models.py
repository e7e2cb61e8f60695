"""The model registry: name@version, each a folder that holds all a prediction needs.

    models/<name>/<version>/card.yaml            labels, feature, recipe, folds, metrics, data
                            README.md            the same for a person
                            fold01.safetensors   weights and standardisation of one member
                            unknown01.safetensors   statistics of one member for --unknown
                            training_files.txt   hashes of its recordings, train and test
                            graph.onnx           the network without weights, for predictions
                            graph.json           without torch; both are made again if missing
                            plugins/             code that it needs and that is not shipped
                            system01/            of an ensemble: the model of its first system
    models/<name>/newest                         the highest version so far, removed ones too
    models/<name>/.removed-<version>             of one that was removed while the disk was full
    models/default.json                          set by `asc models use`, else the newest counts

Weights are safetensors, the rest YAML or JSON: nothing is ever unpickled.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from asc_cli.core import atomic, paths, plugins
from asc_cli.core.code import Code, write_copy
from asc_cli.core.errors import AscError
from asc_cli.registry import card as cards
from asc_cli.registry import default, members, readme, training_files
from asc_cli.registry.model import Model, member_file, read_card, system_folder, unknown_file
from asc_cli.registry.model import catalog as catalog
from asc_cli.registry.training_files import TrainingFile

REMOVED = ".removed-"  # and the number of a version whose files are gone
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")


Check = Callable[[Model], None]


def register(
    name: str,
    card: dict[str, Any],
    weights: dict[int, Path],
    recordings: Iterable[TrainingFile] = (),
    code: Sequence[Code] = (),
    check: Check | None = None,
    systems: Sequence[Model] = (),
    statistics: Mapping[int, Path] | None = None,
) -> Model:
    """Copy weights (fold → safetensors) and card into the next free version of `name`.

    recordings: All that some member was trained or tested on.
    code: Plug-ins that are not shipped, and that the model needs.
    check: May raise AscError for a model that is not to be registered.
    statistics: Fold → what `--unknown` needs, of members that have it.
    systems: Of an ensemble, in place of weights and code: the models that it averages. Its card has
    their folds.
    """
    parent = paths.models() / name
    parent.mkdir(parents=True, exist_ok=True)
    building = parent / f".tmp-{os.getpid()}-{os.urandom(4).hex()}"
    building.mkdir()
    try:
        for fold, path in weights.items():
            members.require_intact(path)
            shutil.copyfile(path, building / member_file(fold))
        for fold, path in (statistics or {}).items():
            members.require_intact(path)
            shutil.copyfile(path, building / unknown_file(fold))
        for number, system in enumerate(systems, start=1):
            system.require_intact()
            own = building / system_folder(number)
            shutil.copytree(system.folder, own, ignore=shutil.ignore_patterns(".tmp-*"))
        training_files.write(building, recordings)
        if code:
            write_copy(building / plugins.BESIDE, code)
        full_card = card if systems else {**card, "folds": sorted(weights)}
        if check is not None:
            check(Model({**full_card, "name": name, "version": 1 + _newest(parent)}, building))
        return add_version(building, name, full_card)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def models() -> list[Model]:
    """Return every registered model whose card is readable, oldest first; see `damaged`."""
    readable = []
    for path in _card_files():
        with contextlib.suppress(AscError):
            readable.append(read_card(path.parent))
    return sorted(readable, key=_order)


def _order(model: Model) -> tuple[int, str, str, int]:
    """Return what models are sorted by: when they were registered here, whatever clock or card
    says. Those of version 0.1 have no such number, and were before."""
    card = model.card
    return card.get("registered", 0), card["created"], card["name"], card["version"]


def damaged() -> list[str]:
    """Return an error message for each registered model whose card cannot be read."""
    faults = []
    for path in _card_files():
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
            f"import one (asc models import FILE), or try asc demo{_on_remote(reference)}"
        )
    if reference is None:
        chosen = default.chosen()
        return next((model for model in registered if model.id == chosen), registered[-1])
    reference, slash, system = reference.partition("/")
    if slash:
        return _system(find(reference), system)
    name, _, version = reference.partition("@")
    matching = [model for model in registered if model.card["name"] == name]
    if version and (paths.models() / name / version / "card.yaml").is_file():
        read_card(paths.models() / name / version)  # raises where its card is damaged
    if not matching:
        raise AscError(
            plugins.unknown("model", name, sorted({model.card["name"] for model in registered}))
            + _on_remote(name)
        )
    matching.sort(key=lambda model: model.card["version"])
    if not version:
        return matching[-1]
    for model in matching:
        if str(model.card["version"]) == version:
            return model
    versions = ", ".join(str(model.card["version"]) for model in matching)
    raise AscError(
        f"model {name} has no version {version!r}; it has {versions}{_on_remote(reference)}"
    )


def _on_remote(reference: str | None) -> str:
    """Return how to get a model that is not here, where there is a remote that may have it."""
    is_set = reference is not None and os.environ.get("ASC_REMOTE")
    return f"; the remote may have it: asc models pull {reference}" if is_set else ""


def _system(ensemble: Model, name: str) -> Model:
    """Return the system of an ensemble, a model of its own."""
    if not ensemble.is_ensemble:
        raise AscError(f"{ensemble.id}/{name}: model {ensemble.id} is no ensemble of systems")
    systems = {system.card["name"]: system for system in ensemble.systems()}
    if name not in systems:
        raise AscError(f"model {ensemble.id}: {plugins.unknown('system', name, systems)}")
    return systems[name]


def find_registered(reference: str, command: str) -> Model:
    """Return a model that is no part of another. Raises AscError for a system of an ensemble."""
    model = find(reference)
    if model.ensemble:
        raise AscError(
            f"{command} {model.id}: is a part of {model.ensemble}; to have it as a model of its "
            f"own: asc models export {model.id} FILE, then asc models import FILE"
        )
    return model


def use(reference: str) -> Model:
    """Make a model the default."""
    model = find_registered(reference, "use")
    default.choose(model.id)
    return model


def remove(reference: str) -> Model:
    """Delete one version, whose number is never reused; if it was the default, the newest model
    becomes the default again.

    A full disk does not stop it: nothing is written before the files are gone.
    """
    model = find_registered(reference, "remove")
    if default.chosen() == model.id:
        default.clear()
    parent = model.folder.parent
    removed = parent / f"{REMOVED}{model.card['version']}"  # its name keeps the number
    model.folder.rename(removed)  # readers see all of it or nothing
    for path in removed.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with contextlib.suppress(OSError):  # no room even now: the empty folder stays
        atomic.write_text(_newest_file(parent), str(_newest(parent)))
        removed.rmdir()
    return model


def add_version(
    building: Path, name: str, card: dict[str, Any], wanted: int | None = None
) -> Model:
    """Give a finished folder a version, the next one unless `wanted` is free, and move it into
    place atomically."""
    if not NAME.fullmatch(name):
        raise AscError(
            f"model name {name[:300]!r}: letters, digits, '.', '_', '+' and '-' were expected, at "
            "most 200"
        )
    parent = paths.models() / name
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        is_free = wanted is not None and not (parent / str(wanted)).exists()
        version = wanted if wanted is not None and is_free else 1 + _newest(parent)
        full_card: dict[str, Any] = {
            **card,
            "format": cards.format_of(card),
            "name": name,
            "version": version,
            "registered": 1 + max((_order(model)[0] for model in models()), default=0),
        }
        atomic.write_text(building / "README.md", readme.text(full_card))
        cards.write(building, full_card)
        atomic.sync_tree(building)
        try:
            os.rename(building, parent / str(version))  # fails if another process took the number
        except OSError:
            if not (parent / str(version)).exists():
                raise
            continue
        atomic.sync_file(parent)
        return read_card(parent / str(version))


def _card_files() -> list[Path]:
    """Return the cards of all registered models. Raises AscError if their folder is closed."""
    names = [path for path in paths.children(paths.models()) if path.is_dir()]
    versions = [path for name in names for path in paths.children(name) if path.name[0] != "."]
    return [path / cards.FILE for path in versions if (path / cards.FILE).is_file()]


def _newest(parent: Path) -> int:
    """Return the highest version that a name has or had; 0 for none."""
    names = [path.name.removeprefix(REMOVED) for path in paths.children(parent)]
    versions = [int(name) for name in names if name.isascii() and name.isdigit()]
    record = _newest_file(parent)
    text = record.read_text(errors="replace").strip() if record.exists() else "0"
    if not re.fullmatch("[0-9]{1,18}", text):
        raise AscError(f"{record}: holds {text[:20]!r}, not the number of a version; delete it")
    return max([0, int(text), *versions])


def _newest_file(parent: Path) -> Path:
    return parent / "newest"
