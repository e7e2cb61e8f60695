"""Disk usage of the feature store, packs and checkpoints, and removal of unused files."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asc_cli.core import atomic, paths, remote
from asc_cli.core.errors import AscError
from asc_cli.frontend import pack, usage

ABANDONED_SECONDS = 86_400.0  # age from which a temporary file is of a killed process
CHECKPOINTS = ("checkpoint.safetensors", "best.safetensors")


@dataclass(frozen=True)
class Disk:
    """Disk usage of the feature store, packs and checkpoints.

    Attributes:
        usages: Per feature and dataset: how many recordings are stored, and their bytes.
        unused: Unused files and folders, which `prune` removes.
        checkpoint_bytes: Of folds that are not finished; training resumes from them.
        logits_bytes: Of what teachers say of recordings; it is computed again when it is needed.
        remote: The address in ASC_REMOTE, which is not asked; None without.
    """

    usages: list[usage.Usage]
    unused: list[usage.Unused]
    checkpoint_bytes: int
    logits_bytes: int = 0
    remote: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc store --json` prints.

        Returns:
            The home folder, a row for each feature and dataset, and what is unused, in bytes.
        """
        return {
            "home": str(paths.home()),
            "stored": [row.to_dict() for row in self.usages],
            "checkpoint_bytes": self.checkpoint_bytes,
            "logits_bytes": self.logits_bytes,
            "remote": self.remote,
            "unused": [
                {"path": str(row.path), "bytes": row.n_bytes, "reason": row.reason}
                for row in self.unused
            ],
            "unused_bytes": sum(row.n_bytes for row in self.unused),
        }


def disk(dataset: str | None = None, all_packs: bool = False) -> Disk:
    """Measure the disk usage, and find unused files.

    Args:
        dataset: Count all that is stored for this dataset alone as unused as well. Its features
            are computed again when they are asked for.
        all_packs: Count packs as unused as well. The next training writes them again.

    Returns:
        Sizes in bytes, and the paths that are unused.

    Raises:
        AscError: Nothing is stored for `dataset`.
    """
    usages, unused = usage.scan()
    finished, unfinished = _checkpoints()
    unused += [usage.Unused(p, p.stat().st_size, "its fold is finished") for p in finished]
    unused += _abandoned()
    unused += _logits_of_no_model()
    if all_packs:
        unused += [_pack(folder, "--packs") for row in usages for folder in row.packs]
    if dataset is not None:
        if dataset not in {row.dataset for row in usages}:
            names = ", ".join(sorted({row.dataset for row in usages if row.dataset})) or "none"
            raise AscError(f"store: nothing is stored for dataset {dataset!r}. Stored: {names}")
        unused += usage.scan(without=dataset)[1]
    once = {row.path: row for row in reversed(unused)}
    unfinished_bytes = sum(path.stat().st_size for path in unfinished)
    logits_bytes = usage.folder_bytes(paths.logits())
    unused = [*reversed(once.values())]
    return Disk(usages, unused, unfinished_bytes, logits_bytes, remote.address())


@dataclass(frozen=True)
class Pruned:
    """The files that were removed from the store.

    Attributes:
        removed: Files and folders, each with its bytes and why it is not needed.
        dry_run: Whether nothing was removed: then it is what would be.
    """

    removed: list[usage.Unused]
    dry_run: bool

    @property
    def bytes(self) -> int:
        """Bytes of all that was removed."""
        return sum(each.n_bytes for each in self.removed)

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc store prune --json` prints.

        Returns:
            As in JSON.
        """
        rows = [{"path": str(r.path), "bytes": r.n_bytes, "reason": r.reason} for r in self.removed]
        return {"removed": rows, "bytes": self.bytes, "dry_run": self.dry_run}


def prune(dataset: str | None = None, all_packs: bool = False, dry_run: bool = False) -> Pruned:
    """Remove unused files.

    Args:
        dataset: Remove all that is stored for this dataset alone as well.
        all_packs: Remove all packs as well.
        dry_run: Remove nothing; return what would be removed.

    Returns:
        What was removed and why, and its bytes.

    Raises:
        AscError: Nothing is stored for `dataset`.
    """
    unused = disk(dataset, all_packs).unused
    for row in unused if not dry_run else ():
        if not row.path.exists():  # another process removed it
            continue
        if (row.path / "table.npy").exists():
            pack.remove(row.path)
        elif row.path.is_dir():
            shutil.rmtree(row.path)
        else:
            row.path.unlink(missing_ok=True)
    return Pruned(unused, dry_run)


def _pack(folder: Path, reason: str) -> usage.Unused:
    return usage.Unused(folder, usage.folder_bytes(folder), reason)


def _checkpoints() -> tuple[list[Path], list[Path]]:
    """Checkpoints of folds that are finished, and of those that are not."""
    finished: list[Path] = []
    unfinished: list[Path] = []
    for name in CHECKPOINTS:
        own = [*paths.runs().glob(f"*/fold*/{name}"), *paths.runs().glob(f"*/fold*/device*/{name}")]
        for path in own:
            fold = path.parent if path.parent.name.startswith("fold") else path.parent.parent
            ended = (fold / "predictions.csv").exists() or (
                (fold / "model.safetensors").exists() and (fold.parent / "metrics.json").exists()
            )
            (finished if ended else unfinished).append(path)
    return finished, unfinished


def _logits_of_no_model() -> Iterator[usage.Unused]:
    """Yield the logits of models that were removed."""
    for file in sorted(paths.logits().glob("*/about.json")):
        with contextlib.suppress(OSError, ValueError):
            name, _, version = _model_of(file).partition("@")
            if not (paths.models() / name / version / "card.yaml").exists():
                n_bytes = usage.folder_bytes(file.parent)
                yield usage.Unused(file.parent, n_bytes, "its model was removed")


def _model_of(file: Path) -> str:
    """Return NAME@VERSION of the model whose logits these are, or of the ensemble that it is in."""
    return str(atomic.read_json(file, model=str)["model"]).partition("/")[0]


def _abandoned() -> Iterator[usage.Unused]:
    """Yield temporary files and folders of killed processes."""
    for root in (paths.features(), paths.packs(), paths.logits(), paths.runs(), paths.models()):
        for path in root.rglob(f"{pack.TEMPORARY}*"):
            age = time.time() - path.stat().st_mtime
            if age > ABANDONED_SECONDS:
                n_bytes = usage.folder_bytes(path) if path.is_dir() else path.stat().st_size
                yield usage.Unused(path, n_bytes, "temporary file of a killed process")
