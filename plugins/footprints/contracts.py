"""Contracts: what we agreed with a partner about one source, read from `expectations/<source>/contract.yaml`."""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import jsonschema
import yaml

from footprints.errors import ContractError, NotFoundError
from footprints.feeds.plan import Feed, parse_feed
from footprints.harmonise import xlsform
from footprints.harmonise.countries import load_crosswalk, m49_codes, read_codes
from footprints.harmonise.folding import fold
from footprints.model import Language


@dataclass(frozen=True)
class Partner:
    """The organisation that sends the source; `language` is that of its receipts."""

    id: str
    name: str
    language: Language
    contact: str | None = None


@dataclass(frozen=True)
class Match:
    """What a file must look like for a layout to be tried: headers are compared folded, HXL tags by their patterns."""

    headers: tuple[str, ...] = ()
    header_patterns: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    not_headers: tuple[str, ...] = ()
    file: str | None = None
    sheet: str | None = None
    n_columns: int | None = None


@dataclass(frozen=True)
class Read:
    """How to read the file where detection is not to decide; see `contract.schema.json`."""

    format: Literal["csv", "xlsx", "json", "parquet"] | None = None
    header_row: int | Literal["none"] | None = None
    header_rows: tuple[int, ...] = ()
    skip_rows_after_header: int = 0
    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    records: str | None = None
    skip_rows_where: Mapping[str, str] = field(default_factory=dict)
    null_values: tuple[str, ...] = ("",)


@dataclass(frozen=True)
class Column:
    """Where a column of the core table comes from, and how its text becomes a value."""

    target: str
    source: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    pattern: str | None = None
    of: Literal["cell", "header"] = "cell"
    value: str | int | float | bool | None = None
    type: str = "text"
    formats: tuple[str, ...] = ()
    timezone: str | None = None
    thousands: str | None = None
    decimal: str = "."
    unknown: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    interval: tuple[int, int] = (1, 4)
    extract: str | None = None
    prefix: str = ""
    required: bool = False
    optional: bool = False
    """Whether a file may lack it without being told so."""
    on_error: Literal["reject", "flag"] = "reject"
    map: Mapping[str, str] | None = None
    map_name: str | None = None
    codes: Mapping[str, str] | None = None
    map_default: str | None = None
    default: str | None = None
    end_of: Literal["month", "year"] | None = None
    separator: str = ","
    join: str | None = None
    sum: tuple[str, ...] = ()

    def wanted(self) -> str:
        """The headers that it asks for, as messages name them; empty where it asks for none."""
        return " / ".join(self.source or self.any_of) or self.pattern or ""


@dataclass(frozen=True)
class UnpivotColumn:
    """A header that gives records of its own, and the values that it stands for.

    `take` names headers whose cells of the same row go with it (name → header); `drop` the cells that give no record,
    where they are not those of all headers.
    """

    header: str
    set: Mapping[str, str] = field(default_factory=dict)
    take: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Unpivot:
    """Wide to long: one record per row and matching header, by a regex over headers (`pattern`) or a list."""

    pattern: str | None = None
    columns: tuple[UnpivotColumn, ...] = ()
    drop: tuple[str, ...] = ("",)


DOUBTFUL_CODES: Mapping[str, tuple[str, ...]] = {
    "dont_know": ("dont_know", "dnk", "dk", "nsp", "ne_sait_pas"),
    "refused": ("refused", "refuse", "pnpr", "pnta", "prefer_not_to_say", "refus"),
    "other": ("other", "autre"),
}
"""The choices that forms of the field use for "don't know", "refused" and "other"; `survey.codes` replaces them."""


