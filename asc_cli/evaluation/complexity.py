"""Complexity of a model: parameters, bytes, multiply-accumulates per second of audio.

    parameters   every number in the model's state: weights, and the buffers of mixtures,
                 trees and factorisations
    bytes        fractions × 4 (float32), 2 (float16), 1 (int8); whole numbers, as trees hold, as
                 they are
    MACs         half the floating-point operations that torch.utils.flop_counter sees in one clip,
                 over the seconds from one clip to the next

The counter sees matrix products and convolutions, also those inside a recurrent layer; sums,
element-wise products and activations are not counted, as in the challenge's own tool.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from asc_cli.core import plugins
from asc_cli.core.errors import AscError

BYTES = {"float32": 4, "float16": 2, "int8": 1}


@dataclass(frozen=True)
class Limit:
    bytes: int
    macs: int  # per second of audio
    source: str


LIMITS = {
    "dcase2024": Limit(128_000, 30_000_000, "DCASE 2024 Task 1: 128 kB, 30 million MACs per 1 s"),
}


def measure(network: Any, n_frames: int, n_bands: int, step_seconds: float) -> dict[str, Any]:
    """Return the costs of one network (nn.Module), a clip of n_frames every step_seconds."""
    tensors = list(network.state_dict().values())
    fractions = sum(values.numel() for values in tensors if values.is_floating_point())
    integers = [values for values in tensors if not values.is_floating_point()]
    integer_bytes = sum(values.numel() * values.element_size() for values in integers)
    macs = _macs(network, n_frames, n_bands)
    return {
        "parameters": fractions + sum(values.numel() for values in integers),
        "bytes": {name: size * fractions + integer_bytes for name, size in BYTES.items()},
        "macs_per_clip": macs,
        "macs_per_second": None if macs is None else round(macs / step_seconds),
    }


def check_limit(costs: dict[str, Any], limit: str, members: int) -> dict[str, Any]:
    """Return whether one member, and all members, are within a limit, per precision.

    Raises AscError for an unknown limit.
    """
    if limit not in LIMITS:
        raise AscError("--limit: " + plugins.unknown("limit", limit, LIMITS))
    allowed = LIMITS[limit]
    macs = costs["macs_per_second"]

    def within(n: int, precision: str) -> bool:
        fits = n * costs["bytes"][precision] <= allowed.bytes
        return fits and macs is not None and n * macs <= allowed.macs

    return {
        "name": limit,
        "source": allowed.source,
        "bytes": allowed.bytes,
        "macs_per_second": allowed.macs,
        "passes": within(1, "float32"),
        "precisions": {
            name: {"member": within(1, name), "all_members": within(members, name)}
            for name in BYTES
        },
    }


def _macs(network: Any, n_frames: int, n_bands: int) -> int | None:
    """Return the multiply-accumulates of one clip; None if the counter sees no product."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    clip = torch.zeros(1, n_frames, n_bands)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "TF32", UserWarning)  # torch's own, irrelevant here
        # fused recurrent kernels would hide their products from the counter
        with torch.backends.mkldnn.flags(enabled=False), counter:
            network.eval()(clip, None)
    return counter.get_total_flops() // 2 or None
