"""Places that records name: the reviewed aliases, and what no list knows, with the nearest places for review.

Which place a provider's words mean is worked out in SQL (`core.find_place`): by code, name, then alias, and never by
likeness. Likeness only serves here, to propose to a person.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz, process
from sqlalchemy import Connection, Row, text

from footprints.contracts import Layout
from footprints.errors import ContractError
from footprints.model import EXAMPLE_ROWS, Issue

ALIASES = "places.csv"
ALIAS_COLUMNS = {"country_code", "admin_level", "provider_value", "place_code", "why"}
NEAREST = 3
"""So many candidates are proposed for a place, at most."""
LIKENESS = 60
"""Names less alike than this (0 to 100) are no candidates."""
SHOWN = 20
"""A receipt names at most so many places."""
DESCRIBED = "provider_location"
"""The column that tells in words where something happened ("40 km north of Zuwara"): nobody is asked for a name."""


@dataclass(frozen=True)
class Candidate:
    """A place that a wording may mean; `likeness` of the names from 0 to 100."""

    place_code: str
    name: str
    admin_level: int
    parent_code: str | None
    likeness: float


@dataclass(frozen=True)
class UnknownPlace:
    """A wording of a source that no list decides: `status` is unknown, ambiguous or unlisted."""

    source_id: str
    core_table: str
    column_name: str
    country_code: str
    admin_level: int | None
    provider_code: str | None
    provider_place: str
    provider_parent: str | None
    n_records: int
    status: str
    candidates: tuple[Candidate, ...]


def load_aliases(path: Path) -> list[dict[str, Any]]:
    """The rows of `expectations/places.csv`; none where there is no such file.

    Raises ContractError where a column is missing or a level is no number.
    """
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if set(reader.fieldnames or ()) != ALIAS_COLUMNS:
            raise ContractError(f"{path}: needs the columns {', '.join(sorted(ALIAS_COLUMNS))}")
        rows = []
        for number, row in enumerate(reader, start=2):
            level = row["admin_level"].strip()
            if level and level not in ("0", "1", "2", "3", "4", "5"):
                raise ContractError(f"{path}, line {number}: admin_level is 0 to 5, or blank for any")
            rows.append({**row, "admin_level": int(level) if level else None, "why": row["why"] or None})
    return rows


def sync_aliases(connection: Connection, path: Path) -> None:
    """Makes `core.place_alias` hold what the file holds, no more.

    Raises ContractError where the file is not as it should be, or names one spelling twice.
    """
    rows = load_aliases(path)
    connection.execute(text("LOCK TABLE core.place_alias IN SHARE ROW EXCLUSIVE MODE"))
    connection.execute(text("DELETE FROM core.place_alias"))
    if not rows:
        return
    inserted = connection.execute(
        text(
            "INSERT INTO core.place_alias (country_code, admin_level, provider_value, place_code, why)"
            " SELECT * FROM unnest(CAST(:countries AS text[]), CAST(:levels AS smallint[]), CAST(:words AS text[]),"
            " CAST(:codes AS text[]), CAST(:whys AS text[])) ON CONFLICT DO NOTHING"
        ),
        {
            "countries": [row["country_code"] for row in rows],
            "levels": [row["admin_level"] for row in rows],
            "words": [row["provider_value"] for row in rows],
            "codes": [row["place_code"] for row in rows],
            "whys": [row["why"] for row in rows],
        },
    )
    if inserted.rowcount != len(rows):
        raise ContractError(f"{path}: two lines have the same spelling of one country and level")


def undecided(connection: Connection, source_id: str | None = None, statuses: Sequence[str] = ()) -> list[UnknownPlace]:
    """What the lists of places do not decide, the most frequent first, each with the places that come nearest.

    `statuses` are unknown and ambiguous unless others are named. Descriptions (`DESCRIBED`) are left out.
    """
    rows = connection.execute(
        text(
            "SELECT * FROM core.place_match WHERE status = ANY(:statuses)"
            " AND (CAST(:source AS text) IS NULL OR source_id = :source)"
            f" AND column_name <> '{DESCRIBED}'"
            " ORDER BY n_records DESC, source_id, country_code, admin_level, provider_place, provider_code, column_name"
        ),
        {"statuses": list(statuses or ("unknown", "ambiguous")), "source": source_id},
    ).all()
    return _with_candidates(connection, rows)


def summary(connection: Connection, source_id: str | None = None) -> list[Row[Any]]:
    """How the places of each source's records were found: wordings and records by table, column and status."""
    return list(
        connection.execute(
            text(
                "SELECT source_id, core_table, column_name, status, count(*) AS n_wordings, sum(n_records) AS n_records"
                " FROM core.place_match WHERE CAST(:source AS text) IS NULL OR source_id = :source"
                " GROUP BY source_id, core_table, column_name, status ORDER BY 1, 2, 3, 4"
            ),
            {"source": source_id},
        ).all()
    )


