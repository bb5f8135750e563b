"""Every rule has words in all three languages, with the same placeholders, and no rule makes a receipt fail."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from footprints.harmonise.folding import fold
from footprints.model import Issue
from footprints.receipts import messages
from footprints.receipts.messages import LANGUAGES, Message, Template

REPOSITORY = Path(__file__).resolve().parents[3]
SPECIFIED = [
    "file.empty",
    "file.unreadable",
    "file.format_unknown",
    "file.too_large",
    "source.unknown",
    "layout.unknown",
    "columns.missing",
    "columns.unexpected",
    "gate.rejects",
    "key.malformed",
    "type.integer",
    "type.number",
    "type.date",
    "type.boolean",
    "code.unknown",
    "country.unknown",
    "required",
    "no_value",
    "row.ragged",
    "row.repeated",
    "key.repeated",
    "consent.none",
    "columns.dropped",
    "encoding.detected",
    "mojibake.repaired",
    "rows.skipped",
    "snapshot.superseded",
    "rows.older",
    "coverage.shrank",
    "total.jumped",
    "type.text",
    "warehouse.refused",
]
RAISED = re.compile(r"""(?:DeliveryError|Issue|SurveyIssue)\(\s*(?:rule=)?["']([a-z_.]+)["']""")
NAMED = re.compile(
    r"""["']((?:file|type|code|country|key|row|rows|columns|layout|gate|snapshot|coverage|total|consent|encoding|mojibake|survey)"""
    r"""\.[a-z_]+)["']"""
)
FILES = re.compile(r"\.(csv|json|ya?ml|xlsx|sql|html|log)$")


def templates(template: Template) -> tuple[str, ...]:
    return (template,) if isinstance(template, str) else template


def shape(message: Message) -> list[list[list[tuple[str, str]]]]:
    return [
        [messages.placeholders(one) for one in templates(part)] for part in (message.name, message.what, message.fix)
    ]


def rules_of_the_code() -> Iterator[str]:
    for path in (REPOSITORY / "plugins" / "footprints").rglob("*.py"):
        source = path.read_text("utf-8")
        if "receipts" not in path.parts:
            yield from (name for name in NAMED.findall(source) if not FILES.search(name))
        yield from RAISED.findall(source)


def rules_of_the_suites() -> Iterator[str]:
    folder = REPOSITORY / "expectations"
    for path in [*folder.glob("*/suites/*.json"), *folder.glob("_tables/*.json")]:
        for expectation in json.loads(path.read_text("utf-8"))["expectations"]:
            kind = expectation["type"].removeprefix("expect_")
            yield (expectation.get("meta") or {}).get("rule", f"expectation.{kind}")


@pytest.mark.parametrize("rule", SPECIFIED)
def test_every_specified_rule_has_a_text(rule: str) -> None:
    assert messages.is_known(rule)


def test_every_rule_of_the_code_has_a_text() -> None:
    assert [rule for rule in sorted(set(rules_of_the_code())) if not messages.is_known(rule)] == []


def test_every_rule_of_the_suites_has_a_text() -> None:
    assert [rule for rule in sorted(set(rules_of_the_suites())) if not messages.is_known(rule)] == []


@pytest.mark.parametrize("rule", sorted(messages.messages().rules))
def test_a_rule_says_the_same_in_every_language(rule: str) -> None:
    by_language = messages.messages().rules[rule]
    assert set(by_language) == set(LANGUAGES)
    shapes = [shape(by_language[language]) for language in LANGUAGES]
    assert shapes[0] == shapes[1] == shapes[2]
    for message in by_language.values():
        for part in (message.name, message.what, message.fix):
            assert all(one.strip() for one in templates(part))
            # The last text is what is said when nothing is known: it needs no parameter.
            assert {name for name, _ in messages.placeholders(templates(part)[-1])} <= {"rule"}


@pytest.mark.parametrize("name", sorted(messages.messages().texts))
def test_a_text_of_the_page_has_the_same_placeholders_in_every_language(name: str) -> None:
    by_language = messages.messages().texts[name]
    shapes = {str(messages.placeholders(form)) for forms in by_language.values() for form in forms.values()}
    # A form for one thing may leave its number out.
    assert len(shapes) == 1 or name in {"verdict.loaded.all", "verdict.loaded.nothing_new"}


def test_aliases_lead_to_rules() -> None:
    known = messages.messages()
    assert set(known.aliases.values()) <= set(known.rules)
    assert not set(known.aliases) & set(known.rules)


def test_every_expectation_of_great_expectations_has_a_text() -> None:
    import great_expectations.expectations.core as core

    snake = [re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in dir(core) if name.startswith("Expect")]
    unnamed = [kind for kind in snake if not messages.is_known(f"expectation.{kind.removeprefix('expect_')}")]
    # Spelled otherwise by the rule above, or nothing that a partner's file can be checked with.
    assert unnamed == ["expect_column_k_l_divergence_to_be_less_than", "expect_query_results_to_match_comparison"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rule", ["", "nobody.wrote_this", "expectation.column_values_to_please_us", "{x}{0}{"])
def test_an_unknown_rule_is_named(rule: str, language: messages.Language) -> None:
    message = messages.message(rule, language)
    assert rule in messages.plain(message.what, {"rule": rule}, language)


def test_a_rule_named_by_a_suite_speaks_as_its_family() -> None:
    message = messages.message("age.plausible", "en", {"expectation_type": "expect_column_values_to_be_between"})
    assert message == messages.message("expectation.column_values_to_be_between", "en")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"min_value": 0, "max_value": 120}, "At least: 0. At most: 120."),
        ({"min_value": 0, "max_value": None}, "It should be at least 0."),
        ({"max_value": "2024-03-31T00:00:00"}, "It should be at most 2024-03-31."),
        ({}, "outside the expected range."),
    ],
)
def test_a_range_is_told_by_the_bounds_it_has(parameters: dict[str, object], expected: str) -> None:
    issue = Issue("expectation.column_values_to_be_between", "reject", "age", parameters=parameters)
    message = messages.message(issue.rule, "en")
    assert messages.plain(message.what, messages.values_of(issue), "en").endswith(expected)


