"""Disk usage of the feature store and the packs by dataset, and what of it is unused.

A stored array is in use while its recording is unchanged and the current code computes its feature.
Unused are the arrays of a recording that was changed or deleted, those of a feature whose code or
decoding has changed, and packs that hold any such recording. What
cannot be checked is kept: a folder of audio that is not reachable, such as a disk that is not
mounted, and files written within the last hour, which a command may be writing now.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asc_cli.audio import decode, decoders
from asc_cli.core import atomic, paths, plugins
from asc_cli.core.errors import AscError
from asc_cli.frontend import index, pack

RECENT_NS = 3600 * 10**9


@dataclass
class Usage:
    """Disk usage of one feature for one dataset."""

    feature: str  # name and key
    dataset: str | None  # its name, or the folder of audio; None: of no known recording
    recordings: int = 0
    feature_bytes: int = 0
    packs: list[Path] = field(default_factory=list)
    pack_bytes: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {
            "feature": self.feature,
            "dataset": self.dataset,
            "recordings": self.recordings,
            "feature_bytes": self.feature_bytes,
            "packs": len(self.packs),
            "pack_bytes": self.pack_bytes,
        }


@dataclass(frozen=True)
class Unused:
    """A file, or a pack's folder, that is unused."""

    path: Path
    n_bytes: int
    reason: str


def scan(without: str | None = None) -> tuple[list[Usage], list[Unused]]:
    """Return the disk usage by feature and dataset, and the unused files.

    With `without`, what is stored for that dataset alone, new or not, counts as unused.
    """
    dataset_of = _needed_recordings(without)
    reason_unused = (
        f"stored for {without} alone" if without else "no recording has these bytes any more"
    )
    recent_ns = time.time_ns() - (0 if without else RECENT_NS)
    usages: dict[tuple[str, str | None], Usage] = {}
    unused: list[Unused] = []
    folders = sorted(path.parent for path in paths.features().glob("*/feature.json"))
    current = {folder.name: _outdated(folder) for folder in folders}
    for folder in folders:
        for path, digests, n_bytes in _arrays(folder):
            needed = [digest for digest in digests if digest in dataset_of]
            dataset = dataset_of[needed[0]] if needed else None
            key = (folder.name, dataset)
            usage = usages.setdefault(key, Usage(*key))
            usage.recordings += len(digests)
            usage.feature_bytes += n_bytes
            reason = current[folder.name] or ("" if needed else reason_unused)
            if reason and path.stat().st_mtime_ns < recent_ns:
                unused.append(Unused(path, n_bytes, reason))
    for folder in sorted(paths.packs().glob("[!.]*")):
        name = folder.name.rpartition("-")[0]
        dataset, complete = _pack_contents(folder, dataset_of)
        n_bytes = folder_bytes(folder)
        usage = usages.setdefault((name, dataset), Usage(name, dataset))
        usage.packs.append(folder)
        usage.pack_bytes += n_bytes
        reason = current.get(name, "its feature is not in the store") or (
            "" if complete else reason_unused
        )
        if reason and folder.stat().st_mtime_ns < recent_ns:
            unused.append(Unused(folder, n_bytes, reason))
    rows = sorted(usages.values(), key=lambda usage: (usage.dataset or "~", usage.feature))
    return rows, unused


def _needed_recordings(without: str | None) -> dict[str, str]:
    """Return {digest: dataset} of each indexed recording that is unchanged."""
    roots = _audio_roots()
    needed: dict[str, str] = {}
    for folder, entries in index.folders().items():
        dataset = next((name for root, name in roots if _within(folder, root)), str(folder))
        if dataset == without:
            continue
        reachable = folder.is_dir()
        for name, entry in entries.items():
            if not reachable or entry.may_describe(folder / name):
                needed.setdefault(entry.digest, dataset)
    return needed


def _audio_roots() -> list[tuple[Path, str]]:
    """Return the folders and names of datasets with features, the longest path first."""
    files = paths.features().glob("*/datasets/*.json")
    rows = [_read(file, dataset=str, audio_root=str) for file in files]
    roots = {(Path(row["audio_root"]), row["dataset"]) for row in rows if row}
    return sorted(roots, key=lambda pair: (-len(pair[0].parts), pair))


def _within(folder: Path, root: Path) -> bool:
    return folder == root or root in folder.parents


def _outdated(folder: Path) -> str:
    """Return why the current code does not use a feature's folder; "" if it does, or unknown."""
    if not (about := _read(folder / "feature.json", name=str, version=int, audio=dict)):
        return ""
    if "code" in about:  # not shipped: another installation may have its code
        return ""
    if about["name"] not in plugins.shipped("features"):
        return f"there is no feature {about['name']} any more"
    if about["version"] != (version := plugins.version(about["name"])):
        return f"version {about['version']} of {about['name']}; asc computes {version}"
    if reason := _outdated_variant(about.get("variant")):
        return reason
    if about["audio"].get("decoding") != decode.DECODING:
        return "audio was decoded in another way"
    return "; ".join(decoders.differences(about["audio"]))


def _outdated_variant(about: Any) -> str:
    """Return why the current code does not make a variant; "" if it does, or unknown."""
    if not isinstance(about, dict) or "code" in about:
        return ""
    if about.get("name") not in plugins.shipped("variants"):
        return f"there is no variant {about.get('name')} any more"
    version = plugins.version(about["name"], "variants")
    if about.get("version") != version:
        return f"version {about.get('version')} of variant {about['name']}; asc makes {version}"
    return ""


def _arrays(folder: Path) -> Iterator[tuple[Path, list[str], int]]:
    """Yield each file or pack of a feature's folder, its recordings' digests and its bytes."""
    for prefix in os.scandir(folder):
        if len(prefix.name) == 2 and prefix.is_dir():
            for file in os.scandir(prefix):
                if not file.name.startswith(pack.TEMPORARY):
                    digest = prefix.name + file.name.partition(".")[0]
                    yield Path(file.path), [digest], file.stat().st_size
    for short in sorted((folder / "short").glob("[!.]*")):
        try:
            digests = [digest.decode() for digest in pack.load_table(short)["digest"].tolist()]
        except AscError:
            digests = []  # damaged, so unused
        yield short, digests, folder_bytes(short)


def _pack_contents(folder: Path, dataset_of: dict[str, str]) -> tuple[str | None, bool]:
    """Return the dataset of most of a pack's recordings, and whether all of them are in use."""
    try:
        table = pack.load_table(folder)
    except AscError:
        return None, False
    datasets = [dataset_of.get(digest.decode()) for digest in table["digest"].tolist()]
    counts = Counter(dataset for dataset in datasets if dataset)
    return (counts.most_common(1)[0][0] if counts else None), None not in datasets


def _read(path: Path, **types: type) -> dict[str, Any]:
    """Read a JSON file that asc wrote; {} if it is damaged."""
    try:
        return atomic.read_json(path, **types)
    except (OSError, ValueError):
        return {}


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
