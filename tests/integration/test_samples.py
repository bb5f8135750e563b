"""The demo's drops through store, ledger, pipeline and refresh, to the counts and figures that their making implies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from footprints import ledger, pipeline, trends
from footprints.samples.demo import write_demo
from footprints.settings import Settings
from footprints.storage import Store
from footprints.sweep import sweep
from footprints.warehouse.engine import engine

pytestmark = pytest.mark.integration


def test_the_demo_ends_as_it_says(platform: Settings, tmp_path: Path) -> None:
    store = Store(platform)
    warehouse = engine(platform.need("warehouse_url"))
    samples = write_demo(tmp_path, n_interviews=240)
    for sample in samples:
        key = f"landing/{sample.partner}/{sample.source}/{sample.path.name}"
        store.client.upload_file(str(sample.path), platform.landing_bucket, key)
        sweep(platform)
        ids = [i for batch in ledger.batches(ledger.claim(warehouse, 10, "test", 30)) for i in batch]
        assert len(ids) == 1
        pipeline.process(ids[0], platform)
        with warehouse.connect() as connection:
            delivery = ledger.get(connection, ids[0])
        got, expect = delivery.counts, sample.expect
        assert delivery.state == expect.state, (sample.path.name, delivery.reason)
        for name in ("rows_read", "rows_loaded", "rows_unchanged", "rows_rejected", "rows_duplicate"):
            assert getattr(got, name) == getattr(expect, name), (sample.path.name, name)
        for name in ("records_added", "records_changed", "records_gone"):
            assert getattr(got, name) == getattr(expect, name), (sample.path.name, name)
    trends.refresh(warehouse)
    assert mali(platform, "2016-03/2016-05") == mali(platform, "2016") == (109, 46, True, 96)


def mali(platform: Settings, period: str) -> tuple[Any, ...]:
    """Base and percentages of the three published figures, as a dashboard reads them."""
    with psycopg.connect(platform.need("warehouse_reader_url").replace("+psycopg", "")) as connection:
        found = {
            row[0]: row[1:]
            for row in connection.execute(
                "SELECT indicator_id, base, value FROM trends.survey_indicator WHERE country_code = 'MLI'"
                " AND period = %s AND profile = 'all' AND place = ''",
                (period,),
            ).fetchall()
        }
    assert found["felt-unsafe"][0] == found["negative-encounter"][0] == found["not-planning-to-stay"][0]
    return (
        found["felt-unsafe"][0],
        round(100 * found["felt-unsafe"][1]),
        found["negative-encounter"][1] > 0.7,
        round(100 * found["not-planning-to-stay"][1]),
    )
