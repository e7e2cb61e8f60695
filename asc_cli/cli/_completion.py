"""Shell completion of recipes, models, datasets and runs, without importing torch."""

from __future__ import annotations


def recipes(incomplete: str) -> list[str]:
    from asc_cli.core import plugins

    return [name for name in plugins.recipe_names() if name.startswith(incomplete)]


def datasets(incomplete: str) -> list[str]:
    from asc_cli.core import plugins

    return [name for name in plugins.names("datasets") if name.startswith(incomplete)]


def models(incomplete: str) -> list[str]:
    """Return every NAME, and NAME@VERSION once the name is complete."""
    from asc_cli.core import paths

    existing = sorted(paths.models().glob("[!.]*/[0-9]*/card.yaml"))
    names = dict.fromkeys(card.parent.parent.name for card in existing)
    versions = [f"{card.parent.parent.name}@{card.parent.name}" for card in existing]
    candidates = [*names, *versions] if "@" in incomplete or incomplete in names else [*names]
    return [name for name in candidates if name.startswith(incomplete)]


def runs(incomplete: str) -> list[str]:
    """Return runs, and recipes for their newest run."""
    from asc_cli.core import paths

    existing = sorted(path.parent.name for path in paths.runs().glob("*/recipe.yaml"))
    names = dict.fromkeys([*(name.rpartition("-")[0] for name in existing), *existing])
    return [name for name in names if name.startswith(incomplete)]


def runs_and_models(incomplete: str) -> list[str]:
    """Return the arguments of `asc evaluate`."""
    return list(dict.fromkeys([*runs(incomplete), *models(incomplete)]))
