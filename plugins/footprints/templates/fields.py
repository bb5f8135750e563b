"""What a partner's file of one layout consists of: each column with its meaning, type, allowed values and limits.

Everything comes from what judges the file: the contract, its code maps and suites, the form of a survey, and the shared
lists of countries and codes. The meanings of our own columns in three languages stand in `expectations/columns.csv`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from footprints.contracts import Column, Contract, Layout
from footprints.errors import NotFoundError
from footprints.harmonise import survey, xlsform
from footprints.harmonise.countries import countries
from footprints.harmonise.folding import fold
from footprints.model import Language
from footprints.quality.suites import load_suite, utc_today
from footprints.warehouse.tables import TABLES

LANGUAGES: tuple[Language, ...] = ("en", "fr", "ar")
POSITIONAL = re.compile(r"c\d+|.* #\d+")
"""Names that the reader makes up for blank and repeated headers: no partner can write them."""
MONTHS_SHOWN = 24
"""Columns that a pattern over months stands for: those of the last two years."""
RANK = ("datetime", "date", "month", "country", "country_list", "code", "boolean", "year", "integer", "count", "number")
"""Of several columns read from one header, the one whose type says most about it."""
NUMERIC = ("integer", "count", "number", "year")
Texts = Mapping[str, str]
"""Language → text."""
Limits = Mapping[str, Mapping[str, Any]]
"""Column of ours → `low`, `high`, `values`, `pattern`."""


@dataclass(frozen=True)
class Choice:
    """A value that may be written, and what it stands for in each language."""

    value: str
    labels: Texts = field(default_factory=dict)


@dataclass(frozen=True)
class Field:
    """A column of the template. `kind` is a column type of the contract, or `codes` (several codes of a list).

    `low` and `high` are the limits that a critical expectation sets. `is_strict`: a value outside `choices` costs the
    row; else it is taken and flagged. `separator` stands between several values.
    """

    header: str
    kind: str = "text"
    meanings: Texts = field(default_factory=dict)
    required: bool = False
    is_key: bool = False
    choices: tuple[Choice, ...] = ()
    is_strict: bool = False
    low: float | str | None = None
    high: float | str | None = None
    formats: tuple[str, ...] = ()
    pattern: str | None = None
    unknown: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    interval: tuple[int, int] = (1, 4)
    separator: str = ""
    decimal: str = "."
    is_hashed: bool = False


@dataclass(frozen=True)
class Template:
    """The columns of a layout's sheet, and of further sheets (`repeats`: a survey's, by name)."""

    source: str
    layout: Layout
    titles: Texts
    fields: tuple[Field, ...]
    repeats: Mapping[str, tuple[Field, ...]]
    pattern: str | None
    """The form of columns that may be added, where the layout has such."""


def layouts_with_template(contract: Contract) -> list[str]:
    """Names of the layouts that a person can fill in as a sheet: with headers of their own, not only JSON or CSV.

    A questionnaire is none: it is made with the tools for forms.
    """
    return [layout.name for layout in contract.layouts if _is_sheet(layout)]


def _is_sheet(layout: Layout) -> bool:
    read = layout.read
    if layout.table in ("form_question", "form_choice", "statistic"):  # made by programs
        return False
    if read.format not in (None, "xlsx") or read.records is not None or read.header_row == "none":
        return False
    if read.skip_rows_after_header or layout.match.n_columns is not None or layout.match.header_patterns:
        return False
    # Nobody draws a shape by hand; a header that only a pattern knows has no name to write.
    if any(c.target == "geometry" or (c.required and c.pattern is not None) for c in layout.columns):
        return False
    headers = [*layout.match.headers, *(header for header, _ in _readers(layout))]
    # Tags under names of one's own are two rows that must fit each other: an export of a program.
    if layout.match.tags and not all(header.startswith("#") for header in headers):
        return False
    return not any(POSITIONAL.fullmatch(header) for header in headers)


def template_of(contract: Contract, name: str | None = None) -> Template:
    """The template of a layout; of the first that has one, where none is named.

    Raises NotFoundError where there is no such layout, or it is none that a person fills in.
    """
    possible = layouts_with_template(contract)
    if not possible:
        raise NotFoundError(
            f"{contract.source} has no layout that could be filled in as a sheet", "its files come from a program"
        )
    name = name or possible[0]
    if name not in possible:
        raise NotFoundError(
            f"{contract.source} has no template for a layout {name!r}", f"its layouts are {', '.join(possible)}"
        )
    layout = next(layout for layout in contract.layouts if layout.name == name)
    fields, repeats = _survey_fields(contract, layout) if layout.survey else (_fields(contract, layout), {})
    pattern = layout.unpivot.pattern if layout.unpivot else None
    return Template(contract.source, layout, contract.title, tuple(fields), repeats, pattern)


def _fields(contract: Contract, layout: Layout) -> list[Field]:
    readers: dict[str, list[Column]] = {}
    spelled: dict[str, str] = {}
    for header, column in _readers(layout):
        spelled.setdefault(fold(header), header)
        readers.setdefault(fold(header), []).append(column)
    about = _record_meanings(contract, layout)
    for header in layout.match.headers:
        spelled.setdefault(fold(header), header)
    limits = _limits(contract, layout)
    found = [
        _field(contract, layout, header, readers.get(key, []), limits, about.get(key))
        for key, header in spelled.items()
    ]
    if not layout.read.header_rows:
        return found
    # A group's cell reaches over the columns to its right: those without a group stand before it.
    groups = ["", *(group_of(one.header) for one in found)]
    return sorted(found, key=lambda one: groups.index(group_of(one.header)))


def group_of(header: str) -> str:
    """The group of a header under which it stands; empty: none."""
    return header.rpartition("|")[0]


def _readers(layout: Layout) -> Iterator[tuple[str, Column]]:
    """Headers that the file should have, each with a column of ours that reads it, in the order of the contract."""
    taken: dict[str, list[str]] = {}
    entries: list[str] = []
    if layout.unpivot is not None:
        entries = [entry.header for entry in layout.unpivot.columns] or _pattern_headers(layout)
        for entry in layout.unpivot.columns:
            for name, header in entry.take.items():
                taken.setdefault(name, []).append(header)
        pseudo = {"_name", *(name for entry in layout.unpivot.columns for name in entry.set)}
        pseudo |= set(re.compile(layout.unpivot.pattern).groupindex) if layout.unpivot.pattern else set()
    else:
        pseudo = set()
    for column in layout.columns:
        names = column.any_of or (column.source if column.join is not None else column.source[:1])
        for name in names:
            if name in taken:
                yield from ((header, column) for header in taken[name])
            elif name == "_value" and layout.unpivot is not None:
                yield from ((header, column) for header in entries)
            elif name != "_file" and name not in pseudo:
                yield name, column


def _pattern_headers(layout: Layout) -> list[str]:
    """Headers that a pattern stands for: those that recognise the layout, and the last months of one over months."""
    assert layout.unpivot is not None
    assert layout.unpivot.pattern is not None
    pattern = re.compile(layout.unpivot.pattern)
    headers = [header for header in layout.match.headers if pattern.fullmatch(header)]
    formats = [f for column in layout.columns if set(column.source) & set(pattern.groupindex) for f in column.formats]
    today = utc_today()
    for back in range(MONTHS_SHOWN, 0, -1):
        month = today.year * 12 + today.month - 1 - back
        for form in formats[:1]:
            text = date(month // 12, month % 12 + 1, 1).strftime(form)
            headers += [one for one in (text, text.upper()) if pattern.fullmatch(one)][:1]
    return list(dict.fromkeys(headers))


def _field(
    contract: Contract,
    layout: Layout,
    header: str,
    readers: list[Column],
    limits: Limits,
    about: Texts | None = None,
) -> Field:
    """The field of a header from the columns that read it."""
    hashed = any(re.fullmatch(pattern, header, re.IGNORECASE) for pattern in layout.hash)
    if not readers:
        return Field(header, is_hashed=hashed)
    main = min(readers, key=lambda c: RANK.index(c.type) if c.type in RANK and c.extract is None else len(RANK))
    as_text = main.extract is not None or main.join is not None
    kind = "text" if as_text else main.type
    choices, strict = ((), False) if as_text or hashed else _choices(contract, main, limits)
    known = [meaning for c in (main, *readers) if (meaning := _meaning(contract, c.target)) is not None]
    limit = {} if as_text else limits.get(main.target, {})
    rejecting = [c for c in readers if c.extract is not None and c.on_error == "reject"]
    return Field(
        header,
        kind,
        about or next(iter(known), {}),
        required=any(_needed(layout, c) and not c.any_of and len(_entries(layout, c)) < 2 for c in readers),
        is_key=any(c.target in layout.record_key for c in readers),
        choices=choices,
        is_strict=strict,
        low=limit.get("low"),
        high=limit.get("high"),
        formats=() if as_text else main.formats,
        pattern=rejecting[0].extract if rejecting else _pattern(main, limit),
        unknown=main.unknown,
        withheld=main.withheld,
        interval=main.interval,
        separator=main.separator if main.type == "country_list" else "",
        decimal=main.decimal,
        is_hashed=hashed,
    )


def _pattern(column: Column, limit: Mapping[str, Any]) -> str | None:
    """The form that a critical expectation asks of a text which comes as it is."""
    is_plain = column.type == "text" and not column.prefix and column.map is None
    return str(limit["pattern"]) if is_plain and "pattern" in limit else None


def _entries(layout: Layout, column: Column) -> list[str]:
    """The headers that stand for one column: a wide row may leave all but one of them empty."""
    return [header for header, reader in _readers(layout) if reader is column] if layout.unpivot is not None else []


def _needed(layout: Layout, column: Column) -> bool:
    table, target = TABLES[layout.table], column.target
    if column.default is not None:
        return False
    is_count = column.type == "count" and f"{target}_low" in table.required
    return column.required or is_count or (target in table.required and target not in table.defaults)


# ------------------------------------------------------------------------------------------------- values


def _choices(contract: Contract, column: Column, limits: Limits) -> tuple[tuple[Choice, ...], bool]:
    """The values of a column's list, and whether others cost the row."""
    strict = column.on_error == "reject" and column.map_default is None
    if column.type == "country":
        return tuple(_countries(contract)), strict
    if column.type == "code" and column.map_name is not None:
        labels = _labels(contract, column.target)
        allowed = limits.get(column.target, {}).get("values")
        first: dict[str, str] = {}
        for wording, code in _map(contract, column.map_name):
            if allowed is None or code in allowed:
                first.setdefault(code, wording)
        return tuple(Choice(wording, labels.get(code, {})) for code, wording in first.items()), strict
    if column.type == "boolean":
        return tuple(Choice(value, {"en": value, "fr": value, "ar": value}) for value in ("yes", "no")), strict
    values = limits.get(column.target, {}).get("values")
    if column.type in ("text", "integer", "count") and values and not column.prefix and column.map is None:
        labels = _labels(contract, column.target)
        return tuple(Choice(str(value), labels.get(str(value), {})) for value in values), True
    return (), False


