"""Published archives → a dataset's folder: downloaded with pooch, checked, unpacked safely.

    <root>/.download/<file>.part      the partial download; the next try resumes it
    <root>/.download/<file>           the complete archive; deleted after unpacking
    <root>/.download/<file>.done      marks it as unpacked, so that the next try skips it

`.download` is removed when all is complete.

The only module of asc that uses the network.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asc_cli.core import atomic
from asc_cli.core.archives import unpack
from asc_cli.core.errors import AscError
from asc_cli.datasets import Archive

CHUNK_BYTES = 1 << 14  # read at a time: the most that is lost when a connection breaks
TIMEOUT_S = 30  # without data
TRIES = 3  # when a connection breaks

Progress = Callable[[str, int, int], None]  # file, bytes so far, bytes in all (0: not known)


def fetch(archive: Archive, root: Path, progress: Progress | None = None) -> bool:
    """Download and unpack one archive under `root`; False if it was done before.

    Raises AscError when it cannot be downloaded, its checksum is wrong, or it is hostile.
    """
    folder = root / ".download"
    done = folder / f"{archive.file}.done"
    if done.exists():
        return False
    folder.mkdir(parents=True, exist_ok=True)
    path = _retrieve(archive, folder, progress)
    if path.name.endswith((".zip", ".tar.gz", ".tgz", ".tar")):
        unpack(path, root / archive.into, archive.strip)
        path.unlink()
    else:
        (root / archive.into).mkdir(parents=True, exist_ok=True)
        path.replace(root / archive.into / archive.file)
    atomic.write_text(done, f"{archive.url}\n{archive.md5 or 'no checksum published'}\n")
    return True


def finish(root: Path) -> None:
    """Remove the files that `fetch` keeps for another try."""
    shutil.rmtree(root / ".download", ignore_errors=True)


def _retrieve(archive: Archive, folder: Path, progress: Progress | None) -> Path:
    """Return the complete archive with its checksum. One that differs is deleted."""
    import pooch

    part = folder / f"{archive.file}.part"

    def resume(url: str, output: str, _: Any) -> None:
        _download(url, part, progress)
        part.replace(output)

    pooch.get_logger().setLevel("WARNING")
    try:
        checksum = f"md5:{archive.md5}" if archive.md5 else None
        return Path(pooch.retrieve(archive.url, checksum, archive.file, folder, downloader=resume))
    except ValueError as fault:  # pooch: the hash does not match
        raise AscError(
            f"{archive.url}: its checksum is not the published md5 {archive.md5}; the download "
            "was deleted. Try again; if that does not help, the file was changed"
        ) from fault
    except OSError as fault:
        raise AscError(
            f"{archive.url}: cannot be written to {folder} ({fault.strerror})"
        ) from fault


def _download(url: str, part: Path, progress: Progress | None) -> None:
    """Append to `part` until it is complete; try a broken connection TRIES times."""
    import requests

    for attempt in range(1, TRIES + 1):
        before = part.stat().st_size if part.exists() else 0
        try:
            _append(url, part, progress)
            return
        except requests.HTTPError as fault:
            raise AscError(f"{url}: the server refuses: {fault}") from fault
        except (requests.RequestException, _IncompleteDownload) as fault:
            received = part.stat().st_size if part.exists() else 0
            if attempt == TRIES and received == before:
                raise AscError(
                    f"{url}: the connection broke after {received} bytes ({type(fault).__name__}); "
                    "they are kept, and the same command resumes"
                ) from fault
    raise AscError(
        f"{url}: the connection broke {TRIES} times; what was downloaded is kept, and the same "
        "command resumes"
    )


class _IncompleteDownload(Exception):
    """Fewer bytes were received than the server announced."""


def _append(url: str, part: Path, progress: Progress | None) -> None:
    import requests

    have = part.stat().st_size if part.exists() else 0
    headers = (
        {"Range": f"bytes={have}-", "Accept-Encoding": "identity"}
        if have
        else {"Accept-Encoding": "identity"}
    )
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            _restart_unless_complete(answer, part, have)
            return
        answer.raise_for_status()
        resumed = answer.status_code == requests.codes.partial_content
        have = have if resumed else 0
        total = have + int(answer.headers.get("Content-Length", 0))
        with part.open("ab" if resumed else "wb") as out:
            for piece in answer.iter_content(CHUNK_BYTES):
                out.write(piece)
                have += len(piece)
                if progress:
                    progress(part.name.removesuffix(".part"), have, total)
    if "Content-Length" in answer.headers and have < total:
        raise _IncompleteDownload


def _restart_unless_complete(answer: Any, part: Path, have: int) -> None:
    """Handle status 416: the file is complete if the sizes match, else delete it."""
    total = answer.headers.get("Content-Range", "").rpartition("/")[2]
    if total != str(have):
        part.unlink()
        raise _IncompleteDownload
