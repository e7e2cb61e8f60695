"""Code from outside: found, read without running it, hashed, copied, trusted, or refused."""

from __future__ import annotations

import json
import pickle
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from asc_cli.core import code, outside, plugins
from asc_cli.core.errors import AscError
from asc_cli.recipe import load as recipes
from asc_cli.registry import archive, models
from tests import markdown
from tests.conftest import ROOT, Asc

PAGE = markdown.blocks(ROOT / "docs" / "howto" / "own-code.md")
MODEL = """
from torch import nn

def build(n_bands: int, n_scenes: int, *, width: int = 4) -> nn.Module:
    return nn.Linear(n_bands, n_scenes)
"""
FEATURE = """
from dataclasses import dataclass

VERSION = 1

@dataclass(frozen=True)
class Loud:
    hop: int = 5

    def __call__(self, samples, sample_rate): ...

    def framing(self, sample_rate): ...
"""
RECIPE = "dataset: toy\nfeatures: {name: log_mel}\nmodel: {name: mine}\n"


@pytest.fixture(autouse=True)
def nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders and entry points are read once a process; each test has its own."""
    monkeypatch.delenv(plugins.FOLDERS, raising=False)
    forget()


def forget() -> None:
    for remembered in (outside.find, outside._all_entry_points, outside._entry_points):
        remembered.cache_clear()


@pytest.fixture
def rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asc: Asc) -> Path:
    """The folder of the page's example, with its recordings."""
    folder = tmp_path / "rooms-example"
    markdown.write(PAGE, folder)
    monkeypatch.setenv(plugins.FOLDERS, str(folder / "plugins"))
    assert asc("make_rooms", "rooms", cwd=folder).returncode == 0
    monkeypatch.delenv(plugins.FOLDERS)
    forget()
    return folder


def put(folder: Path, file: str, text: str) -> Path:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def beside(tmp_path: Path, model: str = MODEL) -> Path:
    """A recipe with a model `mine` beside it."""
    put(tmp_path, "plugins/models/mine.py", model)
    return put(tmp_path, "r.yaml", RECIPE)


# -- the page's example ---------------------------------------------------------------------------


def test_a_recipe_beside_the_one_that_it_extends_has_its_plugins(tmp_path: Path) -> None:
    beside(tmp_path)
    child = put(tmp_path, "child.yaml", "extends: r.yaml\ntraining: {seed: 1}\n")
    assert recipes.load(child).code()[1]["origin"] == str(tmp_path / "plugins")


def test_the_example_of_the_page(rooms: Path, asc: Asc, monkeypatch: pytest.MonkeyPatch) -> None:
    done = asc("train", "rooms.yaml", "--jobs", "1", cwd=rooms)
    assert "accuracy of the worst scene" in done.stdout, done
    assert "accuracy of the worst scene" in asc("evaluate", "rooms", cwd=rooms).stdout
    shown = asc("recipes", "show", "rooms.yaml", cwd=rooms).stdout
    assert f"# models/bag_of_frames.py: {rooms / 'plugins'}, hash " in shown
    clip = "rooms/kitchen_house1_0.wav"
    before = json.loads(asc("predict", clip, "--json", cwd=rooms).stdout)
    assert asc("models", "export", "rooms", "rooms.zip", cwd=rooms).returncode == 0

    # its files are gone, and another home imports the model
    (rooms / "plugins").rename(rooms / "gone")
    monkeypatch.setenv("ASC_HOME", str(rooms / "elsewhere"))
    refused = asc("models", "import", "rooms.zip", cwd=rooms)
    assert refused.returncode == 1 and "contains code that would run" in refused.stderr
    assert "plugins/models/_pooling.py" in refused.stderr and not models.models()
    trusted = asc("models", "import", "rooms.zip", "--trust-code", cwd=rooms)
    assert trusted.returncode == 0 and "class BagOfFrames" in trusted.stderr
    after = json.loads(asc("predict", clip, "--json", cwd=rooms).stdout)
    assert before["scenes"] == after["scenes"]
    done = asc(
        "evaluate", "rooms", "--dataset", "rooms", "--data", "rooms", "--jobs", "1", cwd=rooms
    )
    assert "16 tested recordings" in done.stdout, done.stderr