@dataclass(frozen=True)
class Route:
    """Where a survey tells of its way.

    The repeat and the question of the stops' countries, the question of the route, and for each route the countries
    that lie on it.
    """

    repeat: str
    stop_country: str
    question: str
    countries: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Survey:
    """How a Kobo or ODK export becomes interviews: the form, the consent question, sheets of repeats.

    `codes` are the choices that mean "don't know", "refused" and "other".
    `form` is a folder with the sheets of an XLSForm as CSV, or an XLSForm; None where none is kept with the contract:
    the columns of the export are then its questions. `consent_column` is None only for files of repeats.
    """

    form: Path | None
    consent_column: str | None
    consent_yes: tuple[str, ...]
    repeats: Mapping[str, Mapping[str, str]]
    codes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: DOUBTFUL_CODES)
    route: Route | None = None


PSEUDO = ("_file", "_name", "_value")
"""What a column may be read from that is no header of the file: its name, the header of a wide row's cell, the cell."""


@dataclass(frozen=True)
class Layout:
    """One form that the files of a source take."""

    name: str
    match: Match
    read: Read
    table: str
    mode: Literal["snapshot", "upsert", "append"]
    record_key: tuple[str, ...]
    columns: tuple[Column, ...]
    as_of: Mapping[str, str]
    scope: tuple[str, ...] = ()
    period: str | None = None
    covers: Literal["span", "years", "all"] = "span"
    on_repeated_key: Literal["last", "split", "number"] = "last"
    unpivot: Unpivot | None = None
    drop: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()
    unknown_columns: Literal["refuse", "drop", "keep"] = "drop"
    survey: Survey | None = None
    also: bool = False
    corrects: str | None = None
    """The survey that a cleaning log speaks of."""

    def header_of(self, target: str) -> str:
        """The partner's header of a column of ours, as messages name it; ours, without its mark, where it has none."""
        column = next((c for c in self.columns if c.target == target), None)
        names = [] if column is None else [n for n in (*column.source, *column.any_of) if n not in PSEUDO]
        return names[0] if names else target.removeprefix("_")


@dataclass(frozen=True)
class Contract:
    """The whole agreement about one source. `directory` is its folder, `sha256` that of its contract file."""

    source: str
    partner: Partner
    title: Mapping[str, str]
    publisher: str
    licence: str
    citation: str
    confidentiality: str
    cadence: str | None
    max_reject_share: float
    show_values: bool
    layouts: tuple[Layout, ...]
    countries: Mapping[str, str]
    directory: Path
    sha256: str
    feed: Feed | None = None

    def suites(self) -> tuple[Path, ...]:
        """The source's GX suites, "as delivered"."""
        return tuple(sorted((self.directory / "suites").glob("*.json")))


def load_contracts(directory: Path) -> dict[str, Contract]:
    """All contracts below `expectations/`, by source.

    Raises ContractError for the first that is not valid, naming file and key.
    """
    return {path.parent.name: load_contract(path.parent) for path in sorted(directory.glob("*/contract.yaml"))}


