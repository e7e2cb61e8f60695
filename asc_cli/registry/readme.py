"""A model's card as a README."""

from __future__ import annotations

from typing import Any

from asc_cli.core.kind import VIDEOS, is_ensemble, kind_of


def text(card: dict[str, Any]) -> str:
    """Return the model card as Markdown."""
    metrics = card.get("metrics", {})
    feature = None if is_ensemble(card["recipe"]) else card["feature"]
    figures = "\n".join(
        f"| {name} | {value:.4f} |" for name, value in metrics.items() if isinstance(value, float)
    )
    data = card.get("dataset", {})
    licence = card["recipe"].get("licence", "not stated")
    reference = f"{card['name']}@{card['version']}"
    videos = kind_of(card["recipe"]) == VIDEOS
    if videos:
        kind = f"Labels of videos: {len(card['labels'])} labels, many a video"
        assert feature is not None
        command = f"asc predict --model {reference} shard.tfrecord"
        accepts = f"shards of videos' features in YouTube-8M's format, level {feature['level']}, "
        accepts += f"{feature['rgb']} + {feature['audio']} numbers a frame"
        labels_section = f"## Labels\n\n0 to {len(card['labels']) - 1}"
    else:
        kind = f"Acoustic scene classification: {len(card['labels'])} scenes"
        command = f"asc predict --model {reference} clip.wav"
        accepts = "any audio file; resampled as each system needs it"
        if feature is not None:
            accepts = f"any audio file; resampled to {feature['audio']['sample_rate']} Hz mono, "
            accepts += f"feature {feature['name']}"
        labels_section = "## Scenes\n\n" + "\n".join(f"- {label}" for label in card["labels"])
    return (
        f"# {reference}\n\n"
        f"{kind}, {len(card['folds'])} member(s){_systems(card)}, trained {card['created']} on "
        f"{data.get('title', '?')} (fingerprint {data.get('fingerprint', '?')}).\n\n"
        f"    {command}\n\n"
        f"Input: {accepts}.\n\n"
        f"{labels_section}\n\n"
        f"## {'Validated' if videos else 'Cross-validated'} on "
        f"{data.get('title', '?')}\n\n"
        f"{_conditions(card)}"
        f"| metric | value |\n|---|---|\n{figures}\n\n"
        f"Licence of the model: {licence}.\n\n"
        f"Licence of the training data: {data.get('licence', 'not stated')}.\n\n"
        f"Cite: {data.get('citation') or 'not stated'}\n"
    )


def _systems(card: dict[str, Any]) -> str:
    """Return what an ensemble averages; "" of another model."""
    if not is_ensemble(card["recipe"]):
        return ""
    rows = card["recipe"]["systems"]
    listed = ", ".join(f"{row['name']} (weight {row['weight']:g})" for row in rows)
    return f" of each of {len(rows)} systems, whose probabilities are averaged: {listed}"


def _conditions(card: dict[str, Any]) -> str:
    """Return the conditions of the figures, a paragraph; "" in a card of version 0.1."""
    summary = (card.get("conditions") or {}).get("summary", [])
    return f"Conditions: {'; '.join(map(str, summary))}.\n\n" if summary else ""
