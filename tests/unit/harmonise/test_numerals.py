"""Numbers and dates in English, French and Arabic: what is written is read, what could be two things is not."""

from __future__ import annotations

import datetime as dt
import unicodedata
from decimal import Decimal

import pyarrow as pa
import pytest
from babel.dates import get_day_names, get_month_names
from hypothesis import example, given, settings
from hypothesis import strategies as st

from footprints.contracts import Column
from footprints.harmonise.numerals import NotANumberError, english_date, plain_number
from footprints.harmonise.values import parse_column

MARKS = (" ", "\u00a0", "\u202f", "\u2009", "'", "’", "٬")
"""Marks of thousands that no contract has to name."""
DIGITS = ("0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹")
LOCALES = (
    "en",
    "fr",
    "fr_CA",
    "ar_EG",
    "ar_SA",
    "ar_SY",
    "ar_LB",
    "ar_IQ",
    "ar_JO",
    "ar_TN",
    "ar_DZ",
    "ar_MA",
    "ar_MR",
)
"""The words for months in Arabic are not the same along the way."""

wholes = st.integers(0, 10**12)
fractions = st.text("0123456789", max_size=6)
signs = st.sampled_from(["", "-", "+", "−"])


def written(number: int, mark: str, digits: str) -> str:
    return f"{number:,}".replace(",", mark).translate(str.maketrans(DIGITS[0], digits))


@settings(deadline=None)
@given(wholes, st.sampled_from(["", *MARKS]), st.sampled_from(DIGITS), signs, st.sampled_from([".", ",", "either"]))
def test_whole_numbers_are_read_whatever_digits_and_marks(
    number: int, mark: str, digits: str, sign: str, decimal: str
) -> None:
    expected = -number if sign in ("-", "−") else number
    assert int(plain_number(sign + written(number, mark, digits), decimal, None)) == expected


@settings(deadline=None)
@given(wholes, fractions, st.sampled_from(["", *MARKS]), st.sampled_from(DIGITS), st.sampled_from([".", ",", "٫"]))
def test_fractions_are_read_by_the_sign_that_the_contract_names(
    whole: int, fraction: str, mark: str, digits: str, sign: str
) -> None:
    text = written(whole, mark, digits) + sign + fraction.translate(str.maketrans(DIGITS[0], digits))
    decimal = "." if sign == "٫" else sign
    assert Decimal(plain_number(text, decimal, None)) == Decimal(f"{whole}.{fraction or 0}")


@settings(deadline=None)
@given(wholes, fractions, st.sampled_from([(".", ","), (",", ".")]))
def test_a_thousands_mark_that_the_contract_names_is_read(whole: int, fraction: str, signs: tuple[str, str]) -> None:
    decimal, thousands = signs
    text = written(whole, thousands, DIGITS[0]) + (decimal + fraction if fraction else "")
    assert Decimal(plain_number(text, decimal, thousands)) == Decimal(f"{whole}.{fraction or 0}")


@settings(deadline=None)
@given(wholes, fractions, st.sampled_from([(".", ","), (",", ".")]))
@example(1234, "", (".", ","))
@example(0, "123", (".", ","))
@example(1, "234", (",", "."))
def test_either_sign_is_read_where_only_one_reading_is_there_and_else_refused(
    whole: int, fraction: str, signs: tuple[str, str]
) -> None:
    decimal, thousands = signs
    text = written(whole, thousands, DIGITS[0]) + (decimal + fraction if fraction else "")
    one_mark = sum(text.count(mark) for mark in ".,") == 1
    digits_after = len(text.replace(",", ".").rpartition(".")[2]) if one_mark else 0
    if one_mark and digits_after == 3 and whole and whole < 10**6 and not (fraction and whole >= 1000):
        with pytest.raises(NotANumberError):
            plain_number(text, "either", None)
    else:
        assert Decimal(plain_number(text, "either", None)) == Decimal(f"{whole}.{fraction or 0}")