def find_contract(directory: Path, source: str) -> Contract:
    """The contract of one source. Raises NotFoundError where there is none."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", source) or not (directory / source / "contract.yaml").exists():
        raise NotFoundError(f"there is no source {source!r}", "see `footprints sources`; docs/add-a-source.md adds one")
    return load_contract(directory / source)


@cache
def _validator(path: Path) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(path.read_text("utf-8")))


@cache
def load_contract(directory: Path) -> Contract:
    """The contract in a folder of `expectations/`, with its code maps.

    Raises ContractError naming the file and the key.
    """
    import hashlib

    path = directory / "contract.yaml"
    raw = path.read_bytes()
    try:
        document = yaml.safe_load(raw)
    except yaml.YAMLError as error:
        raise ContractError(f"{path}: not YAML: {error}") from None
    problems = sorted(_validator(directory.parent / "contract.schema.json").iter_errors(document), key=str)
    if problems:
        problem = min(problems, key=lambda p: -len(p.absolute_path))
        while problem.context:
            problem = max(problem.context, key=lambda p: len(p.absolute_path))
        where = ".".join(str(part) for part in problem.absolute_path) or "(top)"
        raise ContractError(f"{path}: {where}: {problem.message}", "see expectations/contract.schema.json")
    if document["source"] != directory.name:
        raise ContractError(f"{path}: source: {document['source']!r} is not the name of its folder")
    layouts = tuple(_layout(path, i, entry) for i, entry in enumerate(document["layouts"]))
    confidentiality = document["confidentiality"]
    return Contract(
        source=document["source"],
        partner=Partner(**document["partner"]),
        title=document["title"],
        publisher=document["publisher"],
        licence=document["licence"],
        citation=document["citation"],
        confidentiality=confidentiality,
        cadence=document.get("cadence"),
        max_reject_share=document.get("gate", {}).get("max_reject_share", 0.2),
        show_values=document.get("show_values", confidentiality == "public"),
        layouts=layouts,
        countries=load_crosswalk(directory.parent / "countries.csv", directory / "maps" / "countries.csv"),
        directory=directory,
        sha256=hashlib.sha256(raw).hexdigest(),
        feed=parse_feed(document["feed"], f"{path}: feed", [layout.mode for layout in layouts])
        if "feed" in document
        else None,
    )


def _completed(path: Path, where: str, entry: dict[str, Any]) -> dict[str, Any]:
    """A layout with what its table implies: the columns of an XLSForm's sheets, the survey that a log corrects."""
    if entry["table"] in ("form_question", "form_choice"):
        preset = xlsform.default_layout(entry["table"])
        entry = preset | entry | {"columns": preset["columns"] | entry.get("columns", {})}
    if ("corrects" in entry) != (entry["table"] == "correction"):
        raise ContractError(f"{path}: {where}.corrects: goes with the table correction, and it with that")
    if entry["table"] == "interview" and "consent" not in entry.get("survey", {"consent": None}):
        raise ContractError(f"{path}: {where}.survey.consent: interviews need the question of consent")
    if "corrects" in entry:
        entry = entry | {"columns": entry["columns"] | {"corrects_source": {"value": entry["corrects"]}}}
    return entry


def _layout(path: Path, index: int, entry: dict[str, Any]) -> Layout:
    where = f"layouts.{index}"
    entry = _completed(path, where, entry)
    columns = tuple(_column(path, f"{where}.columns.{target}", target, c) for target, c in entry["columns"].items())
    targets = {column.target for column in columns} | ({"age_group", "round_code"} if "survey" in entry else set())
    for key in entry["record_key"]:
        if key not in targets:
            raise ContractError(f"{path}: {where}.record_key: {key!r} is not one of its columns")
    for column in columns:
        for part in column.sum:
            if part not in targets or any(other.sum for other in columns if other.target == part):
                raise ContractError(f"{path}: {where}.columns.{column.target}.sum: {part!r} is not one of its columns")
    snapshot = entry.get("snapshot", {})
    for key in (*snapshot.get("scope", ()), *([snapshot["period"]] if "period" in snapshot else [])):
        if key not in targets:
            raise ContractError(f"{path}: {where}.snapshot: {key!r} is not one of its columns")
    as_of = entry.get("as_of", "received")
    if "column" in as_of and as_of != "received" and as_of["column"] not in targets:
        raise ContractError(f"{path}: {where}.as_of.column: {as_of['column']!r} is not one of its columns")
    unpivot = entry.get("unpivot")
    survey = entry.get("survey")
    return Layout(
        name=entry["name"],
        match=Match(**_with_tuples(entry["match"])),
        read=_read(path, where, entry.get("read", {})),
        table=entry["table"],
        mode=entry.get("mode", "upsert"),
        record_key=tuple(entry["record_key"]),
        columns=columns,
        as_of={"received": ""} if as_of == "received" else as_of,
        scope=tuple(snapshot.get("scope", ())),
        period=snapshot.get("period"),
        covers=snapshot.get("covers", "span"),
        on_repeated_key=entry.get("on_repeated_key", "last"),
        unpivot=_unpivot(unpivot) if unpivot else None,
        drop=tuple(entry.get("privacy", {}).get("drop", ())),
        hash=tuple(entry.get("privacy", {}).get("hash", ())),
        unknown_columns=entry.get("unknown_columns", "drop"),
        survey=Survey(
            form=path.parent / survey["form"] if "form" in survey else None,
            consent_column=survey.get("consent", {}).get("column"),
            consent_yes=tuple(survey.get("consent", {}).get("yes", ())),
            repeats=survey.get("repeats", {}),
            codes={**DOUBTFUL_CODES, **_with_tuples(survey.get("codes", {}))},
            route=_route(path, f"{where}.survey.route", survey["route"]) if "route" in survey else None,
        )
        if survey is not None
        else None,
        also=entry.get("also", False),
        corrects=entry.get("corrects"),
    )


