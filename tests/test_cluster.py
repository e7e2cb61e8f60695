"""Tasks on a Dask cluster: words, addresses, files that travel. tests/campaign/test_cluster.py has
schedulers and workers as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import asc_cli
from asc_cli.core import atomic, cluster, exchange, homes, installation, parallel, paths, worker
from asc_cli.core.errors import AscError
from asc_cli.core.session import VERSIONS, Outcome, Report, Session, versions
from tests.conftest import Asc


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a scheduler with one worker, in threads of this process."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address=None,
    ) as local:
        yield local.scheduler_address


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The worker's home, which is not the client's."""
    folder = tmp_path / "worker-home"
    monkeypatch.setattr(worker, "paths", SimpleNamespace(home=lambda: folder))
    return folder


def squared(number: int) -> int:
    return number * number


def faulty(path: Path) -> None:
    raise AscError(f"{path}: is damaged")


def copied(pack: Path, fold: Path) -> Path:
    """Write what a pack holds into a fold's folder, twice."""
    for name in ("a", "a.again"):
        atomic.write_text(fold / name, (pack / "frames.npy").read_text())
    return fold


def big(target: Path) -> str:
    """Write more than a message holds."""
    with atomic.replacing(target) as path:
        path.write_bytes(os.urandom(homes.INLINE_BYTES + 1))
    return homes.sha256(target)


def results(address: str, function: Any, *tasks: tuple) -> list[Any]:
    with cluster.cluster(address):
        return [*parallel.map_unordered(function, tasks, None)]


@pytest.mark.parametrize(
    "address",
    ["nonsense", "local:0", "local:-1", "local:many", "tcp://", "tcp://host", "tcp://host:99999"],
)
def test_an_address_that_is_none_is_refused_before_dask_is_loaded(address: str, asc: Asc) -> None:
    done = asc("features", "--recipe", "toy_lstm", "--cluster", address)
    assert done.returncode == 1
    assert done.stderr.startswith(f"asc: --cluster {address}: ") and "was expected" in done.stderr


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5)
    with (
        pytest.raises(AscError, match="tcp://127.0.0.1:1: no Dask scheduler answers there"),
        cluster.cluster("tcp://127.0.0.1:1"),
    ):
        pass
    assert cluster.connected is None


def test_jobs_and_a_cluster_exclude_each_other(asc: Asc) -> None:
    done = asc("train", "toy_lstm", "--cluster", "local:2", "--jobs", 2)
    assert (done.returncode, done.stderr.count("leave --jobs out")) == (1, 1)


def test_verify_and_streams_are_of_this_machine(asc: Asc, monkeypatch: pytest.MonkeyPatch) -> None:
    done = asc("features", "--recipe", "toy_lstm", "--verify", "--cluster", "local:2")
    assert (done.returncode, done.stderr.count("leave --cluster out")) == (1, 1)
    monkeypatch.setattr(cluster, "connected", object())
    with pytest.raises(AscError, match="read by one machine"), parallel.prefetch_pool(2):
        pass


def test_the_extra_is_named_where_dask_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    words = "--cluster: the extra `cluster` is needed"
    with pytest.raises(AscError, match=words), cluster.cluster("local:1"):
        pass
    assert "distributed" in installation.MODULES["cluster"]


