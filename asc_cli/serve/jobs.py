"""What a worker process does: predict or explain a recording in a file."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asc_cli import workflow
from asc_cli.core.errors import AscError, resource_fault


@dataclass(frozen=True)
class Job:
    """A recording to predict or explain.

    Attributes:
        kind: predict, explain or load.
        model: NAME@VERSION.
        path: The recording's file; of `load`, nothing.
        name: What the client calls it.
        longest_s: Seconds; a longer one is refused.
        timeline_s: Seconds of each segment, or None.
        threshold: Below this probability a scene is "unsure".
        unknown: Whether what is too far from all scenes is "unknown".
    """

    kind: str
    model: str
    path: Path = Path()
    name: str = ""
    longest_s: float = 0.0
    timeline_s: float | None = None
    threshold: float = 0.0
    unknown: bool = False


@dataclass(frozen=True)
class Answer:
    """What the server answers to a job.

    Attributes:
        row: As JSON; a file and an `error`, a sentence, where it cannot be done.
    """

    row: dict[str, Any]

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return "error" in self.row


def answer(job: Job) -> Answer:
    """Do a job."""
    try:
        return Answer(KINDS[job.kind](job))
    except AscError as fault:
        return failed(job, _text(fault, job))
    except (MemoryError, OSError) as fault:
        if (text := resource_fault(fault)) is None:
            raise
        return failed(job, text)


def failed(job: Job, reason: str) -> Answer:
    """Return the answer to a job that cannot be done."""
    return Answer({"file": job.name, "error": reason})


def _predicted(job: Job) -> dict[str, Any]:
    """As `asc predict --json`."""
    model = _model(job.model, job.unknown)
    [prediction] = model.predict_files(
        job.path, timeline_s=job.timeline_s, threshold=job.threshold, longest_s=job.longest_s
    )
    return {**prediction.to_dict(), "file": job.name}


def _explained(job: Job) -> dict[str, Any]:
    """The attention of the member that `asc predict --explain` draws, frame by frame."""
    explanation = workflow.explain(job.path, model=job.model)
    attention, codewords = explanation.attention, explanation.codewords
    return {
        "file": job.name,
        "model": explanation.model,
        "fold": explanation.fold,
        "scene": explanation.scene,
        "probability": explanation.probability,
        "frame_s": explanation.frame_s,
        "salient": explanation.salient,
        "attention": None if attention is None else _rounded(attention),
        "codewords": None if codewords is None else [_rounded(row) for row in codewords],
    }


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 4) for value in values]


def _loaded(job: Job) -> dict[str, Any]:
    """Load a model before it is asked for; return what clients need to know of it."""
    model = _model(job.model, False)
    return {
        "id": model.id,
        "labels": list(model.labels),
        "sample_rate": model.sample_rate,
        "clip_s": model.clip_s,
        "segments": model.takes_segments,
        "explains": model.explains,
        "finds_unknown": model.finds_unknown,
    }


@functools.lru_cache(maxsize=8)
def _model(name: str, unknown: bool) -> workflow.Model:
    return workflow.load_model(name, unknown=unknown)


def _text(fault: AscError, job: Job) -> str:
    """Return an error's sentence, with the client's name in place of the file's path."""
    return str(fault).replace(str(job.path), job.name)


KINDS = {"predict": _predicted, "explain": _explained, "load": _loaded}
