"""The list `augment` of a recipe: checked, signed, extended; a file of one's own; the page's."""

from __future__ import annotations

from pathlib import Path

import pytest

from asc_cli import workflow
from asc_cli.core import outside
from asc_cli.core.errors import AscError
from asc_cli.recipe import load as recipe
from asc_cli.registry import models
from tests import markdown
from tests.conftest import ROOT

PAGE = markdown.blocks(ROOT / "docs" / "howto" / "training.md")
OWN = """
from dataclasses import dataclass, replace

@dataclass(frozen=True)
class Quieter:
    amount: float = 1.0

    def __call__(self, batch, rng):
        return replace(batch, frames=batch.frames - self.amount * rng.random())
"""


def test_a_list_is_part_of_the_recipe_its_signature_and_its_code():
    plain = recipe.load("toy_lstm")
    gain = recipe.load("toy_lstm", ["augment=[{name: gain}, {name: mixup, alpha: 1}]"])
    louder = recipe.load("toy_lstm", ["augment=[{name: gain}]", "augment.0.db=12"])
    assert gain.settings["augment"][0] == {"name": "gain", "db": 6.0}
    assert louder.augment == ({"name": "gain", "db": 12.0},)
    assert len({each.signature() for each in (plain, gain, louder)}) == 3
    assert {row["name"] for row in gain.code()} >= {"gain", "mixup"}
    assert "augment" not in plain.settings and recipe.load("toy_lstm", ["augment=[]"]) == plain
    assert recipe.from_settings("toy_lstm", gain.settings).augment == gain.augment


def test_a_recipe_that_extends_another_has_its_own_list(tmp_path: Path):
    (tmp_path / "a.yaml").write_text("extends: toy_lstm\naugment:\n- name: gain\n- {name: mixup}\n")
    (tmp_path / "b.yaml").write_text("extends: a\naugment: [{name: time_roll}]\n")
    assert [each["name"] for each in recipe.load(tmp_path / "a.yaml").augment] == ["gain", "mixup"]
    assert [each["name"] for each in recipe.load(tmp_path / "b.yaml").augment] == ["time_roll"]


def test_another_list_is_the_recipe_s_own_and_not_the_source_s(tmp_path: Path):
    source = "source: {reference: a paper, stated: [augment], ours: [training]}\n"
    (tmp_path / "a.yaml").write_text(f"extends: toy_lstm\naugment: [{{name: gain}}]\n{source}")
    (tmp_path / "b.yaml").write_text("extends: a\naugment: [{name: mixup}]\n")
    changed = [
        recipe.load(tmp_path / "b.yaml").settings["source"],
        recipe.load(tmp_path / "a.yaml", ["augment.0.db=3"]).settings["source"],
    ]
    assert [(each["stated"], each["own"]) for each in changed] == [([], ["augment"])] * 2
    assert "own" not in recipe.load(tmp_path / "a.yaml").settings["source"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("name: gian", r"a.yaml:4: augment.1: unknown augmentation 'gian'; did you mean gain\?"),
        ("{name: gain, dB: 3}", "a.yaml:4: unknown key in augment.1 'dB'; did you mean db"),
        ("{name: gain, db: -3}", "a.yaml:4: augment.1.db = -3: input should be greater than or"),
        ("db: 3", "a.yaml:4: augment.1.name is missing"),
        ("gain", "a.yaml:4: augment.1 = 'gain': input should be a valid dictionary"),
    ],
)
def test_an_entry_that_is_wrong_is_named_with_its_line(entry: str, message: str, tmp_path: Path):
    text = f"extends: toy_lstm\naugment:\n- name: mixup\n- {entry}\n"
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(AscError, match=message):
        recipe.load(tmp_path / "a.yaml")


def test_levels_of_a_feature_that_is_no_logarithm_are_refused():
    with pytest.raises(AscError, match="augment.1 = equaliser: changes levels, and the feature me"):
        recipe.load("toy_dnn_mel", ["augment=[{name: band_mask}, {name: equaliser}]"])


