"""A draft as files: contract.yaml with a comment on each guess, code maps, a suite in Great Expectations' own JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from footprints.propose.draft import Draft
from footprints.propose.lexicon import NUMBERS
from footprints.warehouse.tables import TABLES

HEADROOM = 10
"""A number so many times the largest that was seen is flagged."""


@dataclass(frozen=True)
class Names:
    """What a draft is of: its source and the partner that sends it."""

    source: str
    partner: str
    language: str = "en"
    file_name: str = ""


def contract_text(names: Names, drafts: Iterable[Draft], n_rows: int) -> str:
    """The contract as YAML; what a person must fill in says so."""
    lines = [
        f"# Drafted by `footprints propose` from {names.file_name} ({n_rows:,} rows).",
        "# Every guess has its reason beside it: read each, mend what is wrong, fill in what says FILL IN, and delete",
        "# the comments that are settled.",
        f"source: {names.source}",
        f"partner: {{id: {names.partner}, name: {_scalar('FILL IN: ' + names.partner)}, language: {names.language}}}",
        "title:",
        *(f"  {language}: {_scalar('FILL IN: ' + names.source)}" for language in ("en", "fr", "ar")),
        "publisher: 'FILL IN'",
        "licence: 'FILL IN'",
        "citation: 'FILL IN'",
        "# private until somebody decides otherwise: private, organization, organization-wide, authorization, public",
        "confidentiality: private",
        "# cadence: P1M    # how often it comes, an ISO 8601 duration",
        "gate: {max_reject_share: 0.2}    # a file that loses more is held",
        "",
        "layouts:",
    ]
    for number, draft in enumerate(drafts, start=1):
        lines += _layout(f"{names.source}-{number}" if number > 1 else names.source, draft, also=number > 1)
    return "\n".join(lines) + "\n"


def _layout(name: str, draft: Draft, *, also: bool) -> list[str]:
    lines = [f"  - name: {name}"]
    if also:
        lines.append("    also: true    # another sheet of the same file")
    lines.append(f"    match: {_flow(draft.match)}")
    if draft.read:
        lines.append(f"    read: {_flow(draft.read)}")
    lines += [
        f"    # {draft.why_as_of}",
        f"    as_of: {_flow(draft.as_of)}",
        f"    # {draft.why_table}",
        f"    table: {draft.table}",
        f"    # {draft.why_mode}",
        f"    mode: {draft.mode}",
        f"    # {draft.why_key}",
        f"    record_key: {_flow(list(draft.record_key))}",
    ]
    if draft.on_repeated_key:
        lines.append(f"    on_repeated_key: {draft.on_repeated_key}    # rows that share the key and differ all count")
    if draft.unpivot:
        lines += ["    unpivot:", f"      columns: {_flow(draft.unpivot['columns'])}"]
        if "drop" in draft.unpivot:
            lines.append(f"      drop: {_flow(draft.unpivot['drop'])}")
    lines.append("    columns:")
    for column in draft.columns:
        lines += [f"      # {column.why}", f"      {column.target}: {_flow(dict(column.spec))}"]
    for missing in draft.missing:
        lines.append(f"      # FILL IN: {missing} – core.{draft.table} needs it, and no header of the file says it")
    if draft.drop or draft.hash:
        lines.append("    privacy:")
        for what, headers in (("drop", draft.drop), ("hash", draft.hash)):
            if headers:
                lines += [f"      # {header!r}: {why}" for header, why in headers.items()]
                lines.append(f"      {what}: {_flow(list(headers))}")
    lines.append("    unknown_columns: drop    # and tell the partner; `refuse` holds the file instead")
    if draft.unused:
        lines.append("    # No place was found for:")
        lines += [f"    #   {header!r}" for header in draft.unused]
    return lines


def _scalar(value: str) -> str:
    return yaml.safe_dump(value, allow_unicode=True, width=10_000).removesuffix("\n").removesuffix("\n...")


def _flow(value: Any) -> str:
    return (
        yaml.safe_dump(value, allow_unicode=True, default_flow_style=True, width=10_000, sort_keys=False)
        .replace("\n...", "")
        .strip()
    )


def map_texts(draft: Draft) -> dict[str, str]:
    """The files of `maps/`, by name: words with a code; and those without, with the nearest, for a person to decide."""
    files = {}
    for code_map in draft.maps:
        files[f"{code_map.name}.csv"] = _csv(("provider_value", "code"), code_map.codes.items())
        if code_map.unmatched:
            files[f"{code_map.name}.undecided.csv"] = _csv(
                ("provider_value", "nearest_codes"),
                ((word, " | ".join(nearest)) for word, nearest in code_map.unmatched.items()),
            )
    return files


def _csv(header: tuple[str, ...], rows: Iterable[tuple[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def suite_text(names: Names, draft: Draft) -> str:
    """A suite "as delivered": what is always filled, the range of what was seen, the key."""
    expectations: list[dict[str, Any]] = []

    def add(kind: str, severity: str, notes: str, **kwargs: Any) -> None:
        expectations.append({"type": kind, "kwargs": kwargs, "severity": severity, "notes": notes})

    columns = TABLES[draft.table].columns
    for column in draft.columns:
        header = column.spec.get("from")
        seen = draft.profiles.get(header) if isinstance(header, str) else None
        if seen is None or column.target not in columns:
            continue
        if seen.n_filled == seen.n_rows and not column.spec.get("required"):
            add("expect_column_values_to_not_be_null", "warning", "Filled in every row so far.", column=column.target)
        if columns[column.target] in ("integer", "smallint") and seen.type in NUMBERS and column.target != "year":
            largest = max((_number(text, seen.thousands) for text in seen.texts), default=0)
            add(
                "expect_column_values_to_be_between",
                "warning",
                f"{HEADROOM} times the largest so far.",
                column=column.target,
                min_value=0,
                max_value=int(largest * HEADROOM) or 1000,
            )
    real = [key for key in draft.record_key if key in columns]
    if real and len(real) == len(draft.record_key) and len(real) > 1:
        add(
            "expect_compound_columns_to_be_unique",
            "warning",
            "What identifies a record.",
            column_list=real,
            ignore_row_if="never",
        )
    document = {
        "name": f"{names.source}.delivered",
        "expectations": expectations,
        "meta": {},
        "notes": "Drafted by `footprints propose`: what held for the file that it saw.",
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _number(text: str, thousands: str | None) -> float:
    try:
        return float(text.replace(thousands, "") if thousands else text)
    except ValueError:
        return 0.0
