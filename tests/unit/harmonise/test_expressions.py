"""Conditions of XLSForms: what they mean by hand-made examples, and against Python's own and, or and not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprints.harmonise.expressions import UnknownExpressionError, holds, parse, questions


def truth(condition: str, **answers: str) -> bool:
    node = parse(condition)
    return bool(holds(node, {name: [answers.get(name, "")] for name in questions(node)}, 1)[0])


@pytest.mark.parametrize(
    ("condition", "answers", "expected"),
    [
        ("${consent} = 'yes'", {"consent": "yes"}, True),
        ("${consent} = 'yes'", {}, False),
        ("${consent}!='yes'", {}, True),
        ('selected(${needs},"food")', {"needs": "cash food"}, True),
        ("selected(${needs}, ‘food’)", {"needs": "foodstuff"}, False),
        ("not(selected(${needs}, 'food') or selected(${needs}, 'cash'))", {"needs": "cash"}, False),
        ("selected('europe gulf', ${goal})", {"goal": "gulf"}, True),
        ("selected('europe gulf', ${goal})", {"goal": ""}, False),
        ("selected(${a}, ${b})", {"a": "x y", "b": "y"}, True),
        ("count-selected(${needs}) >= 2", {"needs": "cash food"}, True),
        ("${age} >= 18", {"age": "18"}, True),
        ("${age} < 18", {"age": ""}, False),
        ("${age} >= 18", {"age": "many"}, False),
        ("${n} = 1", {"n": "1.0"}, True),
        ("${n} = '1'", {"n": "1.0"}, False),
        ("${n} != 1", {"n": ""}, True),
        ("${a} = ${b}", {"a": "x", "b": "x"}, True),
        ("${a}='x' or ${b}='x' and ${b}='y'", {"a": "x", "b": "z"}, True),
        ("(${a}='x' or ${b}='x') and ${b}='y'", {"a": "x", "b": "z"}, False),
        ("${n} > -1", {"n": "0"}, True),
        ("true()", {}, True),
        ("${a}", {"a": "x"}, True),
        ("not(${a})", {"a": ""}, True),
        (" ${ spaced } ='x' ", {"spaced": "x"}, True),
    ],
)
def test_what_conditions_mean(condition: str, answers: dict[str, str], expected: bool) -> None:
    assert truth(condition, **answers) is expected


@pytest.mark.parametrize(
    "condition",
    ["", "${a", "regex(${a}, 'x')", "${a} = 'x", "${a} and", "selected(${a})", "selected(1, 'b')", "${a} + 1 > 2",
     "position(..) = 1", "__import__('os')", "if(${a}='x', 1, 2) = 1", "${a} = = 'x'", "((((",
     "(" * 200 + "1" + ")" * 200,
     "${a} = 'x' 'y'", ". > 3", "and", "1 1"],
)  # fmt: skip
def test_what_is_not_known_is_said(condition: str) -> None:
    with pytest.raises(UnknownExpressionError):
        parse(condition)


@given(st.text(max_size=80))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        node = parse(text)
    except UnknownExpressionError:
        return
    assert len(holds(node, {name: ["", "1", "a b"] for name in questions(node)}, 3)) == 3


NAMES = ("a", "b", "c")
ANSWERS = st.sampled_from(["", "x", "x y", "y", "1", "12"])


def leaves() -> st.SearchStrategy[tuple[str, Any]]:
    """A condition and the Python function that says the same of an interview's answers."""
    names = st.sampled_from(NAMES)
    codes = st.sampled_from(["x", "y", "z"])
    return st.one_of(
        st.tuples(names, codes).map(lambda p: (f"selected(${{{p[0]}}}, '{p[1]}')", lambda a: p[1] in a[p[0]].split())),
        st.tuples(names, codes).map(lambda p: (f"${{{p[0]}}} = '{p[1]}'", lambda a: a[p[0]] == p[1])),
        st.tuples(names, st.integers(0, 20)).map(
            lambda p: (f"${{{p[0]}}} > {p[1]}", lambda a: a[p[0]].isdigit() and int(a[p[0]]) > p[1])
        ),
        names.map(lambda n: (f"count-selected(${{{n}}})=2", lambda a: len(a[n].split()) == 2)),
    )


CONDITIONS = st.recursive(
    leaves(),
    lambda inner: st.one_of(
        inner.map(lambda c: (f"not({c[0]})", lambda a: not c[1](a))),
        st.tuples(inner, inner).map(lambda p: (f"({p[0][0]}) and ({p[1][0]})", lambda a: p[0][1](a) and p[1][1](a))),
        st.tuples(inner, inner).map(lambda p: (f"({p[0][0]}) or ({p[1][0]})", lambda a: p[0][1](a) or p[1][1](a))),
    ),
    max_leaves=8,
)


@given(CONDITIONS, st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, ANSWERS)), min_size=1, max_size=6))
def test_columns_agree_with_one_interview_after_the_other(
    condition: tuple[str, Any], interviews: list[dict[str, str]]
) -> None:
    node = parse(condition[0])
    columns = {name: [interview[name] for interview in interviews] for name in NAMES}
    assert holds(node, columns, len(interviews)).tolist() == [condition[1](interview) for interview in interviews]
