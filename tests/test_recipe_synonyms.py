"""Recipes: other spellings, other tools' words, where the data is, whose a setting is."""

from __future__ import annotations

from pathlib import Path

import pytest

from asc_cli import workflow
from asc_cli.core.errors import AscError
from asc_cli.export import hub
from asc_cli.recipe import load as recipe
from asc_cli.recipe.synonyms import SPELLINGS, SYNONYMS
from asc_cli.registry import readme as model_readme
from asc_cli.report.console.recipes import recipe as shown
from tests.conftest import SMALL


def mine(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mine.yaml").write_text(text)
    return folder / "mine.yaml"


# -- words ------------------------------------------------------------------------------------


def test_american_spellings_are_the_same_keys(tmp_path: Path) -> None:
    path = mine(
        tmp_path, "extends: toy_lstm\ntraining: {optimizer: rmsprop}\nclips: {standardize: false}\n"
    )
    loaded = recipe.load(path)
    assert loaded.training.optimiser == "rmsprop" and loaded.clips.standardise is False
    british = ["training.optimiser=rmsprop", "clips.standardise=false"]
    assert loaded.settings == recipe.load("toy_lstm", british).settings
    american = ["training.optimizer=rmsprop", "clips.standardize=false"]
    assert loaded.settings == recipe.load("toy_lstm", american).settings


@pytest.mark.parametrize("key", ["licence", "license"])
def test_a_licence_is_for_the_model_s_card(key: str, tmp_path: Path) -> None:
    loaded = recipe.load(mine(tmp_path, f"extends: toy_lstm\n{key}: CC-BY-4.0\n"))
    assert loaded.settings["licence"] == "CC-BY-4.0"
    card = {
        "name": "m",
        "version": 1,
        "created": "now",
        "labels": ["bus"],
        "folds": [1],
        "feature": {"name": "log_mel", "audio": {"sample_rate": 8000}},
        "recipe": loaded.settings,
    }
    assert "Licence of the model: CC-BY-4.0." in model_readme.text(card)
    assert "\nlicense: cc-by-4.0\n" in hub.front_matter(card)
    assert "licence" not in recipe.load("toy_lstm").settings  # whose signature is that of 0.1
    plain = {**card, "recipe": recipe.load("toy_lstm").settings}
    assert "Licence of the model: not stated." in model_readme.text(plain)
    assert "license" not in hub.front_matter(plain)


def test_both_spellings_at_once_are_one_key_twice(tmp_path: Path) -> None:
    text = "extends: toy_lstm\ntraining:\n  optimiser: adam\n  optimizer: adam\n"
    with pytest.raises(AscError, match=r":4: duplicate key 'optimiser'; first on .*:3"):
        recipe.load(mine(tmp_path, text))


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("training.lr=0.1", "training.learning_rate"),
        ("lr=0.1", "training.learning_rate"),
        ("training.wd=0.1", "training.weight_decay"),
        ("hidden_size=3", "model.n_hidden"),
        ("features.sr=8000", "features.sample_rate"),
        ("hop_length=3", "features.hop_samples"),
        ("optimizer=adam", "training.optimiser"),
        ("root=here", "data"),
    ],
)
def test_what_other_tools_call_a_key_is_hinted_at(given: str, meant: str) -> None:
    with pytest.raises(AscError, match=rf"unknown key '[a-z._-]+'; did you mean {meant}\?"):
        recipe.load("toy_lstm", [given])


def test_every_synonym_has_an_existing_key() -> None:
    keys = str(recipe.schema())
    for key in {*SYNONYMS.values(), *SPELLINGS.values()}:
        assert f"'{key}'" in keys


