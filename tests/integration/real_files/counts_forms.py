"""Questionnaires, survey exports and the cleaning log, counted by openpyxl, xlrd and csv, without our readers."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

STRUCTURE = ("begin_group", "end_group", "begin_repeat", "end_repeat", "begin group", "end group", "note")


def sheet(path: Path, name: str) -> list[dict[str, str]]:
    """The rows of a sheet that hold something, by header."""
    if path.suffix == ".xls":
        import xlrd

        book = xlrd.open_workbook(str(path)).sheet_by_name(name)
        table: Iterator[list[Any]] = (book.row_values(i) for i in range(book.nrows))
    else:
        worksheet = load_workbook(path, read_only=True, data_only=True)[name]
        worksheet.reset_dimensions()
        table = (list(row) for row in worksheet.iter_rows(values_only=True))
    header = [str(cell or "").strip() for cell in next(table)]
    rows = ([_text(cell) for cell in row] for row in table)
    return [dict(zip(header, [*row, *[""] * len(header)], strict=False)) for row in rows if any(row)]


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell).strip()


def questions(path: Path) -> list[dict[str, str]]:
    """The rows of the sheet survey that ask, record or calculate something."""
    return [row for row in sheet(path, "survey") if row["type"] and not row["type"].lower().startswith(STRUCTURE)]


def choices(path: Path) -> list[dict[str, str]]:
    """The rows of the sheet choices that name a list."""
    return [row for row in sheet(path, "choices") if row["list_name"]]


def form(path: Path, labels: tuple[str, ...] = ("label",)) -> tuple[int, int, int]:
    """Rows read, rejected, and repeated of a form: a choice with the same labels and filters is the same choice."""
    kept = ("list_name", "name", *labels)
    same: Counter[str] = Counter()
    for row in choices(path):
        filters = {k: v for k, v in row.items() if v and k not in (*kept, "order") and not k.startswith("label::")}
        same[json.dumps([[row.get(k, "") for k in kept], filters], sort_keys=True)] += 1
    asked = [json.dumps(row, sort_keys=True) for row in questions(path)]
    repeated = sum(n - 1 for n in same.values()) + len(asked) - len(set(asked))
    return len(asked) + sum(same.values()), 0, repeated


def msna(path: Path) -> tuple[int, int, int]:
    """Interviews of the dummy export; everybody consents."""
    rows = sheet(path, "main")
    return len(rows), sum(row["consent"] != "yes" for row in rows), len(rows) - len({row["uuid"] for row in rows})


def rows_of(path: Path, encoding: str = "utf-8") -> list[dict[str, str]]:
    """The rows of a CSV."""
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file))


def household_survey(path: Path) -> tuple[int, int, int]:
    """Interviews of UNHCR's sample; those without consent, or of a day before anybody asked, are not loaded."""
    rows = rows_of(path)
    loaded = [r for r in rows if r["InterviewConsent.consent"] == "yes" and r["today"] >= "2010-01-01"]
    return len(rows), len(rows) - len(loaded), 0


def case_numbers(path: Path) -> tuple[int, int, int]:
    """Members of the repeat: each row counts."""
    return len(rows_of(path)), 0, 0


def cleaning_log(path: Path) -> tuple[int, int, int]:
    """Entries of the log, and those that only repeat another."""
    rows = rows_of(path, "cp1252")
    read = ("uuid", "question.name", "ancienne.valeur", "nouvelle.valeur", "action", "probleme", "checkid", "today")
    return len(rows), 0, len(rows) - len({tuple(row[name] for name in read) for row in rows})
