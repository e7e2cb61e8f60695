"""Predictions without torch answer as torch does; what is not as it should be is refused."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from google.protobuf.message import DecodeError

from asc_cli import workflow
from asc_cli.core import checksums, plugins
from asc_cli.core.errors import AscError
from asc_cli.export import architecture, onnx_file
from asc_cli.frontend import clips, standardise
from asc_cli.inference import ensemble, graphs, member, validation
from asc_cli.inference.networks import GraphNetwork, Network, NumpyNetwork, TorchNetwork
from asc_cli.models import build
from asc_cli.models._numpy import FORWARD
from asc_cli.recipe import load as recipe
from asc_cli.registry import archive, models
from asc_cli.registry import graphs as graph_files
from tests.conftest import ENCODERS, QUICK, ROOT, Asc, command, write
from tests.test_export import KINDS, RATE, registered

onnx = pytest.importorskip("onnx", reason="the extra `train` is not installed")
NOT_FOR_PREDICTIONS = ("torch", "numba", "librosa", "sklearn")
B, T, F, C = 6, 24, 20, 4
LSTMS = {
    "vanilla": {},
    "temporal": {"attention": ["temporal"]},
    "gate_bias": {"attention": ["temporal"], "gate_bias": True},
    "narrow": {"attention": ["temporal", "semantic"], "attention_size": 2},
    "semantic": {"attention": ["semantic"], "n_codewords": 7},
    "both": {"attention": ["temporal", "semantic"]},
}
NETWORKS = {
    **{f"lstm {kind}": ("lstm", settings) for kind, settings in LSTMS.items()},
    "cnn": ("cnn", {}),
}
SLOW = {  # to export, by a second or two
    "crnn": ("crnn", {"attention": ["temporal", "semantic"]}),
    "mlp": ("mlp", {"n_frames": T}),
    "resnet": ("resnet", {}),
    "cp_mobile": ("cp_mobile", {}),
}
FITTED = {
    "gmm": {"n_components": 3},
    "svm": {},
    "svm rbf": {"kernel": "rbf"},
    "sparse_nmf": {"n_parts": 12, "n_passes": 1, "n_steps": 20},
    "label_tree_cnn": {"n_trees": 5, "widths": (2, 3), "n_filters": 6, "segment_frames": 4},
    "label_tree_gru": {"n_trees": 5, "n_hidden": 8, "segment_frames": 4},
}


def batch(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Clips (B, T, F) of which the last two are short, and their mask."""
    mask = np.ones((B, T), bool)
    mask[-2, T // 2 :] = mask[-1, 5:] = False
    x = np.random.default_rng(seed).standard_normal((B, T, F), np.float32)
    return x * mask[:, :, None], mask


def both(network: Network, other: Network, x: np.ndarray, mask: np.ndarray | None) -> float:
    """The largest difference of a probability, and of an embedding if there is one."""
    embed = True
    try:
        logs, v = network.log_probabilities(x, mask, embed)
    except AscError as fault:
        assert "no linear layer" in str(fault)
        with pytest.raises(AscError, match="no linear layer"):
            other.log_probabilities(x, mask, embed)
        (logs, v), embed = network.log_probabilities(x, mask), False
    expected, w = other.log_probabilities(x, mask, embed)
    if v is not None and w is not None:
        np.testing.assert_allclose(v, w, rtol=1e-4, atol=1e-5)
    return float(np.abs(np.exp(logs) - np.exp(expected)).max())


def with_statistics(network: torch.nn.Module) -> torch.nn.Module:
    """Buffers of batch normalisation that are not 0 and 1, by which an error would not show."""
    for buffer in network.buffers():
        if buffer.is_floating_point():
            buffer.data.uniform_(0.5, 1.5)
    return network.eval()


def compare_by_graph(name: str, settings: dict) -> None:
    torch.manual_seed(0)
    first, second = (with_statistics(build({"name": name, **settings}, F, C)) for _ in range(2))
    graph = architecture.graph(first, T, F)
    assert b"/asc_cli/" not in graph and b"site-packages" not in graph  # no path of this machine
    stored = {array.name for array in onnx.ModelProto.FromString(graph).graph.initializer}
    assert {*onnx_file.outside(graph)} <= stored
    weights = {key: array.numpy() for key, array in second.state_dict().items()}
    network = GraphNetwork(graph, onnx_file.outside(graph), weights)
    x, mask = batch()
    assert both(network, TorchNetwork(second), x, mask) < 1e-6
    assert both(network, TorchNetwork(second), x, None) < 1e-6
    parts = [network.log_probabilities(x[i : i + 1], mask[i : i + 1])[0] for i in range(B)]
    np.testing.assert_allclose(
        np.concatenate(parts), network.log_probabilities(x, mask)[0], atol=1e-6
    )
    if name == "lstm":
        assert network.attends == bool(settings)
        attended = network.attention(x, mask), TorchNetwork(second).attention(x, mask)
        for own, expected in zip(*attended, strict=True):
            assert (own is None) == (expected is None)
            if expected is not None:
                np.testing.assert_allclose(own[mask], expected[mask], atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_graph_answers_as_the_network_does(name: str) -> None:
    compare_by_graph(*NETWORKS[name])


@pytest.mark.campaign
@pytest.mark.parametrize("name", SLOW)
def test_a_graph_of_convolutions_answers_as_the_network_does(name: str) -> None:
    compare_by_graph(*SLOW[name])


def no_training(network: torch.nn.Module, clip_set: object, labels: np.ndarray) -> None:
    """In place of gradient descent: the weights stay as they were drawn."""


@pytest.mark.parametrize("kind", FITTED)
def test_numpy_answers_as_a_fitted_model_does(kind: str) -> None:
    name = kind.split()[0]
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(C), 6)
    recordings = [np.abs(rng.normal(c, 1, (T, F))).astype("f4") for c in labels]
    plain = standardise.no_standardisation(F)
    clip_set = clips.from_recordings(recordings, clips.ClipGrid(T, float(T)), plain)
    torch.manual_seed(0)
    fitted = build({"name": name, **FITTED[kind]}, F, C)
    with torch.no_grad():
        fitted.estimate(clip_set, labels[clip_set.owners], no_training, 0)
    defaults = {each.name: each.default for each in plugins.parameters("models", name)}
    arrays = {key: array.numpy() for key, array in fitted.state_dict().items()}
    network = NumpyNetwork(FORWARD[name]({**defaults, **FITTED[kind]}, arrays))
    x, mask = batch()
    x = np.abs(x) if name == "sparse_nmf" else x
    assert both(network, TorchNetwork(fitted.eval()), x, mask) < 1e-6
    assert both(network, TorchNetwork(fitted.eval()), x, None) < 1e-6
    assert network.attention(x, mask) == (None, None) and not network.attends
    assert network.log_probabilities(x, mask)[0].std(axis=0).max() > 1e-3  # clips differ


def test_every_shipped_model_is_compared_here() -> None:
    of_scenes = set(plugins.names("models")) - {"lstm_video"}
    compared = {name for name, _ in (NETWORKS | SLOW).values()} | {k.split()[0] for k in FITTED}
    assert compared == of_scenes
    assert set(FORWARD) == {k.split()[0] for k in FITTED}


# -- the graph of a registered model -------------------------------------------------------------


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    return [
        write(
            tmp_path / f"{s}.wav",
            rng.normal(0, 0.1, int(s * RATE)) * np.linspace(0.01, 1, int(s * RATE)),
        )
        for s in (0.1, 1.0, 1.51, 7.3)
    ]


def scenes(recordings: list[Path], **options: object) -> np.ndarray:
    predicted = {p.file: p for p in workflow.predict(recordings, **options)}
    assert not any(p.error for p in predicted.values())
    return np.array([list(predicted[str(path)].scenes.values()) for path in recordings])


@pytest.mark.parametrize("kind", KINDS)
def test_a_prediction_is_the_same_by_either(kind: str, recordings: list[Path]) -> None:
    name = registered(kind, *KINDS[kind])
    by_graph = scenes(recordings, model=name)
    assert graph_files.read(models.find(name).folder).data  # made by the first prediction
    # with weights that nobody trained, both attentions multiply roundings: either differs from
    # float64 as much as from the other
    atol = 1e-3 if kind == "both" else 1e-5
    by_torch = scenes(recordings, model=name, engine="torch")
    np.testing.assert_allclose(by_graph, by_torch, atol=atol)
    alone = np.concatenate([scenes([path], model=name) for path in recordings])
    np.testing.assert_allclose(alone, by_graph, atol=1e-6)
    np.testing.assert_allclose(scenes(recordings, model=name, jobs=2), by_graph, atol=1e-6)


def test_each_device_has_its_members_graph_with_its_weights(recordings: list[Path]) -> None:
    name = registered("phones", devices=("a", "b"))
    for device in (None, "a"):
        by_torch = scenes(recordings, model=name, device=device, engine="torch")
        np.testing.assert_allclose(
            scenes(recordings, model=name, device=device), by_torch, atol=1e-5
        )
    assert len(graph_files.read(models.find(name).folder).scores) == 2 * 3


@pytest.mark.parametrize("damage", ["cut", "flipped", "no graph", "no json", "another format"])
def test_a_graph_that_is_damaged_is_made_again(damage: str, recordings: list[Path]) -> None:
    model = models.find(registered("m"))
    expected = scenes(recordings, model=model.id)
    graph, about = (model.folder / name for name in graph_files.FILES)
    first = graph.read_bytes()
    if damage == "cut":
        graph.write_bytes(first[:100])
    elif damage == "flipped":
        graph.write_bytes(first[:100] + bytes([first[100] ^ 1]) + first[101:])
    elif damage == "no graph":
        graph.unlink()
    elif damage == "no json":
        about.unlink()
    else:
        about.write_text('{"format": 99}')
    assert graph_files.read(model.folder) is None
    np.testing.assert_array_equal(scenes(recordings, model=model.id), expected)
    assert graph.read_bytes() == first


def test_where_the_folder_cannot_be_written_torch_answers(
    recordings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models.find(registered("m"))

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(graph_files, "write", refuse)
    by_torch = scenes(recordings, model=model.id, engine="torch")
    np.testing.assert_array_equal(scenes(recordings, model=model.id), by_torch)
    assert graphs.answered_by(model) == {model.id: "torch, until a prediction has made its graph"}


def test_a_network_that_torch_cannot_export_is_answered_by_torch(
    recordings: list[Path], monkeypatch: pytest.MonkeyPatch, asc: Asc
) -> None:
    model = models.find(registered("m"))

    def refuse(*_: object) -> bytes:
        raise AscError("it sorts its frames")

    monkeypatch.setattr(architecture, "graph", refuse)
    by_torch = scenes(recordings, model=model.id, engine="torch")
    np.testing.assert_array_equal(scenes(recordings, model=model.id), by_torch)
    shown = asc("models", "show", "m")
    assert "torch only: it sorts its frames" in shown.stdout
    monkeypatch.setattr(member, "has_torch", lambda: False)
    with pytest.raises(
        AscError, match=r"m@1: torch alone can answer for it \(it sorts its frames\)"
    ):
        ensemble.load(model)


def test_a_graph_that_answers_otherwise_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    model = models.find(registered("m"))
    other = models.find(registered("other", "model.attention=[temporal]"))
    graph = graphs.make(other).data
    monkeypatch.setattr(architecture, "graph", lambda *_: graph)
    assert "which is not among its weights" in graphs.make(model).torch_only
    monkeypatch.undo()
    monkeypatch.setattr(graphs, "TOLERANCE", -1.0)
    assert "differs from torch by" in graphs.make(model).torch_only


def test_a_model_without_a_graph_says_without_torch_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registered("m")
    for module in (member, graphs):
        monkeypatch.setattr(module, "has_torch", lambda: False)
    with pytest.raises(AscError, match="m@1 has no graph, which predictions without torch need"):
        next(workflow.predict(["x.wav"], model="m", jobs=1))
    with pytest.raises(AscError, match="--engine torch: torch is not installed; install it with"):
        next(workflow.predict(["x.wav"], model="m", engine="torch"))
    with pytest.raises(AscError, match="--engine fast: auto or torch was expected"):
        next(workflow.predict(["x.wav"], model="m", engine="fast"))


# -- archives ------------------------------------------------------------------------------------


def repacked(source: Path, target: Path, **changed: bytes | None) -> Path:
    """A copy of a zip with other contents of graph.onnx or graph.json (as graph_onnx=…)."""
    names = {"graph_onnx": "graph.onnx", "graph_json": "graph.json"}
    contents = {names[key]: value for key, value in changed.items()}
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if (data := contents.get(name, old.read(name))) is not None:
                new.writestr(name, data)
    return target


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    model = models.find(registered("m"))
    graphs.ensure_graphs(model)
    archive.export(model.id, path := tmp_path / "m.zip")
    return path


def imported(path: Path) -> models.Model:
    from asc_cli.video.validation import require_usable

    return archive.import_file(path, check=require_usable)


def test_a_graph_goes_along_and_is_used(exported: Path, recordings: list[Path]) -> None:
    model = imported(exported)
    assert graph_files.read(model.folder) == graph_files.read(models.find("m@1").folder)
    assert not {*graph_files.FILES} & {*model.card["files"]}
    np.testing.assert_array_equal(
        scenes(recordings, model=model.id), scenes(recordings, model="m@1")
    )


def about_of(exported: Path, graph: bytes) -> bytes:
    """graph.json as it would be of another graph."""
    with zipfile.ZipFile(exported) as zipped:
        about = json.loads(zipped.read("graph.json"))
    return json.dumps(checksums.added({**about, "graph": checksums.of_bytes(graph)})).encode()


def graph_of(exported: Path) -> onnx.ModelProto:
    with zipfile.ZipFile(exported) as zipped:
        return onnx.ModelProto.FromString(zipped.read("graph.onnx"))


@pytest.mark.parametrize("installed", [True, False], ids=["torch", "no torch"])
@pytest.mark.parametrize(
    "place", ["initialiser", "constant", "operator", "function", "other scores"]
)
def test_a_hostile_graph_is_refused(
    place: str, installed: bool, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not installed:
        for module in (member, graphs, validation):
            monkeypatch.setattr(module, "has_torch", lambda: False)
    graph = graph_of(exported)
    outside = onnx.TensorProto(name="secret", data_type=1, dims=[1], data_location=1)
    outside.external_data.add(key="location", value="/etc/passwd")
    reason = "refers to a file"
    if place == "initialiser":
        graph.graph.initializer.append(outside)
    elif place == "constant":
        node = onnx.helper.make_node("Constant", [], ["extra"], value=outside)
        graph.graph.node.append(node)
    elif place == "operator":
        graph.graph.node.append(onnx.helper.make_node("Run", ["x"], ["y"], domain="evil"))
        reason = "calls 'evil', which ONNX does not define"
    elif place == "function":
        graph.functions.append(onnx.helper.make_function("d", "f", ["x"], ["y"], [], []))
        reason = "functions of its own"
    else:
        [node] = [node for node in graph.graph.node if "scores" in node.output]
        node.op_type = "Neg"
        reason = "does not answer as the weights"
    data = graph.SerializeToString()
    path = repacked(
        exported, tmp_path / "x.zip", graph_onnx=data, graph_json=about_of(exported, data)
    )
    with pytest.raises(AscError, match=reason):
        imported(path)
    assert [model.id for model in models.models()] == ["m@1"]


def test_without_torch_a_graph_is_held_against_what_torch_answered(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (member, graphs, validation):
        monkeypatch.setattr(module, "has_torch", lambda: False)
    assert imported(exported).id == "m@2"
    with zipfile.ZipFile(exported) as zipped:
        about = json.loads(zipped.read("graph.json"))
    for rows in about["scores"].values():
        rows[0][0] += 0.01
    text = json.dumps(checksums.added(about)).encode()
    with pytest.raises(AscError, match="does not answer as the weights fold01"):
        imported(repacked(exported, tmp_path / "x.zip", graph_json=text))


def test_a_graph_alone_or_damaged_is_refused(exported: Path, tmp_path: Path) -> None:
    for changed in ({"graph_onnx": b"x"}, {"graph_onnx": None}, {"graph_json": b"{"}):
        with pytest.raises(AscError, match=r"its graph\.\w+ is damaged"):
            imported(repacked(exported, tmp_path / "x.zip", **changed))
    assert imported(repacked(exported, tmp_path / "old.zip", graph_onnx=None, graph_json=None))


def test_what_a_graph_refers_to_is_read_as_onnx_reads_it() -> None:
    """Flips and cuts of a file end in a sentence, or in the names that onnx finds."""
    graph = architecture.graph(build({"name": "lstm", **LSTMS["both"]}, F, C).eval(), T, F)
    rng = random.Random(0)
    refused = compared = 0
    for _ in range(600):
        data = bytearray(graph)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        data = data[: rng.choice([len(data), rng.randrange(len(data))])]
        try:
            names = onnx_file.outside(bytes(data))
        except AscError:
            refused += 1
            continue
        try:
            read = onnx.ModelProto.FromString(bytes(data))
        except DecodeError:  # onnxruntime refuses it too
            continue
        compared += 1
        assert {each.name for each in read.graph.initializer if each.data_location} <= {*names}
    assert refused > 100 and compared > 100


# -- what is imported ----------------------------------------------------------------------------

IMPORTED = """
import json, sys
from typer.testing import CliRunner
from asc_cli.cli import application
out = []
for arguments, sound in json.load(sys.stdin):
    done = CliRunner().invoke(application(), arguments, input=bytes.fromhex(sound))
    modules = [name for name in {modules!r} if name in sys.modules]
    out.append([done.exit_code, done.output[-300:], modules])
print(json.dumps(out))
"""


def test_predict_evaluate_and_listen_import_nothing_of_training(
    home: Path, two_folds: Path, toy_root: Path, tmp_path: Path
) -> None:
    shutil.copytree(two_folds, home, dirs_exist_ok=True)
    recording = sorted((toy_root / "audio").glob("*.wav"))[0]
    sound = (np.random.default_rng(0).normal(0, 3000, 3 * RATE)).astype("<i2").tobytes().hex()
    commands = [
        (["predict", str(recording)], ""),
        (["predict", str(recording), "--embeddings", str(tmp_path / "e.npz")], ""),
        (["listen", "-", "--rate", str(RATE), "--window", "2"], sound),
        (["evaluate", "toy_lstm"], ""),
        (
            ["evaluate", "toy_lstm@1", "--dataset", "toy", "--data", str(toy_root), "--jobs", "1"],
            "",
        ),
    ]
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED.replace("{modules!r}", repr(NOT_FOR_PREDICTIONS))],
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "ASC_HOME": str(home)},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    for (arguments, _), (code, text, modules) in zip(
        commands, json.loads(done.stdout), strict=True
    ):
        assert (code, modules) == (0, []), f"{arguments}: {text}"


def test_a_loaded_model_imports_nothing_of_training(home: Path, two_folds: Path) -> None:
    shutil.copytree(two_folds, home, dirs_exist_ok=True)
    code = (
        "import sys; import numpy as np, asc_cli\n"
        f"p = asc_cli.load_model('toy_lstm').predict(np.zeros({2 * RATE}), {RATE})\n"
        "assert abs(sum(p.scenes.values()) - 1) < 1e-6\n"
        f"assert not [m for m in {NOT_FOR_PREDICTIONS!r} if m in sys.modules]"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "ASC_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_an_explanation_imports_nothing_of_training(
    home: Path, four_variants: Path, toy_root: Path
) -> None:
    shutil.copytree(four_variants, home, dirs_exist_ok=True)
    recording = sorted((toy_root / "audio").glob("*.wav"))[0]
    code = (
        "import sys; from pathlib import Path; from asc_cli import workflow\n"
        f"e = workflow.explain(Path({str(recording)!r}), model='toy_ta_sa')\n"
        "assert e.attention is not None and e.codewords is not None\n"
        f"assert not [m for m in {NOT_FOR_PREDICTIONS!r} if m in sys.modules]"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "ASC_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    by_torch = workflow.explain(recording, model="toy_ta_sa", engine="torch")
    by_graph = workflow.explain(recording, model="toy_ta_sa")
    np.testing.assert_allclose(by_graph.attention, by_torch.attention, atol=1e-4)
    np.testing.assert_allclose(by_graph.codewords, by_torch.codewords, atol=1e-5)


# -- asc models check ----------------------------------------------------------------------------


def test_models_check(asc: Asc, recordings: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    model = models.find(registered("m", *KINDS["vanilla"]))
    done = asc("models", "check", "m", *recordings, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    [row] = result["systems"]
    assert (row["answered_by"], row["recordings"], result["agrees"]) == ("onnxruntime", 4, True)
    assert row["clips"] > 4 and 0 < row["largest_difference"] < 1e-5 and row["other_clips"] == 0
    assert "noise" in asc("models", "check", "m").stdout
    weights = model.member(1)
    weights.write_bytes(weights.read_bytes()[:-1])
    assert "m@1" in asc("models", "check", "m").stderr


PAIRS = [
    (model, feature)
    for model in sorted(QUICK)
    for feature in plugins.shipped("features")
    if feature not in ENCODERS
    if feature != "texture" or model in ("svm", "gmm", "mlp")  # it is one frame
    if model != "sparse_nmf" or feature in ("mel", "cqt")  # it takes no negative numbers
]
SAMPLE = 12


@pytest.fixture(scope="session")
def real_recordings(toy_root: Path) -> list[Path]:
    """100 recordings of ESC-10 where they are at hand, else made-up ones."""
    folder = Path(os.environ.get("ASC_DATA", "")) / "esc10"
    return (sorted(folder.rglob("*.ogg"))[::4] or sorted((toy_root / "audio").glob("*.wav")))[:100]


def recipe_of(model: str) -> str:
    """A shipped recipe on made-up scenes that trains a model."""
    names = (name for name in plugins.recipe_names() if name.startswith("toy_"))
    others = (name for name in names if name != "toy_best")
    return next(n for n in others if recipe.load(n).settings["model"]["name"] == model)


@pytest.mark.campaign
@pytest.mark.parametrize(("model", "feature"), PAIRS)
def test_every_model_on_every_feature_answers_as_torch_does(
    model: str,
    feature: str,
    whole: bool,
    toy_root: Path,
    tmp_path: Path,
    real_recordings: list[Path],
) -> None:
    """Twelve of the pairs, which a seed chose; all of them with --whole."""
    if not whole and (model, feature) not in random.Random(0).sample(PAIRS, SAMPLE):
        pytest.skip("not in the sample")
    settings = recipe.load(recipe_of(model), QUICK[model]).settings
    if settings["features"]["name"] != feature:
        settings["features"] = {"name": feature, "sample_rate": RATE}
        settings["model"].pop("group_widths", None)
        if settings["clips"].get("length_frames") is None or feature == "texture":
            n_frames = {"texture": 1, "cqt": 5, "mel": 5}.get(feature, 60)
            others = {k: v for k, v in settings["clips"].items() if k != "length_s"}
            settings["clips"] = {**others, "length_frames": n_frames, "overlap": 0}
            if model.startswith("label_tree"):  # segments of few frames
                settings["model"] |= {"segment_frames": 1, "segment_hop": 1}
    if model == "label_tree_cnn":
        settings["model"]["widths"] = [1, 2, 3]
    if feature == "texture":
        settings["model"] |= {"mlp": {"n_frames": 1}, "gmm": {"n_components": 2}}.get(model, {})
    path = tmp_path / "pair.yaml"
    path.write_text(yaml.safe_dump(settings))
    done = workflow.train(recipe.load(path), data=toy_root, folds=[1], jobs=1)
    [row] = workflow.check_model(done.model, real_recordings).systems
    assert row.answered_by == ("numpy" if model in FORWARD else "onnxruntime")
    assert row.largest_difference < 1e-5 and row.other_scenes == row.other_clips == 0


def test_a_prediction_leaves_nothing_among_the_temporary_files(
    home: Path, two_folds: Path, recordings: list[Path], tmp_path: Path
) -> None:
    """onnxruntime reports its use to its makers unless told not to, and begins with a file."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "ASC_HOME": str(two_folds), "TMPDIR": str(temporary)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    done = subprocess.run(
        command("predict", recordings[0], "--json"), env=environment, cwd=ROOT, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert list(temporary.iterdir()) == []
