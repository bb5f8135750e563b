"""The words of a receipt: texts by rule and language from `messages.yaml`, filled as plain text or as HTML.

A text is a template with named placeholders. What stands in a placeholder may come from a partner's file (a header, a
name), so in HTML it is escaped and isolated (`<bdi>`): it can neither run nor turn the sentence around.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib import resources
from string import Formatter
from typing import Any, cast

import yaml
from markupsafe import Markup, escape

from footprints.model import Issue, Language

LANGUAGES: tuple[Language, ...] = ("en", "fr", "ar")
LIST_ITEMS = 40
"""A text names at most so many columns or values of a list, then how many more there are."""
MEASURES = ("rows", "periods", "countries")
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "tab": "tab", "|": "pipe"}
UNITS = ((2**30, "gigabyte"), (2**20, "megabyte"), (2**10, "kilobyte"))
NO_BREAK = "\u00a0"
THOUSANDS: dict[Language, str] = {"en": ",", "fr": "\u202f", "ar": ","}
EXAMPLE_DATE = datetime(2024, 10, 27, 14, 30, tzinfo=UTC)
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]")
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
"""Letters written from the right. A text without one (a number, a file name) is laid out from the left."""

Template = str | tuple[str, ...]


@dataclass(frozen=True)
class Message:
    """What a receipt says of one rule. Where a text has several templates, the first that can be filled is used."""

    name: str
    what: Template
    fix: Template


@dataclass(frozen=True)
class Messages:
    """All words, loaded once."""

    rules: Mapping[str, Mapping[Language, Message]]
    aliases: Mapping[str, str]
    texts: Mapping[str, Mapping[Language, Mapping[str, str]]]


@cache
def messages() -> Messages:
    """The content of `messages.yaml`."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is ten times faster
    raw = yaml.load(resources.files(__package__).joinpath("messages.yaml").read_text("utf-8"), loader)  # noqa: S506
    rules = {
        rule: {language: _message(by_language[language], language) for language in LANGUAGES}
        for rule, by_language in raw["rules"].items()
    }
    texts = {
        name: {language: _forms(by_language[language], language) for language in LANGUAGES}
        for name, by_language in raw["texts"].items()
    }
    return Messages(rules, raw["aliases"], texts)


def message(rule: str, language: Language, parameters: Mapping[str, Any] | None = None) -> Message:
    """What to say of a rule. A rule that nobody wrote a text for gets its family's, or one that only names it.

    `parameters["expectation_type"]` names the family of a rule that a suite named itself.
    """
    found = messages().rules[_known(rule, parameters or {})]
    return found[language]


def is_known(rule: str) -> bool:
    """Whether a rule has a text of its own or of its family."""
    return _known(rule, {}) not in ("unknown", "expectation.other")


def values_of(issue: Issue) -> dict[str, Any]:
    """What may stand in the placeholders of an issue's texts: its parameters, `column`, `n_rows` and `rule`."""
    own = {"rule": issue.rule, "n_rows": issue.n_rows, "column": issue.column}
    return {
        k: v for k, v in {**own, **issue.parameters}.items() if v is not None and (v or isinstance(v, (int, float)))
    }


def plain(template: Template, values: Mapping[str, Any], language: Language) -> str:
    """A template as plain text."""
    return "".join(text for text, _ in _pieces(template, values, language))


def markup(template: Template, values: Mapping[str, Any], language: Language) -> Markup:
    """A template as HTML: every value is escaped and isolated from the direction of the sentence."""
    return Markup("").join(
        isolated(text) if is_value else escape(text) for text, is_value in _pieces(template, values, language)
    )


def isolated(value: object) -> Markup:
    """A value of unknown direction as HTML: a header, a file name, a number."""
    shown = visible(str(value))
    if RIGHT_TO_LEFT.search(shown):
        return Markup("<bdi>{}</bdi>").format(shown)
    return Markup('<bdi dir="ltr">{}</bdi>').format(shown)


def visible(text: str) -> str:
    """A text with what would be invisible (control and direction characters) written out."""
    return HIDDEN.sub(lambda match: f"⟨U+{ord(match.group()):04X}⟩", text)


def text(name: str, language: Language, /, **values: Any) -> str:
    """A text of the page, plain."""
    return plain(_form(name, language, values), values, language)


def text_markup(name: str, language: Language, /, **values: Any) -> Markup:
    """A text of the page as HTML."""
    return markup(_form(name, language, values), values, language)


def count(n: int, language: Language) -> str:
    """A number of things, in Western digits, with the language's thousands separator."""
    return f"{n:,}".replace(",", THOUSANDS[language])


def size(n: int, language: Language) -> str:
    """A number of bytes as a person says it."""
    for factor, unit in UNITS:
        if n >= factor:
            number = f"{n / factor:.1f}".removesuffix(".0")
            return f"{_decimal(number, language)}{NO_BREAK}{text('unit.' + unit, language)}"
    return f"{n}{NO_BREAK}{text('unit.byte', language)}"


