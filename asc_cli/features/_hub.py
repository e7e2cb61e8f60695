"""Where an encoder of transformers is: a folder, or the cache of huggingface_hub.

No connection is opened but in `download`, which is called where a command's option orders it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asc_cli.core import installation
from asc_cli.core.errors import AscError, first_line
from asc_cli.features import _encoder

NAME = re.compile(r"[\w.-]+/[\w.-]+")
COMMIT = re.compile(r"[0-9a-f]{40}")
CONFIGURATION = ("config.json", "preprocessor_config.json", "processor_config.json")
WEIGHTS = (("model*.safetensors", "model*.safetensors.index.json"), ("pytorch_model*.bin*",))
ORDER = "asc features --recipe RECIPE --download"


def identity(model: str, revision: str) -> str:
    """Return a hash of a folder's configuration and weights; of a hub name, name and commit.

    Raises:
        AscError: It is neither a folder nor a hub name with a commit.
    """
    if not _is_folder(model, revision):
        return f"{model}@{revision}"
    folder = Path(model).expanduser()
    files = [folder / name for name in CONFIGURATION]
    return _encoder.contents([*(each for each in files if each.is_file()), *_weights(folder)])


def folder(model: str, revision: str) -> Path:
    """Return the folder of an encoder on this machine. Raises AscError where there is none."""
    if _is_folder(model, revision):
        return Path(model).expanduser()
    return _cached(model, revision)


def download(model: str, revision: str) -> None:
    """Get an encoder of the hub into the cache. Raises AscError where that fails."""
    if _is_folder(model, revision):
        return
    try:
        for patterns in WEIGHTS:  # the second format where the first is not there
            path = Path(_snapshot(model, revision, patterns, local_files_only=False))
            if _weights(path):
                return
    except (AscError, MemoryError):
        raise
    except Exception as fault:  # of httpx, the file system and the hub; without a class for all
        raise AscError(
            f"features: {model} cannot be downloaded from the hub at {revision[:12]} "
            f"({first_line(fault)}); is there a network, and has it such a revision?"
        ) from fault
    raise AscError(f"features: {model} has no weights at {revision[:12]} that can be read")


@functools.lru_cache(maxsize=8)
def _cached(model: str, revision: str) -> Path:
    try:
        path = Path(_snapshot(model, revision, (), local_files_only=True))
    except (OSError, ValueError) as fault:  # the hub's own error is one of both
        raise _not_here(model, revision) from fault
    if not _weights(path):
        raise _not_here(model, revision)
    return path


def _not_here(model: str, revision: str) -> AscError:
    return AscError(
        f"features: {model} at {revision[:12]} is not on this machine, and nothing is downloaded "
        f"unless it is ordered; with a network, {ORDER} gets it"
    )


def _snapshot(model: str, revision: str, weights: Sequence[str], **options: Any) -> str:
    with installation.in_words("features.hf_encoder"):
        from huggingface_hub import snapshot_download
        from huggingface_hub.utils import disable_progress_bars, logging

    disable_progress_bars()
    logging.set_verbosity_error()
    patterns = [*CONFIGURATION, *weights] if weights else None
    path: str = snapshot_download(model, revision=revision, allow_patterns=patterns, **options)
    return path


def _weights(folder: Path) -> list[Path]:
    """Return the files of weights, of the format that is read."""
    for patterns in WEIGHTS:
        if files := [each for pattern in patterns for each in sorted(folder.glob(pattern))]:
            return files
    return []


def _is_folder(model: str, revision: str) -> bool:
    """Return whether a model is a folder; False for a hub name with a commit. Raises AscError for
    all else."""
    path = Path(model).expanduser()
    if model and path.is_dir():
        if revision:
            raise AscError(
                f"features.revision = {revision}: {model} is a folder, which has no revisions; "
                "leave it out"
            )
        if not (path / "config.json").is_file() or not _weights(path):
            raise AscError(
                f"features: {model} holds no encoder: config.json and model.safetensors, as "
                "save_pretrained writes them, were expected in it"
            )
        return True
    if not NAME.fullmatch(model):
        raise AscError(
            f"features: hf_encoder: {model or 'model'}: a folder, or a name on the hub such as "
            "OWNER/NAME, was expected"
        )
    if not COMMIT.fullmatch(revision):
        shown = f"features.revision = {revision}" if revision else "features.revision is missing"
        raise AscError(
            f"{shown}: {model} on the hub can change; the commit that is meant, 40 hexadecimal "
            "digits, was expected (or, if it is a folder, there is none of this name)"
        )
    return False
