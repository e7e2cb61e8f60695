"""Table 1 and the marks of whose a setting is."""

from __future__ import annotations

import re

import pytest
from rich.console import Console

from asc_cli.core import plugins
from asc_cli.recipe import ensemble
from asc_cli.recipe import load as recipe
from asc_cli.report.console import recipes

SYSTEMS = [n for n in plugins.recipe_names() if isinstance(ensemble.load(n), recipe.Recipe)]
SOURCED = [n for n in SYSTEMS if recipe.load(n).settings["source"]]
BASELINES = [n for n in SOURCED if recipe.load(n).stream is None]
VIDEOS = [n for n in SOURCED if n not in BASELINES]


def text(made: object) -> str:
    console = Console(width=140)
    with console.capture() as caught:
        console.print(made)
    return caught.get()


def row(name: str, **more: object) -> dict:
    return {"recipe": name, "kind": "recordings", "paper_error": None, "our_error": None, **more}


def test_table_1_has_every_system_with_both_figures():
    created = text(
        recipes.table_1([row("litis_dnn_cqt", paper_error=3.4, our_error=0.0512), row("esc10_ta")])
    )
    line = next(line for line in created.splitlines() if line.startswith("DNN-CQT"))
    assert line.split() == ["DNN-CQT", "…_dnn_cqt", "3.40", "%", "5.12", "%", "–", "–", "–"]
    assert sum(f"…_{system}" in created for system in recipes.SYSTEMS) == 11


def test_table_1_prints_the_papers_figures():
    published = {
        "litis_rnn_gam": 3.4,
        "litis_cnn_gam": 4.2,
        "dcase_mfcc_gmm": 27.5,
        "litis_dnn_cqt": 3.4,
        "dcase_dnn_cqt": 21.9,
        "litis_sparse_nmf": 5.4,
        "dcase_sparse_nmf": 17.3,
        "dcase_dnn_mel": 23.6,
        "dcase_cnn_mel": 24.0,
    }
    assert {name: recipe.load(name).paper.error for name in published} == published  # type: ignore[union-attr]


def test_all_seven_have_their_recipes_and_twins():
    seven = [system for system in recipes.SYSTEMS if "_" in system and system != "ta_sa"]
    assert len(seven) == 7
    for system in seven:
        assert {f"esc10_{system}", f"toy_{system}"} <= set(BASELINES)
        assert {f"litis_{system}", f"dcase_{system}"} & set(BASELINES)


@pytest.mark.parametrize("name", BASELINES)
def test_every_setting_of_a_baseline_is_the_sources_or_ours(name: str):
    settings = recipe.load(name).settings
    idle = {"curve_every", "headline"}  # what is drawn and printed, not computed
    idle |= {"choose_epoch", "calibrate"}  # switched off in all of them
    assert settings["training"]["choose_epoch"] == "last"
    assert settings["evaluation"]["calibrate"] == "none"
    if settings["model"]["name"] in ("gmm", "sparse_nmf"):  # no gradient: the seed alone counts
        idle |= set(settings["training"]) - {"seed"}
    if settings["clips"]["length_frames"]:
        idle.add("length_s")
    section = ""
    for line in recipes.recipe(settings).splitlines():
        section = line.partition(":")[0] if line[0] not in " -" else section
        key = re.match(r"  (\w+):", line)
        if key and section in recipes.MARKED and key[1] not in idle:
            assert line.endswith(("# source", "# ours", "# this recipe's")), line


def test_a_key_goes_before_its_section():
    settings = recipe.load("esc10_rnn_gam").settings
    shown = recipes.recipe(settings)
    assert re.search(r"  n_hidden: 128 +# ours\n", shown)
    assert re.search(r"  n_layers: 2 +# source\n", shown)


def test_a_recipe_without_a_source_is_plain():
    assert "#" not in recipes.recipe(recipe.load("toy_lstm").settings)


def test_every_setting_of_the_video_experiment_is_the_papers_or_ours():
    assert len(VIDEOS) == 4
    for name in VIDEOS:
        section, marks = "", {}
        for line in recipes.recipe(recipe.load(name).settings).splitlines():
            section = line.partition(":")[0] if line[0] not in " -" else section
            key = re.match(r"  (\w+):", line)
            if key and section in ("training", "stream", "model"):
                marks[f"{section}.{key[1]}"] = line.partition("# ")[2]
        assert set(marks.values()) == {"source", "ours"}, marks
        assert marks["model.n_hidden"] == marks["stream.n_labels"] == "source"
        assert marks["training.batch_size"] == marks["stream.max_frames"] == "ours"


def test_table_2_has_the_papers_gap_and_ours():
    created = text(
        recipes.table_2(
            [
                row("yt8m_ta_sa", paper_gap=0.8172, our_error=0.25, kind="videos"),
                row("yt8m_lstm", paper_gap=0.808, kind="videos"),
                row("esc10_ta"),
            ]
        )
    )
    lines = [line.split() for line in created.splitlines()[2:]]
    assert lines == [
        ["vanilla", "LSTM", "yt8m_lstm", "0.8080", "–"],
        ["LSTM+TA+SA", "yt8m_ta_sa", "0.8172", "0.7500"],
    ]