def _countries(contract: Contract) -> Iterator[Choice]:
    """Countries by their code, with names in three languages; those that the source's own crosswalk leaves alone."""
    for country in countries():
        if contract.countries.get(fold(country.country_code)) == country.country_code:
            names = {"en": country.name_en, "fr": country.name_fr, "ar": country.name_ar}
            yield Choice(country.country_code, {k: v for k, v in names.items() if v})


def wording(choice: Choice, language: Language, contract: Contract) -> str:
    """How a country is best written in a list: by its name, where that name means this country to the source."""
    name = choice.labels.get(language, "")
    return name if contract.countries.get(fold(name)) == choice.value else choice.value


def _map(contract: Contract, name: str) -> list[tuple[str, str]]:
    """The rows of a code map as they are written: the partner's wording, our code."""
    with (contract.directory / "maps" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [(row["provider_value"], row["code"]) for row in csv.DictReader(file) if row["provider_value"].strip()]


def _labels(contract: Contract, target: str) -> Mapping[str, Texts]:
    """Code → labels of the list that a column of ours takes its codes from."""
    return _codes(contract.directory.parent / "codes.csv").get(target.removesuffix("_code"), {})


@cache
def _codes(path: Path) -> Mapping[str, Mapping[str, Texts]]:
    lists: dict[str, dict[str, Texts]] = {}
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                labels: Texts = {language: row[f"label_{language}"] for language in LANGUAGES}
                lists.setdefault(row["domain"], {})[row["code"]] = labels
    return lists


@cache
def _meanings(path: Path) -> Mapping[str, Texts]:
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row["column"]: {language: row[language] for language in LANGUAGES} for row in csv.DictReader(file)}


def _meaning(contract: Contract, target: str) -> Texts | None:
    return _meanings(contract.directory.parent / "columns.csv").get(target)


def _limits(contract: Contract, layout: Layout) -> dict[str, dict[str, Any]]:
    """What critical expectations ask of a column: `low`, `high` (dates in ISO form), `values` and `pattern`.

    Limits that move with the day ("not after today") are left to the check: a template is filled for years.
    """
    directory = contract.directory.parent
    table_suite = directory / "_tables" / f"{layout.table}.json"
    limits: dict[str, dict[str, Any]] = {}
    for path in [*contract.suites(), *([table_suite] if table_suite.exists() else [])]:
        suite = load_suite(path)
        if suite.meta.get("table", layout.table) != layout.table:
            continue
        if layout.name not in suite.meta.get("layouts", [layout.name]):
            continue
        for expectation in suite.expectations:
            if expectation.severity != "critical" or expectation.column is None:
                continue
            found = limits.setdefault(expectation.column, {})
            kwargs = expectation.kwargs
            if expectation.type == "expect_column_values_to_be_in_set":
                found["values"] = tuple(kwargs["value_set"])
            elif expectation.type == "expect_column_values_to_match_regex":
                found.setdefault("pattern", kwargs["regex"])
            elif expectation.type == "expect_column_values_to_be_between":
                for name, key, narrower in (("low", "min_value", max), ("high", "max_value", min)):
                    value = kwargs.get(key)
                    if value is not None and not isinstance(value, dict):
                        found[name] = narrower(value, found[name]) if name in found else value
    return limits


def _record_meanings(contract: Contract, layout: Layout) -> dict[str, Texts]:
    """What the header of a wide row stands for: the measure, and the values that the contract gives to its records."""
    if layout.unpivot is None:
        return {}
    measure = next((c.target for c in layout.columns if "_value" in c.source), "")
    meaning = _meaning(contract, measure) or {}
    return {
        fold(entry.header): {
            language: " – ".join(
                [meaning.get(language, ""), *(_said(contract, layout, k, v, language) for k, v in entry.set.items())]
            )
            for language in LANGUAGES
        }
        for entry in layout.unpivot.columns
    }


def _said(contract: Contract, layout: Layout, name: str, value: str, language: Language) -> str:
    """A constant of a wide row's header in words: the label of a code, the name of a country."""
    column = next((c for c in layout.columns if c.source == (name,)), None)
    if column is not None and column.type == "country":
        code = contract.countries.get(fold(value), value)
        return next((c.labels.get(language, value) for c in _countries(contract) if c.value == code), value)
    labels = _labels(contract, column.target) if column is not None else {}
    return labels.get(value, {}).get(language, value)


# ------------------------------------------------------------------------------------------------- surveys

KINDS = {
    "select_one": "code", "select_multiple": "codes", "integer": "integer", "decimal": "number", "date": "date",
}  # fmt: skip
"""Question types of a form that are not free text."""


def _survey_fields(contract: Contract, layout: Layout) -> tuple[list[Field], dict[str, tuple[Field, ...]]]:
    """The columns of a Kobo or ODK export: the contract's, then the form's questions; and the sheets of its repeats."""
    assert layout.survey is not None
    headers = [*layout.match.headers, *(h for column in layout.columns for h in column.source[:1])]
    form = survey.form_for(layout.survey.form, dict.fromkeys(headers))
    mapped = {f.header: f for f in _fields(contract, layout)}
    # A question that the contract reads, too, keeps what the form says of it; what must be there, the contract says.
    asked = {
        code: replace(
            _question(form, question),
            required=code in mapped and mapped[code].required,
            is_key=code in mapped and mapped[code].is_key,
            is_hashed=code in mapped and mapped[code].is_hashed,
        )
        for code, question in form.questions.items()
        if not _is_private(layout, question)
    }
    for code in set(asked) & set(mapped):
        if form.questions[code].question_type in xlsform.META_TYPES or not asked[code].choices:
            asked[code] = replace(mapped[code], meanings=asked[code].meanings or mapped[code].meanings)
    first = [f for header, f in mapped.items() if header not in form.questions and not header.startswith("_")]
    last = [f for header, f in mapped.items() if header not in form.questions and header.startswith("_")]
    main = [asked[code] for code, q in form.questions.items() if code in asked and q.repeat is None]
    consent = layout.survey.consent_column
    main = [replace(f, required=True, is_strict=True) if f.header == consent else f for f in main]
    repeats: dict[str, tuple[Field, ...]] = {}
    for name, where in layout.survey.repeats.items():
        if where["index"] not in {one.header for one in last}:
            last.append(Field(where["index"], "integer", KOBO_INDEX))
        questions = [asked[code] for code, q in form.questions.items() if code in asked and q.repeat == name]
        repeats[where["sheet"]] = (*questions, Field(where["parent"], "integer", KOBO_PARENT, required=True))
    return [*first, *main, *last], repeats


KOBO_INDEX = {"text": "kobo.index"}
KOBO_PARENT = {"text": "kobo.parent"}
"""Meanings that stand in texts.yaml, as no form has these columns."""


def _is_private(layout: Layout, question: survey.Question) -> bool:
    names = (question.question_code, "/".join((*question.groups, question.question_code)))
    dropped = any(re.fullmatch(pattern, name, re.IGNORECASE) for pattern in layout.drop for name in names)
    hashed = any(re.fullmatch(pattern, name, re.IGNORECASE) for pattern in layout.hash for name in names)
    device = question.question_type in xlsform.META_TYPES - {"start", "end", "today"}
    return dropped or device or (question.is_sensitive and not hashed)


def _question(form: survey.Form, question: survey.Question) -> Field:
    options = form.choices.get(question.list_name or "", {})
    return Field(
        question.question_code,
        KINDS.get(question.question_type, "text"),
        question.labels,
        choices=tuple(Choice(code, labels) for code, labels in options.items()),
        separator=" " if question.question_type == "select_multiple" else "",
    )


def dropped_headers(template: Template) -> Iterable[str]:
    """What the layout never reads, as its patterns name it, without the signs of a pattern."""
    return [re.sub(r"\(\.\*/\)\?|\.\*|[?^$\\]", "", pattern) for pattern in template.layout.drop]
