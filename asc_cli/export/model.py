"""A registered model as one ONNX graph: samples in, probabilities out.

    samples (R, N) → frames (R, T, F) → clips (R·B, n, F) → each member's logits → probabilities

R recordings of N samples each, at the model's own rate, mono; both dynamic. Everything that
asc predict does is in the graph: front end, cutting, standardisation, the members' average, and the
mean, vote or log sum over a recording's clips. Clip k starts at frame ⌊k · step + 0.5⌋ in
float64, as in frontend/clips.py; a recording shorter than a clip gives one, padded and masked, or
repeated. Where clips of silence are left out, they weigh nothing.
Members are averaged as logarithms: a mixture's can be thousands of nats apart.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from asc_cli.core import json_text
from asc_cli.core.errors import AscError
from asc_cli.export import network

IR_VERSION = 10  # what onnxruntime has read since 2024
STARTS = """
    t_1 = Shape <start=1, end=2> (frames)
    n_room = Sub (t_1, clip_length)
    room_double = Cast <to=11> (n_room)
    room_half = Add (room_double, half)
    steps = Div (room_half, step)
    steps_whole = Ceil (steps)
    steps_int = Cast <to=7> (steps_whole)
    n_clips_1 = Max (steps_int, one_1)
    n_clips = Squeeze (n_clips_1)
    k = Range (zero, n_clips, one)
    k_double = Cast <to=11> (k)
    k_step = Mul (k_double, step)
    k_half = Add (k_step, half)
    k_floor = Floor (k_half)
    start = Cast <to=7> (k_floor)
    start_column = Unsqueeze (start, last_axis)
    rows = Add (start_column, offsets)
"""
CUT = {
    "mask": """
    n_missing = Sub (clip_length, t_1)
    n_padding = Max (n_missing, zero_1)
    padding = Concat <axis=0> (zeros_4, n_padding, zero_1)
    padded = Pad (frames, padding)
    cut = Gather <axis=1> (padded, rows)
    counts = Less (offsets, t_1)
""",
    "loop": """
    rows_within = Mod (rows, t_1)
    cut = Gather <axis=1> (frames, rows_within)
    counts = GreaterOrEqual (offsets, zero_1)
""",
}
CLIPS = """
    clips = Reshape (cut, clips_shape)
    clips_n = Shape <start=0, end=1> (clips)
    mask_shape = Concat <axis=0> (clips_n, clip_length)
    mask = Expand (counts, mask_shape)
    mask_float = Cast <to=1> (mask)
    valid = Unsqueeze (mask_float, last_axis)
"""
SOUNDING = """
    above = Sub (cut, silence)
    distance = Abs (above)
    is_far = Greater (distance, silence_tolerance)
    far = Cast <to=11> (is_far)
    sounding = ReduceMax <keepdims=0> (far, frame_axes)
    n_sounding = ReduceSum <keepdims=1> (sounding, clip_axis)
    all_silent = Equal (n_sounding, zero_double)
    is_first = Equal (k, zero)
    first = Cast <to=11> (is_first)
    weight_flat = Where (all_silent, first, sounding)
    weight = Unsqueeze (weight_flat, last_axis)
    n_weighed = ReduceSum <keepdims=0> (weight, clip_axis)
"""
MEMBER = """
    centred_{m} = Sub (clips, mean_{m})
    scaled_{m} = Div (centred_{m}, deviation_{m})
    x_{m} = Mul (scaled_{m}, valid)
"""
MEMBER_OUT = """
    raw_{m} = Cast <to=11> (logits_{m})
    double_{m} = Div (raw_{m}, temperature_{m})
    logs_{m} = LogSoftmax <axis=-1> (double_{m})
"""
SHARE = """
    below_{m} = Sub (logs_{m}, logs_top)
    share_{m} = Exp (below_{m})
"""
AVERAGE = """
    share = Sum ({shares})
    log_share = Log (share)
    log_sum = Add (log_share, logs_top)
    logs_clips = Sub (log_sum, log_members)
    r_1 = Shape <start=0, end=1> (samples)
    by_recording = Concat <axis=0> (r_1, n_clips_1, n_scenes)
    logs_each = Reshape (logs_clips, by_recording)
