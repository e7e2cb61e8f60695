"""A place that several homes share: $ASC_REMOTE, an address of any file system of fsspec.

    ASC_REMOTE=s3://bucket/prefix    file:///mnt/shared/asc    …
    ASC_REMOTE_READ_ONLY=1           objects are read there, and none is written
    ASC_REMOTE_OPTIONS={"anon": true}    what else the file system takes, as JSON

Unless ASC_REMOTE is set, nothing of this is imported and no network is used. Credentials and the
endpoint are the file system's own matter (for S3: AWS_ENDPOINT_URL, AWS_PROFILE, ~/.aws, …).

A request is tried a few times, for PATIENCE_S at most. After the first that fails for good, the
remote is left alone as long as the process lives: `Unavailable` is raised at once. What can do
without the remote works inside `optional()`, which says so once.

One process of a command uses the remote, through THREADS threads; its workers do not.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from asc_cli.core import atomic, installation
from asc_cli.core.errors import AscError
from asc_cli.core.terminal import note

ATTEMPTS = 4  # of a request
WAIT_S = 0.2  # before the second attempt; three times as long before each further one
PATIENCE_S = 15.0  # after which a request that failed is not tried again
CONNECT_S, READ_S = 3.0, 15.0  # until a server must have answered
THREADS = 8  # requests at once
CREDENTIALS = re.compile(r"//[^/@]*@")  # in an address, which is shown
T = TypeVar("T")
U = TypeVar("U")


class Unavailable(AscError):
    """The remote cannot be used now."""


class Remote:
    """Objects under an address. Every method raises Unavailable where the remote is."""

    def __init__(self, address: str, options: dict[str, Any], read_only: bool) -> None:
        self.address = CREDENTIALS.sub("//", address).rstrip("/")  # as it is shown
        self.read_only = read_only
        self._files, self._root = _open(address, options)
        protocols = self._files.protocol
        self._is_local = "file" in ([protocols] if isinstance(protocols, str) else protocols)
        self._lock = threading.Lock()
        self._fault: str | None = None  # why it is left alone
        self._noted = False

    @contextlib.contextmanager
    def optional(self) -> Iterator[None]:
        """End the block where the remote is unavailable; say so on stderr, once per process."""
        try:
            yield
        except Unavailable as fault:
            with self._lock:
                first, self._noted = not self._noted, True
            if first:
                note(f"asc: {fault}; this command goes on without it")

    def names(self, folder: str) -> list[str]:
        """Return the names of the objects, and folders, in a folder; [] where there is none."""
        paths = self._call(self._files.ls, self._path(folder), detail=False)
        return sorted(path.rstrip("/").rpartition("/")[2] for path in paths or ())

    def read(self, path: str, start: int | None = None, end: int | None = None) -> bytes | None:
        """Return an object's bytes from `start` to `end`; None where there is no such object."""
        return self._call(self._files.cat_file, self._path(path), start=start, end=end)

    def write(self, path: str, contents: bytes) -> None:
        """Write an object, instead of the one that is there."""

        def put(target: str) -> bool:
            if self._is_local:
                with atomic.replacing(Path(target), sync=False) as temporary:
                    temporary.write_bytes(contents)
            else:
                self._files.pipe_file(target, contents)
            return True

        self._require(self._call(put, self._path(path)))

    def create(self, path: str, contents: bytes) -> bool:
        """Write an object unless there is one of this name; return whether it was written.

        Of any number of writers at once one is the first (S3: If-None-Match). False too where an
        answer was lost on its way: then the object may be this writer's own.
        """

        def put(target: str) -> bool:
            try:
                if self._is_local:
                    _create_file(Path(target), contents)
                else:
                    self._files.pipe_file(target, contents, mode="create")
            except FileExistsError:
                return False
            return True

        return self._require(self._call(put, self._path(path)))

    def download(self, path: str, target: Path) -> bool:
        """Copy an object into a file; return whether there is one."""

        def get(source: str) -> bool:
            self._files.get_file(source, str(target))
            return True

        return bool(self._call(get, self._path(path)))

    def upload(self, source: Path, path: str) -> None:
        """Copy a file to an object."""

        def put(target: str) -> bool:
            if self._is_local:
                with atomic.replacing(Path(target), sync=False) as temporary:
                    shutil.copyfile(source, temporary)
            else:
                self._files.put_file(str(source), target)
            return True

        self._require(self._call(put, self._path(path)))

    def _path(self, path: str) -> str:
        return f"{self._root.rstrip('/')}/{path}"

    def _require(self, result: T | None) -> T:
        """Return a result that is None only where no bucket, or folder, is there to write into."""
        if result is None:
            raise self._unavailable("there is no such place; was the bucket created?")
        return result

    def _call(self, function: Callable[..., T], *arguments: Any, **named: Any) -> T | None:
        """Return what a request gives, tried up to ATTEMPTS times; None: there is no such object.

        Which errors a file system raises differs from one to the next, and with its libraries: each
        means that the remote is of no use now.
        """
        started, wait = time.monotonic(), WAIT_S
        for attempt in range(1, ATTEMPTS + 1):
            if self._fault is not None:
                raise Unavailable(self._fault)
            try:
                return function(*arguments, **named)
            except FileNotFoundError as fault:
                if "NoSuchBucket" in repr(fault.__cause__):
                    raise self._unavailable("there is no such bucket") from fault
                return None
            except PermissionError as fault:
                raise self._unavailable(f"may not be used ({_reason(fault)})") from fault
            except Exception as fault:
                if attempt == ATTEMPTS or time.monotonic() - started > PATIENCE_S:
                    raise self._unavailable(f"does not answer ({_reason(fault)})") from fault
            time.sleep(wait)
            wait *= 3
        raise AssertionError  # the last attempt returned or raised

    def _unavailable(self, reason: str) -> Unavailable:
        with self._lock:
            self._fault = self._fault or f"remote {self.address}: {reason}"
        return Unavailable(self._fault)


