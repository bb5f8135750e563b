"""Whether interviews follow their form: nothing answered that was not to be asked, nothing required left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from footprints.harmonise import expressions
from footprints.harmonise.xlsform import META_TYPES

if TYPE_CHECKING:
    from footprints.harmonise.survey import Form, Question

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Rule:
    """When a question is asked (None: always), and whether it must then be answered."""

    question: Question
    condition: expressions.Node | None
    is_required: bool


@dataclass(frozen=True)
class SkipLogic:
    """The rules of a form that can be worked out over an export with certain columns.

    `unknown` are the questions with a condition that is not of our subset, or asks about what the export does not
    hold: of those nothing is checked.
    """

    rules: Mapping[str | None, Sequence[Rule]]
    """By repeat; None for the main sheet."""
    unknown: tuple[str, ...] = ()

    @staticmethod
    def of(form: Form, columns: Mapping[str | None, Collection[str]], hidden: Collection[str] = ()) -> SkipLogic:
        """The rules for an export whose sheets (by repeat, None for the main one) have these columns.

        `hidden` are columns whose cells are hashed: that there is an answer is known, but not which.
        """
        rules: dict[str | None, list[Rule]] = {}
        unknown: list[str] = []
        for question in form.questions.values():
            if question.question_type in META_TYPES or question.repeat not in columns:
                continue
            here = columns[question.repeat]
            if not _holds(here, question.question_code):
                continue
            conditions = [*question.group_relevant, *([question.relevant] if question.relevant else [])]
            readable = {*here, *columns.get(None, ())} - set(hidden)
            try:
                nodes = tuple(expressions.parse(condition) for condition in conditions)
            except expressions.UnknownExpressionError:
                unknown.append(question.question_code)
                continue
            asked = frozenset().union(*(expressions.questions(node) for node in nodes))
            if not all(_holds(readable, name) for name in asked):
                unknown.append(question.question_code)
                continue
            condition = expressions.Call("and", nodes) if len(nodes) > 1 else nodes[0] if nodes else None
            is_required = question.is_required and question.question_type != "calculate"
            if condition is not None or is_required:
                rules.setdefault(question.repeat, []).append(Rule(question, condition, is_required))
        return SkipLogic(rules, tuple(unknown))


@dataclass
class Sheet:
    """The rows of a sheet: cells by the form's names, and what `survey` made of them."""

    frame: pd.DataFrame
    answers: Sequence[Mapping[str, Any]]
    around: Sheet | None = None
    owner: npt.NDArray[np.int64] | None = None
    """For the rows of a repeat, the interview that each belongs to, in `around`."""
    _columns: dict[str, list[str]] = field(default_factory=dict)

    def column(self, name: str) -> list[str]:
        """The answers to a question as text; codes of several choices with blanks between, '' where there is none."""
        if name not in self._columns:
            self._columns[name] = self._read(name)
        return self._columns[name]

    def _read(self, name: str) -> list[str]:
        if not _holds(self.frame.columns, name) and self.around is not None and self.owner is not None:
            outer = self.around.column(name)
            return [outer[i] for i in self.owner]
        cells = self.frame[name].to_list() if name in self.frame.columns else [None] * len(self.frame)
        out = []
        for cell, answers in zip(cells, self.answers, strict=True):
            answer = answers.get(name)
            if isinstance(answer, list):
                out.append(" ".join(answer))
            else:
                out.append("" if cell is None or cell is pd.NA or cell != cell else str(cell))
        return out


def check(rules: Sequence[Rule], sheet: Sheet) -> list[tuple[str, str, Mask]]:
    """What does not follow the form: rule, question, and which rows of the sheet."""
    n = len(sheet.frame)
    found = []
    for rule in rules:
        code = rule.question.question_code
        answered = np.array([cell != "" for cell in sheet.column(code)], dtype=bool)
        asked = np.ones(n, dtype=bool)
        if rule.condition is not None:
            names = expressions.questions(rule.condition)
            asked = expressions.holds(rule.condition, {name: sheet.column(name) for name in names}, n)
        if (irrelevant := answered & ~asked).any():
            found.append(("answer.irrelevant", code, irrelevant))
        if rule.is_required and (missing := asked & ~answered).any():
            found.append(("answer.missing", code, missing))
    return found


def _holds(columns: Collection[str], name: str) -> bool:
    """Whether a sheet has a question: as a column, or one for each of its choices."""
    return name in columns or any(column.startswith(f"{name}/") for column in columns)
