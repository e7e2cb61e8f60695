"""Names that the shell completes: recipes, models, datasets, runs. Quick: it loads no torch."""

from __future__ import annotations


def recipes(incomplete: str) -> list[str]:
    from asc_cli.core import plugins

    return [name for name in plugins.recipe_names() if name.startswith(incomplete)]


def datasets(incomplete: str) -> list[str]:
    from asc_cli.core import plugins

    return [name for name in plugins.names("datasets") if name.startswith(incomplete)]


def models(incomplete: str) -> list[str]:
    """Every NAME, and NAME@VERSION once the name is there."""
    from asc_cli.core import paths

    known = sorted(paths.models().glob("[!.]*/[0-9]*/card.yaml"))
    names = dict.fromkeys(card.parent.parent.name for card in known)
    versions = [f"{card.parent.parent.name}@{card.parent.name}" for card in known]
    found = [*names, *versions] if "@" in incomplete or incomplete in names else [*names]
    return [name for name in found if name.startswith(incomplete)]


def runs(incomplete: str) -> list[str]:
    """Runs, and recipes for their newest run."""
    from asc_cli.core import paths

    known = sorted(path.parent.name for path in paths.runs().glob("*/recipe.yaml"))
    names = dict.fromkeys([*(name.rpartition("-")[0] for name in known), *known])
    return [name for name in names if name.startswith(incomplete)]


def runs_and_models(incomplete: str) -> list[str]:
    """What `asc evaluate` takes."""
    return list(dict.fromkeys([*runs(incomplete), *models(incomplete)]))
