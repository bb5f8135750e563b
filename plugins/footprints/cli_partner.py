"""The commands for what a partner needs before a drop: the template of a source, an invitation to the drop page."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from footprints.settings import settings

_out, _notes = Console(), Console(stderr=True)


class TemplateLanguage(enum.StrEnum):
    """Languages of the first sheet and the notes; the codebook is in all three."""

    en = "en"
    fr = "fr"
    ar = "ar"


def register(app: typer.Typer) -> None:
    """Mount the commands on an app."""
    app.command("template")(template)


def template(
    source: Annotated[str, typer.Argument(help="The source, see `footprints sources`.")],
    layout: Annotated[str | None, typer.Option(help="The layout; default: the first of the contract.")] = None,
    language: Annotated[TemplateLanguage | None, typer.Option(help="Default: the partner's.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Default: SOURCE.xlsx here.")] = None,
) -> None:
    """Write the workbook that a partner can fill in for a source: lists to choose from, limits, and a codebook."""
    from footprints import templates
    from footprints.contracts import find_contract

    contract = find_contract(settings().expectations_dir, source)
    chosen = templates.template_of(contract, layout)
    target = output or Path(f"{source}.xlsx")
    target.write_bytes(templates.write(chosen, contract, language.value if language else contract.partner.language))
    _out.print(str(target), soft_wrap=True, highlight=False, markup=False)
    others = [name for name in templates.layouts_with_template(contract) if name != chosen.layout.name]
    if others:
        words = f"Layout {chosen.layout.name}; by --layout there are also {', '.join(others)}."
        _notes.print(words, soft_wrap=True, highlight=False, markup=False)