@pytest.mark.parametrize("name", ["mine", "sub/mine"])
def test_a_recipe_s_name_beside_its_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine((tmp_path / name).parent, "extends: toy_lstm\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AscError, match=rf"unknown recipe '{name}'; did you mean {name}\.yaml\?"):
        recipe.load(name)


# -- data -------------------------------------------------------------------------------------


def test_data_is_relative_to_the_file_that_says_it(tmp_path: Path) -> None:
    base = mine(tmp_path / "base", "extends: toy_lstm\ndata: toy\n")
    own = mine(tmp_path / "own", "extends: ../base/mine.yaml\n")
    assert recipe.load(base).data == tmp_path / "base/toy"
    inherited = recipe.load(own).data
    assert inherited and inherited.resolve() == (tmp_path / "base/toy").resolve()
    assert recipe.load(own, ["data=elsewhere"]).data == Path("elsewhere")


def test_data_changes_no_signature_and_is_in_no_card(tmp_path: Path) -> None:
    plain = mine(tmp_path / "a", "extends: toy_lstm\n")
    placed = mine(tmp_path / "b", "extends: toy_lstm\ndata: /somewhere\n")
    assert recipe.load(plain).settings == recipe.load(placed).settings
    assert recipe.load(plain).signature("x") == recipe.load(placed).signature("x")
    assert "data" not in recipe.load(placed).settings


def test_another_dataset_is_not_looked_for_there(tmp_path: Path) -> None:
    base = mine(tmp_path / "base", "extends: toy_lstm\ndata: toy\n")
    own = mine(tmp_path / "own", "extends: ../base/mine.yaml\ndataset: esc10\n")
    assert recipe.load(own).data is None
    assert recipe.load(base, ["dataset=esc10"]).data is None
    assert recipe.load(base, ["dataset=toy"]).data == tmp_path / "base/toy"


def test_training_and_features_use_data_by_default(toy_root: Path, tmp_path: Path) -> None:
    path = mine(tmp_path, f"extends: toy_lstm\ndata: {toy_root}\n")
    chosen = recipe.load(path, SMALL)
    assert workflow.extract(chosen, jobs=1).source.root == toy_root
    created = workflow.train(chosen, folds=[1], jobs=1)
    moved = recipe.load(path, [*SMALL, "data=null"])
    assert workflow.train(moved, data=toy_root, folds=[1]).run == created.run
    with pytest.raises(AscError, match=r"(?s)nothing at /none.*`data:` in the recipe, or ASC_DATA"):
        workflow.extract(chosen, data=Path("/none"))


# -- whose a setting is -----------------------------------------------------------------------


def marks(loaded: recipe.Recipe) -> dict[str, str]:
    """section.key → what is said of it."""
    section, results = "", {}
    for line in shown(loaded.settings).splitlines():
        section = line.partition(":")[0] if line[0] not in " -" else section
        key, _, mark = line.strip().partition(" # ")
        results[f"{section}.{key.partition(':')[0]}"] = mark
    return results


def test_a_key_that_is_changed_claims_the_source_no_longer(tmp_path: Path) -> None:
    path = mine(tmp_path, "extends: litis_rnn_gam\nmodel: {n_hidden: 9, n_trees: 200}\n")
    mark = marks(recipe.load(path, ["training.l2=0.5"]))
    assert mark["model.n_hidden"] == mark["training.l2"] == "this recipe's"
    assert mark["model.n_trees"] == "source"  # the same value as before
    assert mark["training.epochs"] == "source" and mark["model.segment_hop"] == "ours"


def test_another_model_is_completely_the_recipe_s_own(tmp_path: Path) -> None:
    path = mine(tmp_path, "extends: litis_rnn_gam\nmodel: {name: lstm}\n")
    loaded = recipe.load(path)
    assert marks(loaded)["model.dropout"] == "this recipe's"
    assert "model.segment_frames" not in loaded.settings["source"]["ours"]
    assert "model" not in loaded.settings["source"]["stated"]


def test_it_stays_so_in_what_extends_it_and_in_what_a_run_keeps(tmp_path: Path) -> None:
    mine(tmp_path / "a", "extends: litis_rnn_gam\nmodel: {n_hidden: 9}\n")
    path = mine(tmp_path / "b", "extends: ../a/mine.yaml\nclips: {length_s: 3}\n")
    loaded = recipe.load(path)
    assert loaded.settings["source"]["own"] == ["model.n_hidden", "clips.length_s"]
    stored = mine(tmp_path / "run", loaded.yaml())
    assert marks(recipe.load(stored)) == marks(loaded)


def test_lists_of_its_own_replace_those_of_the_base(tmp_path: Path) -> None:
    text = (
        "extends: litis_rnn_gam\nmodel: {n_hidden: 9}\nsource: {stated: [model], ours: [clips]}\n"
    )
    loaded = recipe.load(mine(tmp_path, text))
    assert marks(loaded)["model.n_hidden"] == "source" and "own" not in loaded.settings["source"]


def test_a_note_alone_replaces_nothing(tmp_path: Path) -> None:
    text = "extends: litis_rnn_gam\nmodel: {n_hidden: 9}\nsource: {note: smaller}\n"
    assert marks(recipe.load(mine(tmp_path, text)))["model.n_hidden"] == "this recipe's"


def test_a_recipe_that_changes_nothing_keeps_its_signature() -> None:
    assert "own" not in recipe.load("litis_rnn_gam").settings["source"]
    assert "own" not in recipe.load("dcase_sparse_nmf").settings["source"]
