"""Standard output and error, apart from what C libraries print on them.

Decoders print remarks on damaged files straight onto the process's descriptors 1 and 2, where they
would stand between lines of JSON. So the command line, and each worker process, writes its own
output on copies of the two: descriptor 1 then leads to standard error, and descriptor 2 can be
turned off while a decoder runs, without losing a word of asc.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections.abc import Iterator

STDOUT, STDERR = 1, 2  # file descriptors
_lock = threading.Lock()
_silencing = 0  # threads that have standard error turned off
_stderr_copy: int | None = None  # a copy of descriptor 2; None: nothing is separated


def separate() -> None:
    """Give sys.stdout and sys.stderr descriptors of their own, once per process."""
    global _stderr_copy
    if _stderr_copy is not None:
        return
    try:
        copies = {name: os.dup(fd) for name, fd in (("stdout", STDOUT), ("stderr", STDERR))}
    except OSError:  # one of them is closed
        return
    for name, copy in copies.items():
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.flush()
            setattr(sys, name, _on(copy, stream))
    _stderr_copy = copies["stderr"]
    os.dup2(STDERR, STDOUT)


@contextlib.contextmanager
def libraries_silenced() -> Iterator[None]:
    """Turn off what C libraries print, where `separate` was called; in any number of threads."""
    global _silencing
    if _stderr_copy is None:
        yield
        return
    with _lock:
        _silencing += 1
        if _silencing == 1:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, STDERR)
            os.close(nowhere)
    try:
        yield
    finally:
        with _lock:
            _silencing -= 1
            if _silencing == 0:
                os.dup2(_stderr_copy, STDERR)


def _on(descriptor: int, stream: io.TextIOWrapper) -> io.TextIOWrapper:
    """Return a text stream like another one, on a descriptor."""
    unbuffered = stream.write_through
    return io.TextIOWrapper(
        open(descriptor, "wb", buffering=0 if unbuffered else -1, closefd=False),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=unbuffered,
    )
