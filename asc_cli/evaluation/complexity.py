"""Complexity of a model: parameters, bytes, multiply-accumulates per second of audio.

    parameters   trainable ones, as the challenge counts: of a network its weights and biases; of a
                 model that fits itself the arrays of its mixtures, trees and factorisations too.
                 Running statistics and counters of normalisation layers do not count, and nothing
                 is folded into another layer
    bytes        fractions × 4 (float32), 2 (float16), 1 (int8); whole numbers, as trees hold, as
                 they are
    MACs         half the floating-point operations that torch.utils.flop_counter sees in one clip,
                 over the seconds from one clip to the next

The counter sees matrix products and convolutions, also those inside a recurrent layer; sums,
element-wise products and activations are not counted, as in the challenge's own tool.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.recipe.schema import DEPLOYED_AT

BYTES = {"float32": 4, "float16": 2, "int8": 1}


@dataclass(frozen=True)
class Limit:
    """A challenge's limit.

    Attributes:
        bytes: Of all parameters.
        macs: Multiply-accumulates per second of audio.
        source: Where it is published.
    """

    bytes: int
    macs: int
    source: str


LIMITS = {
    "dcase2024": Limit(128_000, 30_000_000, "DCASE 2024 Task 1: 128 kB, 30 million MACs per 1 s"),
}


@dataclass(frozen=True)
class Within:
    """A model at one precision, checked against a limit.

    Attributes:
        member: One member alone.
        all_members: All members together.
    """

    member: bool
    all_members: bool


@dataclass(frozen=True)
class Check:
    """A model's costs held against a limit.

    Attributes:
        name: The limit's name.
        limit: The limit.
        passes: Whether one member at the deployed precision is within it, and one for each
            recording device.
        precision: The precision that the recipe deploys it at (`deployment_precision`).
        precisions: float32, float16 and int8 → whether the model is within it.
    """

    name: str
    limit: Limit
    passes: bool
    precision: str
    precisions: dict[str, Within]

    def to_dict(self) -> dict[str, Any]:
        """Return the check with the limit's figures beside it.

        Returns:
            As in JSON.
        """
        return {
            "name": self.name,
            "source": self.limit.source,
            "bytes": self.limit.bytes,
            "macs_per_second": self.limit.macs,
            "passes": self.passes,
            "precision": self.precision,
            "precisions": {name: asdict(within) for name, within in self.precisions.items()},
        }


@dataclass(frozen=True)
class Costs:
    """The complexity of one member of a model.

    Attributes:
        parameters: Numbers that it learnt.
        bytes: float32, float16 and int8 → bytes of all parameters at that precision.
        macs_per_clip: Multiply-accumulates of one clip; None where none are counted.
        macs_per_second: The same, per second of audio.
        members: How many members the model has.
        limit: The costs held against a limit; None without one.
        devices: Recording device → the costs of a member for it, which the limit is for as well.
    """

    parameters: int
    bytes: dict[str, int]
    macs_per_clip: int | None
    macs_per_second: int | None
    members: int = 1
    limit: Check | None = None
    devices: dict[str, Costs] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, without `limit` and `devices` if there are none.

        Returns:
            As in JSON.
        """
        figures = {k: value for k, value in vars(self).items() if k not in ("limit", "devices")}
        if self.devices:
            figures["devices"] = {name: costs.to_dict() for name, costs in self.devices.items()}
        return figures if self.limit is None else {**figures, "limit": self.limit.to_dict()}


def measure(
    network: Any, n_frames: int, n_bands: int, step_seconds: float, members: int = 1
) -> Costs:
    """Measure one network (nn.Module) on clips of n_frames frames every step_seconds.

    members: how many networks like it the model has.
    """
    tensors = list(_learnt(network))
    fractions = sum(values.numel() for values in tensors if values.is_floating_point())
    integers = [values for values in tensors if not values.is_floating_point()]
    integer_bytes = sum(values.numel() * values.element_size() for values in integers)
    macs = _macs(network, n_frames, n_bands)
    return Costs(
        parameters=fractions + sum(values.numel() for values in integers),
        bytes={name: size * fractions + integer_bytes for name, size in BYTES.items()},
        macs_per_clip=macs,
        macs_per_second=None if macs is None else round(macs / step_seconds),
        members=members,
    )


def together(systems: Sequence[Costs]) -> Costs:
    """Return the costs of systems that all run on the same audio: sums.

    Multiply-accumulates are not counted where one's are not; those of a clip are of no ensemble,
    whose systems have clips of their own.
    """
    if len(systems) == 1:
        return systems[0]
    macs = [costs.macs_per_second for costs in systems]
    counted = [n for n in macs if n is not None]
    return Costs(
        parameters=sum(costs.parameters for costs in systems),
        bytes={name: sum(costs.bytes[name] for costs in systems) for name in BYTES},
        macs_per_clip=None,
        macs_per_second=sum(counted) if len(counted) == len(macs) else None,
        members=systems[0].members,
    )


def _learnt(network: Any) -> Iterator[Any]:
    """Yield parameters and, of a model that fits itself, the buffers that it learnt."""
    from torch.nn.modules.batchnorm import _NormBase

    yield from network.parameters()
    if not hasattr(network, "estimate"):  # an Estimator of models/
        return
    statistics = {
        id(buffer)
        for layer in network.modules()
        if isinstance(layer, _NormBase)
        for buffer in layer.buffers(recurse=False)
    }
    state = {id(values) for values in network.state_dict(keep_vars=True).values()}
    for buffer in network.buffers():
        if id(buffer) in state and id(buffer) not in statistics:
            yield buffer


def check_limit(costs: Costs, limit: str, precision: str = DEPLOYED_AT) -> Check:
    """Return whether one member, and all members, are within a limit, at each precision.

    precision: the one that decides. Raises AscError for an unknown limit.
    """
    if limit not in LIMITS:
        raise AscError("--limit: " + plugins.unknown("limit", limit, LIMITS))
    allowed = LIMITS[limit]
    macs = costs.macs_per_second

    def within(n: int, precision: str) -> bool:
        fits = n * costs.bytes[precision] <= allowed.bytes
        return fits and macs is not None and n * macs <= allowed.macs

    return Check(
        name=limit,
        limit=allowed,
        passes=within(1, precision)
        and all(check_limit(own, limit, precision).passes for own in costs.devices.values()),
        precision=precision,
        precisions={
            name: Within(member=within(1, name), all_members=within(costs.members, name))
            for name in BYTES
        },
    )


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