def _read(path: Path, where: str, entry: Mapping[str, Any]) -> Read:
    try:
        codecs.lookup(entry.get("encoding", "utf-8"))
    except LookupError:
        raise ContractError(
            f"{path}: {where}.read.encoding: {entry['encoding']!r} is no encoding of Python's"
        ) from None
    return Read(**_with_tuples(entry))


def _with_tuples(entry: Mapping[str, Any]) -> dict[str, Any]:
    """YAML's lists as tuples, as frozen dataclasses hold them."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}


def _column(path: Path, where: str, target: str, entry: dict[str, Any]) -> Column:
    source = entry.get("from", ())
    fields = {k: v for k, v in entry.items() if k not in ("from", "from_any", "from_pattern", "map", "codes")}
    for name, value in fields.items():
        if isinstance(value, list):
            fields[name] = tuple(value)
    kind = entry.get("type", "text")
    if kind == "code" and "map" not in entry:
        raise ContractError(f"{path}: {where}: a column of type code needs a map")
    if kind in ("date", "datetime", "month") and "value" not in entry and not entry.get("formats"):
        raise ContractError(f"{path}: {where}: a {kind} needs its formats")
    return Column(
        target=target,
        source=(source,) if isinstance(source, str) else tuple(source),
        any_of=tuple(entry.get("from_any", ())),
        pattern=entry.get("from_pattern"),
        map=_load_map(path, where, entry["map"]) if "map" in entry else None,
        map_name=entry.get("map"),
        codes=_country_codes(path, where, kind, entry["codes"]) if "codes" in entry else None,
        **fields,
    )


def _country_codes(path: Path, where: str, kind: str, name: str) -> dict[str, str]:
    """The codes that a country column's cells are in, where they are not ISO's letters."""
    if kind not in ("country", "country_list"):
        raise ContractError(f"{path}: {where}.codes: only a country has them")
    return m49_codes() if name == "numeric" else read_codes(path.parent.parent / "unhcr_codes.csv")


def _unpivot(entry: dict[str, Any]) -> Unpivot:
    columns = entry["columns"]
    drop = tuple(entry.get("drop", ("",)))
    if isinstance(columns, str):
        return Unpivot(pattern=columns, drop=drop)
    entries = (
        UnpivotColumn(c["header"], c.get("set", {}), c.get("take", {}), tuple(c["drop"]) if "drop" in c else None)
        for c in columns
    )
    return Unpivot(columns=tuple(entries), drop=drop)


def _route(path: Path, where: str, entry: Mapping[str, str]) -> Route:
    countries = {
        route: tuple(codes.split()) for route, codes in _load_map(path, where, entry["map"]).items() if codes.strip()
    }
    return Route(entry["repeat"], entry["stop_country"], entry["question"], countries)


def _load_map(path: Path, where: str, name: str) -> dict[str, str]:
    map_path = path.parent / "maps" / f"{name}.csv"
    try:
        with map_path.open(encoding="utf-8", newline="") as file:
            return {fold(row["provider_value"]): row["code"] for row in csv.DictReader(file)}
    except (OSError, KeyError):
        raise ContractError(
            f"{path}: {where}.map: {map_path.name} needs to be there, with the columns provider_value and code"
        ) from None
