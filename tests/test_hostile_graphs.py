"""Graphs and arrays that no training wrote: a sentence, soon, with torch or without."""

from __future__ import annotations

import copy
import json
import pickle
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from asc_cli.core import checksums
from asc_cli.core.errors import AscError
from asc_cli.export import onnx_file
from asc_cli.frontend import clips, standardise
from asc_cli.inference import ensemble, graphs, member, validation
from asc_cli.inference.networks import GraphNetwork, TorchNetwork
from asc_cli.models import build
from asc_cli.models._numpy import FORWARD
from asc_cli.registry import archive, members, models
from asc_cli.registry import graphs as graph_files
from tests.test_engines import B, C, F, T, batch, imported, no_training, repacked
from tests.test_export import registered

onnx = pytest.importorskip("onnx", reason="the extra `train` is not installed")
FLOAT, BOOL = 1, 9
TREES = {"n_trees": 5, "n_hidden": 8, "segment_frames": 4}


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    model = models.find(registered("m"))
    graphs.ensure_graphs(model)
    archive.export(model.id, path := tmp_path / "m.zip")
    return path


@pytest.fixture(params=[True, False], ids=["torch", "without torch"])
def has_torch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    for module in (member, graphs, validation):
        monkeypatch.setattr(module, "has_torch", lambda: request.param)
    return request.param


def graph(*nodes: tuple[str, list[str], list[str], dict[str, Any]], n_inputs: int = 2) -> bytes:
    """A graph of the last node's output, without weights."""
    helper = onnx.helper
    inputs = [
        helper.make_tensor_value_info("x", FLOAT, ["B", "T", "F"]),
        helper.make_tensor_value_info("mask", BOOL, ["B", "T"]),
    ]
    made = [helper.make_node(kind, reads, gives, **more) for kind, reads, gives, more in nodes]
    outputs = [helper.make_tensor_value_info(nodes[-1][2][0], FLOAT, None)]
    whole = helper.make_graph(made, "asc", inputs[:n_inputs], outputs)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(whole, opset_imports=opset, ir_version=10).SerializeToString()


