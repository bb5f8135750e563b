"""Which records of a file others make superfluous: told from a few bytes of each, as from the records themselves."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprints.check import MemorySink
from footprints.contracts import Layout, Match, Read

Record = tuple[str, int | None]
rows = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([None, 1, 2])), max_size=12)


def layout(repeated: str) -> Layout:
    return Layout(
        name="x",
        match=Match(),
        read=Read(),
        table="incident",
        mode="upsert",
        record_key=("incident_id",),
        columns=(),
        as_of={"received": ""},
        on_repeated_key=repeated,  # type: ignore[arg-type]
    )


def expected(records: list[Record], numbers: list[int], *, split: bool) -> tuple[int, int, list[int], list[int]]:
    """The same by going through the records from the last: rows and records lost, exact repeats, others."""
    times = Counter(key for key, _ in records)
    seen: list[Record] = []
    kept, losing, n_lost = set(), {True: set[int](), False: set[int]()}, 0
    for (key, fact), number in sorted(zip(records, numbers, strict=True), key=lambda one: -one[1]):
        exact = (key, fact) in seen
        if times[key] > 1 and (exact or (key in [k for k, _ in seen] and not split)):
            n_lost += 1
            losing[exact].add(number)
        else:
            kept.add(number)
        seen.append((key, fact))
    return len((losing[True] | losing[False]) - kept), n_lost, sorted(losing[True])[:20], sorted(losing[False])[:20]


@pytest.mark.parametrize("repeated", ["last", "split", "number"])
@given(chunks=st.lists(rows, max_size=3), per_row=st.integers(1, 3))
def test_repeats_are_those_that_a_comparison_of_all_records_finds(
    repeated: str, chunks: list[list[Record]], per_row: int
) -> None:
    sink = MemorySink(10)
    sink.begin(layout(repeated), ("n_dead",))
    start, all_records, all_numbers = 2, [], []
    for chunk in chunks:
        numbers = [start + i // per_row for i in range(len(chunk))]
        start += len(chunk)
        table = pa.table(
            {
                "n_dead": pa.array([fact for _, fact in chunk], pa.int64()),
                "record_key": pa.array([key for key, _ in chunk], pa.large_string()),
            }
        )
        sink.records(table, np.array(numbers, np.int64))
        all_records += chunk
        all_numbers += numbers
    n_rows, n_records, issues = sink.duplicates()
    told = {issue.rule: list(issue.example_rows) for issue in issues}
    want = (0, 0, [], []) if repeated == "number" else expected(all_records, all_numbers, split=repeated == "split")
    assert (n_rows, n_records, told.get("row.repeated", []), told.get("key.repeated", [])) == want


def test_rows_that_are_taken_back_are_forgotten() -> None:
    sink = MemorySink(10)
    sink.begin(layout("last"), ())
    table = pa.table({"record_key": pa.array(["a", "a", "b"], pa.large_string())})
    sink.records(table, np.array([2, 3, 4], np.int64))
    sink.retract(np.array([3, 4]))
    assert (sink.n_records, sink.duplicates()) == (1, (0, 0, []))
