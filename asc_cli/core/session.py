"""One command's use of a cluster: what client and workers send each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asc_cli.core.homes import File

FOLDER = "cluster"  # in a home
NUMBER = " number "  # between a task's name and its number, in what Dask calls it

# An expression, so that a worker with any version of asc, or with none, can evaluate it.
VERSIONS = """(lambda metadata, platform, asc: {
    "asc": getattr(asc, "__version__", "none"),
    "Python": ".".join(platform.python_version_tuple()[:2]),
    "processor": platform.machine(),
    **{name: next((each.version for each in metadata.distributions(name=name)), "none")
       for name in ("numpy", "scipy", "torch", "librosa", "numba", "scikit-learn", "onnxruntime",
                    "soundfile", "soxr", "av")},
})(__import__("importlib.metadata").metadata, __import__("platform"),
   __import__("importlib.util").util.find_spec("asc_cli") and __import__("asc_cli"))"""


@dataclass(frozen=True)
class Session:
    """One command's use of a cluster.

    Attributes:
        token: Its name.
        versions: Of what computes, on the client.
    """

    token: str
    versions: dict[str, str]

    @property
    def probe(self) -> str:
        """The file in the client's home by which a worker sees that it shares that home."""
        return f"{FOLDER}/{self.token}.probe"


@dataclass(frozen=True)
class Work:
    """A task, for a worker.

    Attributes:
        number: Its number in the session.
        name: What it is, for people.
        payload: The pickled function with its arguments.
        named: The paths of the home among them.
        recordings: The other files among them.
    """

    number: int
    name: str
    payload: bytes
    named: tuple[str, ...]
    recordings: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What a worker returns for a task.

    Attributes:
        number: The task's.
        worker: The worker's address.
        process: Its process number.
        value: The pickled result.
        fault: The text of an AscError in its place.
        live: Paths of folders that it would have resumed from.
        files: What was written, in the order of writing.
    """

    number: int
    worker: str
    process: int
    value: bytes = b""
    fault: str | None = None
    live: tuple[str, ...] = ()
    files: tuple[File, ...] = ()


@dataclass(frozen=True)
class Report:
    """What a worker does now.

    Attributes:
        number: The task's; -1 without one.
        process: The worker's process number.
        wanted: Paths of the home that the task waits for.
        folders: Those that a task would resume from.
        live: What is in them, where that has changed since the last report.
    """

    number: int = -1
    process: int = 0
    wanted: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    live: tuple[File, ...] = ()


def versions() -> dict[str, str]:
    """Return the versions of what may change a bit of a result."""
    described: dict[str, str] = eval(VERSIONS)
    return described


def refusal(
    address: str, expected: dict[str, str], installed: dict[str, str], different: Sequence[str]
) -> str:
    """Return why a worker is refused."""
    listed = ", ".join(
        f"{k} {installed.get(k, 'none')} instead of {expected[k]}" for k in different
    )
    return (
        f"worker {address} has {listed}: results could differ, so it is refused; install there "
        "what this command runs with, or stop that worker"
    )