def address() -> str | None:
    """Return the address in $ASC_REMOTE as it is shown, without a password; None without."""
    return CREDENTIALS.sub("//", os.environ.get("ASC_REMOTE", "")).rstrip("/") or None


_remotes: dict[tuple[str, str, bool], Remote] = {}


def configured() -> Remote | None:
    """Return the remote of $ASC_REMOTE, the same one as long as the process lives; None without.

    Raises:
        AscError: The address or the options are not usable, or the extra `remote` is missing.
    """
    configured_address = os.environ.get("ASC_REMOTE", "")
    if not configured_address:
        return None
    text = os.environ.get("ASC_REMOTE_OPTIONS", "")
    read_only = os.environ.get("ASC_REMOTE_READ_ONLY", "") not in ("", "0")
    key = (configured_address, text, read_only)
    if key not in _remotes:
        _remotes[key] = Remote(configured_address, _options(text), read_only)
    return _remotes[key]


def in_background(function: Callable[..., T], *arguments: Any) -> Future[T]:
    """Call a function in a thread of its own, which does not keep a stopped process from ending."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(function(*arguments))
        except BaseException as fault:  # raised where the result is asked for
            future.set_exception(fault)

    threading.Thread(target=work, name="remote", daemon=True).start()
    return future


def in_threads(function: Callable[[T], U], arguments: Iterable[T]) -> Iterator[U]:
    """Yield function(argument) for each, in order; up to THREADS run at once."""
    running: deque[Future[U]] = deque()
    for argument in arguments:
        if len(running) == THREADS:
            yield running.popleft().result()
        running.append(in_background(function, argument))
    while running:
        yield running.popleft().result()


def _open(address: str, options: dict[str, Any]) -> tuple[Any, str]:
    """Return fsspec's file system and the path in it. Raises AscError."""
    scheme, colon, rest = address.partition("://")
    if not colon or not rest.strip("/"):
        raise AscError(
            f"ASC_REMOTE {CREDENTIALS.sub('//', address)!r}: an address such as s3://bucket/prefix "
            "was expected"
        )
    try:
        import fsspec

        own = {"use_listings_cache": False, "skip_instance_cache": True}
        if scheme in ("s3", "s3a"):
            retries = {"total_max_attempts": 1}  # `_call` tries again
            patience = {"connect_timeout": CONNECT_S, "read_timeout": READ_S, "retries": retries}
            options = {**options, "config_kwargs": {**patience, **options.get("config_kwargs", {})}}
        files, root = fsspec.core.url_to_fs(address, **own, **options)
    except (ImportError, ValueError, TypeError) as fault:
        missing = installation.missing_extra("ASC_REMOTE", fault)
        missing = missing or installation.missing_extra("ASC_REMOTE", fault.__cause__ or fault)
        raise AscError(missing or f"ASC_REMOTE {scheme}://…: {fault}") from fault
    if hasattr(files, "retries"):
        files.retries = 1  # s3fs tries again too
    return files, root


def _options(text: str) -> dict[str, Any]:
    try:
        options = json.loads(text or "{}")
    except ValueError:
        options = None
    if not isinstance(options, dict):
        raise AscError('ASC_REMOTE_OPTIONS: a JSON object was expected, such as {"anon": true}')
    return options


def _create_file(target: Path, contents: bytes) -> None:
    """Write a file that appears with all its contents, unless there is one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".tmp-{os.urandom(8).hex()}")
    try:
        temporary.write_bytes(contents)
        os.link(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _reason(fault: Exception) -> str:
    text = " ".join(str(fault).split()) or type(fault).__name__
    return text if len(text) <= 200 else f"{text[:200]} …"