@pytest.mark.parametrize(
    ("rule", "language", "parameters", "expected"),
    [
        (
            "type.date",
            "en",
            {"formats": ["%B %d, %Y", "%d/%m/%Y"]},
            "Write the date like this: October 27, 2024 or 27/10/2024.",
        ),
        ("type.date", "fr", {"formats": ["%d-%m-%y"]}, "Écrivez la date ainsi\u00a0: 27-10-24."),
        ("type.date", "ar", {}, "اكتب التاريخ بترتيب السنة ثم الشهر ثم اليوم، مثل 2024-03-31."),
    ],
)
def test_a_date_form_is_told_by_an_example(
    rule: str, language: messages.Language, parameters: dict[str, object], expected: str
) -> None:
    assert messages.plain(messages.message(rule, language).fix, parameters, language) == expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "26.1% … 5%; limit 1.5 GB, 12,345"),
        ("fr", "26,1\u00a0% … 5\u00a0%; limit 1,5\u00a0Go, 12\u202f345"),
        ("ar", "26.1% … 5%; limit 1.5 غيغابايت, 12,345"),
    ],
)
def test_numbers_are_western_digits_in_the_language_s_form(language: messages.Language, expected: str) -> None:
    template = "{share:percent} … {limit:percent}; limit {size:bytes}, {n:count}"
    values = {"share": 0.261, "limit": 0.05, "size": 3 * 2**29, "n": 12345}
    assert (
        messages.plain(template, values, language).replace("\u00a0غ", " غ").replace("1.5\u00a0GB", "1.5 GB") == expected
    )


def test_a_long_list_says_how_many_more() -> None:
    shown = messages.plain("{columns}.", {"columns": [f"c{n}" for n in range(100)]}, "en")
    assert shown.endswith("c39, and 60 more.")


def test_values_are_escaped_and_isolated() -> None:
    shown = messages.markup("Columns: {columns}.", {"columns": ["<b>", "عمود"]}, "en")
    assert shown == 'Columns: <bdi dir="ltr">&lt;b&gt;</bdi>, <bdi>عمود</bdi>.'


def test_direction_characters_in_a_value_are_written_out() -> None:
    assert messages.isolated("a\u202eb\u2069\x00") == '<bdi dir="ltr">a⟨U+202E⟩b⟨U+2069⟩⟨U+0000⟩</bdi>'


@pytest.mark.parametrize("source", ["mhub-cleaning", "reach-bfa-cleaning"])
def test_the_words_that_a_log_is_told_to_use_are_known_to_its_map(source: str) -> None:
    path = REPOSITORY / "expectations" / source / "maps/actions.csv"
    with path.open(encoding="utf-8", newline="") as file:
        known = {fold(row["provider_value"]): row["code"] for row in csv.DictReader(file)}
    rules = yaml.safe_load((REPOSITORY / "plugins/footprints/receipts/messages.yaml").read_text("utf-8"))["rules"]
    for language in LANGUAGES:
        told = re.search(r"\((.+?)\)", rules["log.action_unclear"][language]["fix"])
        assert told is not None
        codes = [known.get(fold(word)) for word in re.split("[,،]", told[1])]
        assert codes == ["change", "blank", "delete", "none"], language
