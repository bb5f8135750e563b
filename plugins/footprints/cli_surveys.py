"""What surveys ask, and what cleaning logs made of their interviews: `footprints questions` and `corrections`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from footprints.settings import settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from footprints.contracts import Contract

Json = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command()(questions)
    app.command()(corrections)


def questions(
    source: Annotated[str, typer.Argument(metavar="SOURCE")],
    form: Annotated[str | None, typer.Option(help="Only this form, where the source has several.")] = None,
    as_json: Json = False,
) -> None:
    """List the questionnaire of a survey: what the contract brings, and what the partner delivered."""
    from sqlalchemy import text

    contract = _contract(source)
    with _engine().connect() as connection:
        rows = connection.execute(
            text(
                "SELECT form_code, question_code, question_type, list_name, group_path, repeat_code, theme, label_en,"
                " label_fr, label_ar, is_required, relevant, is_sensitive, delivery_id FROM core.questionnaire"
                " WHERE source_id = :source AND (CAST(:form AS text) IS NULL OR form_code = :form)"
                " ORDER BY form_code, row_number NULLS LAST, question_code"
            ),
            {"source": source, "form": form},
        ).all()
        choices: dict[str, list[dict[str, Any]]] = {}
        for row in connection.execute(
            text(
                "SELECT form_code, list_name, choice_code, labels FROM core.form_choice WHERE source_id = :source"
                " UNION ALL SELECT 'contract', list_name, choice_code, jsonb_strip_nulls(jsonb_build_object("
                "'en', label_en, 'fr', label_fr, 'ar', label_ar)) FROM core.choice WHERE source_id = :source"
            ),
            {"source": source},
        ):
            choices.setdefault(f"{row.form_code}|{row.list_name}", []).append(
                {"choice": row.choice_code, "labels": row.labels}
            )
    if as_json:
        listed = [
            {**row._asdict(), "choices": choices.get(f"{row.form_code}|{row.list_name}", []) if row.list_name else []}
            for row in rows
        ]
        typer.echo(json.dumps(listed, ensure_ascii=False, indent=2))
        return
    language = contract.partner.language
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("form", "question", "type", "label", "required", "sensitive", "asked where"):
        table.add_column(column, overflow="fold")
    for row in rows:
        labels = {"en": row.label_en, "fr": row.label_fr, "ar": row.label_ar}
        label = labels[language] or next((text for text in labels.values() if text), "")
        kind = f"{row.question_type} {row.list_name}" if row.list_name else row.question_type
        name = f"{row.repeat_code}/{row.question_code}" if row.repeat_code else row.question_code
        marks = ("yes" if flag else "" for flag in (row.is_required, row.is_sensitive))
        table.add_row(row.form_code, name, kind, label, *marks, row.relevant or "")
    _print(table)


def corrections(
    source: Annotated[
        str | None, typer.Argument(metavar="[SOURCE]", help="A survey, or a source of cleaning logs.")
    ] = None,
    delivery_id: Annotated[int | None, typer.Option("--delivery", metavar="ID", help="Only one log.")] = None,
    as_json: Json = False,
) -> None:
    """Say what became of the entries of cleaning logs: applied, already so, another value, interview not there, …"""
    from sqlalchemy import text

    if source is not None:
        _contract(source)
    with _engine().connect() as connection:
        rows = connection.execute(
            text(
                "SELECT o.source_id, o.delivery_id, d.object_key, o.corrects_source, o.outcome_code, count(*) AS n"
                " FROM core.correction_outcome o JOIN meta.delivery d USING (delivery_id)"
                " WHERE (CAST(:source AS text) IS NULL OR :source IN (o.source_id, o.corrects_source))"
                " AND (CAST(:delivery AS bigint) IS NULL OR o.delivery_id = :delivery)"
                " GROUP BY 1, 2, 3, 4, 5 ORDER BY 4, 2, 5"
            ),
            {"source": source, "delivery": delivery_id},
        ).all()
    logs: dict[int, dict[str, Any]] = {}
    for row in rows:
        log = logs.setdefault(
            row.delivery_id,
            {
                "delivery": row.delivery_id,
                "source": row.source_id,
                "file": row.object_key.rsplit("/", 1)[-1],
                "corrects": row.corrects_source,
                "outcomes": {},
            },
        )
        log["outcomes"][row.outcome_code] = row.n
    if as_json:
        typer.echo(json.dumps(list(logs.values()), ensure_ascii=False, indent=2))
        return
    from footprints.warehouse.corrections import SEVERITIES

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("delivery", "log", "corrects", *SEVERITIES):
        table.add_column(column.replace("_", " "), overflow="fold")
    for log in logs.values():
        counts = (str(log["outcomes"].get(outcome, "")) for outcome in SEVERITIES)
        table.add_row(str(log["delivery"]), f"{log['source']}: {log['file']}", log["corrects"], *counts)
    _print(table)


def _contract(source: str) -> Contract:
    from footprints.contracts import find_contract

    return find_contract(settings().expectations_dir, source)


def _engine() -> Engine:
    from footprints.warehouse.engine import engine

    return engine(settings().need("warehouse_url"))


def _print(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else 160).print(table)
