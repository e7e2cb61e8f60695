"""Published archives → a dataset's folder: fetched with pooch, checked, unpacked with care.

    <root>/.download/<file>.part      what has come so far; the next try goes on from there
    <root>/.download/<file>           the whole archive, its checksum right; deleted once unpacked
    <root>/.download/<file>.done      says that it is unpacked, so that the next try skips it

`.download` goes when all is there.

The only part of asc that uses the network.
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

PIECE = 1 << 14  # bytes read at a time: at most so many are lost when a connection breaks
PATIENCE_S = 30  # without a byte
TRIES = 3  # of a connection that breaks

Progress = Callable[[str, int, int], None]  # file, bytes so far, bytes in all (0: not known)


def fetch(archive: Archive, root: Path, progress: Progress | None = None) -> bool:
    """Download and unpack one archive under `root`; False when that was done before.

    Raises AscError when it cannot be had, its checksum is wrong, or it is hostile.
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
    """Remove what `fetch` kept for another try."""
    shutil.rmtree(root / ".download", ignore_errors=True)


def _retrieve(archive: Archive, folder: Path, progress: Progress | None) -> Path:
    """The archive whole, its checksum right. A wrong one is deleted, to be fetched afresh."""
    import pooch

    part = folder / f"{archive.file}.part"

    def resume(url: str, output: str, _: Any) -> None:
        _download(url, part, progress)
        part.replace(output)

    pooch.get_logger().setLevel("WARNING")
    try:
        known = f"md5:{archive.md5}" if archive.md5 else None
        return Path(pooch.retrieve(archive.url, known, archive.file, folder, downloader=resume))
    except ValueError as fault:  # pooch: the hash does not match
        raise AscError(
            f"{archive.url}: came with another checksum than the published md5 {archive.md5}; it "
            "was deleted. Try again; if that does not help, the file was changed"
        ) from fault
    except OSError as fault:
        raise AscError(
            f"{archive.url}: cannot be written to {folder} ({fault.strerror})"
        ) from fault


def _download(url: str, part: Path, progress: Progress | None) -> None:
    """Append to `part` until it is whole; a connection that breaks is tried TRIES times."""
    import requests

    for attempt in range(1, TRIES + 1):
        before = part.stat().st_size if part.exists() else 0
        try:
            _append(url, part, progress)
            return
        except requests.HTTPError as fault:
            raise AscError(f"{url}: the server refuses: {fault}") from fault
        except (requests.RequestException, _Broken) as fault:
            came = part.stat().st_size if part.exists() else 0
            if attempt == TRIES and came == before:
                raise AscError(
                    f"{url}: the connection broke after {came} bytes ({type(fault).__name__}); "
                    "they are kept, and the same command goes on from there"
                ) from fault
    raise AscError(
        f"{url}: the connection broke {TRIES} times; what came is kept, and the same command goes "
        "on from there"
    )


class _Broken(Exception):
    """Fewer bytes came than the server had announced."""


def _append(url: str, part: Path, progress: Progress | None) -> None:
    import requests

    have = part.stat().st_size if part.exists() else 0
    headers = (
        {"Range": f"bytes={have}-", "Accept-Encoding": "identity"}
        if have
        else {"Accept-Encoding": "identity"}
    )
    with requests.get(url, headers=headers, stream=True, timeout=PATIENCE_S) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            _start_over_unless_whole(answer, part, have)
            return
        answer.raise_for_status()
        resumed = answer.status_code == requests.codes.partial_content
        have = have if resumed else 0
        total = have + int(answer.headers.get("Content-Length", 0))
        with part.open("ab" if resumed else "wb") as out:
            for piece in answer.iter_content(PIECE):
                out.write(piece)
                have += len(piece)
                if progress:
                    progress(part.name.removesuffix(".part"), have, total)
    if "Content-Length" in answer.headers and have < total:
        raise _Broken


def _start_over_unless_whole(answer: Any, part: Path, have: int) -> None:
    """The server has nothing past what is here: whole if the sizes agree, else useless."""
    total = answer.headers.get("Content-Range", "").rpartition("/")[2]
    if total != str(have):
        part.unlink()
        raise _Broken
