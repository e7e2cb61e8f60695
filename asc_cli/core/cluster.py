"""Tasks on the machines of a Dask cluster.

Through Dask's own client. With joblib's backend for it, a call that yields results as they arrive
waits for ever once Dask gives up a task whose workers were lost (joblib 1.6).

Workers that share the client's $ASC_HOME work in it. To others the client sends what a task names,
and puts what the task has written into its own home, complete or not at all. What a task would
resume from comes too while it runs, into `cluster/` of the home: where its worker is lost, the next
one resumes from there.

Nothing of Dask is imported before a cluster is used.
"""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from asc_cli.core import homes, installation, paths, worker
from asc_cli.core.errors import AscError
from asc_cli.core.exchange import Exchange
from asc_cli.core.session import NUMBER, VERSIONS, Outcome, Session, Work, refusal, versions

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 5  # for a scheduler to answer
WORKERS_SECONDS = 8  # for a first worker to be there
MAX_LOSSES = 3  # without progress, each some of Dask's, which counts tasks that only wait, too
AHEAD = 2  # times as many tasks as workers are submitted at a time
EXPECTED = "tcp://HOST:PORT of a Dask scheduler (tls:// where it wants certificates), or local:N"


@dataclass
class Cluster:
    """A cluster in use.

    Attributes:
        address: As the user wrote it.
        client: Dask's connection to its scheduler.
        session: This use of it.
        home: The client's $ASC_HOME.
    """

    address: str
    client: Client
    session: Session
    home: Path
    numbers: Iterator[int] = field(default_factory=count)  # of tasks


connected: Cluster | None = None  # where tasks run while `cluster` is entered


@contextlib.contextmanager
def cluster(address: str | None) -> Iterator[None]:
    """Run tasks on a Dask cluster within the block: features, folds, predictions.

    Results have the bits of this machine's. Recordings are read by each worker at the path that
    they have here. Workers need the same version of asc and of what it computes with, and one
    thread each.

    Args:
        address: "tcp://HOST:PORT" or "tls://HOST:PORT" of a Dask scheduler; "local:N" starts N
            workers on this machine. None: tasks run here, as without a cluster.

    Yields:
        Nothing.

    Raises:
        AscError: There is no such scheduler, it has no workers, or a worker is refused.

    Examples:
        >>> with cluster("tcp://10.0.0.5:8786"):  # doctest: +SKIP
        ...     train("esc10_lstm")
    """
    global connected
    if address is None:
        yield
        return
    with installation.in_words("--cluster"):
        import distributed  # noqa: F401
    with _quiet(), _client(address) as client:
        session = Session(uuid.uuid4().hex[:16], versions())
        used = Cluster(address, client, session, paths.home())
        probe = used.home / session.probe
        probe.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        try:
            require_alike(used)
            connected = used
            yield
        finally:
            connected = None
            probe.unlink(missing_ok=True)
            if client.status == "running":
                with contextlib.suppress(OSError, TimeoutError):  # it is lost in this moment
                    client.run(worker.end, session.token, on_error="ignore")


def n_workers(used: Cluster) -> int:
    """Return how many workers there are now; at least 1."""
    return max(1, len(used.client.nthreads()))


def map_unordered(
    used: Cluster, function: Callable[..., Any], tasks: Sequence[tuple]
) -> Iterator[Any]:
    """Yield function(*task) for each task, as results arrive. Raises AscError for a task that was
    lost with its workers, a worker that is refused, and a scheduler that is gone."""
    from distributed.client import FutureCancelledError

    exchange = Exchange(used.client, used.session, used.home)
    try:
        with exchange.running():
            for outcome in _outcomes(used, exchange, function, tasks):
                yield _value(used, outcome)
    except FutureCancelledError as fault:
        raise AscError(exchange.fault or _scheduler_lost(used)) from fault
    except (ImportError, AttributeError, TypeError) as fault:  # of a worker with another asc
        require_alike(used)
        raise fault


def _value(used: Cluster, outcome: Outcome) -> Any:
    if outcome.fault is not None:
        raise AscError(outcome.fault.replace(homes.CLIENT, str(used.home)))
    return homes.unpickled(outcome.value, used.home)


