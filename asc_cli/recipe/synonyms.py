"""Synonyms of a recipe's keys: spellings that are accepted, and names that are only hinted at."""

from __future__ import annotations

from collections.abc import Collection

SPELLINGS = {  # accepted: (section, key) → the key
    ("training", "optimizer"): "optimiser",
    ("clips", "standardize"): "standardise",
    ("", "license"): "licence",
}
SYNONYMS = {  # not accepted, since other tools mean other things by them, but hinted at
    "lr": "learning_rate",
    "step_size": "learning_rate",
    "wd": "weight_decay",
    "gradient_clipping": "clip_norm",
    "grad_clip": "clip_norm",
    "max_norm": "clip_norm",
    "scheduler": "schedule",
    "lr_scheduler": "schedule",
    "warmup": "warm_up",
    "ema": "ema_decay",
    "class_weights": "balance",
    "class_weight": "balance",
    "sampler": "balance",
    "bs": "batch_size",
    "batch": "batch_size",
    "minibatch": "batch_size",
    "num_epochs": "epochs",
    "n_epochs": "epochs",
    "max_epochs": "epochs",
    "random_state": "seed",
    "random_seed": "seed",
    "optim": "optimiser",
    "optimizer": "optimiser",
    "hidden": "n_hidden",
    "hidden_size": "n_hidden",
    "hidden_units": "n_hidden",
    "num_layers": "n_layers",
    "layers": "n_layers",
    "filters": "n_channels",
    "channels": "n_channels",
    "drop": "dropout",
    "dropout_rate": "dropout",
    "mels": "n_mels",
    "mel_bands": "n_mels",
    "num_mels": "n_mels",
    "num_mel_bins": "n_mels",
    "n_coefficients": "n_mfcc",
    "num_ceps": "n_mfcc",
    "sr": "sample_rate",
    "fs": "sample_rate",
    "sampling_rate": "sample_rate",
    "hop": "hop_samples",
    "hop_length": "hop_samples",
    "hop_size": "hop_samples",
    "win_length": "frame_samples",
    "frame_length": "frame_samples",
    "window_size": "frame_samples",
    "fmin": "f_min_hz",
    "fmax": "f_max_hz",
    "duration": "length_s",
    "clip_seconds": "length_s",
    "clip_length": "length_s",
    "segment_length": "length_s",
    "standardize": "standardise",
    "normalise": "standardise",
    "normalize": "standardise",
    "val": "validation",
    "val_split": "validation",
    "validation_split": "validation",
    "feature": "features",
    "network": "model",
    "net": "model",
    "architecture": "model",
    "root": "data",
    "path": "data",
    "data_dir": "data",
    "base": "extends",
    "parent": "extends",
    "inherits": "extends",
}


def key_for(path: tuple[str, ...]) -> str:
    """Return the last key of a path, in the spelling of the schema."""
    section, key = path if len(path) == 2 else ("", path[-1])
    return SPELLINGS.get((section, key), key)


def synonym(name: str, keys: Collection[str]) -> str | None:
    """Return the key that other tools call `name`, if there is one."""
    key = SYNONYMS.get(name.lower().replace("-", "_"))
    return key if key in keys else None
