"""What the nightly refresh does beside the trend tables: pairs of records to be reviewed, and the Data Docs."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from sqlalchemy import Engine, text

from footprints import links
from footprints.model import ExpectationResult
from footprints.quality.docs import Validation, build_data_docs
from footprints.quality.suites import find_suites
from footprints.settings import Settings

MAX_VALIDATIONS = 500
"""Data Docs show the newest deliveries, so many at most: GX writes a page for each."""


def propose_links(warehouse: Engine, settings: Settings) -> int:
    """Searches for records of two sources that may tell of one event (`links.propose`); returns how many pairs."""
    with warehouse.begin() as connection:
        return links.propose(connection, settings.sql_dir)


def write_data_docs(warehouse: Engine, settings: Settings) -> Path:
    """Builds GX's Data Docs from the stored results of checks (`settings.data_docs_dir`); returns the index page."""
    with warehouse.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT d.delivery_id, d.source_id, d.received_at, d.n_rows_read, r.suite, r.expectation_type,"
                " r.column_name, r.severity, r.engine, r.n_checked, r.n_failed"
                " FROM (SELECT * FROM meta.delivery WHERE engine IS NOT NULL ORDER BY delivery_id DESC LIMIT :limit) d"
                " JOIN meta.expectation_result r USING (delivery_id) ORDER BY d.delivery_id, r.result_number"
            ),
            {"limit": MAX_VALIDATIONS},
        ).all()
    validations = []
    for delivery_id, group in groupby(rows, key=lambda row: row.delivery_id):
        results = list(group)
        first = results[0]
        validations.append(
            Validation(
                delivery_id,
                first.source_id,
                first.received_at,
                [ExpectationResult(*tuple(row)[4:]) for row in results],
                first.n_rows_read,
            )
        )
    return build_data_docs(validations, settings.data_docs_dir, find_suites(settings.expectations_dir))
