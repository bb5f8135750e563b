"""Commands of the review queues: what a person has to look at before it is believed."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from footprints.errors import NotFoundError
from footprints.settings import settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command()(enumerators)
    app.command()(links)
    app.command()(link)


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


def links(
    source: Annotated[str | None, typer.Option("--source", "-s", help="Of this source only.")] = None,
    state: Annotated[str, typer.Option(help="proposed, confirmed, rejected, or all.")] = "proposed",
    search: Annotated[bool, typer.Option("--search", help="Search now; it is done each night too.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many, the likeliest first.")] = 100,
    as_json: Json = False,
) -> None:
    """List records of two sources that may tell of one event, for `footprints link confirm|reject ID`."""
    from dataclasses import asdict
    from typing import cast

    from footprints import links as pairs
    from footprints.warehouse.engine import engine

    if state not in ("proposed", "confirmed", "rejected", "all"):
        raise typer.BadParameter("proposed, confirmed, rejected or all", param_hint="--state")
    current = settings()
    with engine(current.need("warehouse_url")).begin() as connection:
        if search:
            pairs.propose(connection, current.sql_dir)
        wanted = None if state == "all" else cast(pairs.State, state)
        found = pairs.list_links(connection, wanted, source)[:limit]
    if as_json:
        _print_json([asdict(one) for one in found])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("id", "score", "state"):
        table.add_column(column, no_wrap=True)
    for column in ("one record", "the other", "why"):
        table.add_column(column, overflow="fold")
    for one in found:
        sides = [
            f"{side.source_id} {side.record_key if side.record_key is not None else 'interview ' + side.key_sha256[:8]}"
            for side in (one.a, one.b)
        ]
        score = "" if one.score is None else f"{one.score:.2f}"
        why = json.dumps(one.reasons, ensure_ascii=False)
        table.add_row(one.link_id, score, one.state, escape(sides[0]), escape(sides[1]), escape(why))
    _console().print(table)


def link(
    decision: Annotated[str, typer.Argument(help="confirm: one event, counted once. reject: two events.")],
    link_id: Annotated[str, typer.Argument(metavar="ID")],
    who: Annotated[str | None, typer.Option("--by", help="Who decides (default: your user name).")] = None,
) -> None:
    """Decide of a pair of `footprints links`; the decision is kept, and may be changed by another one."""
    import getpass

    from footprints import links as pairs
    from footprints.warehouse.engine import engine

    if decision not in ("confirm", "reject"):
        raise typer.BadParameter("confirm or reject", param_hint="DECISION")
    kept: pairs.Decision = "confirmed" if decision == "confirm" else "rejected"
    current = settings()
    with engine(current.need("warehouse_url")).begin() as connection:
        pairs.decide(connection, link_id, kept, who or getpass.getuser(), current.sql_dir)
    _console().print(f"{link_id} is {kept}. The trend figures follow with the next refresh.", highlight=False)


def _console() -> Console:
    import sys

    return Console(width=None if sys.stdout.isatty() else 160)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))
