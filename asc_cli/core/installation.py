"""How this asc was installed, and so which command adds an extra to it.

asc is not on PyPI: the distribution there that is called `asc-cli` is another author's tool, which
has the same import and the same command. So every hint about an extra is made here, from the record
that the installer left (PEP 610: direct_url.json), and none names a package index for asc.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asc_cli
from asc_cli.core.errors import AscError

if TYPE_CHECKING:
    from importlib.metadata import Distribution

DISTRIBUTION = "asc-scenes"
FORMER = "asc-cli"  # its name up to 0.1.0, and that of the other tool
FORMER_FOLDERS = ("asc_cli-*.dist-info", "asc_cli-*.egg-info")
MODULES = {  # extra → the modules that come with it
    "train": ("torch", "librosa", "numba", "llvmlite", "sklearn", "onnx", "onnxscript"),
    "figures": ("matplotlib",),
    "media": ("av",),
    "mic": ("sounddevice",),
    "tune": ("optuna",),
    "cluster": ("distributed", "dask"),
    "tensorboard": ("tensorboard",),
    "yt8m": ("tfrecord", "crc32c"),
    "remote": ("fsspec", "s3fs"),
    "hf": ("transformers", "huggingface_hub", "tokenizers"),
    "serve": ("starlette", "uvicorn", "websockets", "python_multipart"),
}


def needs_extra(what: str, extra: str, fault: Exception) -> str:
    """Return the message for a missing extra: what needs it, and how to install it."""
    how = install_command(extra)
    return f"{what}: the extra `{extra}` is needed ({fault}); install it with: {how}"


def missing_extra(what: str, fault: BaseException) -> str | None:
    """Return the message where an exception means that a module of an extra is not installed; None
    for any other exception.

    Args:
        what: What needs the module: a command, or a function of the Python API.
        fault: What was raised.
    """
    if not isinstance(fault, ModuleNotFoundError):
        return None
    top = (fault.name or "").partition(".")[0]
    extra = next((extra for extra, modules in MODULES.items() if top in modules), None)
    return None if extra is None else needs_extra(what, extra, fault)


@contextlib.contextmanager
def in_words(what: str) -> Iterator[None]:
    """Raise AscError, with `missing_extra`'s message, in place of what a missing module raises."""
    try:
        yield
    except ModuleNotFoundError as fault:
        if (text := missing_extra(what, fault)) is None:
            raise
        raise AscError(text) from fault


def install_command(extra: str) -> str:
    """Return the command that installs an extra into the Python that runs now."""
    return shlex.join([*_pip("install"), *(_from_origin(extra) or _requirements_of(extra))])


def leftover_hint() -> str | None:
    """Return how to remove an installation under the former name; None where there is none.

    Checks file names only, since every command calls it.
    """
    folders = (Path(entry) for entry in sys.path if entry)
    if not any(next(f.glob(name), None) for f in folders for name in FORMER_FOLDERS):
        return None
    origin = _from_origin()
    reinstall = shlex.join([*_pip("install"), "--force-reinstall", "--no-deps", *origin])
    return (
        f"{FORMER} is installed beside {DISTRIBUTION}; both have the command asc and the package "
        f"asc_cli. Remove it: {shlex.join([*_pip('uninstall'), FORMER])} and install asc again"
        + (f": {reinstall}" if origin else "")
    )


def _pip(verb: str) -> list[str]:
    from importlib.util import find_spec

    if find_spec("pip") is None:  # environments that uv made have none
        return ["uv", "pip", verb, "--python", sys.executable]
    return [sys.executable, "-m", "pip", verb]


def _from_origin(extra: str = "") -> list[str]:
    """Return pip's arguments for asc from its origin, with an extra; [] where that is unknown."""
    distribution = _distribution()
    origin = json.loads((distribution and distribution.read_text("direct_url.json")) or "{}")
    extras = f"[{extra}]" if extra else ""
    url = origin.get("url", "")
    if vcs := origin.get("vcs_info"):
        revision = vcs.get("requested_revision")
        at = f"@{revision}" if revision else ""
        return [f"{DISTRIBUTION}{extras} @ {vcs['vcs']}+{url}{at}"]
    if url.startswith("https:"):
        return [f"{DISTRIBUTION}{extras} @ {url}"]
    path = _path(url) if url else Path(asc_cli.__file__).parents[1]
    if not path.exists() or (path.is_dir() and not (path / "pyproject.toml").exists()):
        return []
    editable = not url or _is_editable(origin)
    return [*(["--editable"] if editable else []), f"{path}{extras}"]


def _is_editable(origin: dict[str, Any]) -> bool:
    return bool(origin.get("dir_info", {}).get("editable"))


def _path(url: str) -> Path:
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    return Path(url2pathname(urlsplit(url).path))


def _requirements_of(extra: str) -> list[str]:
    """Return the requirements of an extra, for where asc's origin is unknown or was removed."""
    distribution = _distribution()
    pattern = re.compile(rf"\s*;.*\bextra\s*==\s*['\"]{extra}['\"].*")
    lines = (distribution and distribution.requires) or []
    return [pattern.sub("", line) for line in lines if pattern.search(line)]


def _distribution() -> Distribution | None:
    from importlib import metadata

    try:
        return metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return None
