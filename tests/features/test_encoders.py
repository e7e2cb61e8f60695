"""Encoders from outside: what transformers and onnxruntime give when they are called directly."""

from __future__ import annotations

import shutil
import socket
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asc_cli import workflow
from asc_cli.core import paths
from asc_cli.core.errors import AscError
from asc_cli.features import _hub, _transformers, stream
from asc_cli.frontend import feature as stored
from asc_cli.frontend.feature import StoredFeature, resolve
from asc_cli.inference.api import load_model
from asc_cli.recipe import load as recipe
from tests.conftest import SMALL, Asc, Once

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
onnx = pytest.importorskip("onnx", reason="the extra `train` is not installed")
RATE = 22_050
RATES = {"ast": 16_000, "wav2vec2": 16_000, "clap": 48_000, "whisper": 16_000}
COMMIT = "0123456789abcdef" * 2 + "01234567"


@pytest.fixture(scope="session")
def transformers() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other libraries, as they are imported
        module = pytest.importorskip("transformers", reason="the extra `hf` is not installed")
    module.utils.logging.set_verbosity_error()
    module.utils.logging.disable_progress_bar()
    return module


@pytest.fixture(scope="session")
def encoders(once: Once, transformers: Any) -> Path:
    """A folder with a small encoder of each family, of random weights."""
    return once("encoders", lambda folder: make_encoders(folder, transformers))


