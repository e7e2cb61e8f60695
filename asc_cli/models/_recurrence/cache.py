"""numba's cache of compiled kernels, so that only the first process on a machine compiles them.

    <user's cache folder>/asc/kernels-<hash of this package's files>/

numba pickles what it stores there, and machine code is run as it is read. So the folder is its
owner's alone (mode 0700; another user's is not used), and the SHA-256 of each file is written at
its end: a file that a power cut or a disk has damaged is removed before anything of it is
unpickled, and its kernel is compiled again.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import platformdirs
from numba import njit
from numba.core import config, event
from numba.core.caching import IndexDataCacheFile

DIGEST_BYTES = hashlib.sha256().digest_size


def cached_njit(**options: Any) -> Callable[[Callable], Any]:
    """Return numba's njit with a cache in `folder()`; without one where that cannot be used.

    numba reads the folder while it decorates, from one setting for all packages. The setting is
    restored at once: else librosa's functions would be compiled again after every change here.
    """

    def decorate(function: Callable) -> Any:
        settings: Any = config
        before = settings.CACHE_DIR  # NUMBA_CACHE_DIR, or empty
        settings.CACHE_DIR = before or folder()
        if not before and not _is_ours(Path(settings.CACHE_DIR)):
            settings.CACHE_DIR = before
            return njit(**options)(function)
        try:
            dispatcher = njit(cache=True, **options)(function)
            _check_files(dispatcher)
            return dispatcher
        except RuntimeError:  # no folder that can be written
            return njit(**options)(function)
        finally:
            settings.CACHE_DIR = before

    return decorate


def folder() -> str:
    """Return the cache folder of compiled kernels, named by a hash of all files in this package.

    numba alone checks only the file of a kernel, and would use outdated primitives after an
    upgrade.
    """
    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    return str(Path(platformdirs.user_cache_dir("asc", appauthor=False)) / f"kernels-{digest}")


class Compilation(event.Listener):
    """Reports (kernels compiled, all) when one of them is not in the cache and is compiled."""

    def __init__(self, kernels: Sequence[Any], report: Callable[[int, int], None]):
        self.kernels, self.report = list(kernels), report

    def on_start(self, event: event.Event) -> None:
        self._report(event, 0)

    def on_end(self, event: event.Event) -> None:
        self._report(event, 1)

    def _report(self, event: event.Event, compiled: int) -> None:
        if event.data["dispatcher"] in self.kernels:  # not a function that is inlined into one
            self.report(self.kernels.index(event.data["dispatcher"]) + compiled, len(self.kernels))


@contextlib.contextmanager
def reporting(kernels: Sequence[Any], report: Callable[[int, int], None]) -> Iterator[None]:
    """Report the compilation of kernels, which are in the order of their first use."""
    with event.install_listener("numba:compile", Compilation(kernels, report)):
        yield


def _is_ours(path: Path) -> bool:
    """Make the folder if it is not there; return whether no other user can write into it."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name != "nt":
            if path.stat().st_uid != os.getuid():
                return False
            path.chmod(0o700)
    except OSError:
        return False
    return True


def _check_files(dispatcher: Any) -> None:
    """Let a dispatcher read and write its cache through `CheckedFiles`."""
    cache = dispatcher._cache
    cache._cache_file = CheckedFiles(
        cache_path=cache._cache_path,
        filename_base=cache._impl.filename_base,
        source_stamp=cache._impl.locator.get_source_stamp(),
    )


class CheckedFiles(IndexDataCacheFile):
    """numba's index and data files of one kernel, each with its SHA-256 at the end.

    Unpickling ends before those bytes, so that numba reads the files as they are.
    """

    def _load_index(self) -> Any:
        index = Path(self._index_path)
        if not _is_intact(index):
            # data without an index would be taken for that of whatever is compiled next
            for path in (index, *index.parent.glob(f"{index.stem}.*.nbc")):
                path.unlink(missing_ok=True)
            return {}
        return super()._load_index()

    def _load_data(self, name: str) -> Any:
        path = Path(self._data_path(name))
        if not _is_intact(path):
            path.unlink(missing_ok=True)
            raise FileNotFoundError(path)  # numba compiles it then
        return super()._load_data(name)

    @contextlib.contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[Any]:
        with super()._open_for_write(filepath) as file:
            contents = io.BytesIO()
            yield contents
            file.write(contents.getvalue() + hashlib.sha256(contents.getvalue()).digest())


def _is_intact(path: Path) -> bool:
    """Return whether a file ends in the SHA-256 of what is before it; also where there is none."""
    try:
        contents = path.read_bytes()
    except FileNotFoundError:
        return True
    body, digest = contents[:-DIGEST_BYTES], contents[-DIGEST_BYTES:]
    return hashlib.sha256(body).digest() == digest
