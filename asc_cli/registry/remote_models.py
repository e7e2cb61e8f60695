"""Models on the remote: models/<name>/<version>.zip, as `asc models export` writes them.

A version is written only where there is none of its number, and never changed: of two homes that
push one version, one is told that the other's is there. A model keeps its number when it is pulled
into a home that has none of that number, so that NAME@VERSION means the same everywhere.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from asc_cli.core import paths, plugins
from asc_cli.core.errors import AscError
from asc_cli.core.remote import Remote, configured
from asc_cli.registry import archive, models
from asc_cli.registry.identity import identity
from asc_cli.registry.model import Model

VERSION = re.compile(r"[1-9][0-9]{0,17}")
SUFFIX = ".zip"
OBJECT = re.compile(rf"({VERSION.pattern})\{SUFFIX}")


@dataclass(frozen=True)
class Transfer:
    """A model that is here and on the remote.

    Attributes:
        model: The model, as it is registered here.
        remote: The remote's address.
        transferred: Whether it had to be transferred; False if it was there before.
    """

    model: Model
    remote: str
    transferred: bool


def push(reference: str) -> Transfer:
    """Put a model on the remote, under its name and version.

    Args:
        reference: NAME or NAME@VERSION.

    Returns:
        The model; `transferred` is False if the remote had it already.

    Raises:
        AscError: There is no such model, no remote to write to, or the remote has another model of
            that name and version.
    """
    remote = _remote(f"push {reference}")
    if remote.read_only:
        raise AscError(f"push {reference}: ASC_REMOTE_READ_ONLY is set; unset it to put models")
    model = models.find_registered(reference, "push")
    with _temporary() as folder:
        file = folder / f"{model.id}{SUFFIX}"
        archive.export(model.id, file)
        if remote.create(_path(model.card["name"], model.card["version"]), file.read_bytes()):
            return Transfer(model, remote.address, True)
        other = _download(remote, model.card["name"], model.card["version"], folder)
        with _named(other, remote), archive.unpacked(other) as existing:
            if identity(existing) != identity(model):
                raise AscError(
                    f"push {model.id}: {remote.address} has another model of that name and "
                    "version, which stays. To put yours as the next one: asc models export "
                    f"{model.id} FILE, asc models import FILE, and push what that registers"
                )
    return Transfer(model, remote.address, False)


def pull(
    reference: str,
    trust_code: bool = False,
    show: Callable[[str], None] | None = None,
    check: models.Check | None = None,
) -> Transfer:
    """Register a model of the remote here.

    Args:
        reference: NAME, for its newest version, or NAME@VERSION.
        trust_code: Whether code that it brings may run from now on, as you. Without it, a model
            that brings code is refused.
        show: Called with the text of that code, also where it is refused.
        check: Called with the model before it is registered; may raise AscError.

    Returns:
        The registered model. It has another version than on the remote if there is another model
        of that number here; `transferred` is False if it was registered already.

    Raises:
        AscError: There is no remote, it has no such model, or what it has is damaged, hostile or
            brings code that is not trusted.
    """
    remote = _remote(f"pull {reference}")
    name, version = _version(remote, reference)
    with _temporary() as folder:
        file = _download(remote, name, version, folder)
        with _named(file, remote), archive.unpacked(file) as model:
            if model.id != f"{name}@{version}":
                raise AscError(f"{file}: holds the model {model.id}; refused")
            if (same := _registered(name, model)) is not None:
                return Transfer(same, remote.address, False)
            if show and not trust_code:
                for text in archive.code_of(model):
                    show(text)
            allow = f"It is above; to allow it: asc models pull {model.id} --trust-code"
            archive.require_trust(file, model, None if trust_code else allow, show)
            return Transfer(
                archive.register(file, model, check, int(version)), remote.address, True
            )


def _remote(what: str) -> Remote:
    remote = configured()
    if remote is None:
        raise AscError(
            f"{what}: there is no remote; set ASC_REMOTE to its address, such as s3://bucket/prefix"
        )
    return remote


def _version(remote: Remote, reference: str) -> tuple[str, str]:
    """Return name and version of what is asked for. Raises AscError where it is not there."""
    name, at, version = reference.partition("@")
    if not models.NAME.fullmatch(name) or (at and not VERSION.fullmatch(version)):
        raise AscError(f"pull {reference[:300]!r}: NAME or NAME@VERSION was expected")
    matches = [OBJECT.fullmatch(file) for file in remote.names(f"models/{name}")]
    versions = sorted(int(match[1]) for match in matches if match)
    if not versions:
        names = [each for each in remote.names("models") if models.NAME.fullmatch(each)]
        raise AscError(f"pull {name}: {plugins.unknown('model', name, names)} ({remote.address})")
    if version and int(version) not in versions:
        raise AscError(
            f"pull {name}: {remote.address} has no version {version}; it has "
            f"{', '.join(map(str, versions))}"
        )
    return name, version or str(versions[-1])


def _registered(name: str, model: Model) -> Model | None:
    """Return the same model, whatever its version, if it is registered here."""
    pulled = identity(model)
    for other in reversed(models.models()):
        with contextlib.suppress(AscError):  # a damaged one is another
            if other.card["name"] == name and identity(other) == pulled:
                return other
    return None


def _path(name: str, version: object) -> str:
    return f"models/{name}/{version}{SUFFIX}"


def _download(remote: Remote, name: str, version: object, folder: Path) -> Path:
    file = folder / f"remote-{name}@{version}{SUFFIX}"
    if not remote.download(_path(name, version), file):
        raise AscError(f"{remote.address}/{_path(name, version)}: was removed; try again")
    return file


@contextlib.contextmanager
def _temporary() -> Iterator[Path]:
    """Yield a folder on the disk of the models."""
    paths.models().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".tmp-", dir=paths.models()) as folder:
        yield Path(folder)


@contextlib.contextmanager
def _named(file: Path, remote: Remote) -> Iterator[None]:
    """Let messages name the object instead of the copy of it."""
    name, _, version = file.name.removeprefix("remote-").removesuffix(SUFFIX).partition("@")
    try:
        yield
    except AscError as fault:
        text = str(fault).replace(str(file), f"{remote.address}/{_path(name, version)}")
        raise AscError(text) from fault