"""
EACH = {  # what is added up over a recording's clips
    "mean": "    each = Exp (logs_each)\n",
    "vote": (
        "    winner = ArgMax <axis=-1, keepdims=1> (logs_each)\n"
        "    wins = Equal (winner, scene_numbers)\n"
        "    each = Cast <to=11> (wins)\n"
    ),
    "log_sum": "    each = Identity (logs_each)\n",
}
MEAN = "    p = ReduceMean <keepdims=0> (each, clip_axis)\n"
SUM = "    total = ReduceSum <keepdims=0> (each, clip_axis)\n"
WEIGHED = (
    "    weighed = Mul (each, weight)\n    total = ReduceSum <keepdims=0> (weighed, clip_axis)\n"
)
WEIGHED_MEAN = "    p = Div (total, n_weighed)\n"
SOFTMAX = "    p = Softmax <axis=-1> (total)\n"
END = "    probabilities = Cast <to=1> (p)\n"


EMBEDDING_OF = """
    wide_{m} = Cast <to=11> (embedding_{m})
    width_{m} = Shape <start=1, end=2> (wide_{m})
    by_recording_{m} = Concat <axis=0> (r_1, n_clips_1, width_{m})
    embedded_{m} = Reshape (wide_{m}, by_recording_{m})
"""
EMBEDDED = "    embeddings = Concat <axis=-1> ({parts})\n"
EMBEDDED_MEAN = "    e = ReduceMean <keepdims=0> (embeddings, clip_axis)\n"
EMBEDDED_WEIGHED = (
    "    e_weighed = Mul (embeddings, weight)\n"
    "    e_total = ReduceSum <keepdims=0> (e_weighed, clip_axis)\n"
    "    e = Div (e_total, n_weighed)\n"
)
EMBEDDED_END = "    embedding = Cast <to=1> (e)\n"


def build(model: Any, front_end: tuple[str, dict[str, np.ndarray]], embedding: bool = False) -> Any:
    """Return an onnx.ModelProto of a loaded model (`inference.ensemble.Loaded`).

    embedding: Write a second output, `embedding` (R, D): as `Model.embed`.

    Raises AscError for one that scores variants of recordings.
    """
    import onnx

    if model.variants:
        names = ", ".join(variant.name for variant in model.variants)
        raise AscError(
            f"export: model {model.id} scores variants of a whole recording beside it "
            f"(evaluation.variants: {names}), which have no ONNX form; train the recipe without "
            "them: --set evaluation.variants=[]"
        )
    grid, n_bands = model.clip_grid, len(model.members[0].standardise.mean)
    nodes, constants = front_end
    constants = {**network.CONSTANTS, **constants, **_clip_constants(grid, n_bands)}
    constants |= {
        "log_members": np.array(math.log(len(model.members))),
        "n_scenes": np.array([len(model.labels)]),
        "clip_axis": np.array([1]),
        "scene_numbers": np.arange(len(model.labels)),
    }
    drops = grid.floor is not None
    head = nodes + STARTS + CUT["loop" if grid.loop else "mask"] + CLIPS
    head += SOUNDING if drops else ""
    tail = ""
    inner = []
    for m, member in enumerate(model.members):
        constants[f"mean_{m}"] = member.standardise.mean
        constants[f"deviation_{m}"] = member.standardise.deviation
        constants[f"temperature_{m}"] = np.array(member.temperature)
        head += MEMBER.format(m=m)
        tail += MEMBER_OUT.format(m=m)
        module = member.network.module
        inner.append(_placed(network.graph(module, grid.n_frames, n_bands, "member", embedding), m))
    tail += _averaged(len(inner)) + _aggregated(model.aggregate, drops) + END
    if embedding:
        tail += _embedded(len(inner), drops)
    return _assembled(model, head, inner, tail, constants, embedding, onnx)


def _embedded(n_members: int, drops_silence: bool) -> str:
    """Return nodes that compute the members' embeddings side by side, each the mean over clips."""
    numbers = range(n_members)
    parts = ", ".join(f"embedded_{m}" for m in numbers)
    text = "".join(EMBEDDING_OF.format(m=m) for m in numbers) + EMBEDDED.format(parts=parts)
    return text + (EMBEDDED_WEIGHED if drops_silence else EMBEDDED_MEAN) + EMBEDDED_END