def listed(values: Iterable[str], language: Language) -> str:
    """A list as plain text."""
    return text("verdict.comma", language).join(values)


def _known(rule: str, parameters: Mapping[str, Any]) -> str:
    known = messages()
    bare = rule.removeprefix("expectation.")
    family = str(parameters.get("expectation_type", ""))
    for name in (rule, bare, f"expect_{bare}", family, f"expect_{family}"):
        name = known.aliases.get(name, name)
        if name in known.rules:
            return name
    return "expectation.other" if family or rule.startswith(("expectation.", "expect_")) else "unknown"


def _message(raw: Mapping[str, Any], language: Language) -> Message:
    return Message(_spaced(raw["name"], language), _template(raw["what"], language), _template(raw["fix"], language))


def _template(raw: str | list[str], language: Language) -> Template:
    if isinstance(raw, str):
        return _spaced(raw, language)
    return tuple(_spaced(one, language) for one in raw)


def _forms(raw: str | dict[str, str], language: Language) -> dict[str, str]:
    forms = {"other": raw} if isinstance(raw, str) else raw
    return {form: _spaced(template, language) for form, template in forms.items()}


def _spaced(template: str, language: Language) -> str:
    """A French text with the no-break spaces that its punctuation wants."""
    if language != "fr":
        return template
    return re.sub(r" (?=[:;!?»%])|(?<=«) ", NO_BREAK, template)


def _form(name: str, language: Language, values: Mapping[str, Any]) -> str:
    """The form of a text for `n` things. English knows one for 1, French for 0 and 1; Arabic texts are labels."""
    forms = messages().texts[name][language]
    n = values.get("n")
    if "one" in forms and n is not None and (n == 1 or (language == "fr" and n == 0)):
        return forms["one"]
    return forms["other"]


def placeholders(template: str) -> list[tuple[str, str]]:
    """Placeholders of a template: name and how to show it, in order of name."""
    return sorted({(field, spec or "") for _, field, spec, _ in Formatter().parse(template) if field is not None})


def _pieces(template: Template, values: Mapping[str, Any], language: Language) -> Iterator[tuple[str, bool]]:
    """The texts that a filled template consists of, and whether each is a value."""
    candidates = (template,) if isinstance(template, str) else template
    chosen = next((c for c in candidates if all(field in values for field, _ in placeholders(c))), candidates[-1])
    for literal, field, spec, _ in Formatter().parse(chosen):
        if literal:
            yield literal, False
        if field is not None:
            yield from _shown(values.get(field, "…"), spec or "", language)


def _shown(value: Any, spec: str, language: Language) -> Iterator[tuple[str, bool]]:
    """A value as the partner should read it; a list gives its items with separators between."""
    if isinstance(value, Mapping):
        value = [f"{name} ({', '.join(_flat(one))})" for name, one in value.items()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        value = [" + ".join(_flat(one)) if isinstance(one, (list, tuple, Mapping)) else one for one in value]
    if not isinstance(value, list):
        yield _one(value, spec, language), True
        return
    separator = text("list.or" if spec == "dates" else "verdict.comma", language)
    for number, item in enumerate(value[:LIST_ITEMS]):
        if number:
            yield separator, False
        yield _one(item, spec, language), True
    if len(value) > LIST_ITEMS:
        yield separator, False
        yield text("list.more", language, n=len(value) - LIST_ITEMS), False


def _flat(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{k}: {', '.join(_flat(v))}" for k, v in value.items()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [str(one) for one in value]
    return [str(value)]


def _one(value: Any, spec: str, language: Language) -> str:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf
    if spec == "dates" and isinstance(value, str):
        return _example(value)
    if spec == "delimiter" and value in DELIMITERS:
        return text(f"delimiter.{DELIMITERS[cast(str, value)]}", language)
    if spec == "measure" and value in MEASURES:
        return text(f"measure.{value}", language)
    if spec == "percent" and is_number and abs(value) < 1e15:
        return _percent(float(value), language)
    if spec == "bytes" and is_number and abs(value) < 1e15:
        return size(int(value), language)
    if spec == "count" and is_number and value == int(value):
        return count(int(value), language)
    if is_number and isinstance(value, float):
        return _decimal(f"{value:.6g}" if abs(value) < 1e15 and value != int(value) else f"{value:.0f}", language)
    if isinstance(value, (datetime, date)):
        value = value.isoformat()
    return re.sub(r"(?<=\d{4}-\d\d-\d\d)[T ]00:00:00(\.0+)?(Z|\+00:00)?$", "", str(value))


def _example(date_format: str) -> str:
    """A date written in a strptime format; a format that is not one is shown as it is."""
    try:
        return EXAMPLE_DATE.strftime(date_format) or date_format
    except ValueError:
        return date_format


def _percent(share: float, language: Language) -> str:
    number = _decimal(f"{share * 100:.1f}".removesuffix(".0"), language)
    return f"{number}{NO_BREAK}%" if language == "fr" else f"{number}%"


def _decimal(number: str, language: Language) -> str:
    return number.replace(".", ",") if language == "fr" else number
