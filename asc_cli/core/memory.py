"""Enough address space for torch, or a sentence: under `ulimit -v` its import may never end."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

TORCH_BYTES = 900 << 20  # of address space that importing torch and one prediction take


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
