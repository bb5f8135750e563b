"""The command line `footprints`: what an engineer, a partner's focal point and an analyst do by hand."""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from footprints import cli_partner, cli_review, cli_stack, cli_surveys
from footprints.errors import ConfigurationError, FootprintsError, NotFoundError
from footprints.settings import settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from footprints.model import Delivery

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__, rich_markup_mode=None
)
cli_stack.register(app)
cli_partner.register(app)
cli_review.register(app)
cli_surveys.register(app)

# Where nobody watches (a pipe, a log) there is no width to keep to.
out = Console(width=None if sys.stdout.isatty() else 160)
notes = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]
PERIOD = re.compile(r"\d{4}(-Q[1-4]|-\d{2}(-\d{2})?|-\d{2}/\d{4}-\d{2})?")
STATE_STYLE = {"loaded": "green", "duplicate": "cyan", "superseded": "dim", "received": "yellow", "withdrawn": "dim"}
EXIT_NOT_LOADED = 6
"""Exit code of `drop --wait` and `check` where a file was not loaded, or would not be."""


def main() -> None:
    """Runs the command line; an error of ours is one line with what to do, and an exit code (`footprints.errors`)."""
    try:
        app()
    except FootprintsError as error:
        notes.print(
            "[red]error:[/red]", escape(error.message + (f" – {error.hint}" if error.hint else "")), soft_wrap=True
        )
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        what = _unreachable(error)
        if what is None:
            raise
        notes.print(
            f"[red]error:[/red] {what} does not answer – see `footprints status`; `footprints up` starts what is down",
            soft_wrap=True,
        )
        sys.exit(ConfigurationError.exit_code)


def _unreachable(error: Exception) -> str | None:
    """Which server an exception says is away; None for any other exception."""
    from botocore import exceptions as boto
    from sqlalchemy.exc import InterfaceError, OperationalError

    if isinstance(error, OperationalError | InterfaceError):
        return "the warehouse"
    if isinstance(error, boto.ConnectionError | boto.HTTPClientError):
        return "the object store"
    return None


def _warehouse() -> Engine:
    from footprints.warehouse.engine import engine

    return engine(settings().need("warehouse_url"))


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def delivery_json(delivery: Delivery) -> dict[str, Any]:
    """A delivery as `deliveries --json` lists it."""
    counts = delivery.counts
    return {
        "id": delivery.delivery_id,
        "partner": delivery.partner_id,
        "source": delivery.source_id,
        "key": delivery.object_key,
        "state": delivery.state,
        "rows_read": counts.rows_read,
        "rows_loaded": counts.rows_loaded,
        "rows_unchanged": counts.rows_unchanged,
        "rows_rejected": counts.rows_rejected,
        "rows_duplicate": counts.rows_duplicate,
        "received_at": delivery.received_at,
        "finished_at": delivery.finished_at,
        "receipt_key": delivery.receipt_key,
        "records_added": counts.records_added,
        "records_changed": counts.records_changed,
        "records_gone": counts.records_gone,
        "layout": delivery.layout,
        "as_of": delivery.as_of,
        "duplicate_of": delivery.duplicate_of,
        "reason": delivery.reason,
    }


def deliveries_table(deliveries: list[Delivery], title: str = "") -> Table:
    """Deliveries as a table for people."""
    table = Table(title=title or None, box=None, header_style="bold", pad_edge=False)
    for column in ("id", "source"):
        table.add_column(column, no_wrap=True)
    table.add_column("file", overflow="fold", min_width=20)
    table.add_column("verdict", overflow="fold", min_width=10)
    for column in ("read", "loaded", "unchanged", "rejected", "repeated"):
        table.add_column(column, justify="right")
    for d in deliveries:
        style = STATE_STYLE.get(d.state, "red")
        c = d.counts
        table.add_row(
            str(d.delivery_id),
            d.source_id,
            d.object_key.rsplit("/", 1)[-1],
            f"[{style}]{d.state}[/{style}]" + (f" ({d.reason})" if d.reason else ""),
            *(str(n) for n in (c.rows_read, c.rows_loaded, c.rows_unchanged, c.rows_rejected, c.rows_duplicate)),
        )
    return table


