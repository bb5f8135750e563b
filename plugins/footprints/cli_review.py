"""Commands of the review queues: what a person has to look at before it is believed."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from footprints.errors import NotFoundError
from footprints.settings import settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command()(enumerators)


def enumerators(
    source: Annotated[str, typer.Argument(help="A source of interviews, see `footprints sources`.")],
    period: Annotated[str | None, typer.Option("--round", help="Of this round only, such as 2016-03/2016-05.")] = None,
    as_json: Json = False,
) -> None:
    """Rank a survey's enumerators for review: how their interviews fared against those of the others of the round."""
    from footprints.review import enumerators as ranked
    from footprints.warehouse.engine import engine

    with engine(settings().need("warehouse_url")).connect() as connection:
        found = ranked(connection, source, period)
    if not found:
        raise NotFoundError(f"no interviews of {source} name an enumerator", "see `footprints sources`")
    if as_json:
        _print_json(found)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("round", "rank", "enumerator"):
        table.add_column(column, no_wrap=True)
    for column in ("interviews", "flagged", "minutes", "don't know", "refused", "highest z"):
        table.add_column(column, justify="right")
    table.add_column("flags", overflow="fold")
    for row in found:
        scores = [row[name] for name in ("z_flagged", "z_short", "z_dont_know", "z_refused") if row[name] is not None]
        table.add_row(
            row["round_code"],
            "" if row["review_rank"] is None else str(row["review_rank"]),
            row["enumerator"],
            str(row["n_interviews"]),
            f"{row['share_flagged']:.0%}",
            "" if row["median_minutes"] is None else f"{row['median_minutes']:.0f}",
            "" if row["share_dont_know"] is None else f"{row['share_dont_know']:.1%}",
            "" if row["share_refused"] is None else f"{row['share_refused']:.1%}",
            f"{max(scores):.1f}" if scores else "",
            ", ".join(f"{rule} {n}" for rule, n in row["flagged_by_rule"].items()),
        )
    _console().print(table)


def _console() -> Console:
    import sys

    return Console(width=None if sys.stdout.isatty() else 160)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))
