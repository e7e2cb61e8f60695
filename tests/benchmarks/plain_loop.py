"""The training loop that a researcher would write by hand: log-mels in memory, a DataLoader.

The same network, optimiser, schedule, batch size and augmentation as a recipe's, and nothing else:
no checkpoint, no history, no seed for each step.
"""

from __future__ import annotations

import math
import random

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

DB_PER_NEPER = 10 / math.log(10)


class LogMels(Dataset):
    """Random crops of recordings, standardised, each with another gain and frequency response."""

    def __init__(
        self,
        recordings: list[np.ndarray],  # each (T, F)
        labels: np.ndarray,  # (n,)
        n_frames: int,
        mean: np.ndarray,  # (F,)
        deviation: np.ndarray,  # (F,)
    ):
        self.recordings, self.labels, self.n_frames = recordings, labels, n_frames
        self.mean, self.deviation = mean, deviation

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitem__(self, i: int) -> tuple[np.ndarray, int]:
        recording = self.recordings[i]
        start = random.randint(0, len(recording) - self.n_frames)
        x = recording[start : start + self.n_frames]
        n_bands = x.shape[1]
        knots = np.random.uniform(-6, 6, 4)
        response = np.interp(np.linspace(0, 3, n_bands), np.arange(4), knots)
        x = x + (random.uniform(-6, 6) + response) / DB_PER_NEPER
        return ((x - self.mean) / self.deviation).astype(np.float32), int(self.labels[i])


def mixed(x: Tensor, targets: Tensor, mean: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
    """Between-class mixing in power, with equal energies, of four clips in five."""
    power = (x * deviation + mean).exp()
    energy = power.mean(dim=(1, 2), keepdim=True)
    others = torch.randperm(len(x))
    r = torch.rand(len(x), 1, 1)
    r = torch.where(torch.rand(len(x), 1, 1) < 0.8, r, torch.ones(1))
    level = r * energy + (1 - r) * energy[others]
    power = level * (r * power / energy + (1 - r) * (power / energy)[others])
    own = r[:, :, 0]
    return (power.log() - mean) / deviation, own * targets + (1 - own) * targets[others]


def masked(x: Tensor) -> Tensor:
    """Two runs of at most 8 bands and two of at most 24 frames of each clip, set to its mean."""
    for clip in x:
        mean = clip.mean()
        for dim, widest in ((1, 8), (1, 8), (0, 24), (0, 24)):
            width = random.randint(0, widest)
            start = random.randint(0, clip.shape[dim] - width)
            clip.narrow(dim, start, width).fill_(mean)
    return x


def train(network: nn.Module, dataset: LogMels, n_scenes: int, epochs: int, batch: int) -> None:
    """Train a network on a dataset."""
    loader = DataLoader(dataset, batch_size=batch, shuffle=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.002, weight_decay=0.02)
    steps = epochs * len(loader)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.002, steps, pct_start=0.15)
    mean, deviation = torch.from_numpy(dataset.mean), torch.from_numpy(dataset.deviation)
    network.train()
    for _ in range(epochs):
        total = 0.0
        for x, labels in loader:
            targets = nn.functional.one_hot(labels, n_scenes).float()
            x, targets = mixed(x, targets, mean, deviation)
            loss = nn.functional.cross_entropy(network(masked(x), None), targets)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 2.0)
            optimiser.step()
            schedule.step()
            total += loss.item()
