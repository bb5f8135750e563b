"""The Mali snapshot through the form, the interviews and the SQL, to the published figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest
import yaml

from footprints.errors import ContractError
from footprints.harmonise.survey import assemble, load_form, normalise
from footprints.indicators import Indicator, load_catalogue, load_indicators, sync_indicators, wilson
from footprints.samples import survey as samples
from footprints.samples.xlsform import form_dir
from footprints.settings import REPOSITORY

SQL = REPOSITORY / "sql"
MAPPED = {"round", "interview_country", "interview_place", "sex", "age", "nationality", "departure_country"}
SPEC: dict[str, Any] = {
    "form": "form",
    "consent": {"column": "consent", "yes": ["yes"]},
    "answers": "all",
    "repeats": {"stops": {"sheet": "stops", "parent": "_parent_index", "index": "_index"}},
}
BASE_COUNTRIES = ("MLI", "NER", "LBY", "TCD", "DZA", "TUN")


@pytest.fixture
def core(warehouse: Any) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a migrated warehouse that knows the survey; what a test does is rolled back."""
    with psycopg.connect(warehouse.owner.replace("+psycopg", "")) as connection:
        connection.execute("INSERT INTO meta.partner (partner_id, name) VALUES ('mhub', 'MHub') ON CONFLICT DO NOTHING")
        connection.execute(
            "INSERT INTO meta.source (source_id, partner_id, title_en, publisher, licence, citation, confidentiality,"
            " contract_sha256) VALUES ('mhub-survey', 'mhub', 'Survey', 'MHub', '-', '-', 'private', '-')"
            " ON CONFLICT DO NOTHING"
        )
        countries = {c for c in load_form(form_dir()).choices["countries"] if c.isupper()}
        connection.cursor().executemany(
            "INSERT INTO core.country (country_code, name_en) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [(c, c) for c in sorted(countries)],
        )
        yield connection
        connection.rollback()


def load(connection: psycopg.Connection[Any], interviews: list[samples.Interview], name: str) -> int:
    """Put interviews into core.interview by the survey's own assembly, without contract and pipeline."""
    delivery = connection.execute(
        "INSERT INTO meta.delivery (partner_id, source_id, bucket, object_key, object_version, size_bytes, enrolled_by)"
        " VALUES ('mhub', 'mhub-survey', 'b', %s, '1', 1, 'sweep') RETURNING delivery_id",
        (name,),
    ).fetchone()
    assert delivery is not None
    form = load_form(form_dir())
    rows = list(samples._main_rows(form, interviews, None, False))
    stops = list(samples._stop_rows(form, interviews, None))
    main, repeat = (
        pd.DataFrame([[None if v is None else str(v) for v in r] for r in table[1:]], columns=table[0], dtype="str")
        for table in (rows, stops)
    )
    survey = assemble(main, {"stops": repeat}, form, SPEC, MAPPED)
    assert not survey.issues
    facts = normalise(main, form)
    for i, (fact, row) in enumerate(zip(facts.to_dict("records"), survey.frame.to_dict("records"), strict=True)):
        nationality = fact["nationality"] if fact["nationality"] != "other" else None
        connection.execute(
            "INSERT INTO core.interview (source_id, record_key, delivery_id, row_number, round_code, interview_date,"
            " interview_country_code, provider_place, sex_code, age_group, nationality_code, answers, stops)"
            " VALUES ('mhub-survey', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (fact["_uuid"], delivery[0], i + 2, fact["round"], fact["today"], fact["interview_country"],
             fact["interview_place"], fact["sex"], row["age_group"], nationality, row["answers"], row["stops"]),
        )  # fmt: skip
    return int(delivery[0])


def compute(connection: psycopg.Connection[Any], partitions: tuple[str, ...] = BASE_COUNTRIES) -> None:
    """Fill trends.survey_indicator as the nightly refresh does."""
    query = (SQL / "trends" / "survey_indicator.sql").read_text().replace(":partitions", "%(partitions)s")
    connection.execute("DELETE FROM trends.survey_indicator WHERE partition_key = ANY(%s)", (list(partitions),))
    connection.execute(f"INSERT INTO trends.survey_indicator {query}".encode(), {"partitions": list(partitions)})


