"""What decides the last bits of a training run: the processor's instructions and the libraries."""

from __future__ import annotations

import platform
from importlib import metadata

LIBRARIES = ("llvmlite", "numba", "numpy", "scikit-learn", "scipy", "soundfile", "soxr", "torch")


def fingerprint() -> dict[str, str]:
    """Two machines with equal fingerprints are expected to compute equal bits.

    The processor is described as LLVM sees it: its family, and all its instruction sets, by which
    the compiled recurrence, OpenBLAS and torch choose their kernels.
    """
    from llvmlite import binding

    available = sorted(name for name, there in binding.get_host_cpu_features().items() if there)
    return {
        "system": f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}",
        "python": platform.python_version(),
        "processor": binding.get_host_cpu_name(),
        "instructions": " ".join(available),
        **{name: metadata.version(name) for name in LIBRARIES},
    }
