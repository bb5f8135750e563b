"""Numbers and dates as people write them: digits, marks and month words in English, French and Arabic.

Nothing is guessed: a number whose marks can be read two ways is no number, and a month word is known or is not.
"""

from __future__ import annotations

import re
from functools import cache

from footprints.harmonise.folding import fold

DIGITS = {ord(c): str(i) for digits in ("٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹") for i, c in enumerate(digits)}
DIRECTIONS = dict.fromkeys(map(ord, "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))
"""Marks of the direction of writing, which exports from right-to-left forms leave around figures."""
PLAIN = DIGITS | DIRECTIONS | {ord("−"): "-", ord("٫"): "\x00", ord("٬"): "_"}
"""What always means one thing: Arabic and Persian digits, the minus sign, Arabic marks (NUL: decimal, _: thousands)."""
GROUPING = re.compile("[ \u00a0\u202f\u2009\u2007'’]")
"""Marks that are never a decimal sign: spaces of all widths and apostrophes."""
NUMBER_PARTS = re.compile(r"([+-]?)(\d*|\d{1,3}(?:_\d{3})+)(?:\x00(\d*))?([eE][+-]?\d+)?")

MONTHS = (
    ("January", "jan janvier janv يناير كانون_الثاني كانون_ثاني جانفي"),
    ("February", "feb fevrier fevr fev فبراير شباط فيفري"),
    ("March", "mar mars مارس اذار"),
    ("April", "apr avril avr ابريل نيسان افريل"),
    ("May", "mai مايو ايار ماي"),
    ("June", "jun juin يونيو يونيه حزيران جوان"),
    ("July", "jul juillet juill juil يوليو يوليه تموز جويليه يوليوز"),
    ("August", "aug aout aou اغسطس اب اوت غشت اغشت"),
    ("September", "sep sept septembre سبتمبر ايلول شتنبر شتمبر"),
    ("October", "oct octobre اكتوبر تشرين_الاول تشرين_اول"),
    ("November", "nov novembre نوفمبر تشرين_الثاني تشرين_ثاني نونبر نوفبر"),
    ("December", "dec decembre ديسمبر كانون_الاول كانون_اول دجنبر دجمبر"),
)
"""Months with the words for them, folded: English and French with their short forms; in Arabic those of Egypt and the
Gulf, of the Levant and Iraq, of Tunisia and Algeria, of Morocco and Mauritania. A blank within a word is written _."""
WEEKDAYS = (
    ("Monday", "mon lundi lun الاثنين"),
    ("Tuesday", "tue tues mardi الثلاثاء"),
    ("Wednesday", "wed mercredi mer الاربعاء"),
    ("Thursday", "thu thur thurs jeudi jeu الخميس"),
    ("Friday", "fri vendredi ven الجمعه"),
    ("Saturday", "sat samedi sam السبت"),
    ("Sunday", "sun dimanche dim الاحد"),
)
FIRST = re.compile(r"\b1(?:er|st)\b")
FORMS = str.maketrans("ىةٱ", "يها")
"""Arabic letters that are written one for the other."""


class NotANumberError(ValueError):
    """Raised for a text that is no number, or could be two."""


def plain_number(text: str, decimal: str, thousands: str | None) -> str:
    """A number as Python reads it, from any digits and marks: `1 234,5` with the decimal sign `,` is `1234.5`.

    `decimal` is `.`, `,`, or `either`: then a sign that could be both (`1,234`) is no number. `thousands` is the mark
    that the contract names beside those that can be nothing else: spaces, apostrophes, the Arabic mark. Marks stand
    before groups of three digits, all of one kind.

    Raises NotANumberError.
    """
    if "_" in text or "\x00" in text:
        raise NotANumberError
    plain = text.translate(PLAIN).strip()
    groups = set(GROUPING.findall(plain)) | ({"_"} if "_" in plain else set())
    if decimal == "either":
        decimal, thousands = _signs(plain, is_grouped=bool(groups))
    if thousands and thousands in plain:
        groups.add(thousands)
        plain = plain.replace(thousands, "_")
    if len(groups) > 1:
        raise NotANumberError
    plain = GROUPING.sub("_", plain).replace(decimal, "\x00")
    parts = NUMBER_PARTS.fullmatch(plain)
    if parts is None or not (parts[2] or parts[3]):
        raise NotANumberError
    sign, whole, fraction, exponent = parts.groups()
    return sign + whole.replace("_", "") + ("" if fraction is None else f".{fraction}") + (exponent or "")


def _signs(plain: str, *, is_grouped: bool) -> tuple[str, str | None]:
    """Which of `.` and `,` is the decimal sign of this number, and which marks thousands. `is_grouped`: by others."""
    n = {sign: plain.count(sign) for sign in ".,"}
    if n["."] and n[","]:
        decimal = max(".,", key=plain.rindex)
        return decimal, "," if decimal == "." else "."
    for sign, other in ((".", ","), (",", ".")):
        if n[sign] > 1:
            return other, sign
        if n[sign] == 1:
            whole, fraction = plain.lstrip("+-").split(sign)
            if len(fraction) == 3 and whole.strip("0") and len(whole) <= 3 and not is_grouped:
                raise NotANumberError
            return sign, None
    return ".", None


def ascii_digits(text: str) -> str:
    """The text with all digits as 0 to 9 and without marks of the direction of writing."""
    return text.translate(DIGITS | DIRECTIONS)


@cache
def _words() -> tuple[re.Pattern[str], dict[str, str]]:
    words = {}
    for english, others in (*MONTHS, *WEEKDAYS):
        for word in (english.casefold(), *others.split()):
            words[word.replace("_", " ")] = english
    longest_first = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
    return re.compile(rf"(?<![^\W\d_])(?:{longest_first})(?![^\W\d_])\.?"), words


def english_date(text: str) -> str:
    """A date with its words for months and weekdays in English, spelled out, digits as 0 to 9, and single spaces.

    `Fevrier  2012` and `٣ شباط ٢٠١٢` become `February 2012` and `3 February 2012`; what is no such word stays.
    """
    pattern, words = _words()
    plain = fold(ascii_digits(text).replace("،", ",")).translate(FORMS)
    plain = FIRST.sub("1", plain)
    return pattern.sub(lambda found: words[found[0].rstrip(".")], plain)
