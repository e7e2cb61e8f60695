"""What the feature store and the packs hold, for which dataset, and what nothing needs any more.

A stored array is needed while a recording that asc has read still is what it was, and today's code
computes its feature. Nothing needs the arrays of a recording that was changed or deleted, those of
a feature whose code or decoding is another by now, and packs that hold any such recording. What
cannot be judged is kept: a folder of audio that is not reachable, such as a disk that is not
mounted, and files written within the last hour, which a command may just be making.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asc_cli.audio import decode
from asc_cli.core import atomic, paths, plugins
from asc_cli.core.errors import AscError
from asc_cli.frontend import index, pack

RECENT_NS = 3600 * 10**9


@dataclass
class Usage:
    """What is stored of one feature for one dataset."""

    feature: str  # name and key
    dataset: str | None  # its name, or the folder of audio; None: of no recording that is known
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
    """A file, or a pack's folder, that nothing needs."""

    path: Path
    n_bytes: int
    why: str


def scan(without: str | None = None) -> tuple[list[Usage], list[Unused]]:
    """All that is stored, by feature and dataset, and what of it nothing needs.

    With `without`, what is stored for that dataset alone, new or not, is needed by nothing.
    """
    dataset_of = _needed_recordings(without)
    gone = f"stored for {without} alone" if without else "no recording has these bytes any more"
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
            why = current[folder.name] or ("" if needed else gone)
            if why and path.stat().st_mtime_ns < recent_ns:
                unused.append(Unused(path, n_bytes, why))
    for folder in sorted(paths.packs().glob("[!.]*")):
        name = folder.name.rpartition("-")[0]
        dataset, whole = _pack_contents(folder, dataset_of)
        n_bytes = bytes_below(folder)
        usage = usages.setdefault((name, dataset), Usage(name, dataset))
        usage.packs.append(folder)
        usage.pack_bytes += n_bytes
        why = current.get(name, "its feature is not in the store") or ("" if whole else gone)
        if why and folder.stat().st_mtime_ns < recent_ns:
            unused.append(Unused(folder, n_bytes, why))
    rows = sorted(usages.values(), key=lambda usage: (usage.dataset or "~", usage.feature))
    return rows, unused


def _needed_recordings(without: str | None) -> dict[str, str]:
    """Digest of each recording that the index knows and that is as it was → its dataset."""
    roots = _audio_roots()
    needed: dict[str, str] = {}
    for folder, entries in index.folders().items():
        dataset = next((name for root, name in roots if _within(folder, root)), str(folder))
        if dataset == without:
            continue
        reachable = folder.is_dir()
        for name, entry in entries.items():
            if not reachable or entry.describes(folder / name):
                needed.setdefault(entry.digest, dataset)
    return needed


def _audio_roots() -> list[tuple[Path, str]]:
    """Where datasets lie that features were computed for, and their names; the longest first."""
    known = map(_read, paths.features().glob("*/datasets/*.json"))
    roots = {(Path(row["audio_root"]), row["dataset"]) for row in known if row}
    return sorted(roots, key=lambda pair: (-len(pair[0].parts), pair))


def _within(folder: Path, root: Path) -> bool:
    return folder == root or root in folder.parents


def _outdated(folder: Path) -> str:
    """Why today's code reads nothing of a feature's folder; "" if it does, or it cannot be told."""
    if not (about := _read(folder / "feature.json")):
        return ""
    if "code" in about:  # not shipped: whoever has its code may still use it
        return ""
    if about["name"] not in plugins.shipped("features"):
        return f"there is no feature {about['name']} any more"
    if about["version"] != (version := plugins.version(about["name"])):
        return f"version {about['version']} of {about['name']}; asc computes {version}"
    if about["audio"]["decoding"] != decode.DECODING:
        return "audio was decoded in another way"
    return ""


def _arrays(folder: Path) -> Iterator[tuple[Path, list[str], int]]:
    """What a feature's folder holds: a file or a pack, its recordings' digests, its bytes."""
    for prefix in os.scandir(folder):
        if len(prefix.name) == 2 and prefix.is_dir():
            for file in os.scandir(prefix):
                if not file.name.startswith(pack.TEMPORARY):
                    digest = prefix.name + file.name.removesuffix(".npy")
                    yield Path(file.path), [digest], file.stat().st_size
    for short in sorted((folder / "short").glob("[!.]*")):
        try:
            digests = [digest.decode() for digest in pack.load_table(short)["digest"].tolist()]
        except AscError:
            digests = []  # damaged: nothing can use it
        yield short, digests, bytes_below(short)


def _pack_contents(folder: Path, dataset_of: dict[str, str]) -> tuple[str | None, bool]:
    """The dataset most of a pack's recordings are of, and whether all of them are needed."""
    try:
        table = pack.load_table(folder)
    except AscError:
        return None, False
    found = [dataset_of.get(digest.decode()) for digest in table["digest"].tolist()]
    known = Counter(dataset for dataset in found if dataset)
    return (known.most_common(1)[0][0] if known else None), None not in found


def _read(path: Path) -> dict[str, Any]:
    """A JSON file that asc wrote; {} where it is damaged, which `asc features` does not mind."""
    try:
        return atomic.read_json(path)
    except (OSError, ValueError):
        return {}


def bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