@pytest.mark.parametrize("name", ["toy_mfcc_gmm", "toy_sparse_nmf", "toy_rnn_gam", "toy_cnn_gam"])
def test_models_that_fit_themselves_do_not_take_batches(name: str):
    with pytest.raises(AscError, match="clips.crops = random: the model .* fits itself"):
        recipe.load(name, ["clips.crops=random"])
    with pytest.raises(AscError, match="augment: the model .* fits itself"):
        recipe.load(name, ["augment=[{name: band_mask}]"])
    assert recipe.load("toy_resnet", ["clips.crops=random", "augment=[{name: band_mask}]"])


@pytest.mark.parametrize("override", ["augment.0.db=1", "augment=[{name: gain}]"])
def test_videos_are_not_augmented(override: str):
    with pytest.raises(AscError, match="augment"):
        recipe.load("yt8m_toy_lstm", [override])


# -- whole trainings --------------------------------------------------------------------------


def page_recipe(folder: Path) -> Path:
    markdown.write(PAGE, folder)
    return folder / "augmented.yaml"


def test_the_page_s_recipe_is_valid(tmp_path: Path):
    changed = ["augment.2.share=0", "training.schedule=cosine"]  # the page's second command
    loaded = recipe.load(page_recipe(tmp_path), changed)
    assert loaded.augment[2] == {"name": "between_class", "share": 0.0}


@pytest.mark.campaign
def test_the_page_s_recipe_has_the_same_bits_for_any_jobs(
    toy_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    written = []
    for jobs in (1, 2):
        monkeypatch.setenv("ASC_HOME", str(tmp_path / str(jobs)))
        loaded = recipe.load(page_recipe(tmp_path), ["training.epochs=2"])
        trained = workflow.train(loaded, data=toy_root, folds=[1, 2], jobs=jobs)
        written.append((trained.run / "predictions.csv").read_bytes())
    assert written[0] == written[1]


@pytest.fixture
def own_recipe(tmp_path: Path) -> Path:
    own = tmp_path / "plugins" / "augment" / "quieter.py"
    own.parent.mkdir(parents=True)
    own.write_text(OWN)
    path = tmp_path / "mine.yaml"
    path.write_text("extends: toy_cnn_mel\naugment: [{name: quieter, amount: 2}, {name: gain}]\n")
    return path


def test_a_file_beside_the_recipe_is_checked_and_part_of_the_signature(own_recipe: Path):
    with pytest.raises(AscError, match=r"unknown key in augment.0 'amuont'; did you mean amount"):
        recipe.load(own_recipe, ["augment.0.amuont=1"])
    loaded = recipe.load(own_recipe)
    assert [row["kind"] for row in loaded.code() if row["origin"] != "asc"] == ["augment"]
    own = own_recipe.parent / "plugins" / "augment" / "quieter.py"
    own.write_text(OWN.replace("self.amount *", "self.amount + 0 *"))
    outside.find.cache_clear()  # a folder is read once a process
    assert recipe.load(own_recipe).signature() != loaded.signature()


@pytest.mark.campaign
def test_a_file_beside_the_recipe_is_copied_into_the_run(own_recipe: Path, toy_root: Path):
    own = own_recipe.parent / "plugins" / "augment" / "quieter.py"
    loaded = recipe.load(own_recipe, ["training.epochs=1"])
    trained = workflow.train(loaded, data=toy_root, folds=[1], jobs=1)
    assert (trained.run / "plugins" / "augment" / "quieter.py").read_text() == OWN
    assert recipe.load(trained.run / "recipe.yaml").signature() == loaded.signature()
    own.unlink()
    clip = next(toy_root.rglob("*.wav"))
    [predicted] = workflow.predict([clip], model=models.find(trained.model).id)
    assert predicted.scene


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("toy_texture_svm", "training.ema_decay=0.9"),
        ("toy_texture_svm", "training.label_smoothing=0.1"),
        ("toy_mfcc_gmm", "training.balance=sampler"),
        ("toy_sparse_nmf", "training.schedule=cosine"),
    ],
)
def test_settings_of_gradient_descent_are_for_models_with_a_stage_of_it(
    name: str, setting: str
) -> None:
    key = setting.partition("=")[0]
    with pytest.raises(AscError, match=f"{key}: the model .* fits itself, without gradient desce"):
        recipe.load(name, [setting])
    recipe.load("toy_cnn_gam", [setting])  # a label tree ends in a network