def test_an_entry_point_of_an_installed_package(
    rooms: Path, tmp_path: Path, asc: Asc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the package is imported before it is used, and its modules find each other."""
    site = tmp_path / "site"
    for block in PAGE:
        if block.title.startswith("plugins/models/"):
            text = block.text.replace("from ._pooling", "from their_package.parts._pooling")
            put(site, f"their_package/parts/{Path(block.title).name}", text)
        elif block.title.startswith("plugins/"):
            put(site, f"their_package/parts/{Path(block.title).name}", block.text)
    put(site, "their_package/__init__.py", "")
    about = "their_package-1.2.dist-info"
    put(site, f"{about}/METADATA", "Metadata-Version: 2.1\nName: their-package\nVersion: 1.2\n")
    kinds = {"models": "bag_of_frames", "features": "log_energy", "datasets": "rooms"}
    kinds |= {"metrics": "worst_scene", "cli": "make_rooms", "augment": "jitter"}
    groups = "".join(f"[asc_cli.{k}]\n{n} = their_package.parts.{n}\n" for k, n in kinds.items())
    put(site, f"{about}/entry_points.txt", groups)
    (rooms / "plugins").rename(rooms / "gone")
    monkeypatch.syspath_prepend(str(site))
    forget()

    shown = asc("recipes", "show", "rooms.yaml", cwd=rooms).stdout
    assert "# models/bag_of_frames.py: their-package 1.2, hash " in shown
    assert "make_rooms" in asc("--help").stdout
    assert "their_package" not in sys.modules
    assert asc("train", "rooms.yaml", "--jobs", "1", cwd=rooms).returncode == 0
    monkeypatch.undo()  # uninstalled
    monkeypatch.setenv("ASC_HOME", str(tmp_path / "asc-home"))
    forget()
    done = asc("predict", "rooms/kitchen_house1_0.wav", cwd=rooms)
    assert "kitchen" in done.stdout and done.returncode == 0, done.stderr
    assert "their_package" not in sys.modules


# -- what is found, and what is refused -----------------------------------------------------------


def test_a_name_of_asc_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "plugins/models/lstm.py", MODEL)
    recipe = put(tmp_path, "r.yaml", RECIPE.replace("mine", "lstm"))
    with pytest.raises(AscError, match=r"the name of one that comes with asc \(models/lstm"):
        recipes.load(recipe)


def test_a_name_in_two_places_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = beside(tmp_path)
    put(tmp_path, "more/models/mine.py", MODEL)
    monkeypatch.setenv(plugins.FOLDERS, str(tmp_path / "more"))
    with pytest.raises(AscError, match="models mine: there are two, .*; rename one"):
        recipes.load(recipe)


def test_an_unknown_model_has_a_hint_for_own_code(tmp_path: Path) -> None:
    recipe = put(tmp_path, "r.yaml", RECIPE)
    with pytest.raises(AscError, match=r"models/mine\.py in a folder plugins/ beside the recipe"):
        recipes.load(recipe)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1", "a function build.* was expected in it"),
        (MODEL + MODEL, "expected once, and is there in lines 4 and 9"),
        ("def build(", "is no valid Python"),
        (MODEL.replace("n_bands: int, ", ""), r"build\(n_scenes, …\): build\(n_bands, n_scenes"),
        (MODEL.replace("*, width: int = 4", "**more"), r"build takes \* or \*\*"),
        (MODEL.replace("= 4", "= 2 * 2"), "line 4: the default of width is 2 . 2; a literal"),
        (MODEL.replace(": int = 4", ": dict = 4"), "line 4: the type of width is dict; int, float"),
        (
            MODEL.replace(": int", ": Annotated[int, 3]"),
            r"width is Annotated\[int, 3\]; int, float",
        ),
        (MODEL.replace(": int = 4", ": __import__('os') = 4"), "line 4: the type of width is "),
    ],
)
def test_what_cannot_be_read_without_running_it(tmp_path: Path, source: str, message: str) -> None:
    recipe = beside(tmp_path, source)
    with pytest.raises(AscError, match=message):
        recipes.load(recipe)


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        ("int", 3, "x"),
        ("int | None", None, "x"),
        ("Optional[float]", 2.5, "x"),
        ("Literal['a', 'b']", "b", "c"),
        ("Sequence[Literal['a']]", ["a"], ["b"]),
        ("tuple[int, ...]", [1, 2], ["x"]),
        ("list[str]", ["x"], [1.5]),
        ("bool", True, "perhaps"),
        ("Annotated[int, Field(ge=1)]", 1, 0),
    ],
)
def test_types_of_parameters(tmp_path: Path, annotation: str, good: object, bad: object) -> None:
    recipe = beside(tmp_path, MODEL.replace("width: int = 4", f"width: {annotation}"))
    loaded = recipes.load(recipe, [f"model.width={json.dumps(good)}"])
    assert loaded.model["width"] == good
    with pytest.raises(AscError, match=r"model\.width"):
        recipes.load(recipe, [f"model.width={json.dumps(bad)}"])


def test_two_features_in_a_file(tmp_path: Path) -> None:
    put(tmp_path, "plugins/features/loud.py", FEATURE + FEATURE.partition("\n\n")[2])
    recipe = put(tmp_path, "r.yaml", RECIPE.replace("log_mel", "loud").replace("mine", "lstm"))
    with pytest.raises(AscError, match="a class with .* expected once, and is there in lines"):
        recipes.load(recipe)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("DATASET = 1", "DATASET = Dataset.* was expected in it"),
        ("DATASET = Dataset(name='odd')", "a function read.* was expected in it"),
    ],
)
def test_a_dataset_that_is_none(tmp_path: Path, source: str, message: str) -> None:
    put(tmp_path, "datasets/odd.py", source)
    with pytest.raises(AscError, match=message):
        plugins.Catalog(beside=(tmp_path,)).load("datasets", "odd")


def test_one_bad_file_leaves_the_others(
    tmp_path: Path,
    asc: Asc,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put(tmp_path, "cli/odd.py", "x =")
    put(tmp_path, "cli/good.py", "def command():\n    'Greet you.'\n    print('hello')")
    put(tmp_path, "datasets/odd.py", "DATASET = 1")
    (tmp_path / "models" / "folder.py").mkdir(parents=True)
    monkeypatch.setenv(plugins.FOLDERS, f"{tmp_path}:{tmp_path / 'not there'}")
    done = asc("--help")
    assert "Greet you." in done.stdout and "predict" in done.stdout
    assert "cli/odd.py" in capsys.readouterr().err and done.returncode == 0
    assert asc("good").stdout.strip() == "hello" and "Greet you." in asc("good", "--help").stdout
    done = asc("datasets", "list")
    assert "litis" in done.stdout and "datasets/odd.py" in done.stderr
    assert "folder" not in plugins.names("models")


def test_a_file_that_cannot_be_imported_says_where(tmp_path: Path) -> None:
    recipe = recipes.load(
        beside(tmp_path, MODEL.replace("from torch", "import helper\nfrom torch"))
    )
    with pytest.raises(
        AscError,
        match=r"mine\.py, line 2: ModuleNotFoundError: .* 'helper'; a module beside",
    ):
        recipe.catalog.load("models", "mine")


def test_a_metric_without_a_definition_heads_nothing(tmp_path: Path) -> None:
    metric = 'METRIC = Metric("odd", print, "fold", title="odd")'
    put(tmp_path, "plugins/metrics/odd.py", metric)
    recipe = put(tmp_path, "r.yaml", RECIPE.replace("mine", "lstm") + "evaluation: {headline: odd}")
    with pytest.raises(AscError, match="a metric that heads a report has a definition"):
        recipes.load(recipe)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("models/bag_of_frames.py", "torch.relu(", "torch.relux(", r"line \d+: AttributeError"),
        ("features/log_energy.py", "np.log(", "np.lug(", r"line \d+: AttributeError"),
        ("datasets/rooms.py", "scene, house, _ =", "scene, house =", r"line \d+: ValueError"),
        ("metrics/worst_scene.py", "np.nanmin(", "np.minan(", r"line \d+: AttributeError"),
        ("metrics/worst_scene.py", '"pooled"', '"poold"', "has the scope fold, pooled or cells"),
        (
            "models/bag_of_frames.py",
            "n_hidden: int = 16",
            "n_hidden: int = 'x'",
            "n_hidden = 'x': ",
        ),
        ("features/log_energy.py", "def framing", "def frames", r"a method framing\(sample_rate\)"),
    ],
)
def test_what_fails_in_it_is_named_with_its_line(
    rooms: Path, asc: Asc, file: str, old: str, new: str, message: str
) -> None:
    path = rooms / "plugins" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    done = asc("train", "rooms.yaml", "--jobs", 1, "--set", "training.epochs=1", cwd=rooms)
    assert done.returncode == 1 and done.stdout == ""
    lines = done.stderr.splitlines()
    assert re.search(message, done.stderr), done.stderr
    assert file in done.stderr or "rooms.yaml:" in done.stderr
    assert not any(line.startswith("Traceback") for line in lines)


def test_a_helper_that_is_not_there(tmp_path: Path) -> None:
    recipe = recipes.load(beside(tmp_path, MODEL + "\nfrom ._nothing import x\n"))
    with pytest.raises(AscError, match=r"; models/_nothing\.py is not there"):
        recipe.catalog.load("models", "mine")


# -- hashes ---------------------------------------------------------------------------------------


def of(source: str, helper: str = "x = 1") -> code.Code:
    files = (("models/mine.py", source), ("models/_helper.py", helper))
    return code.Code("models", "mine", "here", files)


def test_comments_and_docstrings_change_no_hash() -> None:
    plain = of("def build(n_bands, n_scenes):\n    return 1\n")
    words = of(
        '"""A model."""\n# why\ndef build(n_bands,  n_scenes):\n    """Give it."""\n    return 1'
    )
    assert plain.hash == words.hash
    assert plain.hash != of("def build(n_bands, n_scenes):\n    return 2\n").hash
    assert plain.hash != of(plain.files[0][1], helper="x = 2").hash


def test_changed_code_is_another_run_and_another_feature(tmp_path: Path) -> None:
    recipe = beside(tmp_path)
    first = recipes.load(recipe)
    put(tmp_path, "plugins/models/mine.py", MODEL + "# a remark\n")
    forget()
    assert recipes.load(recipe).signature("data") == first.signature("data")
    put(tmp_path, "plugins/models/mine.py", MODEL.replace("nn.Linear", "nn.Bilinear"))
    forget()
    assert recipes.load(recipe).signature("data") != first.signature("data")


def test_the_code_of_a_shipped_model_counts() -> None:
    loaded = recipes.load("toy_lstm")
    assert [row["origin"] for row in loaded.code()] == ["asc"] * 3
    assert loaded.signature("data") != loaded.signature("data", code=False)
    paths = {
        path
        for path, _ in code.read(
            "models",
            "lstm",
            "asc",
            plugins.PACKAGE.parent,
            "asc_cli/models/lstm.py",
            "asc_cli",
            within="asc_cli/models/",
        ).files
    }
    assert "asc_cli/models/_recurrence/scan.py" in paths


def test_helper_modules_belong_to_it(tmp_path: Path) -> None:
    put(tmp_path, "models/__init__.py", "")
    put(tmp_path, "models/mine.py", "from . import _a\nfrom .._shared import x\nimport json\n")
    put(tmp_path, "models/_a.py", "from ._b import y\n")
    put(tmp_path, "models/_b.py", "y = 1\n")
    put(tmp_path, "models/_unused.py", "z = 1\n")
    put(tmp_path, "_shared.py", "x = 1\n")
    results = code.read("models", "mine", "here", tmp_path, "models/mine.py")
    expected = [
        "models/mine.py",
        "_shared.py",
        "models/__init__.py",
        "models/_a.py",
        "models/_b.py",
    ]
    assert [path for path, _ in results.files] == expected
    assert pickle.loads(pickle.dumps(results)) == results
    assert results.module()._a.y == results.module().x == 1


# -- copies ---------------------------------------------------------------------------------------


def test_a_copy_is_read_again_and_must_be_complete(tmp_path: Path) -> None:
    written = of("from ._helper import x")
    code.write_copy(tmp_path, [written])
    [again] = code.read_copy(tmp_path)
    assert (again.files, again.hash, again.origin) == (written.files, written.hash, "here")
    (tmp_path / "models/_helper.py").write_text("x = 2")
    with pytest.raises(AscError, match="was changed since it was written .* came from here"):
        code.read_copy(tmp_path)
    (tmp_path / "models/_helper.py").unlink()
    with pytest.raises(AscError, match=r"models/_helper\.py is not in .*; it came from here"):
        code.read_copy(tmp_path)


@pytest.mark.parametrize("path", ["../outside.py", "/etc/passwd", "models/../../x.py"])
def test_a_copy_leads_nowhere_else(tmp_path: Path, path: str) -> None:
    code.write_copy(tmp_path, [of("x = 1")])
    index = json.loads((tmp_path / "code.json").read_text())
    index["code"][0]["files"] = [path]
    del index["checksum"]
    (tmp_path / "code.json").write_text(json.dumps(index))
    with pytest.raises(AscError, match="leads out of its folder"):
        code.read_copy(tmp_path)


def test_a_registered_model_whose_code_is_gone(rooms: Path, asc: Asc) -> None:
    assert asc("train", "rooms.yaml", "--jobs", "1", "--folds", "1", cwd=rooms).returncode == 0
    folder = models.find("rooms").folder
    (folder / "plugins" / "code.json").unlink()
    done = asc("predict", "rooms/kitchen_house1_0.wav", cwd=rooms)
    assert done.returncode == 1 and "did you mean" not in done.stderr
    assert "needs datasets/rooms.py, which is not in" in done.stderr
    assert f"it came from {rooms / 'plugins'}" in done.stderr


def test_an_archive_may_bring_no_other_files(tmp_path: Path) -> None:
    import zipfile

    for name in ("plugins/x.so", "plugins/.hidden.py", "code/x.py", "plugins/a/../../x.py"):
        with zipfile.ZipFile(tmp_path / "m.zip", "w") as file:
            file.writestr("card.yaml", "x: 1")
            file.writestr(name, "x")
        with pytest.raises(AscError, match="refused"):
            archive.import_file(tmp_path / "m.zip", trust_code=True)


def test_a_feature_from_outside_has_its_code_in_its_key(tmp_path: Path) -> None:
    from asc_cli.frontend.feature import resolve

    keys = set()
    for text in (FEATURE, FEATURE + "# more\n", FEATURE.replace("...", "return 0")):
        put(tmp_path, "plugins/features/loud.py", text)
        forget()
        catalog = plugins.Catalog(beside=(tmp_path / "plugins",))
        feature = resolve("loud", 16_000, {}, catalog)
        assert feature.description()["code"] == catalog.code_hash("features", "loud")
        keys.add(feature.key)
    assert len(keys) == 2
    assert "code" not in resolve("log_mel", 16_000, {}).description()


def test_a_worker_needs_no_file_of_it(tmp_path: Path) -> None:
    """What is sent to another process holds the source; the folder may be gone there."""
    from asc_cli.frontend.feature import resolve

    text = FEATURE.replace("...", "return samples[:2, None] + 1")
    put(tmp_path, "plugins/features/loud.py", text)
    catalog = plugins.Catalog(beside=(tmp_path / "plugins",)).only([("features", "loud")])
    feature = resolve("loud", 16_000, {}, catalog)
    assert feature.compute(np.zeros(4), 16_000).tolist() == [[1.0], [1.0]]
    sent = pickle.dumps(feature)
    (tmp_path / "plugins/features/loud.py").unlink()
    forget()
    assert pickle.loads(sent).compute(np.zeros(4), 16_000).tolist() == [[1.0], [1.0]]