@settings(deadline=None)
@given(st.text(st.sampled_from("0123456789.,-+ '’\u00a0٬٫٣eE_x"), max_size=14), st.sampled_from([".", ",", "either"]))
def test_whatever_is_written_is_a_number_or_refused(text: str, decimal: str) -> None:
    try:
        plain = plain_number(text, decimal, None)
    except NotANumberError:
        return
    assert set(plain) <= set("0123456789.+-eE")
    Decimal(plain)
    digits = "".join(c for c in text if c.isdigit()).translate(str.maketrans(DIGITS[1] + DIGITS[2], DIGITS[0] * 2))
    assert "".join(c for c in plain if c.isdigit()) == digits  # none lost, none made up


@pytest.mark.parametrize(
    ("text", "decimal", "thousands"),
    [
        ("1,23", ".", ","),  # no group of three: not 123
        ("12 34", ".", None),
        ("1 234'567", ".", None),  # marks of two kinds
        ("1.234", "either", None),  # one thousand and more, or one and a bit
        ("1,234", ".", None),  # the contract names no such mark
        ("1_000", ".", None),
        ("12-34", ".", None),
        (".", ".", None),
        ("", ".", None),
        ("1,234,56", "either", None),
    ],
)
def test_what_is_no_number_or_two_is_refused(text: str, decimal: str, thousands: str | None) -> None:
    with pytest.raises(NotANumberError):
        plain_number(text, decimal, thousands)


@settings(deadline=None)
@given(
    st.dates(dt.date(1900, 1, 1), dt.date(2100, 12, 31)), st.sampled_from(LOCALES), st.sampled_from(DIGITS), st.data()
)
def test_dates_with_the_words_of_each_country_are_read(
    day: dt.date, locale: str, digits: str, data: st.DataObject
) -> None:
    """Against Unicode CLDR's words, with or without accents, in any case, with stray blanks, in any digits."""
    width = data.draw(st.sampled_from(["wide", "abbreviated"]))
    word = get_month_names(width, data.draw(st.sampled_from(["format", "stand-alone"])), locale)[day.month]
    if data.draw(st.booleans()):
        word = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
    word = data.draw(st.sampled_from([word, word.upper(), word.capitalize()]))
    blank = data.draw(st.sampled_from([" ", "  ", "\u00a0"]))
    text = f"{day.day}{blank}{word}{blank}{day.year}".translate(str.maketrans(DIGITS[0], digits))
    column = Column("day", type="date", formats=("%d %B %Y",))
    parsed = parse_column(pa.array([text], pa.large_string()), column, ("",), {})
    assert not parsed.bad.any(), text
    assert parsed.values[0].as_py().date() == day


@pytest.mark.parametrize("locale", LOCALES)
def test_weekdays_are_known(locale: str) -> None:
    for number, word in get_day_names("wide", "format", locale).items():
        expected = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[number]
        assert english_date(word) == expected


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("Decembre  2012", "%B %Y", "2012-12-01"),
        ("Fevrier 2013", "%B %Y", "2013-02-01"),
        ("1er août 2014", "%d %B %Y", "2014-08-01"),
        ("lundi 3 mars 2014", "%A %d %B %Y", "2014-03-03"),
        ("14-sept.-14", "%d-%b-%y", "2014-09-14"),
        ("١٥‏/٠٣‏/٢٠١٤", "%d/%m/%Y", "2014-03-15"),
        ("كانون الثاني ٢٠١٥", "%B %Y", "2015-01-01"),
        ("5 جويلية 2018", "%d %B %Y", "2018-07-05"),
        ("2 غشت 2018", "%d %B %Y", "2018-08-02"),
        ("٢٠١٤-٠٩-١٤", "%Y-%m-%d", "2014-09-14"),
        ("31 February 2014", "%d %B %Y", None),
        ("3 marsupial 2014", "%d %B %Y", None),
        ("30 fevrier 2014", "%d %B %Y", None),
        ("fevrier", "%B %Y", None),
    ],
)
def test_dates_as_they_are_found(text: str, form: str, expected: str | None) -> None:
    column = Column("day", type="date", formats=(form,))
    parsed = parse_column(pa.array([text], pa.large_string()), column, ("",), {})
    found = parsed.values[0].as_py()
    assert (found and found.date().isoformat()) == expected
    assert parsed.bad.any() == (expected is None)
