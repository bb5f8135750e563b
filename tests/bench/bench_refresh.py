"""Nightly refresh against full recompute: 2 % of the months changed, ten million incidents (`make bench`)."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, text

from footprints import trends

N_FACTS = 10_000_000
N_MONTHS = 200
SHARE = 0.02
TABLE = "incident_month"

FACTS = """
INSERT INTO core.incident (
    source_id, record_key, delivery_id, row_number, provider_incident_id, incident_date, country_code, provider_country,
    provider_region, route_code, provider_route, n_dead, n_missing, n_dead_and_missing, n_survivors, provider_location,
    latitude, longitude, information_source, source_quality
)
SELECT
    'bench', 'bench:' || i, {delivery}, i, i::text,
    DATE '2010-01-01' + ({day} % :days)::integer,
    country.code, country.name,
    (ARRAY['Mediterranean', 'Northern Africa', 'Sahel', 'Horn', 'Southern Asia', 'Central America'])[1 + i % 6],
    (ARRAY['central-mediterranean', 'western-mediterranean', 'western-african', NULL])[1 + (i / 7) % 4],
    'as the provider writes it', i % 5, i % 3, i % 5 + i % 3, i % 40, 'off the coast, place number ' || i % 5000,
    10 + i % 20, 5 + i % 15, 'an organisation''s report', 1 + i % 5
FROM generate_series(1, :n) AS i
INNER JOIN (
    SELECT country_code AS code, name_en AS name, row_number() OVER (ORDER BY country_code) - 1 AS number
    FROM core.country WHERE is_country ORDER BY country_code LIMIT 60
) AS country ON country.number = (i / 11) % 60
"""


def bench_refresh(
    url: str,
    *,
    filler_url: str | None = None,
    n_facts: int = N_FACTS,
    n_months: int = N_MONTHS,
    rounds: int = 3,
    scattered: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Fills an empty warehouse with facts and times both ways, in turn; the database is left full.

    `url` is the role that refreshes, `filler_url` the one that fills (a superuser need not check foreign keys of ten
    million facts). Facts lie in order of their date, as they come in over the years, or are `scattered` over the table,
    which is the hardest case for an index. Both times are medians of whole refreshes: compute, checks, swap, record.
    """
    engine = create_engine(url)
    filler = create_engine(filler_url or url)
    start = time.perf_counter()
    with filler.begin() as connection:
        deliveries = _fill(connection, n_facts, n_months, scattered)
    with filler.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE) core.incident"))
    filler.dispose()
    say(f"refresh: {n_facts:,} facts after {time.perf_counter() - start:.0f} s")
    trends.refresh(engine, full=True, tables=[TABLE])
    full, part = [], []
    n_touched = max(1, round(n_months * SHARE))
    for number in range(rounds):
        full.append(_timed(engine, full=True))
        with engine.begin() as connection:
            _touch(connection, deliveries[-1], n_months, n_touched, number)
        part.append(_timed(engine, full=False))
        say(f"refresh: round {number + 1}: full {full[-1][0]:.2f} s, touched months {part[-1][0]:.2f} s")
    full_seconds, part_seconds = (statistics.median(seconds for seconds, _ in runs) for runs in (full, part))
    engine.dispose()
    return {
        "n_facts": n_facts,
        "order": "scattered" if scattered else "by date",
        "months": n_months,
        "months_touched": n_touched,
        "cells": full[0][1],
        "full_seconds": round(full_seconds, 2),
        "touched_seconds": round(part_seconds, 3),
        "ratio": round(part_seconds / full_seconds, 4),
        "goal": 0.1,
    }


def _fill(connection: Connection, n_facts: int, n_months: int, scattered: bool) -> list[int]:
    connection.execute(
        text("INSERT INTO meta.partner (partner_id, name) VALUES ('bench', 'bench') ON CONFLICT DO NOTHING")
    )
    connection.execute(
        text(
            "INSERT INTO meta.source (source_id, partner_id, title_en, publisher, licence, citation, confidentiality,"
            " contract_sha256) VALUES ('bench', 'bench', 'bench', 'bench', 'none', 'none', 'public', '')"
            " ON CONFLICT DO NOTHING"
        )
    )
    deliveries = [
        connection.execute(
            text(
                "INSERT INTO meta.delivery (partner_id, source_id, bucket, object_key, object_version, size_bytes,"
                " enrolled_by, state) VALUES ('bench', 'bench', 'bench', 'landing/bench/bench/' || :i, '1', 0, 'sweep',"
                " 'loaded') RETURNING delivery_id"
            ),
            {"i": i},
        ).scalar_one()
        for i in range(20)
    ]
    connection.execute(
        text(
            "INSERT INTO core.country (country_code, name_en) SELECT 'B' || chr(65 + i / 26) || chr(65 + i % 26),"
            " 'Country ' || i FROM generate_series(0, 59) AS i WHERE (SELECT count(*) FROM core.country) < 60"
            " ON CONFLICT DO NOTHING"
        )
    )
    days = n_months * 30
    day = "(i::bigint * 7919)" if scattered else f"(i::bigint * {days} / {n_facts + 1})"
    delivery = f"{deliveries[0]} + (i::bigint * {len(deliveries)} / {n_facts + 1})"
    # Keys are made by us and the checks of foreign keys would be most of the time.
    connection.execute(
        text("SET LOCAL session_replication_role = replica" if _is_superuser(connection) else "SELECT 1")
    )
    connection.execute(text(FACTS.format(day=day, delivery=delivery)), {"n": n_facts, "days": days})
    return deliveries


def _is_superuser(connection: Connection) -> bool:
    return bool(connection.execute(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")).scalar_one())


def _touch(connection: Connection, delivery: int, n_months: int, n_touched: int, number: int) -> None:
    """Corrects a few incidents in months spread over the years, and notes the months as a load does."""
    step = n_months // n_touched
    months = [
        f"DATE '2010-01-01' + interval '{(k * step + number + 1) % (n_months * 30 // 31)} months'"
        for k in range(n_touched)
    ]
    for month in months:
        connection.execute(
            text(
                f"UPDATE core.incident SET n_dead = n_dead + 1, delivery_id = {delivery} WHERE ctid = ANY(ARRAY("
                f"SELECT ctid FROM core.incident WHERE incident_date = ({month})::date LIMIT 100))"
            )
        )
        select = f"SELECT '{TABLE}', to_char({month}, 'YYYY-MM'), {delivery}"
        connection.execute(text(trends.TOUCH.format(select=select)))


def _timed(engine: Engine, *, full: bool) -> tuple[float, int]:
    start = time.perf_counter()
    (result,) = trends.refresh(engine, full=full, tables=[TABLE])
    return time.perf_counter() - start, result.n_cells_after


def main() -> None:
    """Prints the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="SQLAlchemy URL of the owner of an empty, migrated warehouse")
    parser.add_argument("--facts", type=int, default=N_FACTS)
    parser.add_argument("--scattered", action="store_true")
    arguments = parser.parse_args()
    sys.stdout.write(
        json.dumps(bench_refresh(arguments.url, n_facts=arguments.facts, scattered=arguments.scattered), indent=1)
    )


if __name__ == "__main__":
    main()
