"""Comparisons of the interviews of one delivery with each other: times that touch, answers that are nearly the same.

They look at one delivery and at nothing that is loaded: what a row suffers must not depend on which deliveries came
before it. Both engines call these functions, and `tests/unit/quality/test_comparisons.py` compares them with the plain
comparison of every pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Ids = NDArray[Any]

CELLS = 1 << 24
"""Pairs of interviews that are compared at a time: bounds the memory."""


def too_close(enumerators: Ids, interviews: Ids, starts: NDArray[Any], ends: NDArray[Any], minutes: float) -> Mask:
    """Interviews that begin less than so many minutes after another of the same enumerator ended, and those others.

    `starts` and `ends` are moments (datetime64). Overlapping interviews are closer than any number of minutes. Of an
    interview that stands in several rows the last row counts; an end before its start is taken as the start.
    """
    failed = np.zeros(len(starts), dtype=bool)
    rows = _last_of_each(enumerators, interviews)
    if len(rows) < 2:
        return failed
    group = np.unique(enumerators[rows], return_inverse=True)[1]
    begin = starts[rows].astype("datetime64[us]").astype("int64")
    end = np.maximum(ends[rows].astype("datetime64[us]").astype("int64"), begin)
    order = np.lexsort((rows, end, begin, group))
    group, begin, end = group[order], begin[order], end[order]
    gap = int(minutes * 60_000_000)
    # The latest end so far, of each enumerator: groups are lifted apart, so that one running maximum does for all.
    rank = np.unique(end, return_inverse=True)[1].astype("int64")
    latest = np.maximum.accumulate(rank + group.astype("int64") * len(rank)) - group.astype("int64") * len(rank)
    latest_end = np.unique(end)[latest]
    same = group[1:] == group[:-1]
    hit = np.zeros(len(rows), dtype=bool)
    hit[1:] |= same & (begin[1:] - latest_end[:-1] < gap)
    hit[:-1] |= same & (begin[1:] - end[:-1] < gap)
    failed[rows[order[hit]]] = True
    return failed


def fingerprints(texts: Sequence[str] | NDArray[Any]) -> NDArray[np.uint32]:
    """Texts of one character a question as a matrix of numbers, a row for each; shorter ones end in zeros."""
    array = np.asarray(texts, dtype=str)
    width = max(array.dtype.itemsize // 4, 1)
    return np.ascontiguousarray(array.astype(f"U{width}")).view(np.uint32).reshape(len(array), width)


def nearly_equal(enumerators: Ids, interviews: Ids, answers: NDArray[np.uint32], most: int) -> Mask:
    """Interviews of one enumerator of which another has at most so many answers that differ.

    `answers` is a matrix of `fingerprints`. An interview that stands in several rows is not compared with itself.

    Not every pair is looked at. Questions are dealt into `most` + 1 hands: two interviews that differ in at most `most`
    answers agree in a whole hand at least, so only those that share a hand are compared.
    """
    failed = np.zeros(len(answers), dtype=bool)
    rows = _last_of_each(enumerators, interviews)
    if len(rows) < 2:
        return failed
    group = np.unique(enumerators[rows], return_inverse=True)[1].astype(np.uint64)
    matrix = answers[rows]
    hit = np.zeros(len(rows), dtype=bool)
    for hand in _hands(matrix, most + 1):
        key = _hashes(matrix[:, hand], group)
        order = np.argsort(key, kind="stable")
        bounds = np.flatnonzero(np.diff(key[order])) + 1
        for members in np.split(order, bounds):
            if len(members) > 1:
                _compare(matrix, group, members, most, hit)
    failed[rows[hit]] = True
    return failed


def _last_of_each(enumerators: Ids, interviews: Ids) -> NDArray[np.int64]:
    """The rows to compare: the last of each interview, in order."""
    reverse = interviews[::-1]
    last = np.sort(len(interviews) - 1 - np.unique(reverse, return_index=True)[1])
    return np.asarray(last, dtype=np.int64)


def _hands(matrix: NDArray[np.uint32], n: int) -> list[NDArray[np.int64]]:
    """The columns dealt into hands, those that tell interviews apart best first, so that each hand tells them apart."""
    n_columns = matrix.shape[1]
    if n_columns <= n:
        return [np.zeros(0, dtype=np.int64)]  # a hand may be empty: all agree in it
    sample = matrix[:: max(len(matrix) // 2000, 1)]
    alike = [float((np.unique(column, return_counts=True)[1].astype(float) ** 2).sum()) for column in sample.T]
    order = np.argsort(np.array(alike), kind="stable")
    return [order[start::n] for start in range(n)]


def _hashes(matrix: NDArray[np.uint32], group: NDArray[np.uint64]) -> NDArray[np.uint64]:
    key = group * np.uint64(0x9E3779B97F4A7C15)
    for column in matrix.T:
        key = (key ^ column) * np.uint64(0x100000001B3)
        key ^= key >> np.uint64(29)
    return key


def _compare(
    matrix: NDArray[np.uint32], group: NDArray[np.uint64], members: NDArray[np.int64], most: int, hit: Mask
) -> None:
    """Marks those of the members that are nearly equal to another one; pairs are looked at once, block by block."""
    part = np.ascontiguousarray(matrix[members].T)
    own = group[members]
    size = len(members)
    block = max(CELLS // size, 1)
    for start in range(0, size, block):
        stop = min(start + block, size)
        if hit[members[start:]].all():
            return
        differing = np.zeros((stop - start, size - start), dtype=np.uint16)
        for column in part:
            differing += column[start:stop, None] != column[None, start:]
        near = (differing <= most) & (own[start:stop, None] == own[None, start:])
        near &= np.arange(size - start)[None, :] > np.arange(stop - start)[:, None]
        hit[members[start:stop]] |= near.any(axis=1)
        hit[members[start:]] |= near.any(axis=0)
