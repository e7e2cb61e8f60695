"""Without the extras: what works, and what each command says that lacks its part."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from asc_cli.core import exports, installation, plugins
from asc_cli.core.errors import AscError
from tests.conftest import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Results = list[tuple[int, str, str]]
Run = Callable[..., Results]
DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "llvmlite": "numba",
    "python_multipart": "python-multipart",
    "dask": "distributed",
    "huggingface_hub": "transformers",
    "tokenizers": "transformers",
}  # which brings a module; else its name


@pytest.fixture
def small(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run commands, one after the other, in one process in which the extras are missing."""

    def run(*commands: Sequence[object]) -> Results:
        done = subprocess.run(
            [sys.executable, str(ROOT / "tests/small_installation.py")],
            input=json.dumps([[str(word) for word in command] for command in commands]),
            capture_output=True,
            text=True,
            timeout=120,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        return [tuple(result) for result in json.loads(done.stdout)]

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return run


@pytest.fixture
def trained(home: Path, two_folds: Path, toy_root: Path) -> Path:
    """The home with toy_lstm@1, which was trained where all is installed, and its recordings."""
    shutil.copytree(two_folds, home, dirs_exist_ok=True)
    shutil.copytree(toy_root, home / "datasets" / "toy")
    return home


FEATURES = ("lstm", "mfcc_gmm", "dnn_cqt", "texture_svm", "cnn_gam", "dnn_mel")  # all that ship
HELP = [[*command, "--help"] for command in [[], *([name] for name in plugins.shipped("cli"))]]


@pytest.mark.campaign
def test_what_needs_no_extra_works(small: Run, trained: Path) -> None:
    two = trained / "two"
    for scene, path in zip("ab", sorted((trained / "datasets").rglob("*.wav")), strict=False):
        (two / scene).mkdir(parents=True)
        shutil.copy(path, two / scene)
    for line in (trained / "datasets" / "toy" / "meta.txt").read_text("utf-8").splitlines():
        file, scene = line.split("\t")
        folder = trained / "scenes" / scene.partition("/")[0]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(trained / "datasets" / "toy" / file, folder)
    own = ("--set", "dataset=table", "--data", two)
    clip = next(two.rglob("*.wav"))
    commands = [
        *HELP,
        ["recipes", "list"],
        ["recipes", "show", "esc10_best"],
        ["models", "list"],
        ["models", "show", "toy_lstm"],
        ["models", "use", "toy_lstm"],
        ["models", "export", "toy_lstm", "model.zip"],
        ["models", "import", "model.zip"],
        ["predict", clip],
        ["predict", clip, "--timeline", "1", "--csv", "scenes.csv", "--embeddings", "e.npz"],
        ["runs", "list"],
        ["runs", "show", "toy_lstm"],
        ["evaluate", "toy_lstm"],
        ["evaluate", "toy_lstm@1", "--dataset", "toy"],
        ["compare", "toy_lstm", "toy_lstm"],
        ["report", "toy_lstm"],
        ["datasets", "list"],
        ["datasets", "show", "toy"],
        ["datasets", "check", "toy"],
        ["datasets", "split", trained / "scenes", "--folds", "2", "--compare-random"],
        ["export", "toy_lstm", "--format", "hub"],
        ["store", "show"],
        *(["features", "--recipe", f"toy_{name}", *own] for name in FEATURES),
    ]
    results = small(*commands)
    failures = [
        (command, result)
        for command, result in zip(commands, results, strict=True)
        if result[0] != 0
    ]
    assert failures == []
    pages = list((trained / "runs").glob("*/report.html"))
    assert (
        len(pages) == 1 and "<svg" in pages[0].read_text() and "image/png" in pages[0].read_text()
    )


NEEDS = {  # command → what its sentence begins with, and the extra
    ("train", "toy_lstm"): ("train", "train"),
    ("tune", "toy_lstm"): ("tune", "train"),
    ("demo",): ("train", "train"),
    ("export", "toy_lstm"): ("export", "train"),
    ("models", "show", "toy_lstm", "--limit", "dcase2024"): ("complexity", "train"),
    ("compare", "toy_lstm", "toy_lstm", "--curves", "c.png"): ("asc compare", "figures"),
    ("predict", "clip.wav", "--explain", "a.png"): ("asc predict", "figures"),
    ("listen",): ("the microphone", "mic"),
}


def test_a_command_that_lacks_its_part_says_how_to_add_it(
    small: Run, trained: Path, tmp_path: Path
) -> None:
    shutil.copy(next((trained / "datasets").rglob("*.wav")), tmp_path / "clip.wav")
    for (command, (what, extra)), (code, _, stderr) in zip(
        NEEDS.items(), small(*NEEDS), strict=True
    ):
        pattern = rf"asc: {what}: the extra `{extra}` is needed \(No module named '\w+'\); install "
        assert code == 1 and re.match(pattern + rf"it with: .*\[{extra}\]", stderr), (
            command,
            stderr,
        )
        assert stderr.count("\n") == 1, stderr
    assert not (trained / "datasets" / "demo").exists()


def test_the_demo_makes_nothing_before_it_says_so(small: Run, tmp_path: Path) -> None:
    [(code, stdout, _)] = small(["demo", "--home", tmp_path / "demo"])
    assert (code, stdout) == (1, "") and not (tmp_path / "demo").exists()


FEATURE = """
import {module}
from dataclasses import dataclass

VERSION = 1

@dataclass(frozen=True)
class Mine:
    def __call__(self, samples, sample_rate):
        return samples[:, None]

    def framing(self, sample_rate):
        from asc_cli.features import Framing
        return Framing(1, 1)
"""


def test_a_plug_in_that_needs_an_extra_is_named(
    small: Run, toy_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, module in (("mine", "torch"), ("other", "nowhere")):
        file = tmp_path / "own" / "features" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(FEATURE.format(module=module))
    monkeypatch.setenv("ASC_PLUGINS", str(tmp_path / "own"))
    (tmp_path / "r.yaml").write_text("extends: toy_lstm\nfeatures: {name: mine}\n")
    (tmp_path / "s.yaml").write_text("extends: toy_lstm\nfeatures: {name: other}\n")
    command = ["features", "--data", toy_root, "--recipe"]
    mine, other = small(*([*command, tmp_path / f"{x}.yaml"] for x in "rs"))
    assert mine[0] == 1
    assert re.match(
        r"asc: features/mine\.py \(.*\): the extra `train` is needed \(No module named 'torch'\)",
        mine[2],
    )
    assert "[train]" in mine[2] and "cannot be imported" in other[2] and "extra" not in other[2]


def test_a_function_of_the_package_says_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch._C")

    monkeypatch.setattr(exports.importlib, "import_module", missing)
    with pytest.raises(AscError, match=r"train: the extra `train` is needed .*\[train\]"):
        exports.lazy("asc_cli", {"train": "asc_cli.training"})("train")


def test_other_errors_name_no_extra() -> None:
    missing = installation.missing_extra
    assert missing("x", ModuleNotFoundError("No module named 'nowhere'", name="nowhere")) is None
    assert missing("x", ImportError("cannot import name 'y' from 'torch'", name="torch")) is None
    assert missing("x", ValueError("torch")) is None


def declared() -> dict[str, list[Requirement]]:
    """Extra → its requirements; "" → those of the small installation."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {"": project["dependencies"], **project["optional-dependencies"]}
    return {extra: [Requirement(line) for line in lines] for extra, lines in extras.items()}


def test_each_module_comes_with_its_extra_alone() -> None:
    names = {extra: {r.name for r in requirements} for extra, requirements in declared().items()}
    for extra, modules in installation.MODULES.items():
        for module in modules:
            distribution = DISTRIBUTIONS.get(module, module)
            assert distribution in names[extra] and distribution not in names[""], (extra, module)


def test_the_small_installation_pulls_no_part_of_an_extra_in() -> None:
    closure, queue = set(), [r.name for r in declared()[""]]
    while queue:
        name = queue.pop()
        if name in closure:
            continue
        closure.add(name)
        for line in metadata.requires(name) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                queue.append(requirement.name.lower())
    heavy = {DISTRIBUTIONS.get(m, m) for modules in installation.MODULES.values() for m in modules}
    if sys.version_info >= (3, 11):  # the last onnxruntime for Python 3.10 needs SymPy
        heavy.add("sympy")
    assert closure & heavy == set()


def test_all_that_is_declared_has_a_pin() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {re.split("[=; ]", line)[0].lower().replace("_", "-") for line in lines if line}
    extras = declared()
    named = {
        r.name
        for extra in ("", "train", "figures", "mic", "tensorboard", "tune", "yt8m")
        for r in extras[extra]
    }
    assert {name for name in named if name.lower().replace("_", "-") not in pins} == set()