HOSTILE = {
    "no scores": graph(("Identity", ["x"], ["y"], {})),
    "no mask": graph(("ReduceMean", ["x"], ["scores"], {"axes": [1], "keepdims": 0}), n_inputs=1),
    "a fault at run": graph(
        ("Constant", [], ["shape"], {"value_ints": [7, 13]}),
        ("Reshape", ["x", "shape"], ["scores"], {}),
    ),
    "one number": graph(("ReduceMean", ["x"], ["scores"], {"keepdims": 0})),
    "other classes": graph(("ReduceMean", ["x"], ["scores"], {"axes": [1], "keepdims": 0})),
    "empty": b"",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_graph_of_other_answers(
    kind: str, exported: Path, has_torch: bool, tmp_path: Path
) -> None:
    data = HOSTILE[kind]
    about = changed(exported, graph=checksums.of_bytes(data), weights=[])
    with pytest.raises(AscError, match="x.zip: not a model that can be used") as fault:
        imported(repacked(exported, tmp_path / "x.zip", graph_onnx=data, graph_json=about))
    assert str(fault.value).isprintable()


@pytest.mark.parametrize(
    "other",
    [{"weights": 5}, {"weights": [1, "a"]}, {"weights": None}, {"scores": []}, {"graph": 5}],
    ids=str,
)
def test_a_description_of_another_form_is_none(
    other: dict[str, Any], exported: Path, has_torch: bool, tmp_path: Path
) -> None:
    about = changed(exported, **other)
    with pytest.raises(AscError, match=r"its graph\.onnx is damaged|m@1 has no graph"):
        imported(repacked(exported, tmp_path / "x.zip", graph_json=about))


def changed(exported: Path, **other: Any) -> bytes:
    """graph.json with other values, and their checksum."""
    with zipfile.ZipFile(exported) as zipped:
        about = json.loads(zipped.read("graph.json"))
    del about["checksum"]
    return json.dumps(checksums.added({**about, **other})).encode()


def test_a_loop_is_refused() -> None:
    with pytest.raises(AscError, match="Loop"):
        onnx_file.outside(graph(("Loop", ["", ""], ["scores"], {})))


def test_an_archive_holds_neither_stray_files_nor_a_damaged_graph(
    exported: Path, tmp_path: Path
) -> None:
    """As a process leaves them that was killed while it wrote a graph."""
    folder = models.find("m@1").folder
    (folder / ".tmp-0123.onnx").write_bytes(b"x")
    (folder / graph_files.ABOUT).unlink()
    archive.export("m@1", path := tmp_path / "again.zip")
    with zipfile.ZipFile(path) as zipped:
        names = zipped.namelist()
    assert not [name for name in names if ".tmp-" in name or "graph" in name]
    assert imported(path).id == "m@2"


@pytest.fixture(scope="module")
def fitted() -> dict[str, np.ndarray]:
    labels = np.repeat(np.arange(C), 6)
    rng = np.random.default_rng(0)
    recordings = [rng.normal(c, 1, (T, F)).astype("f4") for c in labels]
    plain = standardise.no_standardisation(F)
    clip_set = clips.from_recordings(recordings, clips.ClipGrid(T, float(T)), plain)
    network = build({"name": "label_tree_gru", **TREES}, F, C)
    with torch.no_grad():
        network.estimate(clip_set, labels[clip_set.owners], no_training, 0)
    return {key: array.numpy() for key, array in network.state_dict().items()}


@pytest.mark.parametrize("levels", [1 << 61, -1])
def test_trees_of_more_levels_than_nodes_are_refused(
    levels: int, fitted: dict[str, np.ndarray]
) -> None:
    arrays = {**fitted, "tree.forests.levels": np.array(levels)}
    with pytest.raises(ValueError, match=f"trees of {levels} levels"):
        FORWARD["label_tree_gru"]({**TREES, "segment_hop": 1, "n_layers": 1}, arrays)
    network = build({"name": "label_tree_gru", **TREES}, F, C)
    with pytest.raises(ValueError, match=f"trees of {levels} levels"):
        network.load_state_dict({key: torch.as_tensor(array) for key, array in arrays.items()})


def test_trees_that_lead_to_no_node_are_refused(
    fitted: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = {**fitted, "tree.forests.left": np.full_like(fitted["tree.forests.left"], 1 << 40)}
    defaults = {"segment_hop": 1, "n_layers": 1}
    network = FORWARD["label_tree_gru"]({**TREES, **defaults}, arrays)
    x, mask = batch()
    model = models.find(registered("m"))
    monkeypatch.setattr(
        validation.ensemble, "log_probabilities", lambda *_: (network(x, mask)[0], None)
    )
    with pytest.raises(AscError, match="it cannot classify noise .index 1099511627776"):
        validation.require_usable(model)


def test_a_loaded_model_is_pickled_for_another_process() -> None:
    registered("m")
    graphs.ensure_graphs(models.find("m"))
    loaded = ensemble.load(models.find("m"))
    assert isinstance(loaded.members[0].network, GraphNetwork)
    shape = 2, loaded.clip_grid.n_frames, loaded.feature.n_bands
    frames, lengths = np.ones(shape, np.float32), np.full(2, loaded.clip_grid.n_frames)
    expected, _ = ensemble.log_probabilities(loaded, frames, lengths)
    for copied in (pickle.loads(pickle.dumps(loaded)), copy.deepcopy(loaded)):
        logs, _ = ensemble.log_probabilities(copied, frames, lengths)
        np.testing.assert_array_equal(logs, expected)


class PerFrame(nn.Module):
    """Its linear layer reads frames, not clips."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(F, C)

    def forward(self, x: torch.Tensor, mask: object) -> torch.Tensor:
        return self.linear(x).mean(dim=1)


class Unused(PerFrame):
    def forward(self, x: torch.Tensor, mask: object) -> torch.Tensor:
        return x.mean(dim=1)[:, :C] * self.linear.bias


@pytest.mark.parametrize("network", [PerFrame, Unused])
def test_embeddings_of_a_linear_layer_that_reads_no_clips_are_refused(network: type) -> None:
    one = member.Member(TorchNetwork(network().eval()), standardise.no_standardisation(F))
    loaded = SimpleNamespace(members=(one,))
    x, _ = batch()
    assert ensemble.log_probabilities(loaded, x, np.full(B, T))[0].shape == (B, C)
    with pytest.raises(AscError, match="--embeddings: .* linear layer"):
        ensemble.log_probabilities(loaded, x, np.full(B, T), True)


def test_layers_that_share_weights_are_stored(tmp_path: Path) -> None:
    first = nn.Linear(2, 2)
    network = nn.Sequential(first, first)
    members.save(tmp_path / "m.safetensors", network)
    weights, _ = members.read(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(weights["0.weight"], weights["1.weight"])
