"""The commands for what a partner needs before a drop: the template of a source, an invitation to the drop page."""

from __future__ import annotations

import enum
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from footprints import invites
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
    app.command("invite")(invite)
    app.command("invites")(list_invites)
    app.command("revoke")(revoke)


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


def invite(
    partner: Annotated[str, typer.Argument(help="The partner, as contracts name it.")],
    days: Annotated[int, typer.Option(min=1, max=400, help="Days that the link works.")] = invites.DAYS,
) -> None:
    """Print a link to the drop page for a partner. Whoever has it may send files in that partner's name."""
    from footprints.warehouse.engine import engine

    current = settings()
    page = current.need("drop_url")
    with engine(current.need("warehouse_url")).begin() as connection:
        made, token = invites.invite(connection, partner, current.expectations_dir, days)
    typer.echo(f"{page}#{token}")
    until = f"{made.expires_at:%Y-%m-%d}"
    words = (
        f"Invitation {made.invite_id} for {partner}, until {until}. It is shown this once: send it by a private way."
    )
    _notes.print(words, soft_wrap=True, highlight=False, markup=False)


def list_invites(
    partner: Annotated[str | None, typer.Argument(help="Of this partner only.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
) -> None:
    """List the invitations to the drop page, newest first."""
    from footprints.warehouse.engine import engine

    with engine(settings().need("warehouse_url")).connect() as connection:
        found = invites.list_invites(connection, partner)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], default=str, indent=2))
        return
    table = Table("id", "partner", "state", "expires", "last used", box=None, pad_edge=False)
    for one in found:
        state = "open" if one.is_open else "revoked" if one.revoked_at else "expired"
        used = f"{one.last_used_at:%Y-%m-%d %H:%M}" if one.last_used_at else ""
        table.add_row(str(one.invite_id), one.partner_id, state, f"{one.expires_at:%Y-%m-%d}", used)
    _out.print(table)


def revoke(
    partner: Annotated[str, typer.Argument(help="The partner, as contracts name it.")],
    invite_id: Annotated[int | None, typer.Option("--id", help="Only this invitation.")] = None,
) -> None:
    """Take back a partner's invitations to the drop page; browsers that are signed in by them are signed out."""
    from footprints.warehouse.engine import engine

    with engine(settings().need("warehouse_url")).begin() as connection:
        n = invites.revoke(connection, partner, invite_id)
    _out.print(f"{n} taken back.", highlight=False)
