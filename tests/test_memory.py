"""Too little memory, homes of nobody, libraries that cannot be loaded: a sentence each."""

from __future__ import annotations

import errno
import resource
import sys
from pathlib import Path

import pytest

from asc_cli.core import memory, paths
from asc_cli.core.errors import NO_MEMORY, AscError, resource_fault
from tests.conftest import Asc, Program, tone, write


@pytest.mark.parametrize(
    "fault",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    ],
)
def test_what_libraries_say_of_memory_is_one_sentence(fault: BaseException) -> None:
    assert resource_fault(fault) == NO_MEMORY
    outer = ImportError("torch")
    outer.__cause__ = fault
    assert resource_fault(outer) == NO_MEMORY


def test_a_library_that_cannot_be_loaded_is_named() -> None:
    text = resource_fault(OSError("Could not find/load shared object file 'libllvmlite.so'\nx"))
    assert text is not None and "'libllvmlite.so'). Is there enough memory" in text
    for other in (ValueError("x"), OSError(errno.ENOSPC, "full"), ImportError("no module x")):
        assert resource_fault(other) is None


def test_torch_is_not_imported_without_room_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "address_space_left", lambda: 500 << 20)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    memory.watch()
    finder = sys.meta_path[0]
    assert finder.find_spec("json", None) is None
    with pytest.raises(MemoryError, match="500 MB of address space are left for torch"):
        finder.find_spec("torch", None)


@pytest.mark.campaign
@pytest.mark.parametrize("megabytes", [300, 550, 800, 1_000])
def test_a_limit_on_memory_ends_in_a_sentence(
    program: Program, tmp_path: Path, megabytes: int
) -> None:
    write(tmp_path / "bus" / "a.wav", tone(440, 1.0, 22_050))

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    done = program("train", "toy_lstm", "--data", tmp_path, preexec_fn=limited)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("asc: ")


@pytest.mark.parametrize(
    ("variable", "command"),
    [("ASC_HOME", "models"), ("ASC_DATA", "datasets"), ("ASC_PLUGINS", "models")],
)
def test_a_home_of_nobody_is_a_sentence(
    program: Program, monkeypatch: pytest.MonkeyPatch, variable: str, command: str
) -> None:
    monkeypatch.setenv(variable, "~nobody-of-that-name/asc")
    done = program(command, "list")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    expected = f"{variable} ~nobody-of-that-name/asc: no home folder of that user is known; write"
    assert expected in done.stderr


def test_a_path_of_nobody_is_a_sentence(asc: Asc, tmp_path: Path) -> None:
    with pytest.raises(AscError, match="--data ~nobody-of-that-name: no home folder"):
        paths.dataset_root("toy", Path("~nobody-of-that-name"))
    done = asc("predict", "~nobody-of-that-name/a.wav")
    assert done.returncode == 1 and "Traceback" not in done.stderr


def test_freed_memory_stays_while_it_is_retained() -> None:
    """100 MB that are allocated again cost no page faults, once there is a hole for them."""
    import torch

    def faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(100 << 20, dtype=torch.uint8)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    if memory._mallopt() is None:
        pytest.skip("the allocator is not glibc's")
    with memory.retain_freed():
        fewest = min(faults() for _ in range(12))
    assert fewest < 100 < faults()


def test_without_glibc_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library(name: object) -> None:
        raise TypeError("Windows has no library without a name")

    monkeypatch.setattr("ctypes.CDLL", no_library)
    with memory.retain_freed():
        pass
