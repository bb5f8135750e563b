"""Interviews compared with each other: blocks and sorted times find what the plain look at every pair finds."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from footprints.quality.comparisons import fingerprints, nearly_equal, too_close

MINUTE = np.timedelta64(1, "m")
NOON = np.datetime64("2024-05-01T12:00", "us")
INTERVIEW = st.tuples(st.integers(0, 2), st.integers(0, 7), st.integers(0, 300), st.integers(-20, 60))


def last_rows(interviews: list[int]) -> list[int]:
    return [i for i, one in enumerate(interviews) if one not in interviews[i + 1 :]]


@settings(max_examples=300, deadline=None)
@given(st.lists(INTERVIEW, max_size=14), st.sampled_from([0, 5, 10, 45]))
def test_too_close_is_what_a_look_at_every_pair_finds(drawn: list[tuple[int, int, int, int]], minutes: int) -> None:
    who = [d[0] for d in drawn]
    which = [d[1] + 10 * d[0] for d in drawn]
    starts = [NOON + d[2] * MINUTE for d in drawn]
    ends = [start + d[3] * MINUTE for start, d in zip(starts, drawn, strict=True)]
    kept = last_rows(which)
    expected = [False] * len(drawn)
    for a in kept:
        for b in kept:
            if a != b and who[a] == who[b]:
                first, second = sorted((a, b), key=lambda i: (starts[i], max(starts[i], ends[i]), i))
                gap = starts[second] - max(starts[first], ends[first])
                if gap < minutes * MINUTE:
                    expected[a] = True
    found = too_close(
        np.array(who, dtype=np.int64),
        np.array(which, dtype=np.int64),
        np.array(starts, dtype="datetime64[us]"),
        np.array(ends, dtype="datetime64[us]"),
        minutes,
    )
    assert found.tolist() == expected


ANSWERS = st.lists(st.sampled_from("ab-"), min_size=12, max_size=12).map("".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9), ANSWERS), max_size=12), st.integers(0, 12))
def test_nearly_equal_is_what_a_look_at_every_pair_finds(drawn: list[tuple[int, int, str]], most: int) -> None:
    who = [d[0] for d in drawn]
    which = [d[1] + 10 * d[0] for d in drawn]
    kept = last_rows(which)
    expected = [False] * len(drawn)
    for a in kept:
        for b in kept:
            differing = sum(x != y for x, y in zip(drawn[a][2], drawn[b][2], strict=True))
            if a != b and who[a] == who[b] and differing <= most:
                expected[a] = True
    found = nearly_equal(np.array(who), np.array(which), fingerprints([d[2] for d in drawn]), most)
    assert found.tolist() == expected


def test_many_interviews_are_compared_in_blocks_and_the_planted_pairs_are_found() -> None:
    draw = np.random.default_rng(5)
    n, n_questions = 20_000, 60
    answers = draw.integers(0, 5, (n, n_questions)).astype(np.uint32)
    who = draw.integers(0, 30, n)
    originals, copies = np.arange(0, 100), np.arange(10_000, 10_100)
    answers[copies], who[copies] = answers[originals], who[originals]
    for i, copy in enumerate(copies):
        answers[copy, draw.choice(n_questions, i % 8, replace=False)] += 9  # 0 to 7 answers differ
    answers[20], who[20] = answers[5_000], who[5_000]  # and of another enumerator, which is no matter
    who[20] = (who[20] + 1) % 30
    found = nearly_equal(who, np.arange(n), answers, 7)
    expected = np.zeros(n, dtype=bool)
    expected[originals] = expected[copies] = True
    expected[[20, copies[20]]] = False
    assert np.flatnonzero(found ^ expected).tolist() == []