@app.command()
def drop(
    files: Annotated[
        list[Path], typer.Argument(help="Files to put in the landing bucket.", exists=True, dir_okay=False)
    ],
    source: Annotated[str, typer.Option("--source", "-s", help="Their source, see `footprints sources`.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the verdicts.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.")] = 600,
    as_json: Json = False,
) -> None:
    """Put files in the landing bucket of their partner, as any S3 client can."""
    from footprints.drops import drop_files, wait_for

    # Without a platform, boto3 would take whatever store and keys this shell knows: the file must not go there.
    warehouse = _warehouse()
    dropped = drop_files(files, source, settings())
    if not wait:
        if as_json:
            _print_json([{"key": d.key, "bucket": d.bucket} for d in dropped])
        else:
            for d in dropped:
                out.print(f"s3://{d.bucket}/{d.key}", soft_wrap=True, highlight=False)
        return
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=notes, transient=True
    ) as bar:
        task = bar.add_task("", total=None)
        deliveries = wait_for(
            warehouse,
            dropped,
            timeout,
            lambda done, total: bar.update(task, description=f"{done} of {total} files answered"),
        )
    if as_json:
        _print_json([delivery_json(d) for d in deliveries])
    else:
        out.print(deliveries_table(deliveries))
    if any(d.state not in ("loaded", "duplicate", "superseded") for d in deliveries):
        raise typer.Exit(EXIT_NOT_LOADED)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    source: Annotated[str, typer.Option("--source", "-s", help="The source it is for.")],
    html: Annotated[Path | None, typer.Option(help="Write the receipt as a page here.")] = None,
    marked: Annotated[Path | None, typer.Option(help="Write the file, with its errors marked, to this folder.")] = None,
    as_json: Json = False,
) -> None:
    """Say what the receipt of a file would say, without server, database or network."""
    from footprints import receipts
    from footprints.check import check_file

    receipt = check_file(file, source, settings(), marked_to=marked)
    document, page = receipts.write(receipt)
    if html is not None:
        html.write_bytes(page)
    if as_json:
        typer.echo(document.decode())
    else:
        out.print(receipts.summary_line(receipt), soft_wrap=True, markup=False)
        _print_issues(receipt.issues)
    if receipt.delivery.state != "loaded":
        raise typer.Exit(EXIT_NOT_LOADED)


