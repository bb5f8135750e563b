"""Pairs and the events that they make."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from footprints.links import join, link_id

MEMBER = st.tuples(st.sampled_from("abc"), st.sampled_from("123"))
PAIRS = st.lists(st.tuples(st.integers(10, 99).map(str), MEMBER, MEMBER), max_size=10, unique_by=lambda p: p[0])


@given(PAIRS)
def test_events_are_what_pairs_connect_in_whatever_order(
    pairs: list[tuple[str, tuple[str, str], tuple[str, str]]],
) -> None:
    events = join(pairs)
    assert join(reversed(pairs)) == events
    groups = {frozenset((a, b)) for _, a, b in pairs}
    merged = True
    while merged:
        merged = False
        for one in groups:
            other = next((g for g in groups if g != one and g & one), None)
            if other is not None:
                groups = (groups - {one, other}) | {one | other}
                merged = True
                break
    expected = {member: min(link for link, a, b in pairs if a in group) for group in groups for member in group}
    assert events == expected


def test_a_pair_has_one_id_whichever_record_comes_first() -> None:
    a, b = ("incident", "x", "1"), ("incident", "y", "2")
    assert link_id(a, b) == link_id(b, a)
    assert link_id(a, b) != link_id(a, ("incident", "y", "3"))
    assert link_id(("incident", "x", "1y"), b) != link_id(("incident", "x1", "y"), b)
