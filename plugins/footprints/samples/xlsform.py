"""The XLSForm of the field survey: from its CSV sheets, which are the source, to the workbook that Kobo takes."""

from __future__ import annotations

import csv
from pathlib import Path

from footprints.samples.files import write_workbook
from footprints.settings import settings

SHEETS = ("survey", "choices", "settings")


def form_dir() -> Path:
    """Where the CSV sheets of our questionnaire stand."""
    return settings().expectations_dir / "mhub-survey" / "form"


def write_xlsform(path: Path, directory: Path | None = None) -> Path:
    """Write the questionnaire in `directory`, ours by default, as the workbook that Kobo and pyxform take."""
    sheets: dict[str, list[list[str | None]]] = {}
    for name in SHEETS:
        with ((directory or form_dir()) / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            sheets[name] = [[cell or None for cell in row] for row in csv.reader(file)]
    return write_workbook(path, sheets)
