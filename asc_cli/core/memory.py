"""Enough address space for torch, or a sentence: under `ulimit -v` its import may never end. And
memory that a training step frees stays with the process for the next step."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TORCH_BYTES = 900 << 20  # of address space that importing torch and one prediction take

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4  # of glibc's malloc.h
RETAINED_BYTES = 1 << 30  # of free memory at the end of the heap, at most
DYNAMIC_BYTES = 32 << 20  # up to here glibc raises its threshold by itself
MAPPINGS = 65536  # glibc's default


class _BeforeTorch:
    """Asked by Python before each import; finds nothing, and refuses torch without memory."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == "torch" and (left := address_space_left()) is not None and left < TORCH_BYTES:
            raise MemoryError(f"{left >> 20} MB of address space are left for torch")


def watch() -> None:
    """Refuse to import torch where a limit leaves too little address space for it."""
    if address_space_left() is not None:
        sys.meta_path.insert(0, _BeforeTorch())


def address_space_left() -> int | None:
    """Return the bytes up to the limit of `ulimit -v`; None without a limit."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            return max(0, limit - pages * resource.getpagesize())
    return None


@contextlib.contextmanager
def retain_freed() -> Iterator[None]:
    """Let what is freed stay with the process meanwhile, where its allocator is glibc's.

    A training step allocates and frees the same sizes again and again. glibc asks the system for
    what is above 32 MiB each time, and gives the end of its heap back; then every page of every
    step is a fault, which takes longer than the arithmetic of some layers.
    """
    set_option = _mallopt()
    if set_option is None:
        yield
        return
    set_option(M_MMAP_MAX, 0)
    set_option(M_TRIM_THRESHOLD, RETAINED_BYTES)
    try:
        yield
    finally:
        set_option(M_MMAP_MAX, MAPPINGS)
        set_option(M_MMAP_THRESHOLD, DYNAMIC_BYTES)
        set_option(M_TRIM_THRESHOLD, 2 * DYNAMIC_BYTES)
        ctypes.CDLL(None).malloc_trim(0)


def _mallopt() -> Any:
    """Return glibc's mallopt; None where another allocator is used."""
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018  others have a mallopt of other options
        return library.mallopt
    except (AttributeError, OSError, TypeError):
        return None


def limit(n_bytes: int) -> None:
    """Let this process take no more memory of its own than so many bytes: beyond it, it gets a
    MemoryError. Where the system has no such limit (Windows, macOS), nothing is limited."""
    try:
        import resource
    except ModuleNotFoundError:
        return
    if sys.platform == "linux":  # RLIMIT_DATA counts private mappings there since Linux 4.7
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        most = n_bytes if hard == resource.RLIM_INFINITY else min(n_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