def make_encoders(folder: Path, t: Any) -> None:
    torch.manual_seed(0)
    small: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    small["intermediate_size"] = 32
    ast = t.ASTModel(t.ASTConfig(**small, max_length=100, num_mel_bins=32))
    convolutions = {"conv_dim": (8, 8), "conv_stride": (32, 10), "conv_kernel": (40, 20)}
    wav2vec2 = t.Wav2Vec2Model(
        t.Wav2Vec2Config(
            **small,
            **convolutions,
            num_feat_extract_layers=2,
            num_conv_pos_embeddings=8,
            num_conv_pos_embedding_groups=2,
        )
    )
    tokens = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    layers = {"encoder_layers": 1, "decoder_layers": 1, "d_model": 16, "num_mel_bins": 32}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    widths = {"encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "vocab_size": 99}
    whisper = t.WhisperModel(
        t.WhisperConfig(**layers, **heads, **widths, **tokens, max_source_positions=50)
    )
    audio = {"patch_embeds_hidden_size": 8, "depths": [1, 1], "num_attention_heads": [1, 2]}
    audio |= {"hidden_size": 16, "num_hidden_layers": 2, "spec_size": 64, "num_mel_bins": 32}
    audio |= {"window_size": 4, "patch_size": 4, "patch_stride": [4, 4], "projection_dim": 12}
    text = {**small, "vocab_size": 50, "projection_dim": 12}
    clap = t.ClapModel(t.ClapConfig(text_config=text, audio_config=audio, projection_dim=12))
    made = {
        "ast": (ast, t.ASTFeatureExtractor(max_length=100, num_mel_bins=32)),
        "wav2vec2": (wav2vec2, t.Wav2Vec2FeatureExtractor()),
        "whisper": (whisper, t.WhisperFeatureExtractor(feature_size=32, chunk_length=1)),
        "clap": (
            clap,
            t.ClapFeatureExtractor(feature_size=32, max_length_s=1, truncation="rand_trunc"),
        ),
    }
    for name, parts in made.items():
        for part in parts:
            part.save_pretrained(folder / name)


def noise(seconds: float, rate: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, round(seconds * rate)).astype(np.float32)


def encoder(folder: Path, name: str, embedding: str = "frames", **more: Any) -> StoredFeature:
    parameters = {"model": str(folder / name), "embedding": embedding, **more}
    return resolve("hf_encoder", RATES[name], parameters)


def direct(t: Any, folder: Path, name: str, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frames (T, D) and embedding (D,) of a window, by transformers alone."""
    extractor = t.AutoFeatureExtractor.from_pretrained(folder / name)
    model = t.AutoModel.from_pretrained(folder / name).eval()
    inputs = extractor(samples, sampling_rate=RATES[name], return_tensors="pt")
    with torch.inference_mode():
        if name == "ast":
            output = model(**inputs)
            frames = output.last_hidden_state[0, 2:].reshape(2, 9, 16).mean(0)  # F, T, D
            return frames.numpy(), output.pooler_output[0].numpy()
        if name == "clap":
            output = model.get_audio_features(**inputs)
            return output.last_hidden_state[0].mean(1).T.numpy(), output.pooler_output[0].numpy()
        if name == "whisper":
            frames = model.encoder(inputs["input_features"]).last_hidden_state[0].numpy()
            return frames, frames[: len(samples) // 320].mean(0)
        frames = model(inputs["input_values"]).last_hidden_state[0].numpy()
        return frames, frames.mean(0)


@pytest.mark.parametrize("name", RATES)
def test_frames_and_embeddings_are_those_of_transformers(
    name: str, encoders: Path, transformers: Any
) -> None:
    rate = RATES[name]
    full, part = noise(1, rate), noise(0.4, rate)
    window = {"window_s": 1.0}
    frames, embedding = direct(transformers, encoders, name, full)
    feature = encoder(encoders, name, **window)
    n = feature.framing.window_frames
    assert len(frames) == n == feature.framing.count(rate) and feature.n_bands == frames.shape[1]
    np.testing.assert_allclose(feature.compute(full, rate), frames, atol=1e-5)
    n_part = feature.framing.count(len(part))
    by_transformers, embedding_of_part = direct(transformers, encoders, name, part)
    np.testing.assert_allclose(feature.compute(part, rate), by_transformers[:n_part], atol=1e-5)
    clip = encoder(encoders, name, "clip", **window)
    both = clip.compute(np.concatenate([full, full]), rate)
    np.testing.assert_allclose(both, [embedding, embedding], atol=1e-5)
    np.testing.assert_allclose(clip.compute(part, rate), [embedding_of_part], atol=1e-5)


@pytest.mark.parametrize("name", RATES)
def test_blocks_do_not_change_a_bit_and_a_window_follows_another(name: str, encoders: Path) -> None:
    rate = RATES[name]
    samples = noise(2.37, rate)
    feature = encoder(encoders, name, window_s=1.0)
    full = feature.compute(samples, rate)
    assert full.dtype == np.float32 and len(full) == feature.framing.count(len(samples))
    for size in (rate // 2, 2 * rate + 17):
        blocks = [samples[start : start + size] for start in range(0, len(samples), size)]
        np.testing.assert_array_equal(
            np.concatenate(list(stream(feature.compute, blocks, rate))), full
        )
    step = feature.framing.window_frames * feature.framing.hop_samples
    second = feature.compute(samples[step : step + rate], rate)
    np.testing.assert_array_equal(full[len(second) : 2 * len(second)], second)


def test_overlapping_windows_and_short_recordings(encoders: Path) -> None:
    feature = encoder(encoders, "whisper", "clip", window_s=0.5, hop_s=0.25)
    samples = noise(1.0, 16_000)
    frames = feature.compute(samples, 16_000)
    assert len(frames) == 4  # the last one is half a window
    alone = feature.compute(samples[4_000:12_000], 16_000)[:1]
    np.testing.assert_array_equal(frames[1:2], alone)
    assert len(feature.compute(samples[:1_600], 16_000)) == 1
    with pytest.raises(AscError, match=r"is 0\.001 s long, shorter than the shortest that is enc"):
        feature.compute(samples[:16], 16_000)


def settings_of(feature: StoredFeature, *more: str) -> list[str]:
    values = {"sample_rate": feature.sample_rate, **feature.parameters}
    pairs = [f"features.{k}={v}" for k, v in values.items() if v not in ("", None)]
    return [f"features.name={feature.name}", *pairs, *more]


def test_features_are_in_the_store_and_resumed(
    encoders: Path, toy_root: Path, tmp_path: Path
) -> None:
    shutil.copytree(encoders / "whisper", tmp_path / "whisper")
    feature = encoder(tmp_path, "whisper")
    chosen = recipe.load("toy_lstm", settings_of(feature))
    first = workflow.extract(chosen, data=toy_root, jobs=1)
    assert (first.computed, first.reused, first.failed) == (60, 0, [])
    assert workflow.extract(chosen, data=toy_root, jobs=1).reused == 60
    shutil.rmtree(sorted((feature.folder / "short").iterdir())[0])
    resumed = workflow.extract(chosen, data=toy_root, jobs=1)
    assert resumed.computed + resumed.reused == 60 and 0 < resumed.computed <= 60
    weights = tmp_path / "whisper" / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    assert encoder(tmp_path, "whisper").key != feature.key  # other weights, other features


# -- folders, names, networks -----------------------------------------------------------------


@pytest.fixture
def no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    _hub._cached.cache_clear()


@pytest.mark.parametrize(
    ("model", "revision", "sentence"),
    [
        ("", "", "hf_encoder: model: a folder, or a name on the hub such as OWNER/NAME, was"),
        ("/nowhere/at all", "", "hf_encoder: /nowhere/at all: a folder, or a name on the hub"),
        ("owner/name", "", r"features\.revision is missing: owner/name on the hub can change; the"),
        ("owner/name", "main", r"features\.revision = main: owner/name on the hub can change"),
        ("owner/name", COMMIT, "owner/name at 0123456789ab is not on this machine, and nothing is"),
    ],
)
def test_a_model_that_is_not_there_is_one_sentence(
    model: str, revision: str, sentence: str, transformers: Any, no_connection: None
) -> None:
    with pytest.raises(AscError, match=sentence) as raised:
        _ = resolve("hf_encoder", 16_000, {"model": model, "revision": revision}).framing
    assert "\n" not in str(raised.value)


def test_a_folder_without_an_encoder_is_one_sentence(
    encoders: Path, tmp_path: Path, transformers: Any
) -> None:
    with pytest.raises(AscError, match=r"is a folder, which has no revisions; leave it out"):
        encoder(encoders, "ast", revision=COMMIT).compute.files()
    shutil.copytree(encoders / "ast", tmp_path / "ast")
    (tmp_path / "ast" / "preprocessor_config.json").unlink()
    with pytest.raises(AscError, match=r"ast holds no audio encoder that transformers .* reads"):
        _ = encoder(tmp_path, "ast").framing
    (tmp_path / "ast" / "model.safetensors").unlink()
    with pytest.raises(AscError, match=r"ast holds no encoder: config\.json and model\.safeten"):
        encoder(tmp_path, "ast").compute.files()
    with pytest.raises(AscError, match=r"sample_rate = 8000: .* takes 16000 Hz; features\.sample"):
        _ = resolve("hf_encoder", 8_000, {"model": str(encoders / "ast")}).framing
    with pytest.raises(AscError, match=r"window_s = 2: more than 0 and at most .* takes, 1 s was"):
        _ = encoder(encoders, "whisper", window_s=2.0).framing


def test_a_text_model_and_missing_weights_are_refused(
    tmp_path: Path, encoders: Path, transformers: Any
) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(encoders / "ast", tmp_path / "ast")
    weights = tmp_path / "ast" / "model.safetensors"
    arrays = load_file(weights)
    arrays.pop(next(name for name in arrays if name.endswith("layernorm_before.weight")))
    save_file(arrays, weights, metadata={"format": "pt"})
    with pytest.raises(AscError, match=r"lack .*layernorm_before.* drawn at random"):
        _ = encoder(tmp_path, "ast").framing
    transformers.BertModel(
        transformers.BertConfig(
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            vocab_size=9,
        )
    ).save_pretrained(tmp_path / "text")
    shutil.copy(encoders / "ast" / "preprocessor_config.json", tmp_path / "text")
    with pytest.raises(AscError, match=r"text is a bert; an audio encoder was expected: AST, wav"):
        _ = resolve("hf_encoder", 16_000, {"model": str(tmp_path / "text")}).framing


def test_a_name_on_the_hub_is_read_from_the_cache_without_a_connection(
    encoders: Path,
    tmp_path: Path,
    transformers: Any,
    no_connection: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cached = tmp_path / "models--owner--small"
    shutil.copytree(encoders / "whisper", cached / "snapshots" / COMMIT)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    of_hub = resolve("hf_encoder", 16_000, {"model": "owner/small", "revision": COMMIT})
    samples = noise(1, 16_000)
    by_folder = encoder(encoders, "whisper").compute(samples, 16_000)
    np.testing.assert_array_equal(of_hub.compute(samples, 16_000), by_folder)
    assert of_hub.description()["files"] == f"owner/small@{COMMIT}"


def test_a_download_is_ordered_and_one_sentence_without_a_network(
    toy_root: Path, transformers: Any, asc: Asc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "none"))
    _hub._cached.cache_clear()
    words = [f"--set=features.{text}" for text in ("name=hf_encoder", "model=owner/name")]
    words += [f"--set=features.revision={COMMIT}", "--set=features.sample_rate=16000"]
    command = ("features", "--recipe", "toy_lstm", "--data", toy_root, *words)
    done = asc(*command)
    assert done.returncode == 1 and "--download gets it" in done.stderr, done.stderr

    def unreachable(*_: object, **options: Any) -> str:
        assert options["local_files_only"] is False and options["revision"] == COMMIT
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    done = asc(*command, "--download")
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert "owner/name cannot be downloaded from the hub at 0123456789ab (Name or service" in line


def test_the_missing_extra_is_one_sentence(encoders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _transformers.load.cache_clear()
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(AscError, match=r"hf_encoder: the extra `hf` is needed .*\[hf\]") as raised:
        _ = encoder(encoders, "ast").framing
    assert "\n" not in str(raised.value)


# -- ONNX -------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["toy_lstm", "toy_ta_sa"])
def test_an_exported_network_gives_what_embed_gives(
    model: str, four_variants: Path, home: Path, tmp_path: Path
) -> None:
    shutil.copytree(four_variants, home)
    file = tmp_path / "encoder.onnx"
    workflow.export(model, "onnx", file, embedding=True)
    parameters = {"file": str(file), "output": "embedding", "embedding": "clip", "window_s": 2.0}
    feature = resolve("onnx_encoder", RATE, parameters)
    samples = noise(4, RATE)
    embed = load_model(model).embed
    halves = [embed(half, RATE) for half in np.split(samples, 2)]
    np.testing.assert_allclose(feature.compute(samples, RATE), halves, atol=1e-5)
    as_is = resolve("onnx_encoder", RATE, {**parameters, "pad": False})
    short = embed(samples[:RATE], RATE)
    np.testing.assert_allclose(as_is.compute(samples[:RATE], RATE), [short], atol=1e-5)


def test_other_networks_are_exported_with_their_embedding(tmp_path: Path) -> None:
    from torch import nn

    from asc_cli.export import network

    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(5, 4), nn.Linear(4, 3)

        def forward(self, x: Any, mask: Any = None) -> Any:
            return self.last(self.first(x).relu().mean(1))

    net = Mean().eval()
    graph = network.graph(net, 7, 5, "member", embedding=True)
    assert [output.name for output in graph.output] == ["logits", "embedding"]
    with pytest.raises(AscError, match=r"Identity has no linear layer for --embedding"):
        network.graph(nn.Identity(), 7, 5, "member", embedding=True)


def onnx_file(path: Path, text: str, **constants: np.ndarray) -> Path:
    graph = onnx.parser.parse_graph(text)
    graph.initializer.extend(onnx.numpy_helper.from_array(v, k) for k, v in constants.items())
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10
    )
    onnx.save(model, path)
    return path


@pytest.fixture
def mel_encoder(tmp_path: Path) -> Path:
    """Mel bands (1, 1, F, T) → (1, T, 3): a linear map of each frame."""
    text = """
        mel (float[1, 1, F, T] x, float[1, F, T] unused) => (float[1, T, 3] y) {
            axes = Constant <value_ints=[1]> ()
            bands = Squeeze (x, axes)
            frames = Transpose <perm=[0, 2, 1]> (bands)
            y = MatMul (frames, w)
        }"""
    w = np.random.default_rng(1).normal(size=(16, 3)).astype("f4")
    return onnx_file(tmp_path / "mel.onnx", text.replace(", float[1, F, T] unused", ""), w=w)


def test_a_file_that_takes_mel_bands(mel_encoder: Path) -> None:
    mel = {"n_mels": 16, "frame_samples": 512, "hop_samples": 160}
    parameters = {"file": str(mel_encoder), "input": "log_mel", "bands_first": True, **mel}
    parameters |= {"mel_mean": -4.0, "mel_std": 2.0, "window_s": 1.0, "step_samples": 160}
    feature = resolve("onnx_encoder", 16_000, parameters)
    samples = noise(1, 16_000)
    bands = (resolve("log_mel", 16_000, mel).compute(samples, 16_000) + 4) / 2
    [array] = onnx.load(mel_encoder).graph.initializer
    expected = bands @ onnx.numpy_helper.to_array(array)
    frames = feature.compute(samples, 16_000)
    assert feature.framing.window_frames == len(expected) == 97
    np.testing.assert_allclose(frames[: len(expected)], expected, atol=1e-4)
    mean = resolve("onnx_encoder", 16_000, {**parameters, "embedding": "clip"})
    np.testing.assert_allclose(mean.compute(samples, 16_000), [expected.mean(0)], atol=1e-4)


def test_faults_of_an_onnx_file_are_one_sentence(mel_encoder: Path, tmp_path: Path) -> None:
    def refused(sentence: str, file: Path | str, **parameters: Any) -> None:
        feature = resolve("onnx_encoder", 16_000, {"file": str(file), **parameters})
        with pytest.raises(AscError, match=sentence) as raised:
            _ = feature.description(), feature.framing, feature.floor
        assert "\n" not in str(raised.value)

    refused("onnx_encoder: file: an ONNX file was expected there", "")
    refused(r"nowhere\.onnx: an ONNX file was expected there", tmp_path / "nowhere.onnx")
    (tmp_path / "text.onnx").write_text("no graph")
    refused(r"text\.onnx is no ONNX file that onnxruntime runs", tmp_path / "text.onnx")
    refused(r"takes an input of 4 axes, which samples does not fit", mel_encoder)
    mel = {"input": "mel", "n_mels": 16, "bands_first": True}
    refused(
        r"features\.output = z: .* has no such output; it has y", mel_encoder, **mel, output="z"
    )
    refused("cannot be computed on an input of shape", mel_encoder, **{**mel, "n_mels": 8})
    refused(
        r"step_samples = 9999: .* at most \d+ was expected", mel_encoder, **mel, step_samples=9999
    )
    refused(
        r"hop_s = 60\.0: more than 0 and at most", mel_encoder, **mel, embedding="clip", hop_s=60.0
    )
    two = "two (float[1, N] a, float[1, N] b) => (float[1, N] y) { y = Add (a, b) }"
    refused("one input of float32 was expected", onnx_file(tmp_path / "two.onnx", two))


# -- models on top, and their mark ------------------------------------------------------------


def energies(path: Path, output: str = "y") -> Path:
    """Samples (1, N) → (1, 21, 4): powers of the samples, averaged over 21 parts."""
    text = f"""
        energy (float[1, N] x) => (float[1, T, D] {output}) {{
            parts = Reshape (x, shape)
            square = Mul (parts, parts)
            fourth = Mul (square, square)
            size = Abs (parts)
            all = Concat <axis=-1> (parts, size, square, fourth)
            by_power = Reshape (all, powers)
            axes = Constant <value_ints=[3]> ()
            {output} = ReduceMean <keepdims=0> (by_power, axes)
        }}"""
    shapes = {"shape": np.array([1, 21, -1]), "powers": np.array([1, 21, 4, -1])}
    return onnx_file(path, text, **shapes)


@pytest.fixture
def energy_encoder(tmp_path: Path) -> Path:
    return energies(tmp_path / "energy.onnx")


@pytest.fixture
def trained(energy_encoder: Path, toy_root: Path) -> Callable[..., Any]:
    def train(name: str = "toy_ta", *more: str) -> Any:
        feature = resolve(
            "onnx_encoder", RATE, {"file": str(energy_encoder), "window_s": 0.4, "output": "y"}
        )
        chosen = recipe.load(name, [*SMALL, *settings_of(feature), *more])
        return workflow.train(chosen, data=toy_root, folds=[1, 2], jobs=1)

    return train


def test_an_lstm_on_an_encoder_is_marked_wherever_it_stands(
    trained: Callable[..., Any], toy_root: Path, asc: Asc
) -> None:
    created = trained()
    scratch = workflow.train(recipe.load("toy_lstm", SMALL), data=toy_root, folds=[1, 2], jobs=1)
    assert created.metrics["conditions"]["outside_data"] == ("onnx_encoder energy.onnx",)
    assert "outside_data" not in scratch.metrics["conditions"]
    mark = "outside data"
    phrase = "outside data (onnx_encoder energy.onnx)"
    compared = asc("compare", "toy_lstm", "toy_ta").stdout
    assert "toy_ta (outside data)" in " ".join(compared.split()) and phrase in compared
    assert "toy_lstm (outside data)" not in compared
    for command in (["runs", "list"], ["models", "list"]):
        rows = asc(*command, "--json").stdout
        assert rows.count('"onnx_encoder energy.onnx"') == 1
        assert asc(*command).stdout.count("outside") == 1
    assert phrase in asc("evaluate", "toy_ta").stdout
    assert phrase in " ".join(asc("runs", "show", "toy_ta").stdout.split())
    readme = next((paths.home() / "models" / "toy_ta").rglob("README.md")).read_text()
    assert phrase in readme
    page = workflow.report(["toy_lstm", "toy_ta"], paths.home() / "two.html").read_text()
    assert f"toy_ta ({mark})" in page and "toy_lstm (" not in page
    assert phrase in (Path(created.run) / "report.html").read_text()
    clip = next(toy_root.rglob("*.wav"))
    assert asc("predict", clip, "--model", "toy_ta").returncode == 0


def test_a_student_and_an_average_inherit_the_mark(
    trained: Callable[..., Any], toy_root: Path, asc: Asc
) -> None:
    trained()
    student = workflow.train(
        recipe.load("toy_lstm", [*SMALL, "distil={teachers: [toy_ta]}"]),
        data=toy_root,
        folds=[1, 2],
        jobs=1,
    )
    assert student.metrics["conditions"]["outside_data"] == ("onnx_encoder energy.onnx",)
    averaged = asc("evaluate", "toy_ta", "toy_lstm", "--mean")
    assert "outside data (onnx_encoder energy.onnx)" in averaged.stdout, averaged.stderr


def test_a_model_refuses_another_file(
    trained: Callable[..., Any], energy_encoder: Path, toy_root: Path, asc: Asc
) -> None:
    trained()
    clip = next(toy_root.rglob("*.wav"))
    (energy_encoder.parent / f"{energy_encoder.name}.data").write_bytes(b"other weights")
    done = asc("predict", clip, "--model", "toy_ta")
    assert done.returncode == 1
    assert "was trained on onnx_encoder with other files than those that" in done.stderr
    energy_encoder.unlink()
    done = asc("predict", clip, "--model", "toy_ta")
    assert "energy.onnx: an ONNX file was expected there" in done.stderr


def test_files_are_relative_to_the_recipe_s_file(encoders: Path, tmp_path: Path) -> None:
    def features(text: str) -> dict[str, Any]:
        file = tmp_path / "mine.yaml"
        file.write_text(f"extends: toy_lstm\nfeatures: {{{text}}}\n")
        return recipe.load(file).features

    (tmp_path / "ast").mkdir()
    assert features("name: onnx_encoder, file: e.onnx")["file"] == str(tmp_path / "e.onnx")
    assert features("name: hf_encoder, model: ast")["model"] == str(tmp_path / "ast")
    assert features("name: hf_encoder, model: owner/name")["model"] == "owner/name"


def test_silence_of_a_window_is_the_floor(energy_encoder: Path) -> None:
    feature = resolve("onnx_encoder", RATE, {"file": str(energy_encoder), "window_s": 0.4})
    assert len(stored._silence(feature)) == feature.framing.window_samples == 8_820
    np.testing.assert_array_equal(feature.floor, np.zeros(4))