@app.command()
def propose(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file as the partner sends it.")],
    source: Annotated[str | None, typer.Option("--source", "-s", help="Name of the new source.")] = None,
    partner: Annotated[str, typer.Option(help="Short name of the partner.")] = "partner",
    language: Annotated[str, typer.Option(help="Language of the partner's receipts: en, fr or ar.")] = "en",
    into: Annotated[Path | None, typer.Option(help="Folder to write to; expectations/ if not given.")] = None,
    as_json: Json = False,
) -> None:
    """Draft a contract, code maps and a suite from a file, with the reason of each guess, and try them on the file."""
    from footprints import receipts
    from footprints.propose.proposal import propose as make
    from footprints.propose.proposal import source_name
    from footprints.propose.write import Names

    if language not in ("en", "fr", "ar"):
        raise typer.BadParameter("the languages of receipts are en, fr and ar")
    names = Names(source or source_name(file.name), partner, language, file.name)
    made = make(file, names, into or settings().expectations_dir, settings())
    first = made.drafts[0]
    if as_json:
        _print_json(
            {
                "source": names.source,
                "directory": str(made.directory),
                "layouts": [
                    {
                        "table": draft.table,
                        "columns": draft.sources(),
                        "record_key": draft.record_key,
                        "missing": draft.missing,
                        "unused": draft.unused,
                        "sensitive": {**draft.drop, **draft.hash},
                    }
                    for draft in made.drafts
                ],
                "obstacle": made.obstacle,
                "rows_read": made.receipt.delivery.counts.rows_read if made.receipt else None,
                "rows_loaded": made.receipt.delivery.counts.rows_loaded if made.receipt else None,
            }
        )
        return
    out.print(f"{made.directory / 'contract.yaml'}: core.{first.table}, {len(first.columns)} columns", markup=False)
    for header, why in (*first.drop.items(), *first.hash.items()):
        out.print(f"  about a person: {header!r} – {why}", markup=False, soft_wrap=True)
    for code_map in first.maps:
        undecided = f", {len(code_map.unmatched)} to decide" if code_map.unmatched else ""
        out.print(f"  maps/{code_map.name}.csv: {len(code_map.codes)} codes{undecided}", markup=False)
    if first.unused:
        out.print(f"  no place was found for {', '.join(map(repr, first.unused))}", markup=False, soft_wrap=True)
    if made.receipt is None:
        out.print(f"Not tried yet: {made.obstacle}. Fill in what the contract says.", markup=False, soft_wrap=True)
    else:
        out.print("By this draft: " + receipts.summary_line(made.receipt), markup=False, soft_wrap=True)
    home = settings().expectations_dir / names.source
    move = "" if made.directory.resolve() == home.resolve() else f" move it to {home},"
    out.print(
        f"Next: read the contract,{move} then `footprints check {file.name} --source {names.source}`",
        markup=False,
        soft_wrap=True,
    )


def _rule(issue: Any) -> str:
    """The rule with its parameters, but for those that only say how a check is made."""
    shown = {k: v for k, v in issue.parameters.items() if k not in ("ignore_row_if", "or_equal", "column")}
    return str(issue.rule) + (f" {json.dumps(shown, ensure_ascii=False)}" if shown else "")


def _print_issues(issues: Any) -> None:
    from footprints.receipts.page import files_of, row_name

    table = Table(box=None, header_style="bold", pad_edge=False)
    files = files_of(issues)
    for column in ("severity", "rule", "column", "rows", "first rows"):
        table.add_column(column, overflow="fold", justify="right" if column == "rows" else "left")
    for issue in issues:
        table.add_row(
            issue.severity,
            _rule(issue),
            issue.column or "",
            str(issue.n_rows or ""),
            ", ".join(row_name(row, files) for row in issue.example_rows[:8]),
        )
    out.print(table)


@app.command()
def deliveries(
    source: Annotated[str | None, typer.Option("--source", "-s", help="Of this source only.")] = None,
    state: Annotated[str | None, typer.Option(help="In this state only.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many, newest first.")] = 1000,
    as_json: Json = False,
) -> None:
    """List deliveries, newest first."""
    from footprints import ledger

    with _warehouse().connect() as connection:
        found = ledger.list_deliveries(connection, source_id=source, state=state, limit=limit)
    if as_json:
        _print_json([delivery_json(d) for d in found])
    else:
        out.print(deliveries_table(found))