def report(connection: Connection, delivery_id: int, layouts: Sequence[Layout], *, show_values: bool) -> list[Issue]:
    """What a delivery's receipt says of its places: those that no list knows, and names that several places have.

    Only where a list of the country and level is there to look it up in; it says which. `layouts` are those that read
    the delivery. Names are shown where `show_values` allows it; else the rows.
    """
    rows = connection.execute(
        text(
            "SELECT u.*, f.status FROM ("
            "   SELECT source_id, core_table, column_name, country_code, admin_level, provider_code, provider_place,"
            "   provider_parent, count(DISTINCT row_number) AS n_records,"
            "   (array_agg(DISTINCT row_number ORDER BY row_number))[1:20] AS row_numbers"
            "   FROM core.provider_place WHERE delivery_id = :id"
            # A literal: the planner then leaves out the tables that only describe.
            f" AND column_name <> '{DESCRIBED}'"
            "   GROUP BY source_id, core_table, column_name, country_code, admin_level, provider_code, provider_place,"
            "   provider_parent"
            " ) u CROSS JOIN LATERAL"
            " core.find_place(country_code, admin_level, provider_code, provider_place, provider_parent) f"
            " WHERE f.status IN ('unknown', 'ambiguous')"
            " ORDER BY n_records DESC, country_code, admin_level, provider_place, provider_code"
        ),
        {"id": delivery_id},
    ).all()
    groups: dict[tuple[str, str, str], list[Row[Any]]] = {}
    for row in rows:
        groups.setdefault((row.status, row.core_table, row.column_name), []).append(row)
    return [
        _issue(connection, status, _header(layouts, table, column), group, show=show_values)
        for (status, table, column), group in sorted(groups.items())
    ]


def _header(layouts: Sequence[Layout], table: str, column: str) -> str:
    """The partner's own header of a column, by the first of these layouts that fills it."""
    for layout in layouts:
        if layout.table == table and any(c.target == column for c in layout.columns):
            return layout.header_of(column)
    return column


def _issue(connection: Connection, status: str, header: str, group: list[Row[Any]], *, show: bool) -> Issue:
    numbers = sorted({number for row in group for number in row.row_numbers})
    parameters: dict[str, Any] = {"n_places": len(group), "lists": _lists(connection, group)}
    if show:
        parameters["places"] = [_told(place) for place in _with_candidates(connection, group[:SHOWN])]
    n_rows = sum(row.n_records for row in group)
    return Issue(f"place.{status}", "note", header, n_rows, tuple(numbers[:EXAMPLE_ROWS]), parameters)


def _told(place: UnknownPlace) -> str:
    """A wording with its candidates, as a receipt lists it: `Mamdy → Mamdi (TCD0701)?`."""
    nearest = ", ".join(f"{c.name} ({c.place_code})" for c in place.candidates)
    return f"{place.provider_place} → {nearest or '–'}"


