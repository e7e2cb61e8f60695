"""Names are file names, and a wrong one is met with the right one."""

from __future__ import annotations

import pytest

from asc_cli.core import declarations, plugins
from asc_cli.core.errors import AscError


def test_files_are_names():
    assert {"esc10", "litis", "table", "toy", "tut2016"} <= set(plugins.names("datasets"))
    assert "log_mel" in plugins.names("features") and "lstm" in plugins.names("models")
    assert not any(name.startswith("_") for name in plugins.names("datasets"))


def test_an_unknown_name_is_met_with_the_nearest():
    with pytest.raises(AscError, match="unknown dataset 'litiss'; did you mean litis\\? Known: "):
        plugins.load("datasets", "litiss")
    with pytest.raises(AscError, match="unknown model 'xyzzy'. Known: "):
        plugins.load("models", "xyzzy")


def test_parameters_are_those_of_the_code():
    import dataclasses
    import inspect

    for name in plugins.names("models"):
        signature = inspect.signature(plugins.load("models", name).build)
        real = {
            p.name: p.default
            for p in signature.parameters.values()
            if p.kind is inspect.Parameter.KEYWORD_ONLY
        }
        assert {p.name: p.default for p in plugins.parameters("models", name)} == real
    for name in plugins.names("features"):
        real = {f.name: f.default for f in dataclasses.fields(plugins.feature(name, {}))}
        assert {p.name: p.default for p in plugins.parameters("features", name)} == real


def test_a_feature_without_a_version_is_an_error(tmp_path):
    (tmp_path / "features").mkdir()
    (tmp_path / "features/loud.py").write_text(
        "from dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass Loud:\n"
        "    def __call__(self, samples, sample_rate): ...\n"
        "    def framing(self, sample_rate): ..."
    )
    catalog = plugins.Catalog(beside=(tmp_path,))
    with pytest.raises(AscError, match=r"feature loud: features/loud.py .* defines no VERSION"):
        catalog.version("loud")


@pytest.mark.parametrize("kind", ["models", "features", "datasets"])
def test_every_shipped_file_is_a_plug_in(kind):
    """So that names are file names: what helps others begins with an underscore."""
    for name in plugins.shipped(kind):
        assert any(declarations.candidates(plugins.INSTALLED.tree(kind, name), kind)), name
