"""Lists and published figures as loaded: what they add up to, and that withdrawing and rebuilding gives them again."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from tests.integration.real_files import counts_lists
from tests.integration.real_files.fates import LISTS
from tests.integration.worksite import Site
from tests.real_files import PARTNERS, needs_real_files

from footprints import redo
from footprints.contracts import load_contracts
from footprints.harmonise.countries import countries
from footprints.harmonise.folding import fold
from footprints.settings import Settings

pytestmark = [pytest.mark.integration, needs_real_files]
FILES = {file: fate.source for file, fate in LISTS.items() if fate.held is None}
RESULTS = "reach-impact/reach_msna_tableaux_resultats_sectoriels_admin_1_grp_aout_2020.xlsx"
DATASETS = {
    "summary_stats_admin_1_grp": "region-groups",
    "summary_stats_admin1_PDI": "region-displaced",
    "summary_stats_admin1_CH": "region-host",
}


@pytest.fixture(scope="module")
def site(platform: Settings) -> Site:
    """A platform that has been given every list."""
    site = Site(platform.model_copy(update={"gx_rows": 0}))
    site.clear()
    contracts = load_contracts(site.settings.expectations_dir)
    for file, source in FILES.items():
        site.deliver_as(contracts[source].partner.id, source, PARTNERS / file)
    return site


def rows(site: Site, query: str) -> list[tuple[Any, ...]]:
    with site.warehouse.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def path(end: str) -> Any:
    [file] = [file for file in FILES if file.endswith(end)]
    return PARTNERS / file


def test_people_in_need_are_those_of_the_overview_and_what_exceeds_the_population_is_flagged(site: Site) -> None:
    n_rows, n_excess, total = counts_lists.needs(path("hno_2017_sahel_people_in_need.xlsx"))
    [(n, in_need, first, last)] = rows(
        site,
        "SELECT count(*), sum(value)::bigint, min(period_start)::text, max(period_end)::text FROM core.statistic"
        " WHERE source_id = 'ocha-needs'",
    )
    assert (n, in_need, first, last) == (n_rows, total, "2017-01-01", "2017-12-31")
    [(n_flagged,)] = rows(
        site,
        "SELECT i.n_rows FROM meta.issue i JOIN meta.delivery d USING (delivery_id) WHERE d.source_id = 'ocha-needs'"
        " AND i.severity = 'flag' AND i.rule LIKE '%a_to_be_greater_than_b'",
    )
    assert n_flagged == n_excess == 21


def test_movements_of_mali_stand_by_month(site: Site) -> None:
    _, by_month = counts_lists.mali(path("mali-population-movements.csv"))
    loaded = rows(
        site,
        "SELECT to_char(reporting_date, 'YYYY-MM'), max(n_persons) FILTER (WHERE population_group_code = 'idp'"
        " AND country_code = 'MLI'), max(n_persons) FILTER (WHERE population_group_code = 'refugee'"
        " AND country_code = 'UKN' AND origin_code = 'MLI') FROM core.displacement"
        " WHERE source_id = 'ocha-displacement' GROUP BY 1",
    )
    assert {month: (displaced, refugees) for month, displaced, refugees in loaded} == by_month


def test_published_results_add_up_by_sheet(site: Site) -> None:
    _, by_sheet = counts_lists.results(PARTNERS / RESULTS)
    loaded = rows(
        site,
        "SELECT dataset_code, count(*), sum(value) FROM core.statistic WHERE source_id = 'reach-results' GROUP BY 1",
    )
    assert {dataset: n for dataset, n, _ in loaded} == {DATASETS[name]: n for name, (n, _) in by_sheet.items()}
    sums = {dataset: total for dataset, _, total in loaded}
    assert sums == pytest.approx({DATASETS[name]: total for name, (_, total) in by_sheet.items()})


def test_no_address_of_the_results_is_loaded(site: Site) -> None:
    assert rows(site, "SELECT count(*) FROM core.statistic s WHERE to_jsonb(s)::text LIKE '%@%'") == [(0,)]
    found = rows(site, "SELECT count(*) FROM meta.issue WHERE parameters::text LIKE '%@%'")
    assert found == [(0,)]


def test_who_does_what_where(site: Site) -> None:
    n_rows, keys = counts_lists.rowca(path("rowca-3w-hxl.csv"))
    assert len(keys) == n_rows
    loaded = rows(site, "SELECT provider_activity_id, organisation FROM core.activity WHERE source_id = 'ocha-3w'")
    assert set(loaded) == keys
    n_rows, n_situations = counts_lists.unhcr_3w(path("unhcr-3w.csv"))
    [(n, n_without)] = rows(
        site,
        "SELECT count(*), count(*) FILTER (WHERE country_code IS NULL) FROM core.activity WHERE source_id = 'unhcr-3w'",
    )
    assert (n, n_without) == (n_rows, n_situations)


def test_the_taxonomy_agrees_with_our_countries_and_replaces_none(site: Site) -> None:
    _, names = counts_lists.countries(path("C&T Taxonomy.csv"))
    loaded = dict(rows(site, "SELECT country_code, name_en FROM core.country_term WHERE country_code IS NOT NULL"))
    assert {code: fold(name) for code, name in loaded.items() if code in names} == {
        code: fold(name) for code, name in names.items() if code in loaded
    }
    ours = {country.country_code for country in countries()}
    assert set(names) - set(loaded) == set(names) - ours
    assert rows(site, "SELECT count(*) FROM core.country") == [(len(ours),)]


def test_rules_and_plans_are_there_for_reference(site: Site) -> None:
    n_rules, n_headings = counts_lists.verification(path("liste_verification_FINALE_BFA.xlsx"))
    assert n_rules + n_headings == 62
    loaded = dict(rows(site, "SELECT source_id, count(*) FROM core.verification_rule GROUP BY 1"))
    n_checks = counts_lists.logical_checks(path("logical_checks_mmc.xlsx"))
    assert loaded == {"reach-verification": n_rules, "mmc-checks": n_checks}
    n_analyses = counts_lists.analysis_plan(path("loa.xlsx"))
    assert rows(site, "SELECT count(*) FROM core.planned_analysis") == [(n_analyses,)]


def test_withdrawn_and_brought_back_or_rebuilt_the_lists_are_equal(site: Site) -> None:
    before = site.checksum("core")
    [(delivery,)] = rows(site, "SELECT delivery_id FROM meta.delivery WHERE source_id = 'unhcr-3w'")
    redo.withdraw(delivery, site.settings)
    assert rows(site, "SELECT count(*) FROM core.activity WHERE source_id = 'unhcr-3w'") == [(0,)]
    assert site.checksum("core") != before
    redo.replay(site.warehouse, delivery)
    site.process(delivery)
    assert site.checksum("core") == before
    assert redo.rebuild(site.settings).is_equal
    assert site.checksum("core") == before
