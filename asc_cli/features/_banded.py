"""Power spectra times filters that are zero nearly everywhere, to the bits of the full product.

    P[t, m] = Σ_k |X[t, k]|² M[k, m]        M: (K, F); of a triangle few k are above zero

Adding a zero changes no bit of a sum, so it is enough to multiply, for some bands at a time, the
bins at which one of them is above zero: a quarter of the full product for 64 mel bands. That holds
where the order of additions stays the same. OpenBLAS adds the bins of one part after the other,
and then the parts (driver/level3/level3.c: a part is at most GEMM_Q bins long); so do we. Its
kernels for processors without AVX-512 add in another order yet. Therefore each set of filters is
tried once on random spectra, and where one bit differs the full product is used.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

ROWS = 64  # frames of a full product: with other numbers of rows BLAS may give other last bits
BANDS = 16  # bands at a time: a vector of AVX-512
GEMM_Q = (448, 384, 320)  # float32, by processor
PART_ROUNDING = 16  # a part is a multiple of so many bins
WORTHWHILE = 0.7  # of the full product's multiplications


@dataclass(frozen=True)
class Piece:
    """Some bands' filters at the bins of one part at which they are above zero."""

    bins: slice
    bands: slice
    filters: np.ndarray  # (bins, bands)
    is_first: bool  # of these bands


def pieces_of(filters: np.ndarray) -> tuple[Piece, ...]:  # (K, F) float32
    """Return the pieces of filters whose products have the bits of the full one; () if none do."""
    return _pieces_of(filters.tobytes(), filters.shape)


def product(
    power: np.ndarray, filters: np.ndarray, pieces: tuple[Piece, ...], out: np.ndarray
) -> None:  # (t, K), (K, F), and (t, F)
    """Write power @ filters into out, as if ROWS frames after the other were multiplied."""
    full = len(power) - len(power) % ROWS if pieces else 0
    _multiply(power[:full], pieces, out[:full])
    for start in range(full, len(power), ROWS):
        rows = slice(start, start + ROWS)
        np.matmul(power[rows], filters, out=out[rows])


def _multiply(power: np.ndarray, pieces: tuple[Piece, ...], out: np.ndarray) -> None:
    for piece in pieces:
        if piece.is_first:
            np.matmul(power[:, piece.bins], piece.filters, out=out[:, piece.bands])
        else:
            out[:, piece.bands] += power[:, piece.bins] @ piece.filters


@functools.lru_cache(maxsize=8)
def _pieces_of(content: bytes, shape: tuple[int, int]) -> tuple[Piece, ...]:
    filters = np.frombuffer(content, np.float32).reshape(shape)
    for longest in GEMM_Q:
        pieces = tuple(_pieces(filters, longest))
        work = sum(piece.filters.size for piece in pieces)
        if work <= WORTHWHILE * filters.size and _same_bits(filters, pieces):
            return pieces
    return ()


def _pieces(filters: np.ndarray, longest: int) -> Iterator[Piece]:
    n_bands = filters.shape[1]
    begun = set()
    for part in _parts(len(filters), longest):
        for start in range(0, n_bands, BANDS):
            bands = slice(start, min(start + BANDS, n_bands))
            above_zero = np.flatnonzero((filters[part, bands] != 0).any(axis=1))
            if len(above_zero):
                bins = slice(part.start + above_zero[0], part.start + above_zero[-1] + 1)
                content = np.ascontiguousarray(filters[bins, bands])
                yield Piece(bins, bands, content, start not in begun)
                begun.add(start)


def _parts(n_bins: int, longest: int) -> Iterator[slice]:
    start = 0
    while (left := n_bins - start) > 0:
        if left >= 2 * longest:
            size = longest
        elif left > longest:
            size = -(-(left // 2) // PART_ROUNDING) * PART_ROUNDING
        else:
            size = left
        yield slice(start, start + size)
        start += size


def _same_bits(filters: np.ndarray, pieces: tuple[Piece, ...]) -> bool:
    """Return whether the pieces give the bits that the full product has on one thread."""
    from threadpoolctl import threadpool_limits

    if {piece.bands.start for piece in pieces} != set(range(0, filters.shape[1], BANDS)):
        return False  # some bands are zero at all bins
    drawn = np.random.default_rng(0).chisquare(2, (3 * ROWS, len(filters))).astype(np.float32)
    with threadpool_limits(1):
        return all(
            np.array_equal(_product(drawn[:n], filters, pieces), _product(drawn[:n], filters, ()))
            for n in range(ROWS, len(drawn) + 1, ROWS)
        )


def _product(power: np.ndarray, filters: np.ndarray, pieces: tuple[Piece, ...]) -> np.ndarray:
    out = np.empty((len(power), filters.shape[1]), np.float32)
    product(power, filters, pieces, out)
    return out