def _outcomes(
    used: Cluster, exchange: Exchange, function: Callable[..., Any], tasks: Sequence[tuple]
) -> Iterator[Outcome]:
    """Yield the outcomes of tasks, as each is stored; submit what is lost again."""
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    _require_workers(used)
    waiting, running = iter(tasks), {}
    lost: dict[int, tuple[object, int]] = {}  # how far a task was, and how often Dask gave it up
    completed = as_completed(loop=used.client.loop)

    def submit(work: Work) -> None:
        key = f"{work.name}{NUMBER}{work.number}-{uuid.uuid4().hex}"
        future = used.client.submit(worker.run, used.session, work, key=key, pure=False)
        running[key] = work, future
        completed.add(future)

    try:
        while True:
            for task in islice(waiting, max(0, AHEAD * n_workers(used) - len(running))):
                submit(_work(used, function, next(used.numbers), task))
            if not running:
                return
            future = next(completed)
            work, _ = running.pop(future.key)
            try:
                outcome = future.result()
            except KilledWorker as fault:
                reached = exchange.reached(work.number)
                before, times = lost.get(work.number, (None, 0))
                times = times + 1 if reached == before else 1
                lost[work.number] = reached, times
                if times == MAX_LOSSES:
                    raise AscError(_lost(work, fault)) from fault
                submit(work)
                continue
            future.release()  # or Dask would compute it again when its worker is lost
            if exchange.store(outcome):
                yield outcome
            else:
                submit(work)
    finally:
        if used.client.status == "running":
            used.client.cancel([future for _, future in running.values()], force=True)


def _work(used: Cluster, function: Callable[..., Any], number: int, task: tuple) -> Work:
    pickled = homes.pickled((function, task), used.home)
    named = tuple(path for path in pickled.named if homes.is_input(path))
    recordings = tuple(path for path in pickled.others if Path(path).is_file())
    places = [*filter(homes.is_live, named), *(Path(path).name for path in recordings)]
    name = places[0] if places else f"task {number + 1}"
    return Work(number, name, pickled.contents, named, recordings)


@contextlib.contextmanager
def _client(address: str) -> Iterator[Client]:
    from distributed import Client, LocalCluster

    kind, _, rest = address.partition(":")
    if kind == "local":
        if not (rest.isascii() and rest.isdigit() and int(rest) > 0):
            raise AscError(f"--cluster {address}: local:N with at least 1 worker was expected")
        with (
            LocalCluster(
                n_workers=int(rest),
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                worker_dashboard_address=None,
            ) as local,
            Client(local, set_as_default=False) as client,
        ):
            yield client
        return
    _require_address(address)
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError, RuntimeError, TypeError) as fault:
        raise AscError(
            f"--cluster {address}: no Dask scheduler answers there "
            f"({str(fault).splitlines()[0] if str(fault) else type(fault).__name__}); is "
            "`dask scheduler` running, and may this machine reach it?"
        ) from fault
    with client:
        yield client


def _require_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        valid = parts.scheme in ("tcp", "tls") and parts.hostname and parts.port
    except ValueError:
        valid = None
    if not valid:
        raise AscError(f"--cluster {address}: {EXPECTED} was expected")


def _require_workers(used: Cluster) -> None:
    """Raise AscError where there is no worker, also after a while."""
    if used.client.status != "running":
        raise AscError(_scheduler_lost(used))
    try:
        used.client.wait_for_workers(1, timeout=WORKERS_SECONDS)
    except TimeoutError as fault:
        raise AscError(
            f"--cluster {used.address}: the scheduler has no workers; start some, each with one "
            f"thread: dask worker {used.address} --nworkers auto --nthreads 1"
        ) from fault


def require_alike(used: Cluster) -> None:
    """Raise AscError that names a worker with other versions, or with more than one thread."""
    _require_workers(used)
    for address, n_threads in used.client.nthreads().items():
        if n_threads != 1:
            raise AscError(
                f"worker {address} has {n_threads} threads, and a task needs a process of its own; "
                "start it with --nworkers auto --nthreads 1"
            )
    expected = used.session.versions
    for address, installed in used.client.run(eval, VERSIONS, on_error="return").items():
        if isinstance(installed, Exception):
            raise AscError(f"worker {address}: cannot say what it has installed ({installed})")
        if different := [k for k, v in expected.items() if installed.get(k) != v]:
            raise AscError(refusal(address, expected, installed, different))


# -- words -----------------------------------------------------------------------------------------


def _scheduler_lost(used: Cluster) -> str:
    return (
        f"--cluster {used.address}: the connection to the Dask scheduler is lost; what was "
        "finished is stored, and the same command resumes where a scheduler and workers are there"
    )


def _lost(work: Work, fault: Any) -> str:
    last = getattr(fault.last_worker, "address", fault.last_worker)
    times = MAX_LOSSES * (fault.allowed_failures + 1)
    return (
        f"{work.name}: its worker was lost {times} times before it got further, at last {last}. "
        "Does memory run out there, so that the system ends workers? The same command tries again; "
        "what was finished is stored"
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Turn off Dask's own remarks: what matters of them is raised in words."""
    names = [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled
