"""Text to values, a column at a time: each distinct text is parsed once, however many rows hold it."""

from __future__ import annotations

import calendar
import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import ftfy
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from footprints.contracts import Column
from footprints.harmonise.countries import find_country
from footprints.harmonise.folding import fold
from footprints.harmonise.numerals import NotANumberError, ascii_digits, english_date, plain_number

ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
INTEGER = re.compile(r"[+-]?\d+(\.0+)?")
SCIENTIFIC = re.compile(r"[+-]?\d(\.\d+)?[eE]\+?\d{1,2}")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
MOJIBAKE = re.compile("[ÃÂâØÙÐÑÅ][\u0080-\u00bf\u0152-\u0192\u02c6-\u2122]")
MAX_INT = 2**31 - 1
CODE_LIKE = re.compile(r"[A-Z]{2,3}|\d{1,3}")
"""A code: where the contract says that codes are UNHCR's, `AUS` is Austria or nothing, never ISO's Australia."""

TRUE = {"true", "yes", "oui", "نعم", "1", "y"}
FALSE = {"false", "no", "non", "لا", "0", "n"}


@dataclass(frozen=True)
class Parsed:
    """A column after parsing.

    `values` is the typed arrow array (null where the text means nothing or cannot be read), `bad` marks cells that
    could not be read, `withheld` those that stand for an interval (count columns), `repaired` those whose encoding was
    mended.
    """

    values: pa.Array
    bad: np.ndarray
    rule: str
    withheld: np.ndarray | None = None
    repaired: np.ndarray | None = None


class UnreadableError(Exception):
    """Raised by a cell parser for a text that is no value of its type."""


ARROW_TYPES: dict[str, pa.DataType] = {
    "text": pa.large_string(),
    "code": pa.large_string(),
    "country": pa.large_string(),
    "country_list": pa.large_string(),
    "integer": pa.int64(),
    "count": pa.int64(),
    "year": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.timestamp("s"),
    "month": pa.timestamp("s"),
    "datetime": pa.timestamp("s", tz="UTC"),
}


def parse_column(texts: pa.Array, column: Column, null_values: tuple[str, ...], countries: Mapping[str, str]) -> Parsed:
    """Parses a string array by its column spec.

    Cells are trimmed; those among `null_values` or the column's `unknown` are null; those among `withheld` are null and
    marked. `countries` is the contract's crosswalk (folded name → code).
    """
    trimmed = pc.utf8_trim_whitespace(texts)
    nulls = {fold(v) for v in (*null_values, *column.unknown)} | {""}
    easy = _easy_cells(trimmed, column, nulls)
    if easy is None:
        return _parse_distinct(trimmed, column, nulls, countries)
    mask, values = easy
    hard = ~mask
    if not hard.any():
        return Parsed(values, hard, RULES.get(column.type, "type.text"))
    rest = _parse_distinct(trimmed.filter(pa.array(hard)), column, nulls, countries)

    def widen(flags: np.ndarray) -> np.ndarray:
        out = np.zeros(len(trimmed), bool)
        out[hard] = flags
        return out

    return replace(
        rest,
        values=pc.replace_with_mask(values, pa.array(hard), rest.values),
        bad=widen(rest.bad),
        withheld=None if rest.withheld is None else widen(rest.withheld),
        repaired=None if rest.repaired is None else widen(rest.repaired),
    )


SIMPLE_INTEGER = r"^-?\d{1,9}$"
SIMPLE_NUMBER = r"^-?\d{1,15}(\.\d{1,15})?$"


def _easy_cells(trimmed: pa.Array, column: Column, nulls: set[str]) -> tuple[np.ndarray, pa.Array] | None:
    """Cells that need no Python at all: plain ASCII text, plain numbers, blanks. None where the type has no such cells.

    Returns which cells these are and their values (null elsewhere).
    """
    if column.extract is not None or column.map is not None:
        return None
    if column.type == "text":
        mask = pc.fill_null(pc.string_is_ascii(trimmed), True)
        null = pc.is_in(pc.utf8_lower(trimmed), value_set=pa.array(sorted(nulls), pa.large_string()))
        values = pc.if_else(pc.and_(mask, pc.invert(null)), trimmed, pa.scalar(None, pa.large_string()))
        if column.prefix:
            empty = pa.scalar("", pa.large_string())
            values = pc.binary_join_element_wise(pa.scalar(column.prefix, pa.large_string()), values, empty)
        return mask.to_numpy(zero_copy_only=False), values
    if column.type in ("integer", "count", "number"):
        decimal_comma = column.type == "number" and (column.decimal != "." or column.thousands is not None)
        pattern = SIMPLE_NUMBER if column.type == "number" and not decimal_comma else SIMPLE_INTEGER
        mask = pc.fill_null(pc.match_substring_regex(trimmed, pattern), False)
        if numeric_nulls := sorted(v for v in nulls if v and not v.isalpha()):
            mask = pc.and_not(mask, pc.is_in(trimmed, value_set=pa.array(numeric_nulls, pa.large_string())))
        values = pc.cast(pc.if_else(mask, trimmed, None), ARROW_TYPES[column.type])
        blank = pc.fill_null(pc.equal(trimmed, ""), True)
        return pc.or_(mask, blank).to_numpy(zero_copy_only=False), values
    return None


def _parse_distinct(trimmed: pa.Array, column: Column, nulls: set[str], countries: Mapping[str, str]) -> Parsed:
    encoded = pc.dictionary_encode(trimmed)
    uniques: list[str | None] = encoded.dictionary.to_pylist()
    withheld_texts = set(column.withheld)
    parse = cell_parser(column, countries)
    n = len(uniques)
    values: list[Any] = [None] * n
    bad, withheld, repaired = (np.zeros(n, bool) for _ in range(3))
    for i, text in enumerate(uniques):
        if not text:
            continue
        if text in withheld_texts:
            withheld[i] = True
            continue
        if fold_if_short(text) in nulls:
            continue
        if not text.isascii():
            fixed = mend(text)
            repaired[i] = fixed != nfc(text)
            text = fixed
        if column.extract is not None:
            found = re.search(column.extract, text)
            if found is None:
                bad[i] = True
                continue
            text = found.group(1).strip()
        try:
            values[i] = parse(text)
        except UnreadableError:
            bad[i] = True
    return Parsed(
        values=pc.take(pa.array(values, ARROW_TYPES[column.type]), encoded.indices),
        bad=spread(bad, encoded.indices),
        rule=RULES.get(column.type, "type.text"),
        withheld=spread(withheld, encoded.indices) if withheld_texts else None,
        repaired=spread(repaired, encoded.indices) if repaired.any() else None,
    )


RULES = {
    "integer": "type.integer",
    "count": "type.integer",
    "year": "type.integer",
    "number": "type.number",
    "boolean": "type.boolean",
    "date": "type.date",
    "month": "type.date",
    "datetime": "type.date",
    "code": "code.unknown",
    "country": "country.unknown",
    "country_list": "country.unknown",
}


def spread(flags: np.ndarray, indices: pa.Array) -> np.ndarray:
    """Flags of distinct values as flags of rows; false at a null index."""
    if not flags.any():
        return np.zeros(len(indices), bool)
    out: np.ndarray = np.append(flags, False)[pc.fill_null(indices, len(flags)).to_numpy(zero_copy_only=False)]
    return out


def fold_if_short(text: str) -> str:
    """Folded for comparison with short sentinels such as NULL; long texts are never one of them."""
    return fold(text) if len(text) <= 40 else text


def mend(text: str) -> str:
    """Repairs text whose UTF-8 was read as cp1252 ('TÃ¼rkiye' → 'Türkiye'), and normalises to NFC."""
    return nfc(ftfy.fix_encoding(text) if MOJIBAKE.search(text) else text)


def nfc(text: str) -> str:
    """Unicode normal form C."""
    return unicodedata.normalize("NFC", text)


def cell_parser(column: Column, countries: Mapping[str, str]) -> Callable[[str], Any]:
    """The function from one trimmed text to a value of the column's type; it raises UnreadableError.

    A map gives the codes of a code or country; for any other type it says what some words stand for (no → 0).
    """
    kind = column.type
    if column.map is not None and kind not in ("code", "country", "country_list"):
        words = column.map
        parse = cell_parser(replace(column, map=None), countries)
        return lambda text: parse(words.get(fold(text), text))
    if kind == "text":
        return lambda text: column.prefix + text
    if kind in ("integer", "count"):
        return lambda text: _integer(_plain_number(text, column))
    if kind == "year":
        return lambda text: _year(ascii_digits(text))
    if kind == "number":
        return lambda text: _number(_plain_number(text, column))
    if kind == "boolean":
        return _boolean
    if kind == "code":
        return lambda text: _code(text, column)
    if kind == "country":
        return lambda text: _country(text, column, countries)
    if kind == "country_list":
        return lambda text: _country_list(text, column, countries)
    return lambda text: _moment(text, column)


def _plain_number(text: str, column: Column) -> str:
    try:
        return plain_number(text, column.decimal, column.thousands)
    except NotANumberError:
        raise UnreadableError from None


def _integer(text: str) -> int:
    if SCIENTIFIC.fullmatch(text):  # R and spreadsheets write 100000 as 1e+05
        exact = Decimal(text)
        if exact % 1:
            raise UnreadableError
        value = int(exact)
    elif INTEGER.fullmatch(text) and len(text) <= 18:
        value = int(text.split(".")[0])
    else:
        raise UnreadableError
    if abs(value) > MAX_INT:
        raise UnreadableError
    return value


def _year(text: str) -> int:
    value = _integer(text)
    if not 1900 <= value <= 2100:
        raise UnreadableError
    return value


def _number(text: str) -> float:
    if not NUMBER.fullmatch(text) or len(text) > 40:
        raise UnreadableError
    return float(text)


def _boolean(text: str) -> bool:
    folded = fold(text)
    if folded in TRUE:
        return True
    if folded in FALSE:
        return False
    raise UnreadableError


def _code(text: str, column: Column) -> str:
    code = (column.map or {}).get(fold(text), column.map_default)
    if code is None:
        raise UnreadableError
    return code


def _country(text: str, column: Column, countries: Mapping[str, str]) -> str:
    folded = fold(text)
    code = (column.codes or {}).get(folded)
    if code is None and (column.codes is None or not CODE_LIKE.fullmatch(text)):
        code = find_country(text, countries)
    if code is None and column.map is not None:
        code = column.map.get(folded)
    code = code or column.map_default
    if code is None:
        raise UnreadableError
    return code


def _country_list(text: str, column: Column, countries: Mapping[str, str]) -> str:
    """A Postgres array literal of country codes."""
    single = replace(column, map_default=None)
    codes = sorted({_country(part, single, countries) for part in text.split(column.separator) if part.strip()})
    return "{" + ",".join(codes) + "}"


def _moment(text: str, column: Column) -> dt.datetime:
    """A date, month or time of day; `timezone` turns a UTC time stamp into the local date it was meant as."""
    moment = _strptime(text, column.formats)
    if column.type == "datetime":
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(column.timezone or "UTC"))
        return moment.astimezone(dt.UTC)
    if column.timezone is not None:
        aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        moment = aware.astimezone(ZoneInfo(column.timezone))
    day = dt.datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001 - a day, in no zone
    if column.type == "month":
        day = day.replace(day=1)
    if column.end_of == "month":
        day = day.replace(day=calendar.monthrange(day.year, day.month)[1])
    elif column.end_of == "year":
        day = day.replace(month=12, day=31)
    if not 1900 <= day.year <= 2100:
        raise UnreadableError
    return day


def _strptime(text: str, formats: tuple[str, ...]) -> dt.datetime:
    """The moment by the first form that fits, the words for months and weekdays in English, French or Arabic."""
    moment = _by_forms(text, formats)
    if moment is None:
        english = english_date(text)
        moment = _by_forms(english, tuple(form.replace("%b", "%B").replace("%a", "%A") for form in formats))
    if moment is None:
        raise UnreadableError
    return moment


def _by_forms(text: str, formats: tuple[str, ...]) -> dt.datetime | None:
    for form in formats:
        try:
            if form == "iso":
                return dt.datetime.fromisoformat(text)
            return dt.datetime.strptime(text, form)  # noqa: DTZ007 - the zone is the contract's
        except ValueError:
            continue
    if ISO_DATE.fullmatch(text):  # a real date cell of a workbook, whatever form the partner types elsewhere
        try:
            return dt.datetime.fromisoformat(text)
        except ValueError:
            pass
    return None
