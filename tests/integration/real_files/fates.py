"""The fate of every file below `partners`: its source, how its delivery ends, its rows counted without our readers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.integration.real_files import counts_forms, counts_incidents, counts_lists, counts_places, counts_unhcr_dtm
from tests.real_files import PARTNERS


@dataclass(frozen=True)
class Rows:
    """Data rows of a file, and those of them that cannot be loaded or only repeat others."""

    read: int
    rejected: int = 0
    duplicate: int = 0


@dataclass(frozen=True)
class Fate:
    """How a file ends under its source: with rows that are loaded, or held by a rule (`held`); then no row counts."""

    source: str
    rows: Callable[[Path], Rows] | None = None
    held: str | None = None


def files() -> list[str]:
    """Every file below `partners`, found by walking it."""
    return sorted(str(path.relative_to(PARTNERS)) for path in PARTNERS.rglob("*") if path.is_file())


@cache
def _counted() -> dict[str, Fate]:
    """The files of the sources that have counts of their own."""
    fates: dict[str, Fate] = {}
    for count in counts_incidents.all_counts(PARTNERS):
        rows = Rows(count.n_rows, len(count.rejected), count.n_duplicate)
        fates[count.path] = Fate(count.source, lambda _, rows=rows: rows)  # type: ignore[misc]
    for make in counts_unhcr_dtm.FILES:
        expected = make()
        rows = Rows(expected.rows, len(expected.rejected), len(expected.duplicates))
        fates[expected.file] = Fate(expected.source, lambda _, rows=rows: rows)  # type: ignore[misc]
    shapes = (
        counts_places.africa,
        counts_places.libya,
        counts_places.mali,
        counts_places.chad,
        counts_places.lake_chad,
    )
    for make_places in (counts_places.pcodes, counts_places.lengths, counts_places.localities, *shapes):
        place = make_places(PARTNERS)
        fates[place.file] = Fate(place.source, lambda _, rows=Rows(place.n_rows): rows)  # type: ignore[misc]
    return fates


HXL = "hxl-fixtures/input-"
LISTS = {
    f"{HXL}valid.csv": Fate("hxl-activities", lambda p: Rows(counts_lists.tagged(p, 3))),
    f"{HXL}valid-latin1.csv": Fate("hxl-activities", lambda p: Rows(counts_lists.tagged(p, 3, "latin-1"))),
    f"{HXL}multiple-headers.csv": Fate("hxl-activities", lambda p: Rows(counts_lists.tagged(p, 3))),
    f"{HXL}merged.xlsx": Fate("hxl-activities", lambda p: Rows(*counts_lists.merged_activities(p))),
    f"{HXL}quality.xlsx": Fate("hxl-activities", lambda p: Rows(counts_lists.quality_activities(p))),
    # Two tags without their #, and one that stands over two columns.
    f"{HXL}fuzzy.csv": Fate("hxl-activities", held="hxl.tags"),
    f"{HXL}invalid.csv": Fate("hxl-activities", held="hxl.tags"),
    f"{HXL}untagged.csv": Fate("hxl-activities", held="hxl.untagged"),
    "ocha-hxl/rowca-3w-hxl.csv": Fate("ocha-3w", lambda p: Rows(counts_lists.rowca(p)[0])),
    "ocha-hxl/unhcr-3w.csv": Fate("unhcr-3w", lambda p: Rows(counts_lists.unhcr_3w(p)[0])),
    "ocha-hxl/mali-population-movements.csv": Fate("ocha-displacement", lambda p: Rows(counts_lists.mali(p)[0])),
    "ocha-hxl/hno_2017_sahel_people_in_need.xlsx": Fate("ocha-needs", lambda p: Rows(counts_lists.needs(p)[0])),
    "ocha-hxl/Countries & Territories Taxonomy MVP - C&T Taxonomy.csv": Fate(
        "ocha-countries", lambda p: Rows(counts_lists.countries(p)[0])
    ),
    "reach-impact/reach_msna_tableaux_resultats_sectoriels_admin_1_grp_aout_2020.xlsx": Fate(
        "reach-results", lambda p: Rows(counts_lists.results(p)[0])
    ),
    "reach-impact/liste_verification_FINALE_BFA.xlsx": Fate(
        "reach-verification", lambda p: Rows(counts_lists.verification(p)[0])
    ),
    "reach-impact/loa.xlsx": Fate("reach-analysis-plan", lambda p: Rows(counts_lists.analysis_plan(p))),
    "mmc-4mi/logical_checks_mmc.xlsx": Fate("mmc-checks", lambda p: Rows(counts_lists.logical_checks(p))),
}

QUESTIONNAIRES = {
    "reach-impact/REACH_2024_MSNA-kobo-tool_draft_v11.xlsx": Fate(
        "reach-msna", lambda p: Rows(*counts_forms.form(p, ("label::english", "label::french")))
    ),
    "reach-impact/reach_bfa_msna_outil_V2_deployed.xlsx": Fate("reach-bfa-msna", lambda p: Rows(*counts_forms.form(p))),
    "reach-impact/dummy_raw_data.xlsx": Fate("reach-msna", lambda p: Rows(*counts_forms.msna(p))),
    "reach-impact/cleaning_log_2021-04-27.csv": Fate(
        "reach-bfa-cleaning", lambda p: Rows(*counts_forms.cleaning_log(p))
    ),
    "unhcr-kobo/form.xls": Fate("unhcr-kobo", lambda p: Rows(*counts_forms.form(p))),
    "unhcr-kobo/MainDataFrame.csv": Fate("unhcr-kobo", lambda p: Rows(*counts_forms.household_survey(p))),
    "unhcr-kobo/ListCaseNos.csv": Fate("unhcr-kobo", lambda p: Rows(*counts_forms.case_numbers(p))),
}
"""Questionnaires, interviews and corrections."""


def fates() -> dict[str, Fate]:
    """File → fate. A file that is not here has none yet: the test says so."""
    return _counted() | LISTS | QUESTIONNAIRES
