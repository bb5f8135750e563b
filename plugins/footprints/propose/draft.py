"""The draft of a contract from the profile of a file: table, columns, codes, key, period, privacy, and why each."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz, process

from footprints.errors import ConfigurationError
from footprints.harmonise.folding import fold
from footprints.propose.lexicon import (
    CODE_MAPS,
    DATES,
    DOMAINS,
    NUMBERS,
    PAIRS,
    Lexicon,
    is_person,
    is_unsure,
    score,
    why_sensitive,
)
from footprints.propose.profile import (
    MONTH_FORMATS,
    MONTH_HEADER,
    TOTAL,
    ColumnProfile,
    SheetProfile,
    plain_words,
    words,
)
from footprints.warehouse.tables import TABLES

ALIKE = 88
"""How alike (0–100, rapidfuzz's token_sort_ratio) a partner's word and a label must be for the code to be filled in."""
IDENTIFIER = re.compile(
    r"(?:^|\b|_)(?:id|uuid|objectid|identifier|identifiant|number|numero|n°|no|nr|ref|fiche|code)\b|معرف|رقم"
)
ASIDE = re.compile(r"\s*\([^)]*\)")
DATED_NAME = (
    (re.compile(r"\d{4}-\d{2}-\d{2}"), r"(\d{4}-\d{2}-\d{2})", "%Y-%m-%d"),
    (re.compile(r"\d{4}_\d{2}_\d{2}"), r"(\d{4}_\d{2}_\d{2})", "%Y_%m_%d"),
    (re.compile(r"(?<!\d)20\d{6}(?!\d)"), r"(20\d{6})", "%Y%m%d"),
)
PARTITION = {
    "incident": "incident_date",
    "flow": "period_start",
    "displacement": "reporting_date",
    "population": "year",
    "asylum_application": "year",
    "interview": "interview_date",
}
"""The column that says when a record of a table was."""


@dataclass(frozen=True)
class DraftColumn:
    """A column of ours as the contract would say it, and why."""

    target: str
    spec: Mapping[str, Any]
    why: str


@dataclass(frozen=True)
class CodeMap:
    """A code list for a map: the words that were found, their codes, and those for which none was near."""

    name: str
    codes: Mapping[str, str]
    unmatched: Mapping[str, tuple[str, ...]]
    """Word → the nearest codes."""


@dataclass(frozen=True)
class Draft:
    """A layout of a contract, drafted from one sheet."""

    table: str
    why_table: str
    match: Mapping[str, Any]
    read: Mapping[str, Any]
    columns: tuple[DraftColumn, ...]
    record_key: tuple[str, ...]
    why_key: str
    on_repeated_key: str | None
    mode: str
    why_mode: str
    as_of: Any
    why_as_of: str
    unpivot: Mapping[str, Any] | None
    drop: Mapping[str, str]
    """Sensitive header → why."""
    hash: Mapping[str, str]
    maps: tuple[CodeMap, ...]
    missing: tuple[str, ...]
    """Columns that the table needs, and that were not found."""
    unused: tuple[str, ...]
    """Headers for which there is no place."""
    profiles: Mapping[str, ColumnProfile] = field(default_factory=dict)

    def sources(self) -> dict[str, tuple[str, ...]]:
        """By column of ours, the headers that it comes from."""
        return {c.target: _as_tuple(c.spec.get("from", c.spec.get("from_any", ()))) for c in self.columns}


def _as_tuple(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def load_codes(path: Path) -> dict[str, dict[str, str]]:
    """`expectations/codes.csv` by domain: folded label or code → code."""
    codes: dict[str, dict[str, str]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            labels = [row["code"], *(row[f"label_{language}"] for language in ("en", "fr", "ar"))]
            for text in (*labels, *(ASIDE.sub("", label) for label in labels)):
                codes.setdefault(row["domain"], {}).setdefault(plain_words(text), row["code"])
    return codes


def draft_sheet(
    profile: SheetProfile,
    file_name: str,
    source: str,
    lexicon: Lexicon,
    codes: Mapping[str, Mapping[str, str]],
    *,
    is_only_sheet: bool = True,
) -> Draft:
    """The draft for a sheet. `codes` is what `load_codes` gives; `source` prefixes the identifiers.

    Raises ConfigurationError where no column of it fits one of ours.
    """
    drop, hashed = _about_persons(profile.columns)
    usable = [c for c in profile.columns if c.header not in drop and c.header not in hashed]
    wide = _wide_months(usable)
    types = _population_types(usable, codes.get("population_type", {}))
    table, chosen, why_table = _choose_table(usable, lexicon, wide, types)
    if table == "interview":
        drop |= {c.header: "it may say where or who a person is" for c in usable if is_unsure(c)}
        usable = [c for c in usable if c.header not in drop]
    maps: dict[str, CodeMap] = {}
    columns: list[DraftColumn] = []
    unpivot: Mapping[str, Any] | None = None
    used = {p.header for p in chosen.values()}
    if table == "flow" and wide:
        unpivot = {"columns": _months_pattern(wide)}
        used |= {p.header for p in wide}
        columns += _month_columns(wide)
    elif table == "population" and types:
        unpivot = {
            "columns": [{"header": p.header, "set": {"population_type": code}} for p, code in types.items()],
        }
        used |= {p.header for p in types}
        columns += _population_columns(types)
    for target, column in chosen.items():
        columns += _columns(table, target, column, codes, maps)
    columns += _constants(table, {c.target for c in columns}, source, chosen, wide)
    if not columns:
        raise ConfigurationError("nothing in this file looks like data on migration that we have a table for")
    columns.sort(key=lambda c: _order(table, c.target))
    key, why_key, id_column, is_repeated = _key(table, profile, columns, chosen, source, unpivot is not None)
    if id_column is not None:
        columns.insert(0, id_column)
    needed = TABLES[table].required - set(TABLES[table].defaults)
    have = {c.target for c in columns} | {"is_withheld"}
    have |= {f"{c.target}{end}" for c in columns if c.spec.get("type") == "count" for end in ("_low", "_high")}
    if table == "interview":
        have |= {"age_group", "round_code", "answers"}
    as_of, why_as_of = _as_of(file_name, table, have)
    period = PARTITION.get(table)
    match: dict[str, Any] = {}
    if profile.header_row:
        match["headers"] = [p.header for p in profile.columns if p.header in used][:6] or [profile.columns[0].header]
    else:
        match["n_columns"] = len(profile.columns)
    if profile.sheet and not is_only_sheet:
        match["sheet"] = profile.sheet
    read: dict[str, Any] = {} if profile.header_row else {"header_row": "none"}
    if profile.total_header is not None:
        read["skip_rows_where"] = {profile.total_header: TOTAL}
    nulls = sorted({"NA", "N/A", "NULL", "NaT", "#N/A"} & _all_texts(profile))
    if nulls and "NA" not in _country_texts(profile):
        read["null_values"] = ["", *nulls]
    return Draft(
        table=table,
        why_table=why_table,
        match=match,
        read=read,
        columns=tuple(columns),
        record_key=key,
        why_key=why_key,
        on_repeated_key="split" if is_repeated else None,
        mode="upsert",
        why_mode="a newer row of the same key replaces the older; `snapshot` if each file restates everything"
        + (f" (then: snapshot: {{period: {period}}})" if period in have else ""),
        as_of=as_of,
        why_as_of=why_as_of,
        unpivot=unpivot,
        drop=drop,
        hash=hashed,
        maps=tuple(maps.values()),
        missing=tuple(sorted(needed - have)),
        unused=tuple(p.header for p in usable if p.header not in used),
        profiles={p.header: p for p in profile.columns},
    )


def _about_persons(columns: Iterable[ColumnProfile]) -> tuple[dict[str, str], dict[str, str]]:
    """Headers to drop and headers to hash, each with the reason."""
    drop: dict[str, str] = {}
    hashed: dict[str, str] = {}
    for column in columns:
        if is_person(column):
            hashed[column.header] = "it says who asked: kept as a hash, for checks that compare"
        elif why := why_sensitive(column):
            drop[column.header] = why
    return drop, hashed


def _all_texts(profile: SheetProfile) -> set[str]:
    """Words for nothing that stand in the first rows."""
    return {cell for row in profile.rows for cell in row if cell and len(cell) <= 4}


def _country_texts(profile: SheetProfile) -> set[str]:
    """Cells of columns that hold two-letter codes, where NA is Namibia."""
    at = [p.position for p in profile.columns if p.type == "country" and all(len(t) == 2 for t in list(p.texts)[:50])]
    return {row[i] for row in profile.rows for i in at}


def _wide_months(columns: list[ColumnProfile]) -> list[ColumnProfile]:
    """Columns that are headed by months (at least three)."""
    found = [c for c in columns if MONTH_HEADER.fullmatch(fold(c.header)) and c.type in (*NUMBERS, "text")]
    return found if len(found) >= 3 else []


def _months_pattern(wide: list[ColumnProfile]) -> str:
    if all(re.fullmatch(r"[A-Z]{3}20\d\d", c.header) for c in wide):
        return "(?P<month>(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)20\\d\\d)"
    return "(?P<month>" + "|".join(re.escape(c.header) for c in wide) + ")"


def _month_columns(wide: list[ColumnProfile]) -> list[DraftColumn]:
    from footprints.propose.profile import profile_column

    heads = profile_column("month", 0, "", {c.header: 1 for c in wide}, len(wide), {})
    formats = list(heads.formats or MONTH_FORMATS[:1])
    start = {"from": "month", "type": "month", "formats": formats, "required": True}
    thousands = next((c.thousands for c in wide if c.thousands), None)
    value = {"from": "_value", "type": "integer", **({"thousands": thousands} if thousands else {}), "required": True}
    why = f"{len(wide)} headers are months"
    return [
        DraftColumn("period_start", start, why),
        DraftColumn("period_end", {**start, "end_of": "month"}, why),
        DraftColumn("n_persons", value, "the cell under a month"),
    ]


def _population_types(columns: list[ColumnProfile], labels: Mapping[str, str]) -> dict[ColumnProfile, str]:
    """Number columns that are headed by a kind of population: refugees, asylum-seekers, … (at least two)."""
    found: dict[str, tuple[float, ColumnProfile]] = {}
    for column in columns:
        if column.type not in NUMBERS or column.type == "number":
            continue
        for text in words(column):
            hit = process.extractOne(text, list(labels), scorer=fuzz.token_sort_ratio, score_cutoff=70)
            if hit and hit[1] > found.get(labels[hit[0]], (0.0, column))[0]:
                found[labels[hit[0]]] = (hit[1], column)
    return {column: code for code, (_, column) in found.items()} if len(found) >= 2 else {}


def _population_columns(types: Mapping[ColumnProfile, str]) -> list[DraftColumn]:
    withheld = sorted({mark for column in types for mark in column.withheld})
    count: dict[str, Any] = {"from": "_value", "type": "count"}
    if withheld:
        count |= {"withheld": withheld, "interval": [1, 4]}
    why = f"{len(types)} columns are headed by kinds of population"
    return [
        DraftColumn("population_type_code", {"from": "population_type"}, why),
        DraftColumn("n_persons", count, "the cell under it" + ("; * is a withheld 1 to 4" if withheld else "")),
    ]


def _choose_table(
    columns: list[ColumnProfile],
    lexicon: Lexicon,
    wide: list[ColumnProfile],
    types: Mapping[ColumnProfile, str],
) -> tuple[str, dict[str, ColumnProfile], str]:
    """The table whose columns fit the headers best, and which header each column of it takes."""
    best: tuple[float, str, dict[str, ColumnProfile]] = (-1e9, "incident", {})
    second = ""
    for table in sorted({entry.table for entry in lexicon.entries}):
        chosen, total = _assign(table, columns, lexicon, wide, types)
        have = set(chosen) | {code for target in chosen if (code := PAIRS.get(table, {}).get(target, ("",))[0])}
        if "_uuid" in chosen:
            have |= {"age_group", "round_code", "answers"}
            total += 4
        if table == "flow" and wide:
            have |= {"period_start", "period_end", "n_persons"}
            total += 6
        if table == "population" and types:
            have |= {"population_type_code", "n_persons", "n_persons_low", "n_persons_high"}
            total += 6
        needed = TABLES[table].required - set(TABLES[table].defaults)
        total -= 1.5 * len({n for n in needed - have if not n.endswith(("_low", "_high", "_type_code"))})
        if total > best[0]:
            second = best[1]
            best = (total, table, chosen)
    names = ", ".join(best[2])
    return best[1], best[2], f"its columns fit best ({names or 'none did'}); next best was {second or 'none'}"


def _assign(
    table: str,
    columns: list[ColumnProfile],
    lexicon: Lexicon,
    wide: list[ColumnProfile],
    types: Mapping[ColumnProfile, str],
) -> tuple[dict[str, ColumnProfile], float]:
    taken_before = {c.header for c in wide} if table == "flow" else set()
    if table == "population":
        taken_before |= {c.header for c in types}
    scored = [
        (score(column, entry, lexicon), -column.position, entry.target, column)
        for entry in lexicon.entries
        if entry.table == table
        for column in columns
        if column.header not in taken_before
    ]
    chosen: dict[str, ColumnProfile] = {}
    used: set[str] = set()
    total = 0.0
    for value, _, target, column in sorted(scored, key=lambda s: (-s[0], -s[1])):
        if value <= 0 or target in chosen or column.header in used:
            continue
        if target in ("period_start", "period_end", "n_persons") and table == "flow" and wide:
            continue
        if target == "n_persons" and table == "population" and types:
            continue
        chosen[target] = column
        used.add(column.header)
        total += value
    return chosen, total


def _columns(
    table: str,
    target: str,
    column: ColumnProfile,
    codes: Mapping[str, Mapping[str, str]],
    maps: dict[str, CodeMap],
) -> list[DraftColumn]:
    """One header as columns of ours: its wording and the code beside it, or its value."""
    head = f"header {column.header!r}"
    required = {"required": True} if target in TABLES[table].required else {}
    if target == "_coordinates":
        number = r"(-?\d{1,3}(?:\.\d+)?)"
        turned = sum(n for text, n in column.texts.items() if abs(float(text.split(",")[0])) > 90)
        doubt = f"; {turned} begin with a number beyond 90 and may be longitude, latitude" if turned else ""
        return [
            DraftColumn(
                name,
                {"from": column.header, "type": "number", "extract": pattern, "on_error": "flag"},
                f"{head}: two numbers in a cell, taken as latitude, longitude{doubt}",
            )
            for name, pattern in (
                ("latitude", rf"^\s*{number}\s*,"),
                ("longitude", rf",\s*{number}\s*$"),
            )
        ]
    if target == "_uuid":
        return [DraftColumn(target, {"from": column.header, "required": True}, f"{head} identifies the interview")]
    found = [DraftColumn(target, {"from": column.header, **_typed(table, target, column), **required}, _why(column))]
    pair = PAIRS.get(table, {}).get(target)
    if pair is not None:
        code, how = pair
        spec: dict[str, Any] = {"from": column.header}
        if how in ("country", "country_list"):
            spec["type"] = how
            read = f"{column.readable:.0%} of its cells are countries" if column.type == "country" else "as countries"
            why = f"{head}: {read}"
        else:
            spec |= {"type": "code", "map": how}
            maps[how] = _code_map(how, column, codes)
            why = f"{head}: {len(column.texts)} different words, see maps/{how}.csv"
        spec |= {"required": True} if code in TABLES[table].required else {"on_error": "flag"}
        found.append(DraftColumn(code, spec, why))
    elif target in CODE_MAPS:
        name = CODE_MAPS[target]
        domain = set(codes.get(DOMAINS[name], {}).values())
        if not domain or not set(column.texts) <= domain:
            maps[name] = _code_map(name, column, codes)
            found[0] = DraftColumn(
                target,
                {"from": column.header, "type": "code", "map": name, **required},
                f"{head}: {len(column.texts)} different words, see maps/{name}.csv",
            )
    return found


def _typed(table: str, target: str, column: ColumnProfile) -> dict[str, Any]:
    """How the cells become what the column holds."""
    postgres = TABLES[table].columns[target]
    spec: dict[str, Any] = {}
    if postgres in ("date", "timestamptz"):
        spec = {"type": "datetime" if postgres == "timestamptz" else "month" if column.type == "month" else "date"}
        spec["formats"] = ["%Y"] if column.type == "year" else list(column.formats)
    elif target == "year":
        spec = {"type": "year"}
    elif postgres in ("integer", "smallint"):
        kind = "count" if f"{target}_low" in TABLES[table].columns else "integer"
        spec = {"type": kind}
        if column.withheld and kind == "count":
            spec |= {"withheld": list(column.withheld), "interval": [1, 4]}
    elif postgres == "double":
        spec = {"type": "number", "on_error": "flag"}
    elif target.endswith("country_code"):
        spec = {"type": "country"}
    if spec.get("type") in ("integer", "number", "count"):
        if column.thousands:
            spec["thousands"] = column.thousands
        if column.decimal != ".":
            spec["decimal"] = column.decimal
        if column.unknown:
            spec["unknown"] = list(column.unknown)
    return spec


def _why(column: ColumnProfile) -> str:
    said = f"header {column.header!r}"
    if column.type in DATES:
        said += f", {column.readable:.0%} of its dates are read so"
        if column.is_ambiguous:
            said += "; every one can be day/month or month/day: ASK THE PARTNER"
    elif column.unknown:
        said += f"; {', '.join(column.unknown)} is taken as unknown"
    if column.n_filled < column.n_rows:
        said += f"; {column.n_rows - column.n_filled} of {column.n_rows} cells say nothing"
    return said


def _code_map(name: str, column: ColumnProfile, codes: Mapping[str, Mapping[str, str]]) -> CodeMap:
    """The words of a column, each with the code whose label is alike; else with the nearest for a person to choose."""
    labels = codes.get(DOMAINS[name], {})
    matched: dict[str, str] = {}
    unmatched: dict[str, tuple[str, ...]] = {}
    for text in sorted(column.texts):
        hits = process.extract(plain_words(text), list(labels), scorer=fuzz.token_sort_ratio, limit=3)
        if hits and hits[0][1] >= ALIKE:
            matched[text] = labels[hits[0][0]]
        else:
            unmatched[text] = tuple(dict.fromkeys(labels[hit[0]] for hit in hits))
    return CodeMap(name, matched, unmatched)


def _constants(
    table: str, have: set[str], source: str, chosen: Mapping[str, ColumnProfile], wide: list[ColumnProfile]
) -> Iterable[DraftColumn]:
    """What the file does not say of itself, because it is the same in every row."""

    def constant(target: str, value: Any, why: str) -> Iterable[DraftColumn]:
        if target not in have:
            kind = {"type": "integer"} if isinstance(value, int) else {}
            yield DraftColumn(target, {"value": value, **kind}, why + ": CHECK")

    if table == "flow":
        yield from constant("flow_type_code", "movement", "movement, arrival or detection")
        start = chosen.get("period_start")
        if "period_end" not in have and start is not None:
            spec = {"from": start.header, "type": "month", "formats": list(start.formats), "end_of": "month"}
            yield DraftColumn(
                "period_end", {**spec, "required": True}, "no header says when it ends, so its month: CHECK"
            )
    elif table == "population":
        yield from constant("dataset_code", "totals", "totals, demographics or assisted: they are never added up")
        yield from constant("population_type_code", "refugees", "who is counted")
    elif table == "displacement":
        yield from constant("operation", source, "the operation whose rounds these are")
        yield from constant("admin_level", 2, "0 country, 1, 2, …: the level of the places")
        yield from constant("country_code", "UKN", "the country of the operation, ISO 3166-1 alpha-3")
        yield from constant("population_group_code", "idp", "who is counted")
    elif table == "place":
        yield from constant("list_code", source, "lists are told apart")
        yield from constant("admin_level", 1, "the level of the places")


def _order(table: str, target: str) -> int:
    names = list(TABLES[table].columns)
    return names.index(target) if target in names else -1


def _key(
    table: str,
    profile: SheetProfile,
    columns: list[DraftColumn],
    chosen: Mapping[str, ColumnProfile],
    source: str,
    is_unpivoted: bool,
) -> tuple[tuple[str, ...], str, DraftColumn | None, bool]:
    """What identifies a record: a number of the partner's that never repeats, else the fewest columns that do not.

    Also why, a column of ours that must be added for it, and whether rows that differ share a key.
    """
    if "_uuid" in chosen:
        return ("_uuid",), "the interview's own identifier", None, False
    if not is_unpivoted:
        different = set(profile.rows)
        for column in profile.columns:
            named = any(IDENTIFIER.search(text) for text in words(column))
            values = {row[column.position] for row in different} - {"", None}
            if named and len(values) >= 0.98 * len(different):
                spec = {"from": column.header, "prefix": f"{source}:", "required": True}
                why = f"{column.n_distinct} different values in {column.n_rows} rows"
                return ("_id",), f"{column.header!r} identifies a row: {why}", DraftColumn("_id", spec, why), False
    by_header = {p.header: p.position for p in profile.columns}
    pivoted = [
        c.target for c in columns if c.spec.get("from") in ("month", "population_type") and "end_of" not in c.spec
    ]
    measures = ("n_", "latitude", "longitude", "description", "url", "information_source", "contact", "provider_reliab")
    taken: list[tuple[str, int]] = []
    for drafted in columns:
        header = drafted.spec.get("from")
        if not isinstance(header, str) or header not in by_header or drafted.target.startswith(measures):
            continue
        codes = {code for code, _ in PAIRS.get(table, {}).values()}
        if drafted.target in codes or any(position == by_header[header] for _, position in taken):
            continue
        taken.append((drafted.target, by_header[header]))
    total = len({tuple(row[i] for _, i in taken) for row in profile.rows})
    kept = list(taken)
    for candidate in reversed(taken):
        fewer = [t for t in kept if t != candidate]
        if fewer and len({tuple(row[i] for _, i in fewer) for row in profile.rows}) == total:
            kept = fewer
    key = (*(target for target, _ in kept), *pivoted)
    if not key:
        key = tuple(c.target for c in columns if not c.target.startswith("n_"))[:3] or (columns[0].target,)
    n = len(profile.rows)
    repeated = f"; {n - total} of {n} rows repeat it, see `on_repeated_key`" if total < n else ""
    return key, f"no column identifies a row; these together do{repeated}", None, total < len(set(profile.rows))


def _as_of(file_name: str, table: str, have: set[str]) -> tuple[Any, str]:
    column = PARTITION.get(table)
    for looks, pattern, form in DATED_NAME:
        if looks.search(file_name):
            rule = {"filename": pattern, "format": form}
            return {**rule, **({"column": column} if column in have else {})}, "the file's name has a date"
    if column in have:
        return {"column": column}, "the newest record; an old file that is sent again must not win over a newer one"
    return "received", "nothing in the file says when it was made"