def cells(connection: psycopg.Connection[Any], where: str) -> dict[str, tuple[Any, ...]]:
    query = f"SELECT indicator_id, n, base, n_excluded, value FROM trends.survey_indicator WHERE {where}"
    return {row[0]: row[1:] for row in connection.execute(query.encode()).fetchall()}


@pytest.mark.parametrize("period", ["2016-03/2016-05", "2016"])
def test_mali_snapshot_gives_the_published_figures(core: psycopg.Connection[Any], period: str) -> None:
    sync_indicators(core, load_catalogue())
    delivery = load(core, samples.mali_interviews(), "mali")
    compute(core)
    whole = cells(core, f"country_code = 'MLI' AND period = '{period}' AND profile = 'all' AND place = ''")
    assert whole["felt-unsafe"][:3] == (50, 109, 0)
    assert round(100 * whole["felt-unsafe"][3]) == 46
    assert whole["negative-encounter"][1] == 109 and whole["negative-encounter"][3] > 0.70
    assert whole["not-planning-to-stay"][:3] == (105, 109, 0)
    assert round(100 * whole["not-planning-to-stay"][3]) == 96
    places = core.execute(
        "SELECT sum(n), sum(base), min(sources), min(deliveries) FROM trends.survey_indicator"
        " WHERE indicator_id = 'felt-unsafe' AND period = %s AND place <> ''",
        (period,),
    ).fetchone()
    assert places == (50, 109, ["mhub-survey"], [delivery])


def test_doubtful_answers_leave_the_base_and_are_counted(core: psycopg.Connection[Any]) -> None:
    sync_indicators(core, load_catalogue())
    interviews = samples.field_interviews(400)
    load(core, interviews, "field")
    compute(core)
    answers = Counter(i.answers["felt_unsafe"] for i in interviews if i.answers["interview_country"] == "NER")
    rows = core.execute(
        "SELECT sum(n), sum(base), sum(n_excluded) FROM trends.survey_indicator WHERE indicator_id = 'felt-unsafe'"
        " AND country_code = 'NER' AND period_type = 'quarter' AND profile = 'all' AND place = ''"
    ).fetchone()
    doubtful = answers["dont_know"] + answers["refused"]
    assert doubtful > 0
    assert rows == (answers["yes"], answers["yes"] + answers["no"], doubtful)


def test_several_choices_count_an_interview_once(core: psycopg.Connection[Any]) -> None:
    sync_indicators(core, load_catalogue())
    interviews = samples.field_interviews(300)
    load(core, interviews, "field")
    compute(core)
    asked = [i.answers["needs"] for i in interviews if i.answers["interview_country"] == "LBY"]
    base = [needs for needs in asked if not {"dont_know", "refused"} & set(needs)]
    n = sum(1 for needs in base if {"legal", "documents"} & set(needs))
    got = core.execute(
        "SELECT sum(n), sum(base) FROM trends.survey_indicator WHERE indicator_id = 'need-legal-help'"
        " AND country_code = 'LBY' AND period_type = 'year' AND profile = 'all' AND place = ''"
    ).fetchone()
    assert got == (n, len(base))


def test_sql_interval_is_wilsons(core: psycopg.Connection[Any]) -> None:
    sync_indicators(core, load_catalogue())
    load(core, samples.field_interviews(400), "field")
    compute(core)
    rows = core.execute(
        "SELECT n, base, value, low, high FROM trends.survey_indicator WHERE NOT is_suppressed"
    ).fetchall()
    assert len(rows) > 500
    for n, base, value, low, high in rows:
        assert float(value) == pytest.approx(n / base, abs=1e-6)
        assert (float(low), float(high)) == pytest.approx(wilson(n, base), abs=1e-6)


def test_small_cells_are_empty(core: psycopg.Connection[Any]) -> None:
    sync_indicators(core, load_catalogue())
    load(core, samples.field_interviews(120), "field")
    compute(core)
    small = core.execute("SELECT count(*) FROM trends.survey_indicator WHERE is_suppressed").fetchone()
    least = core.execute("SELECT min(base) FROM trends.survey_indicator WHERE NOT is_suppressed").fetchone()
    assert small is not None and small[0] > 0
    assert least is not None and least[0] == 5


