"""XLSForms: how the sheets survey, choices and settings of a questionnaire are to be understood.

https://xlsform.org/en/ describes them; UNHCR's tools add columns (chapter, anonymise). Forms are read as people write
them: `begin group` or `begin_group`, `label::French (fr)`, `label::french` or a bare `label`, names used twice.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from footprints.harmonise.folding import fold

META_TYPES = frozenset(
    {"start", "end", "today", "deviceid", "username", "phonenumber", "email", "imei", "simserial", "subscriberid"}
    | {"start-geopoint", "audit", "background-audio"}
)
STRUCTURE_TYPES = frozenset({"begin_group", "end_group", "begin_repeat", "end_repeat", "note"})
SELECTS = ("select_one", "select_multiple", "rank")
LANGUAGE_CODES = {
    **dict.fromkeys(("en", "english", "anglais", "الإنجليزية"), "en"),
    **dict.fromkeys(("fr", "french", "francais", "الفرنسية"), "fr"),
    **dict.fromkeys(("ar", "arabic", "arabe", "العربية"), "ar"),
    **dict.fromkeys(("es", "spanish", "espanol", "espagnol"), "es"),
    **dict.fromkeys(("pt", "portuguese", "portugues", "portugais"), "pt"),
}

SENSITIVE_TYPES = frozenset(
    {"geopoint", "geotrace", "geoshape", "gps", "image", "audio", "video", "file", "audit", "background-audio"}
    | {"deviceid", "username", "phonenumber", "email", "imei", "simserial", "subscriberid", "start-geopoint"}
)
SENSITIVE_WORDS = frozenset(
    {"name", "names", "nom", "noms", "prenom", "prenoms", "surname", "firstname", "lastname", "fullname"}
    | {"phone", "phonenumber", "telephone", "tel", "mobile", "whatsapp", "email", "mail", "address", "adresse"}
    | {"gps", "geopoint", "geodata", "geolocation", "latitude", "longitude", "coordinates", "coordonnees"}
    | {"imei", "deviceid", "simserial", "subscriberid", "username", "passport", "passeport", "signature"}
)
SENSITIVE_PAIRS = frozenset(
    {(a, b) for a in ("case", "dossier") for b in ("no", "nos", "num", "number", "numbers", "numero", "list")}
    | {("device", "id"), ("national", "id"), ("id", "card"), ("sim", "serial")}
)
WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
SAID_NOT_SENSITIVE = frozenset({"", "no", "none", "false", "keep", "0"})

QUESTION_COLUMNS = (
    "form_code", "form_version", "question_code", "question_type", "list_name", "group_path", "repeat_code", "theme",
    "labels", "is_required", "relevant", "group_relevant", "constraint_expression", "choice_filter", "calculation",
    "is_sensitive",
)  # fmt: skip
CHOICE_COLUMNS = ("form_code", "list_name", "choice_code", "labels", "filters")
READ_HEADERS = frozenset(
    {"type", "name", "value", "list_name", "list name", "required", "relevant", "constraint", "choice_filter"}
    | {"calculation", "theme", "chapter", "sensitive", "anonymise"}
)
"""Headers of the two sheets, folded, that are read; labels too."""


def default_layout(table: str) -> dict[str, Any]:
    """What a contract need not say of a layout for one of the two sheets: columns, key and repeated keys."""
    columns = QUESTION_COLUMNS if table == "form_question" else CHOICE_COLUMNS
    key = ["question_code"] if table == "form_question" else ["list_name", "choice_code"]
    booleans = {"is_required", "is_sensitive"}
    return {
        "columns": {c: {"from": f"_{c}"} | ({"type": "boolean"} if c in booleans else {}) for c in columns},
        "record_key": ["form_code", *key],
        # A name may stand in two groups, and a choice under two filters: none of them is lost.
        "on_repeated_key": "split",
    }


def kind_of(text: str) -> tuple[str, str | None]:
    """The type of a row and the list of choices that it names: "select one places or_other" → select_one, places."""
    words = text.split()
    if not words:
        return "", None
    first = words[0].casefold()
    if first in ("begin", "end", "select") and len(words) > 1:
        words = [f"{first}_{words[1].casefold()}", *words[2:]]
    else:
        words = [first, *words[1:]]
    kind = (
        words[0].replace("select_one_from_file", "select_one").replace("select_multiple_from_file", "select_multiple")
    )
    return kind, words[1] if kind in SELECTS and len(words) > 1 else None


def label_language(header: str, default: str) -> str | None:
    """The language of a column of labels, ISO 639-1 where we know it; None for any other column."""
    found = re.fullmatch(r"label\s*(?:::?\s*(.+))?", header.strip(), re.IGNORECASE | re.DOTALL)
    return None if found is None else language_code(found[1] or "", default)


def language_code(name: str, default: str) -> str:
    """A language as its ISO 639-1 code where we know it: "Français (fr)" → fr; an unknown word as it stands."""
    coded = re.search(r"\(([A-Za-z]{2,3})\)\s*$", name)
    if coded:
        return coded[1].lower()
    return LANGUAGE_CODES.get(fold(name), name.strip()) or default


def labels_of(row: Mapping[str, str], default: str) -> dict[str, str]:
    """The labels of a row of survey or choices by language."""
    found: dict[str, str] = {}
    for header, text in row.items():
        language = label_language(header or "", default)
        if language is not None and text and text.strip():
            found.setdefault(language, text.strip())
    return found


def is_sensitive(kind: str, name: str, said: str = "") -> bool:
    """Whether answers to a question identify a person or a place.

    `said` is what the form says in its column sensitive or anonymise. Else the type tells (coordinates, devices,
    recordings), and for questions without choices the words of the name (phone, name, GPS, case number).
    """
    if fold(said) not in SAID_NOT_SENSITIVE or kind in SENSITIVE_TYPES:
        return True
    return kind not in SELECTS and names_a_person(name)


def names_a_person(name: str) -> bool:
    """Whether the words of a header or question are those of a direct identifier: EnumeratorName, gps_household."""
    words = [word.casefold() for word in WORDS.findall(name)]
    return bool(SENSITIVE_WORDS & set(words)) or bool(SENSITIVE_PAIRS & set(itertools.pairwise(words)))


def is_true(text: str) -> bool:
    """Whether a cell of the column required says yes, in the ways that forms do."""
    return fold(text) in ("yes", "true", "t", "1", "oui", "true()", "نعم")


@dataclass(frozen=True)
class Entry:
    """A question of the sheet survey, in its groups. `cells` are those of the row, by folded header."""

    kind: str
    list_name: str | None
    name: str
    groups: tuple[str, ...]
    repeat: str | None
    group_relevant: tuple[str, ...]
    labels: Mapping[str, str]
    is_sensitive: bool
    cells: Mapping[str, str]

    def cell(self, header: str) -> str | None:
        """A cell of the row, None where it is blank or there is no such column."""
        return self.cells.get(header, "").strip() or None


@dataclass
class Outline:
    """Walks through the rows of the sheet survey and knows which groups are open."""

    language: str = "en"
    """That of a bare `label`."""
    open: list[tuple[str, str, str]] = field(default_factory=list)
    """Kind, name and condition of each group around the next row."""
    closes_nothing: bool = False
    """Whether the last row closed a group that was not open."""

    def read(self, row: Mapping[str, str]) -> Entry | None:
        """The question of a row; None for groups, notes and rows without a type."""
        cells = {fold(header): cell or "" for header, cell in row.items() if header}
        kind, list_name = kind_of(cells.get("type", ""))
        name = cells.get("name", "").strip()
        self.closes_nothing = False
        if kind.startswith("end_"):
            self.closes_nothing = not self.open or self.open[-1][0] != kind.replace("end_", "begin_")
            if not self.closes_nothing:
                self.open.pop()
            return None
        if kind.startswith("begin_"):
            self.open.append((kind, name, cells.get("relevant", "").strip()))
            return None
        if kind in STRUCTURE_TYPES or not kind:
            return None
        return Entry(
            kind=kind,
            list_name=list_name,
            name=name,
            groups=tuple(group for _, group, _ in self.open),
            repeat=next((group for kind, group, _ in reversed(self.open) if kind == "begin_repeat"), None),
            group_relevant=tuple(condition for _, _, condition in self.open if condition),
            labels=labels_of(row, self.language),
            is_sensitive=is_sensitive(kind, name, cells.get("sensitive") or cells.get("anonymise") or ""),
            cells=cells,
        )


def question_cells(entry: Entry, settings: Mapping[str, str]) -> dict[str, str | None]:
    """The columns of core.form_question as text, by target."""
    conditions = [f"({c})" if len(entry.group_relevant) > 1 else c for c in entry.group_relevant]
    return {
        "form_code": settings.get("form_id"),
        "form_version": settings.get("version"),
        "question_code": entry.name or None,
        "question_type": entry.kind,
        "list_name": entry.list_name,
        "group_path": "/".join(entry.groups) or None,
        "repeat_code": entry.repeat,
        "theme": entry.cell("theme") or entry.cell("chapter"),
        "labels": as_json(entry.labels),
        "is_required": "true" if is_true(entry.cell("required") or "") else "false",
        "relevant": entry.cell("relevant"),
        "group_relevant": " and ".join(conditions) or None,
        "constraint_expression": entry.cell("constraint"),
        "choice_filter": entry.cell("choice_filter"),
        "calculation": entry.cell("calculation"),
        "is_sensitive": "true" if entry.is_sensitive else "false",
    }


def choice_cells(row: Mapping[str, str], settings: Mapping[str, str], language: str) -> dict[str, str | None] | None:
    """The columns of core.form_choice as text, by target; None for a row without list and code."""
    cells = {fold(header): (cell or "").strip() for header, cell in row.items() if header}
    list_name = cells.get("list_name") or cells.get("list name")
    code = cells.get("name") or cells.get("value")
    if not list_name and not code:
        return None
    known = READ_HEADERS | {"order"}
    filters = {
        header: cell.strip()
        for header, cell in row.items()
        if cell and cell.strip() and fold(header) not in known and label_language(header, language) is None
    }
    return {
        "form_code": settings.get("form_id"),
        "list_name": list_name or None,
        "choice_code": code or None,
        "labels": as_json(labels_of(row, language)),
        "filters": as_json(filters),
    }


def settings_of(rows: Iterable[Sequence[str]]) -> dict[str, str]:
    """The settings of a form from the rows of its sheet: header, then one row."""
    table = [list(row) for row in rows][:2]
    if len(table) < 2:
        return {}
    pairs = zip(table[0], table[1], strict=False)
    return {fold(header): cell.strip() for header, cell in pairs if cell and cell.strip()}


def as_json(value: Mapping[str, str]) -> str:
    """Compact JSON with sorted keys, so that equal content is equal text."""
    return json.dumps(dict(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
