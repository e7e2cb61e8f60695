"""What a model answers depends on: its weights, and what its card says of its input and output."""

from __future__ import annotations

import hashlib

from asc_cli.core import checksums, json_text
from asc_cli.registry.model import Model

KEYS = ("labels", "feature", "recipe", "folds", "code")  # of a card
DIGITS = 16


def identity(model: Model) -> str:
    """Return a hash that two models share only if they are the same one, under any name.

    Args:
        model: A registered model.

    Returns:
        16 hexadecimal digits; the same after the model was exported and imported elsewhere.

    Raises:
        AscError: A file of it differs from its checksum.
    """
    model.require_intact()
    files = {
        path.relative_to(model.folder).as_posix(): checksums.of_bytes(path.read_bytes())
        for path in sorted(model.folder.rglob("*.safetensors"))
    }
    contents: list[object] = [{key: model.card.get(key) for key in KEYS}, files]
    if model.is_ensemble:
        contents += [identity(system) for system in model.systems()]
    text = json_text.dumps(contents, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