def _averaged(n_members: int) -> str:
    """Return nodes that compute the log of the members' mean probability from `logs_0` on."""
    numbers = range(n_members)
    top = f"    logs_top = Max ({', '.join(f'logs_{m}' for m in numbers)})\n"
    shares = "".join(SHARE.format(m=m) for m in numbers)
    return top + shares + AVERAGE.format(shares=", ".join(f"share_{m}" for m in numbers))


def _aggregated(method: str, drops_silence: bool) -> str:
    """Return nodes that compute a recording's probabilities `p` from `logs_each`."""
    total = WEIGHED if drops_silence else SUM
    if method == "log_sum":
        return EACH[method] + total + SOFTMAX
    return EACH[method] + (total + WEIGHED_MEAN if drops_silence else MEAN)


def _clip_constants(grid: Any, n_bands: int) -> dict[str, np.ndarray]:
    silence = {}
    if grid.floor is not None:
        silence = {
            "silence": grid.floor,
            "silence_tolerance": np.float32(grid.floor_tolerance),
            "zero_double": np.array(0.0),
            "frame_axes": np.array([2, 3]),
        }
    return {
        **silence,
        "clip_length": np.array([grid.n_frames]),
        "zero_1": np.array([0]),
        "one_1": np.array([1]),
        "zeros_4": np.zeros(4, np.int64),
        "half": np.array(0.5),
        "step": np.array(float(grid.step_frames)),
        "offsets": np.arange(grid.n_frames)[None],
        "clips_shape": np.array([-1, grid.n_frames, n_bands]),
    }


def _placed(graph: Any, m: int) -> Any:
    """Rename a member's graph: its own names, and its own inputs and output."""
    shared = {"x": f"x_{m}", "mask": "mask", "": ""}
    shared |= {name: f"{name}_{m}" for name in ("logits", "embedding")}
    network.rename(graph, lambda name: shared.get(name, f"m{m}_{name}"))
    return graph


def _assembled(
    model: Any,
    head: str,
    inner: list[Any],
    tail: str,
    constants: dict[str, np.ndarray],
    embedding: bool,
    onnx: Any,
) -> Any:
    first = network.parse(
        "float[R, N] samples", "float[M, n, F] clips, bool[M, n] mask", head, constants, "head"
    )
    read = [f"float[M, C] logits_{m}" for m in range(len(inner))]
    written = "float[R, C] probabilities"
    if embedding:
        read += [f"float[M, D{m}] embedding_{m}" for m in range(len(inner))]
        written += ", float[R, E] embedding"
    last = network.parse(", ".join(read), written, tail, constants, "tail")
    parts = [first, *inner, last]
    initializers: dict[str, Any] = {}
    for part in parts:
        initializers.update({tensor.name: tensor for tensor in part.initializer})
    samples = onnx.helper.make_tensor_value_info("samples", 1, ["recordings", "samples"])
    out = onnx.helper.make_tensor_value_info("probabilities", 1, ["recordings", len(model.labels)])
    outputs = [out]
    if embedding:
        numbers = onnx.helper.make_tensor_value_info("embedding", 1, ["recordings", "numbers"])
        outputs.append(numbers)
    graph = onnx.helper.make_graph(
        [node for part in parts for node in part.node],
        "asc",
        [samples],
        outputs,
        initializer=list(initializers.values()),
    )
    model_proto = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", network.OPSET)],
        producer_name="asc",
        ir_version=IR_VERSION,
    )
    onnx.helper.set_model_props(
        model_proto,
        {
            "model": model.id,
            "labels": json_text.dumps(list(model.labels)),
            "sample_rate": str(model.feature.sample_rate),
        },
    )
    onnx.checker.check_model(model_proto)
    return model_proto