def test_a_partition_alone_equals_the_full_computation(core: psycopg.Connection[Any]) -> None:
    sync_indicators(core, load_catalogue())
    load(core, samples.mali_interviews(), "mali")
    load(core, samples.field_interviews(200), "field")
    everything = "SELECT t::text FROM trends.survey_indicator AS t ORDER BY 1"
    compute(core)
    whole = core.execute(everything).fetchall()
    for country in BASE_COUNTRIES:
        compute(core, (country,))
    assert core.execute(everything).fetchall() == whole


def test_views_unroll_answers_and_stops(core: psycopg.Connection[Any]) -> None:
    interviews = samples.mali_interviews()
    load(core, interviews, "mali")
    stops = core.execute("SELECT count(*), sum(n_days) FROM core.journey_stop").fetchone()
    assert stops == (sum(len(i.stops) for i in interviews), sum(s["stop_days"] for i in interviews for s in i.stops))
    needs = core.execute("SELECT count(*) FROM core.interview_answer WHERE question_code = 'needs'").fetchone()
    assert needs == (sum(len(i.answers["needs"]) for i in interviews),)


def test_comments_stand_on_everything_we_add(core: psycopg.Connection[Any]) -> None:
    bare = core.execute(
        "SELECT c.oid::regclass, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid"
        " WHERE c.oid = ANY(ARRAY['core.indicator', 'trends.indicator', 'trends.survey_indicator',"
        " 'core.interview_answer', 'core.journey_stop']::regclass[]) AND a.attnum > 0"
        " AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)"
    ).fetchall()
    assert bare == []


def test_sync_says_whether_anything_changed(core: psycopg.Connection[Any]) -> None:
    catalogue = load_catalogue()
    core.execute("DELETE FROM core.indicator")
    assert sync_indicators(core, catalogue)
    assert not sync_indicators(core, catalogue)
    assert sync_indicators(core, [replace(catalogue[0], label_en="Another"), *catalogue[1:]])
    assert sync_indicators(core, catalogue[1:])
    count = core.execute("SELECT count(*) FROM core.indicator").fetchone()
    assert count == (len(catalogue) - 1,)


def test_catalogue_covers_every_theme() -> None:
    catalogue: list[Indicator] = load_catalogue()
    assert len(catalogue) >= 12
    assert len({i.theme for i in catalogue}) == 9
    assert all(i.minimum_cell >= 5 for i in catalogue)


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("question", "shoe_size", "felt-unsafe.question"),
        ("numerator", ["perhaps"], "felt-unsafe.numerator"),
        ("numerator", [True], "indicators[0].numerator[0]"),
        ("minimum_cell", 0, "indicators[0].minimum_cell"),
    ],
)
def test_a_wrong_entry_is_named_by_file_and_key(tmp_path: Path, key: str, value: object, named: str) -> None:
    source = REPOSITORY / "expectations" / "mhub-survey"
    document = yaml.safe_load((source / "indicators.yaml").read_text())
    document["indicators"] = [i for i in document["indicators"] if i["id"] == "felt-unsafe"]
    document["indicators"][0][key] = value
    (tmp_path / "form").symlink_to(source / "form")
    (tmp_path / "indicators.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(ContractError) as caught:
        load_indicators(tmp_path / "indicators.yaml", REPOSITORY / "expectations" / "indicators.schema.json")
    assert "indicators.yaml" in caught.value.message
    assert named in caught.value.message


@pytest.mark.parametrize(
    ("n", "base", "low", "high"), [(0, 10, 0.0, 0.2775), (50, 109, 0.3680, 0.5521), (10, 10, 0.7225, 1.0)]
)
def test_wilson_by_known_values(n: int, base: int, low: float, high: float) -> None:
    assert wilson(n, base) == pytest.approx((low, high), abs=5e-4)


def test_rounds_end_on_the_last_day_of_their_month(core: psycopg.Connection[Any]) -> None:
    sync_indicators(core, load_catalogue())
    load(core, samples.mali_interviews(), "mali")
    compute(core)
    found = core.execute(
        "SELECT DISTINCT period_type, period, period_start, period_end FROM trends.survey_indicator ORDER BY 1, 2"
    ).fetchall()
    assert found == [
        ("quarter", "2016-Q1", date(2016, 1, 1), date(2016, 3, 31)),
        ("quarter", "2016-Q2", date(2016, 4, 1), date(2016, 6, 30)),
        ("round", "2016-03/2016-05", date(2016, 3, 1), date(2016, 5, 31)),
        ("year", "2016", date(2016, 1, 1), date(2016, 12, 31)),
    ]