@app.command()
def receipt(
    delivery_id: Annotated[int, typer.Argument(metavar="ID")],
    html: Annotated[Path | None, typer.Option(help="Write the page here instead.")] = None,
    files: Annotated[
        Path | None, typer.Option(help="Write the page and the files beside it to this folder instead.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the receipt of a delivery."""
    from footprints import ledger, receipts
    from footprints.storage import Store

    if html is not None and files is not None:
        raise typer.BadParameter("--files writes the page too; give --html or --files, not both")
    with _warehouse().connect() as connection:
        delivery = ledger.get(connection, delivery_id)
    if delivery.receipt_key is None:
        raise NotFoundError(f"delivery {delivery_id} has no receipt yet", "see `footprints deliveries`")
    store = Store(settings())
    if html is not None:
        key = delivery.receipt_key.removesuffix(".json") + ".html"
        html.write_bytes(store.get_bytes(delivery.bucket, key))
        return
    document = store.get_bytes(delivery.bucket, delivery.receipt_key)
    if files is not None:
        files.mkdir(parents=True, exist_ok=True)
        folder = delivery.receipt_key.rpartition("/")[0]
        for name in ("receipt.html", *(one.name for one in receipts.parse(document).files)):
            target = files / name.replace("/", "_")
            target.write_bytes(store.get_bytes(delivery.bucket, f"{folder}/{name}"))
            out.print(str(target), soft_wrap=True, highlight=False, markup=False)
        return
    if as_json:
        typer.echo(document.decode())
    else:
        parsed = receipts.parse(document)
        out.print(receipts.summary_line(parsed), soft_wrap=True, markup=False)
        c = parsed.delivery.counts
        out.print(
            f"Records: {c.records_added:,} added, {c.records_changed:,} changed, {c.records_unchanged:,} unchanged,"
            f" {c.records_gone:,} gone, {c.records_older:,} older than what the warehouse holds",
            soft_wrap=True,
        )
        _print_issues(parsed.issues)


@app.command()
def rejects(
    delivery_id: Annotated[int, typer.Argument(metavar="ID")],
    limit: Annotated[int, typer.Option(help="At most so many rows.")] = 1000,
    as_json: Json = False,
) -> None:
    """List the rows of a delivery that were not loaded, why, and which later delivery put them right."""
    from sqlalchemy import text

    from footprints import ledger

    with _warehouse().connect() as connection:
        ledger.get(connection, delivery_id)
        rows = connection.execute(
            text(
                "SELECT sheet, row_number, rules, columns, provider_values, closed_by FROM meta.reject"
                " WHERE delivery_id = :id ORDER BY sheet, row_number LIMIT :limit"
            ),
            {"id": delivery_id, "limit": limit},
        ).all()
    if as_json:
        _print_json([row._asdict() for row in rows])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("sheet", "row", "rules", "columns", "values", "state"):
        table.add_column(column, overflow="fold")
    for row in rows:
        values = "; ".join(f"{k}: {v}" for k, v in (row.provider_values or {}).items())
        state = "open" if row.closed_by is None else f"fixed by {row.closed_by}"
        table.add_row(row.sheet, str(row.row_number), ", ".join(row.rules), ", ".join(row.columns), values, state)
    out.print(table)


@app.command()
def sources(as_json: Json = False) -> None:
    """List the sources that have a contract."""
    from footprints.contracts import load_contracts

    contracts = load_contracts(settings().expectations_dir)
    if as_json:
        _print_json(
            [
                {
                    "source": c.source,
                    "partner": c.partner.id,
                    "title": c.title["en"],
                    "layouts": [layout.name for layout in c.layouts],
                    "tables": sorted({layout.table for layout in c.layouts}),
                    "cadence": c.cadence,
                    "confidentiality": c.confidentiality,
                    "landing": f"landing/{c.partner.id}/{c.source}/",
                }
                for c in contracts.values()
            ]
        )
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("source", "partner", "title", "layouts", "level"):
        table.add_column(column, overflow="fold")
    for c in contracts.values():
        table.add_row(c.source, c.partner.id, c.title["en"], str(len(c.layouts)), c.confidentiality)
    out.print(table)


@app.command()
def places(
    unknown: Annotated[
        bool, typer.Option("--unknown", help="List the places that no list decides, with the nearest ones.")
    ] = False,
    source: Annotated[str | None, typer.Option("--source", "-s", help="Of this source only.")] = None,
    as_json: Json = False,
) -> None:
    """Show how the places of the records were found, or with --unknown those that were not, for review."""
    from footprints import places as place_names

    with _warehouse().begin() as connection:
        place_names.sync_aliases(connection, settings().expectations_dir / place_names.ALIASES)
        if unknown:
            found = place_names.undecided(connection, source)
        else:
            rows = place_names.summary(connection, source)
    if as_json:
        _print_json([asdict(place) for place in found] if unknown else [dict(row._mapping) for row in rows])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    if unknown:
        for column in ("source", "column", "country", "level", "written", "in", "records", "why", "nearest"):
            table.add_column(column, overflow="fold")
        for place in found:
            level = "" if place.admin_level is None else str(place.admin_level)
            written = " ".join(escape(word) for word in (place.provider_code, place.provider_place) if word)
            nearest = ", ".join(f"{escape(c.name)} {c.place_code} ({c.likeness:.0f})" for c in place.candidates)
            where = [place.source_id, f"{place.core_table}.{place.column_name}", place.country_code, level, written]
            table.add_row(*where, escape(place.provider_parent or ""), str(place.n_records), place.status, nearest)
    else:
        for column in ("source", "column", "found", "wordings", "records"):
            table.add_column(column, overflow="fold")
        for row in rows:
            column = f"{row.core_table}.{row.column_name}"
            table.add_row(row.source_id, column, row.status, str(row.n_wordings), str(row.n_records))
    out.print(table)


@app.command()
def feeds(as_json: Json = False) -> None:
    """List what is fetched from partners' APIs and buckets, when next, and what failed."""
    from footprints.feeds import pull as feed_pulls

    found = feed_pulls.statuses(settings())
    if as_json:
        _print_json([asdict(status) for status in found])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("feed", "kind", "state", "cadence", "last whole", "next"):
        table.add_column(column, no_wrap=column == "feed")
    table.add_column("delivered", justify="right")
    table.add_column("what is wrong", overflow="fold")
    for s in found:
        moments = (f"{moment:%Y-%m-%d %H:%M}" if moment else "" for moment in (s.succeeded_at, s.due_at))
        wrong = f"needs {s.missing}" if s.state == "not set up" else s.error or ""
        table.add_row(s.feed, s.kind, s.state, s.cadence, *moments, str(s.n_deliveries), escape(wrong))
    out.print(table)


@app.command()
def pull(
    feed: Annotated[
        str | None, typer.Argument(metavar="[FEED]", help="This one, due or not; else all that are due.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Ask for everything anew, also what did not change.")] = False,
    as_json: Json = False,
) -> None:
    """Fetch what is new from a partner's API or bucket, and put it in landing."""
    from footprints.feeds import pull as feed_pulls

    if feed is None:
        results = feed_pulls.pull_due(settings(), force=force)
    else:
        results = [feed_pulls.pull(feed, settings(), force=force)]
    if as_json:
        _print_json([asdict(result) for result in results])
    else:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for column in ("feed", "outcome", "items", "deliveries", "what is wrong"):
            table.add_column(column, overflow="fold")
        for r in results:
            counts = ", ".join(f"{n} {word}" for word, n in r.n_items.items()) or "nothing new"
            table.add_row(r.feed, r.outcome, counts, ", ".join(map(str, r.delivery_ids)), escape(r.error or ""))
        out.print(table if results else "No feed is due.")
    if any(result.outcome == "failed" for result in results):
        raise typer.Exit(1)


@app.command()
def quality(
    source: Annotated[str | None, typer.Option("--source", "-s", help="Of this source only.")] = None,
    as_json: Json = False,
) -> None:
    """List how the checks of each source fared, month by month."""
    from sqlalchemy import text

    with _warehouse().connect() as connection:
        rows = connection.execute(
            text(
                "SELECT * FROM meta.quality_month WHERE CAST(:source AS text) IS NULL OR source_id = :source"
                " ORDER BY source_id, month, share_failed DESC, suite, expectation_type, column_name"
            ),
            {"source": source},
        ).all()
    if as_json:
        _print_json([row._asdict() | {"share_failed": float(row.share_failed or 0)} for row in rows])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("source", "month", "expectation", "column", "severity"):
        table.add_column(column, overflow="fold")
    for column in ("checked", "failed", "share"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(
            row.source_id,
            row.month,
            row.expectation_type.removeprefix("expect_"),
            row.column_name or "",
            row.severity,
            str(row.n_checked),
            str(row.n_failed),
            f"{row.share_failed or 0:.2%}",
        )
    out.print(table)


@app.command()
def refresh(
    full: Annotated[bool, typer.Option("--full", help="Compute every partition anew.")] = False, as_json: Json = False
) -> None:
    """Refresh the trend tables: the partitions that deliveries touched, or all."""
    from footprints import trends as trend_tables

    results = trend_tables.refresh(_warehouse(), full=full)
    if as_json:
        _print_json([asdict(result) for result in results])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("trend table", "partitions", "cells before", "cells after", "seconds"):
        table.add_column(column, justify="left" if column == "trend table" else "right")
    for r in results:
        table.add_row(
            r.trend_table, str(r.n_partitions), str(r.n_cells_before), str(r.n_cells_after), f"{r.seconds:.2f}"
        )
    out.print(table)


@app.command()
def trends(
    country: Annotated[str, typer.Option("--country", help="ISO 3166-1 alpha-3, such as MLI.")],
    period: Annotated[str, typer.Option("--period", help="2016, 2016-Q2, 2016-05, or 2016-03/2016-05.")],
    indicator: Annotated[str | None, typer.Option(help="Only this indicator.")] = None,
    as_json: Json = False,
) -> None:
    """Print published cells of a country and period, each with its count and interval."""
    from footprints.harmonise.countries import countries
    from footprints.trends import published_cells
    from footprints.warehouse.engine import engine

    if country.upper() not in {c.country_code for c in countries()}:
        raise typer.BadParameter("not an ISO 3166-1 alpha-3 code, such as MLI", param_hint="--country")
    if not PERIOD.fullmatch(period):
        raise typer.BadParameter("write 2016, 2016-Q2, 2016-05, 2016-05-31 or 2016-03/2016-05", param_hint="--period")
    with engine(settings().need("warehouse_reader_url")).connect() as connection:
        cells = published_cells(connection, country.upper(), period, indicator)
    if as_json:
        _print_json([asdict(cell) for cell in cells])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("indicator", "place", "profile"):
        table.add_column(column, overflow="fold")
    for column in ("n", "base", "value", "low", "high"):
        table.add_column(column, justify="right")
    for c in cells:
        numbers = ("*" if c.is_suppressed else _figure(v) for v in (c.n, c.base, c.value, c.low, c.high))
        table.add_row(c.indicator, c.place or "", c.profile or "", *numbers)
    out.print(table)
    if not cells:
        notes.print("No published cell; try another period, or `footprints refresh`.")


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


@app.command()
def replay(
    delivery_id: Annotated[int, typer.Argument(metavar="ID")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the verdict.")] = False,
    as_json: Json = False,
) -> None:
    """Process a delivery again, from the archive: after a contract was mended, or a failure of ours."""
    from footprints import ledger, redo

    warehouse = _warehouse()
    redo.replay(warehouse, delivery_id)
    while True:
        with warehouse.connect() as connection:
            delivery = ledger.get(connection, delivery_id)
        if delivery.state != "received" or not wait:
            break
        time.sleep(0.3)
    if as_json:
        _print_json(delivery_json(delivery))
    elif not wait:
        out.print(f"Delivery {delivery_id} waits to be processed again.")
    else:
        out.print(deliveries_table([delivery]))


@app.command()
def withdraw(delivery_id: Annotated[int, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """Take a delivery back: its rows leave the warehouse, and what it had replaced returns."""
    from footprints import redo

    delivery = redo.withdraw(delivery_id, settings())
    if as_json:
        _print_json(delivery_json(delivery))
    else:
        out.print(f"Delivery {delivery_id} is withdrawn. The trend figures follow with the next refresh.")


@app.command()
def rebuild(as_json: Json = False) -> None:
    """Build the warehouse anew from the archive, and prove by checksums that its content is the same."""
    from footprints import redo

    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=notes, transient=True
    ) as bar:
        task = bar.add_task("", total=None)
        result = redo.rebuild(settings(), lambda text: bar.update(task, description=text))
    if as_json:
        _print_json(asdict(result) | {"is_equal": result.is_equal})
    else:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for column in ("table", "before", "after", ""):
            table.add_column(column)
        for name, before in result.before.items():
            after = result.after[name]
            mark = "[green]equal[/green]" if before == after else "[red]differs[/red]"
            table.add_row(name, before[:16], after[:16], mark)
        out.print(table)
        out.print(f"{result.n_deliveries} deliveries loaded again in {result.seconds:.1f} s.")
    if not result.is_equal:
        raise typer.Exit(1)


@app.command()
def demo(
    data: Annotated[Path | None, typer.Option(help="Drop the partners' files of this directory instead.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the generated samples.")] = 1,
) -> None:
    """Bring up the whole platform, drop sample files, and show what became of them."""
    import tempfile

    from footprints import demo as show
    from footprints import receipts
    from footprints.storage import Store

    cli_stack.up()
    started = time.monotonic()
    current = settings()
    with tempfile.TemporaryDirectory(prefix="footprints-demo-") as folder:
        drops = show.partner_drops(data) if data is not None else show.sample_drops(Path(folder), seed)
        for path in show.left_out(data, drops) if data is not None else ():
            notes.print(f"{path}: no source of the demo fits its folder and name; it is left out", markup=False)
        with Progress(
            SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=notes, transient=True
        ) as bar:
            task = bar.add_task("", total=None)
            answered = show.run(drops, current, lambda text: bar.update(task, description=text))
    deliveries = [delivery for _, delivery in answered]
    out.print(deliveries_table(deliveries, f"{len(deliveries)} files answered in {time.monotonic() - started:.0f} s"))

    for drop, delivery in answered:
        if delivery.reason is not None:
            out.print(f"{drop.path.name}: held by the rule {delivery.reason}", soft_wrap=True, markup=False)
    telling = max(deliveries, key=lambda d: (d.state == "loaded", min(d.counts.rows_rejected, 50)))
    if telling.receipt_key is not None:
        receipt = receipts.parse(Store(current).get_bytes(telling.bucket, telling.receipt_key))
        out.print(f"\n[bold]The receipt of {escape(telling.object_key.rsplit('/', 1)[-1])}[/bold]")
        out.print(receipts.summary_line(receipt), soft_wrap=True, markup=False)
        _print_issues(receipt.issues)
    out.print("\n[bold]Three figures of the trend tables[/bold]")
    for figure in show.figures(current, from_partners=data is not None):
        out.print(figure, soft_wrap=True, markup=False, highlight=False)
    _print_where_to_look(telling.delivery_id)


def _print_where_to_look(delivery_id: int) -> None:
    from footprints.stack import lifecycle, state

    _, known = lifecycle.running_state()
    urls = state.urls(known)
    ours, psql = cli_stack.called(), cli_stack.called("psql")
    out.print("\n[bold]Where to look[/bold]")
    for label, text in (
        ("Airflow", f"{urls['airflow']}  user {state.ADMIN}, password {known.secrets['airflow_admin']}"),
        ("drop page", f"{ours} invite mhub   (prints a partner's link to {urls['drop']})"),
        ("receipts", f"{ours} receipt {delivery_id} --html receipt.html   (in the bucket: receipts/…)"),
        ("rejected rows", f"{ours} rejects {delivery_id}"),
        ("warehouse", f'eval "$({ours} env)" && {psql} -c "TABLE trends.cell LIMIT 5"'),
        ("figures", f"{ours} trends --country MLI --period 2016"),
        ("stop", "make down"),
    ):
        out.print(f"{label:>14}  {text}", soft_wrap=True, markup=False, highlight=False)