def _lists(connection: Connection, group: Iterable[Row[Any]]) -> list[str]:
    """What a delivery's places were looked up in: country, level and size of each list, and the day it is as of."""
    asked = sorted({(row.country_code, -1 if row.admin_level is None else row.admin_level) for row in group})
    rows = connection.execute(
        text(
            "SELECT a.country, a.level, p.source_id, count(DISTINCT p.place_code) AS n, max(d.as_of)::date AS as_of"
            " FROM unnest(CAST(:countries AS text[]), CAST(:levels AS integer[])) AS a (country, level)"
            " JOIN core.place p ON p.country_code = a.country AND p.admin_level > 0"
            " AND (a.level = -1 OR p.admin_level = a.level)"
            " JOIN meta.delivery d ON d.delivery_id = p.delivery_id GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        ),
        {"countries": [country for country, _ in asked], "levels": [level for _, level in asked]},
    )
    return [
        f"{row.country}{'' if row.level < 0 else f' {row.level}'}: {row.source_id}, {row.n} ({row.as_of})"
        for row in rows
    ]


def _with_candidates(connection: Connection, rows: Sequence[Row[Any]]) -> list[UnknownPlace]:
    """The rows with the places of their country and level whose names are most like theirs."""
    countries = sorted({row.country_code for row in rows if row.country_code})
    places = connection.execute(
        text(
            "SELECT c.code AS place_code, r.name, p.country_code, r.admin_level, r.parent_code, p.name_keys"
            " FROM core.place p CROSS JOIN LATERAL"
            " core.canonical_place(p.list_code, p.place_code, p.country_code, p.admin_level, p.name_keys) AS c (code)"
            " CROSS JOIN LATERAL (SELECT name, admin_level, parent_code FROM core.place"
            "   WHERE place_code = c.code AND country_code = p.country_code"
            "   ORDER BY array_position(ARRAY['pcode', 'boundary', 'locality'], list_code), source_id LIMIT 1) r"
            " WHERE p.country_code = ANY(:countries) AND p.admin_level > 0 ORDER BY 1, p.source_id, p.record_key"
        ),
        {"countries": countries},
    ).all()
    keyed = connection.execute(
        text("SELECT n, coalesce(core.place_key(n), '') FROM unnest(CAST(:names AS text[])) AS u (n)"),
        {"names": sorted({row.provider_place for row in rows})},
    )
    keys: dict[str, str] = {row[0]: row[1] for row in keyed}
    named: dict[tuple[str, int | None], list[tuple[str, Row[Any]]]] = {}
    for place in places:
        for key in place.name_keys:
            for level in (place.admin_level, None):
                named.setdefault((place.country_code, level), []).append((key, place))
    out = []
    for row in rows:
        choices = named.get((row.country_code, row.admin_level), [])
        values = {k: v for k, v in row._mapping.items() if k in UnknownPlace.__dataclass_fields__}
        out.append(UnknownPlace(**values, candidates=nearest(keys[row.provider_place], choices)))
    return out


def nearest(key: str, choices: Sequence[tuple[str, Any]]) -> tuple[Candidate, ...]:
    """The places whose names are most like a key, the likest first; each place once.

    `choices` are pairs of a name's key and its place. Likeness is 100 times the share of characters in common, words
    sorted.
    """
    found = process.extract(
        key, [name for name, _ in choices], scorer=fuzz.token_sort_ratio, score_cutoff=LIKENESS, limit=NEAREST * 4
    )
    best: dict[str, Candidate] = {}
    for _, likeness, index in sorted(found, key=lambda hit: (-hit[1], choices[hit[2]][1].place_code)):
        place = choices[index][1]
        best.setdefault(
            place.place_code,
            Candidate(place.place_code, place.name, place.admin_level, place.parent_code, round(likeness, 1)),
        )
    return tuple(best.values())[:NEAREST]
