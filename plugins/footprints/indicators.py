"""The catalogue of indicators: `indicators.yaml` of the sources, checked, and brought into the warehouse."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml
from jsonschema import Draft202012Validator

from footprints.errors import ContractError
from footprints.harmonise.survey import Form, load_form
from footprints.settings import settings

Z95 = 1.959963984540054
PROFILE_QUESTIONS = {"sex", "age_group", "nationality", "departure_country", "destination_country"}
"""Questions that have a column of their own in core.interview; the SQL puts them beside the answers."""


@dataclass(frozen=True)
class Indicator:
    """A published measure of a survey; field by field the table core.indicator."""

    indicator_id: str
    sources: tuple[str, ...]
    theme: str
    question_code: str
    statistic: str
    numerator: tuple[str, ...]
    excluded: tuple[str, ...]
    unit: str
    disaggregations: tuple[str, ...]
    minimum_cell: int
    label_en: str
    label_fr: str
    label_ar: str
    caveat_en: str
    caveat_fr: str
    caveat_ar: str


COLUMNS = tuple(Indicator.__dataclass_fields__)


def load_catalogue(expectations_dir: Path | None = None) -> list[Indicator]:
    """All indicators of all sources, by name.

    Raises ContractError, naming file and key, where an entry breaks `indicators.schema.json`, uses a name twice, or
    speaks of a question or choice that the source's form does not have.
    """
    directory = expectations_dir or settings().expectations_dir
    found: dict[str, Indicator] = {}
    for path in sorted(directory.glob("*/indicators.yaml")):
        for indicator in load_indicators(path, directory / "indicators.schema.json"):
            if indicator.indicator_id in found:
                raise ContractError(f"{path}: the indicator {indicator.indicator_id} exists already")
            found[indicator.indicator_id] = indicator
    return [found[name] for name in sorted(found)]


def load_indicators(path: Path, schema: Path | None = None) -> list[Indicator]:
    """The indicators of one file; the form beside it (`form/`) is asked whether questions and choices exist."""
    schema = schema or path.parents[1] / "indicators.schema.json"
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as fault:
        raise ContractError(f"{path} is not YAML: {fault}") from None
    validator = Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
    for error in sorted(validator.iter_errors(document), key=lambda e: list(map(str, e.absolute_path))):
        key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path).lstrip(".")
        raise ContractError(f"{path}, {key or 'top level'}: {error.message}")
    form = load_form(path.parent / "form") if (path.parent / "form").is_dir() else None
    indicators: list[Indicator] = []
    for entry in document["indicators"]:
        whole: dict[str, Any] = {"exclude": [], "disaggregations": [], **document.get("defaults", {}), **entry}
        for key in ("theme", "statistic", "unit", "minimum_cell", "caveat"):
            if key not in whole:
                raise ContractError(f"{path}, {entry['id']}: {key} is missing, here and in defaults")
        if any(entry["id"] == other.indicator_id for other in indicators):
            raise ContractError(f"{path}, {entry['id']}: this name is used twice")
        if form is not None:
            _check_choices(path, whole, form)
        indicators.append(
            Indicator(
                indicator_id=whole["id"],
                sources=tuple(document["sources"]),
                theme=whole["theme"],
                question_code=whole["question"],
                statistic=whole["statistic"],
                numerator=tuple(whole["numerator"]),
                excluded=tuple(whole["exclude"]),
                unit=whole["unit"],
                disaggregations=tuple(whole["disaggregations"]),
                minimum_cell=whole["minimum_cell"],
                **{f"label_{language}": whole["label"][language] for language in ("en", "fr", "ar")},
                **{f"caveat_{language}": whole["caveat"][language] for language in ("en", "fr", "ar")},
            )
        )
    return indicators


def sync_indicators(connection: psycopg.Connection[Any], catalogue: Iterable[Indicator]) -> bool:
    """Make core.indicator equal to `catalogue`, within the caller's transaction. True where anything changed.

    After a change every partition of trends.survey_indicator has to be recomputed.
    """
    wanted = {i.indicator_id: tuple(_cell(getattr(i, c)) for c in COLUMNS) for i in catalogue}
    names = ", ".join(COLUMNS)
    present = {row[0]: tuple(row) for row in connection.execute(f"SELECT {names} FROM core.indicator").fetchall()}
    gone = [name for name in present if name not in wanted]
    changed = [row for name, row in wanted.items() if present.get(name) != row]
    if gone:
        connection.execute("DELETE FROM core.indicator WHERE indicator_id = ANY(%s)", (gone,))
    updates = ", ".join(
        f"{c} = excluded.{c}" if c != "excluded" else "excluded = EXCLUDED.excluded" for c in COLUMNS[1:]
    )
    marks = ", ".join(["%s"] * len(COLUMNS))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO core.indicator ({names}) VALUES ({marks}) ON CONFLICT (indicator_id) DO UPDATE SET {updates}",
            changed,
        )
    return bool(gone or changed)


def wilson(n: int, base: int, z: float = Z95) -> tuple[float, float]:
    """The Wilson score interval of the share `n / base`: lower and upper end, 95 % by default."""
    if not 0 <= n <= base or base == 0:
        raise ValueError("n must lie within a base of one or more")
    spread = z * math.sqrt(z * z + 4 * n * (base - n) / base)
    low = (2 * n + z * z - spread) / (2 * (base + z * z))
    high = (2 * n + z * z + spread) / (2 * (base + z * z))
    return max(low, 0.0), min(high, 1.0)


def _check_choices(path: Path, entry: dict[str, Any], form: Form) -> None:
    code = entry["question"]
    question = form.questions.get(code)
    if question is None or question.list_name is None or question.repeat is not None:
        if code in PROFILE_QUESTIONS:
            return
        raise ContractError(f"{path}, {entry['id']}.question: the form has no question {code} with choices")
    if code in PROFILE_QUESTIONS:
        return
    known = form.choices[question.list_name]
    for key in ("numerator", "exclude"):
        for choice in entry[key]:
            if choice not in known and not (key == "exclude" and choice in ("dont_know", "refused")):
                raise ContractError(f"{path}, {entry['id']}.{key}: {code} has no choice {choice}")


def _cell(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
