"""What a model costs: parameters, bytes, multiply-accumulates per second of audio.

    parameters   every number that the model learnt or keeps: weights, and the buffers of mixtures,
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
    """Costs of one network (nn.Module) on clips of n_frames frames every step_seconds."""
    kept = list(network.state_dict().values())
    fractions = sum(values.numel() for values in kept if values.is_floating_point())
    whole = [values for values in kept if not values.is_floating_point()]
    whole_bytes = sum(values.numel() * values.element_size() for values in whole)
    macs = _macs(network, n_frames, n_bands)
    return {
        "parameters": fractions + sum(values.numel() for values in whole),
        "bytes": {name: size * fractions + whole_bytes for name, size in BYTES.items()},
        "macs_per_clip": macs,
        "macs_per_second": None if macs is None else round(macs / step_seconds),
    }


def judge(costs: dict[str, Any], limit: str, members: int) -> dict[str, Any]:
    """Whether a member, and all together, keep a named limit; per precision of the parameters.

    Raises AscError for a limit that is not known.
    """
    if limit not in LIMITS:
        raise AscError("--limit: " + plugins.unknown("limit", limit, LIMITS))
    allowed = LIMITS[limit]
    macs = costs["macs_per_second"]

    def keeps(n: int, precision: str) -> bool:
        fits = n * costs["bytes"][precision] <= allowed.bytes
        return fits and macs is not None and n * macs <= allowed.macs

    return {
        "name": limit,
        "source": allowed.source,
        "bytes": allowed.bytes,
        "macs_per_second": allowed.macs,
        "passes": keeps(1, "float32"),
        "precisions": {
            name: {"member": keeps(1, name), "all_members": keeps(members, name)} for name in BYTES
        },
    }


def _macs(network: Any, n_frames: int, n_bands: int) -> int | None:
    """Multiply-accumulates of one clip; None where the counter sees no product."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    clip = torch.zeros(1, n_frames, n_bands)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "TF32", UserWarning)  # torch's own, of no matter here
        # fused recurrent kernels would hide their products from the counter
        with torch.backends.mkldnn.flags(enabled=False), counter:
            network.eval()(clip, None)
    return counter.get_total_flops() // 2 or None
