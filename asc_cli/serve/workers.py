"""Processes that predict, each with one recording at a time.

A recording may end a decoder, or take too long. So it is decoded in a process of its own, which
is then replaced by a new one; the server and the other recordings go on.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from asc_cli.core import memory, parallel, streams
from asc_cli.core.errors import AscError
from asc_cli.serve.jobs import Answer, Job, answer, failed

END_SECONDS = 5.0
ENDED = (
    "the process that read it ended; is the recording damaged, or does it need more memory than "
    "--max-memory-mb allows?"
)


class Worker:
    """A process that answers jobs."""

    def __init__(self, most_memory: int) -> None:
        self.most_memory = most_memory
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context(
            "spawn"
        )  # a copy of this process would have its sockets
        self.connection, worker_connection = context.Pipe()
        self.process = context.Process(
            target=_work, args=(worker_connection, os.getpid(), self.most_memory), daemon=True
        )
        self.process.start()
        worker_connection.close()

    def ask(self, job: Job, seconds: float) -> Answer:
        """Return the answer to a job; blocks. After the seconds the process is replaced."""
        try:
            self.connection.send(job)
            if not self.connection.poll(seconds):
                self._replace()
                return failed(job, f"took more than {seconds:.0f} s, and was given up")
            return self.connection.recv()
        except (EOFError, OSError):
            self._replace()
            return failed(job, ENDED)

    def _replace(self) -> None:
        self.end(0)
        self._start()

    def end(self, seconds: float = END_SECONDS) -> None:
        """End the process, after the job that it does now or after so many seconds."""
        self.connection.close()
        self.process.join(seconds)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class Workers:
    """A number of workers, each of which does one job after another."""

    def __init__(self, n: int, seconds: float, most_memory: int):
        self.seconds = seconds
        self._workers = [Worker(most_memory) for _ in range(n)]
        self._idle: asyncio.Queue[Worker] = asyncio.Queue()
        for worker in self._workers:
            self._idle.put_nowait(worker)
        self._threads = ThreadPoolExecutor(n)

    async def answer(self, job: Job) -> Answer:
        """Return the answer to a job, once a worker is free.

        Args:
            job: What to do.

        Returns:
            As jobs.answer.
        """
        worker = await self._idle.get()
        answering = asyncio.get_running_loop().run_in_executor(
            self._threads, worker.ask, job, self.seconds
        )
        answering.add_done_callback(lambda _: self._idle.put_nowait(worker))
        return await asyncio.shield(answering)  # a client that leaves does not leave a worker busy

    async def load(self, model: str) -> dict[str, Any]:
        """Load a model in every worker; return what it is as soon as one has it.

        Raises:
            AscError: It cannot be loaded.
        """
        loading = {asyncio.ensure_future(self.answer(Job("load", model))) for _ in self._workers}
        first, _ = await asyncio.wait(loading, return_when=asyncio.FIRST_COMPLETED)
        answer = first.pop().result()
        if answer.failed:
            raise AscError(f"serve: {answer.row['error']}")
        return answer.row

    def end(self) -> None:
        """End all processes."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._workers:
            worker.end()


def _work(connection: Connection, parent: int, most_memory: int) -> None:
    """Answer the jobs of a connection until it is closed."""
    memory.limit(most_memory)
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # a terminal sends them to all; the server ends us
        signal.signal(number, signal.SIG_IGN)
    parallel.end_with_parent(parent)
    streams.separate()
    with parallel.one_thread():
        while True:
            try:
                job = connection.recv()
            except (EOFError, OSError):
                return
            connection.send(answer(job))
