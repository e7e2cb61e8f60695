"""A run as one zip file that somebody else can score again; `asc report RUN --bundle` writes it.

    bundle.json        form of the bundle, the run's name, and the SHA-256 of every other file
    recipe.yaml        every setting of the recipe
    predictions.csv    the probabilities of each tested recording
    metrics.json       the figures that were printed, and their conditions
    environment.json   versions, platform, device, fingerprints of lists and audio, hashes of code
    choice.json        of asc tune: what was tried

No audio, no weights and no code. Files are stored as they are, with one date, so two bundles of a
run have the same bytes; folders of this machine are left out.
"""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asc_cli import __version__
from asc_cli.core import archives, atomic, checksums, json_text
from asc_cli.core.errors import AscError
from asc_cli.core.kind import VIDEOS, kind_of_run
from asc_cli.registry import run_files
from asc_cli.registry.run_files import ENVIRONMENT, METRICS, PREDICTIONS, SETTINGS
from asc_cli.registry.runs import find_run, recorded_metrics

MANIFEST, CHOICE = "bundle.json", "choice.json"
FORM = 1
REQUIRED = (SETTINGS, PREDICTIONS, METRICS, ENVIRONMENT)
MEMBERS = {MANIFEST, CHOICE, *REQUIRED}
MAX_BYTES = 256 << 20  # of all files; the largest published protocol has predictions of 10 MB
MAX_EXPANSION = 50  # for one that was packed again
RUN_NAME = re.compile(r"[A-Za-z0-9][\w.+-]{0,200}-[0-9a-f]{12}")
PRIVATE = ("audio_root",)  # of environment.json: folders of the machine
CODE_KEYS = ("kind", "name", "hash")  # of a row of its code; the origin may be a folder


@dataclass(frozen=True)
class Bundle:
    """An unpacked bundle whose files are those that it states.

    Attributes:
        path: The zip file.
        folder: Where its files are, named as the run.
        version: The version of asc that wrote it.
    """

    path: Path
    folder: Path
    version: str


def write_bundle(run: str | Path, path: Path) -> Path:
    """Write a finished run as one zip file, complete or not at all.

    Args:
        run: A folder, a name, or a recipe's name for its newest run.
        path: The file to write; replaced if it exists.

    Returns:
        The path.

    Raises:
        AscError: There is no such run, it is not finished, one of its files is damaged, or it is
            of videos, which keeps no predictions.
    """
    folder = find_run(run)
    if kind_of_run(folder) == VIDEOS:
        raise AscError(f"--bundle: run {folder.name} is of videos, which keeps no predictions")
    recorded_metrics(folder)
    if not RUN_NAME.fullmatch(folder.name):
        raise AscError(f"--bundle: {folder}: a run's folder has its recipe's name and signature")
    files = {name: _contents(folder, name) for name in (*REQUIRED, CHOICE) if name != ENVIRONMENT}
    contents = {name: data for name, data in files.items() if data is not None}
    contents[ENVIRONMENT] = _environment(folder)
    manifest = {
        "form": FORM,
        "asc": __version__,
        "run": folder.name,
        "files": {name: checksums.of_bytes(contents[name]) for name in sorted(contents)},
    }
    contents[MANIFEST] = _json(manifest)
    with atomic.replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in (MANIFEST, *sorted({*contents} - {MANIFEST})):
            archives.add_bytes(archive, name, contents[name])
    return path


def is_bundle(what: str | Path) -> bool:
    """Return whether an argument names a bundle: what ends in .zip."""
    return str(what).lower().endswith(".zip")


@contextlib.contextmanager
def unpacked_bundle(path: Path) -> Iterator[Bundle]:
    """Yield a bundle's files in a temporary folder; nothing in it is run.

    Args:
        path: The zip file.

    Yields:
        The bundle, whose files have the checksums that it states.

    Raises:
        AscError: It is no bundle, is damaged, or was changed after it was written.
    """
    with tempfile.TemporaryDirectory(prefix="asc-bundle-") as temporary:
        folder = Path(temporary, "files")
        folder.mkdir()
        _unpack(path, folder)
        with naming(path, folder):
            manifest = _manifest(folder)
        named = folder.rename(folder.with_name(manifest["run"]))
        with naming(path, named):
            yield Bundle(path, named, manifest["asc"])


@contextlib.contextmanager
def naming(path: Path, folder: Path) -> Iterator[None]:
    """Let errors in a bundle's files name the bundle, not the folder that is gone afterwards."""
    try:
        yield
    except AscError as fault:
        if str(fault).startswith(f"{path}: "):
            raise
        reason = str(fault).replace(f"{folder}/", "").partition("; remove it, and run")[0]
        raise AscError(f"{path}: not a bundle that can be scored: {reason}") from fault


def _contents(folder: Path, name: str) -> bytes | None:
    """Return the bytes of a run's file, which fit their checksum; None if it has no such file."""
    path = folder / name
    if name == CHOICE and not path.exists():
        return None
    try:
        if path.suffix == ".json":
            atomic.read_json(path)
        return atomic.read_checked(path)
    except OSError as fault:
        raise AscError(f"{path}: cannot be read ({fault.strerror})") from fault


def _environment(folder: Path) -> bytes:
    """Return environment.json without folders of this machine."""
    recorded = run_files.environment(folder)
    values = {key: value for key, value in recorded.items() if key not in PRIVATE}
    if rows := values.get("code"):
        values["code"] = [{key: row[key] for key in CODE_KEYS if key in row} for row in rows]
    return _json(values)


def _json(values: dict[str, Any]) -> bytes:
    """Return a mapping as JSON with its checksum, as `atomic.write_json` writes it."""
    plain = json.loads(json_text.dumps(values))
    return (json_text.dumps(checksums.added(plain), indent=2, ascii=False) + "\n").encode()


def _unpack(path: Path, folder: Path) -> None:
    def check(members: list[archives.Member]) -> None:
        if sum(member.size for member in members) > MAX_BYTES:
            raise AscError(f"{path}: unpacks to more than {MAX_BYTES >> 20} MiB; refused")
        for member in members:
            if member.name not in MEMBERS:
                raise AscError(
                    f"{path}: holds {member.name[:80]!r}, which no bundle holds; refused"
                )

    archives.require_zip(path, "a bundle that asc report --bundle wrote")
    archives.unpack(path, folder, check=check, max_expansion=MAX_EXPANSION)


def _manifest(folder: Path) -> dict[str, Any]:
    """Return bundle.json. Raises AscError unless the files are exactly those that it states."""
    try:
        manifest: dict[str, Any] = atomic.read_json(folder / MANIFEST, form=int)
    except FileNotFoundError:
        raise AscError(f"{MANIFEST} is not in it") from None
    if manifest["form"] != FORM:
        raise AscError(f"its form is {manifest['form']}; this asc reads {FORM}. Use a newer asc")
    manifest = atomic.read_json(folder / MANIFEST, form=int, asc=str, run=str, files=dict)
    if not RUN_NAME.fullmatch(manifest["run"]):
        raise AscError(f"its run {manifest['run'][:80]!r} is no name of a run")
    present = {file.name for file in folder.iterdir()} - {MANIFEST}
    if missing := sorted({*REQUIRED, *manifest["files"]} - present):
        raise AscError(f"{str(missing[0])[:80]} is not in it")
    if others := sorted(present - {*manifest["files"]}):
        raise AscError(f"{others[0]} is not among the files that it states")
    for name, digest in manifest["files"].items():
        if checksums.of_bytes((folder / name).read_bytes()) != digest:
            raise AscError(f"{name} differs from its checksum: it was changed, or is damaged")
    return manifest