def test_dask_is_loaded_for_a_cluster_only() -> None:
    code = (
        "import sys; from asc_cli.core import parallel, cluster\n"
        "with cluster.cluster(None): list(parallel.map_unordered(abs, [(1,)], None))\n"
        "assert not {'distributed', 'dask'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_context_runs_tasks_there_and_the_public_name_is_it(scheduler: str, home: Path) -> None:
    assert asc_cli.cluster is cluster.cluster
    assert sorted(results(scheduler, squared, (2,), (3,), (4,))) == [4, 9, 16]
    assert cluster.connected is None
    assert [*(home / "cluster").iterdir()] == []  # the probe is removed


def test_a_fault_of_a_task_arrives_in_its_words(
    scheduler: str, home: Path, elsewhere: Path
) -> None:
    path = home / "packs" / "one"
    with pytest.raises(AscError) as fault:
        results(scheduler, faulty, (path,))
    assert str(fault.value) == f"{path}: is damaged"  # of the client's home, not the worker's


def test_a_worker_with_another_home_gets_inputs_and_returns_what_it_wrote(
    scheduler: str, home: Path, elsewhere: Path
) -> None:
    pack, fold = home / "packs" / "one", home / "runs" / "r" / "fold01"
    atomic.write_text(pack / "frames.npy", "frames")
    assert results(scheduler, copied, (pack, fold)) == [fold]
    assert [(fold / name).read_text() for name in ("a", "a.again")] == ["frames", "frames"]
    assert [*elsewhere.rglob("*")] in ([], [elsewhere / "cluster"])  # nothing is left there


def test_what_is_longer_than_a_message_is_fetched_in_pieces(
    scheduler: str, home: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homes, "PIECE_BYTES", 1 << 20)
    target = home / "features" / "f-1" / "ab" / "long.npy"
    assert results(scheduler, big, (target,)) == [homes.sha256(target)]


def test_a_recording_that_a_worker_cannot_read_is_named(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mounted-here.wav"
    path.touch()
    monkeypatch.setattr(worker.os.path, "exists", lambda p: str(p) != str(path))
    with pytest.raises(AscError, match=r"worker tcp://.* cannot read .*mounted-here.wav: .*mount"):
        results(scheduler, str, (path,))


def test_a_worker_with_another_version_is_refused(
    scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = {**versions(), "asc": "9.9", "torch": "0.1"}
    words = r"worker tcp://.* has asc \S+ instead of 9.9, torch \S+ instead of 0.1: .*refused"
    with monkeypatch.context() as patch:
        patch.setattr(cluster, "versions", lambda: ours)
        with pytest.raises(AscError, match=words):
            results(scheduler, squared, (1,))
        patch.setattr(cluster, "require_alike", lambda used: None)  # one that comes later
        with pytest.raises(AscError, match=words):
            results(scheduler, squared, (1,))


def test_a_worker_with_several_threads_is_refused(
    scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import Client

    monkeypatch.setattr(Client, "nthreads", lambda self: {"tcp://10.0.0.7:1": 8})
    with pytest.raises(AscError, match="tcp://10.0.0.7:1 has 8 threads.*--nthreads 1"):
        results(scheduler, squared, (1,))


def test_versions_are_read_where_there_is_no_asc(tmp_path: Path) -> None:
    """By an expression, which a worker of any version evaluates."""
    code = f"print(({VERSIONS})['asc'])"
    words = [sys.executable, "-S", "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, env={})
    assert (done.stdout, done.stderr) == ("none\n", "")
    assert eval(VERSIONS)["asc"] == asc_cli.__version__


@pytest.mark.parametrize("further", [False, True])
def test_a_task_that_is_lost_is_named_unless_it_gets_further(
    further: bool, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import Future
    from distributed.scheduler import KilledWorker

    monkeypatch.setattr(exchange.Exchange, "reached", lambda self, number: len(faults))
    result, faults = Future.result, []

    def lost(self: Future) -> Any:
        if len(faults) < 2 or not further:
            faults.append(self.key) if further or not faults else None
            last = SimpleNamespace(address="tcp://10.0.0.7:1")
            raise KilledWorker(self.key, last, 3)
        return result(self)

    monkeypatch.setattr(Future, "result", lost)
    if further:
        assert results(scheduler, squared, (3,)) == [9]
        return
    words = "task 1: its worker was lost 12 times before it got further, at last tcp://10.0.0.7:1"
    with pytest.raises(AscError, match=words):
        results(scheduler, squared, (3,))


# -- homes -----------------------------------------------------------------------------------------


def test_paths_of_a_home_are_of_the_other_home(home: Path, tmp_path: Path) -> None:
    value = {"pack": home / "packs" / "p", "file": tmp_path / "a.wav"}
    sent = homes.pickled(value, home)
    assert (sent.named, sent.others) == (("packs/p",), (str(tmp_path / "a.wav"),))
    other = homes.unpickled(sent.contents, Path("/elsewhere"))
    assert other == {"pack": Path("/elsewhere/packs/p"), "file": tmp_path / "a.wav"}


def test_recordings_in_the_home_are_read_where_they_are(home: Path) -> None:
    path = paths.data() / "toy" / "a.wav"
    sent = homes.pickled(path, home)
    assert (sent.named, homes.unpickled(sent.contents, Path("/elsewhere"))) == ((), path)


@pytest.mark.parametrize(
    ("path", "sent"),
    [("packs/p", True), ("models/m/1", True), ("runs/r/fold01", True), ("features", False)],
)
def test_what_a_task_names_is_sent_but_not_the_store(path: str, sent: bool) -> None:
    assert homes.is_input(path) == sent


def test_locks_and_temporary_files_do_not_travel(tmp_path: Path) -> None:
    for name in ("a", ".lock", ".tmp-1/a"):
        atomic.write_text(tmp_path / "runs" / "r" / name, "x")
    assert [*homes.stamps(tmp_path)] == ["runs/r/a"]


class Lines:
    """Dask's client, with one worker: functions run here."""

    status = "running"

    def run(self, function: Any, *arguments: Any, workers: Any = (), on_error: str = "") -> Any:
        return {"w": function(*arguments)}


@pytest.fixture
def served(home: Path) -> exchange.Exchange:
    return exchange.Exchange(Lines(), Session("token", {}), home)  # type: ignore[arg-type]


def of(home: Path, *names: str) -> tuple[homes.File, ...]:
    return tuple(homes.described(home, name) for name in names)


def test_a_snapshot_is_what_the_next_worker_resumes_from_until_the_task_is_finished(
    served: exchange.Exchange, home: Path, tmp_path: Path
) -> None:
    fold, theirs = "runs/r/fold01", tmp_path / "theirs"
    for name in ("checkpoint.safetensors", "progress.json"):
        atomic.write_text(theirs / fold / name, "1")
    live = of(theirs, f"{fold}/checkpoint.safetensors", f"{fold}/progress.json")
    served._keep("w", Report(3, 1, folders=(fold,), live=live))
    assert served.reached(3) == (live[0].sha256,)
    assert [p.name for p in (home / fold).iterdir()] == ["progress.json"]  # what is shown
    assert {file.path for file, _ in served._files(fold)} == {file.path for file in live}
    atomic.write_text(theirs / fold / "predictions.csv", "2")
    assert served.store(
        Outcome(3, "w", 1, live=(fold,), files=of(theirs, f"{fold}/predictions.csv"))
    )
    assert (home / fold / "predictions.csv").read_text() == "2"
    served._keep("w", Report(3, 1, folders=(fold,), live=live))  # late
    assert not (home / "cluster" / fold).exists()


def test_what_arrives_damaged_is_not_stored(
    served: exchange.Exchange, home: Path, tmp_path: Path
) -> None:
    atomic.write_text(tmp_path / "theirs/models/m/1/weights", "right")
    [file] = of(tmp_path / "theirs", "models/m/1/weights")
    damaged = homes.File(file.path, file.n_bytes, file.sha256, b"wrong")
    assert not served.store(Outcome(1, "w", 1, files=(damaged,)))
    assert not (home / "models" / "m" / "1").exists()


def test_no_snapshot_is_taken_before_the_inputs_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "session" / "1"
    atomic.write_text(root / "runs/r/progress.json", "half of the inputs")
    running = worker._Running(1, tmp_path, tmp_path / "session", root, ("runs/r",))
    monkeypatch.setattr(worker, "_running", running)
    asking = SimpleNamespace(address="w")
    assert worker.report("session", [], asking).live == ()
    running.began = True
    assert len(worker.report("session", [], asking).live) == 1


def test_a_snapshot_is_of_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is replaced while it is taken is taken again."""
    root = tmp_path / "session" / "1"
    atomic.write_text(root / "runs/r/best", "old")
    running = worker._Running(1, tmp_path, tmp_path / "session", root, ("runs/r",))
    link, calls = homes.link, []

    def linking(source: Path, target: Path) -> None:
        link(source, target)
        if not calls:
            atomic.write_text(root / "runs/r/best", "new")
        calls.append(source)

    monkeypatch.setattr(homes, "link", linking)
    [file] = worker._snapshot(running)
    assert (file.contents, len(calls)) == (b"new", 2)
    assert worker._snapshot(running) == ()  # nothing has changed


def test_a_task_that_nobody_waits_for_is_stopped() -> None:
    ended = threading.Event()
    gone = SimpleNamespace(
        active_threads={}, state=SimpleNamespace(tasks={"key": SimpleNamespace(state="cancelled")})
    )

    def task() -> None:
        gone.active_threads[threading.get_ident()] = "key"
        with pytest.raises(worker.Stopped):
            while not ended.wait(0.01):
                pass
        ended.set()

    thread = threading.Thread(target=task)
    thread.start()
    while not gone.active_threads:
        pass
    worker._stop_unwanted(gone, "key", threading.Event())
    thread.join(5)
    assert ended.is_set()
