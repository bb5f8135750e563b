"""The drops of the demo, in order, each with the verdict and the counts that its making implies.

The counts come from what the generators put into the files, not from any reader of ours.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from footprints.samples import incidents, populations, survey


@dataclass(frozen=True)
class Expect:
    """What must come of a drop: the state of its delivery, its rows, and the records behind them."""

    state: str
    rows_read: int = 0
    rows_loaded: int = 0
    rows_unchanged: int = 0
    rows_rejected: int = 0
    rows_duplicate: int = 0
    records_added: int = 0
    records_changed: int = 0
    records_gone: int = 0
    rule: str | None = None
    """Rule of the issue that quarantines it."""


@dataclass(frozen=True)
class Sample:
    """A file of the demo and where it is dropped."""

    path: Path
    partner: str
    source: str
    expect: Expect
    about: str


def write_demo(directory: Path, seed: int = 1, n_interviews: int = 600) -> list[Sample]:
    """Write the files of the demo into `directory`; dropped in this order, each ends as it says."""
    directory.mkdir(parents=True, exist_ok=True)
    samples: list[Sample] = []

    def drop(name: str, source: str, expect: Expect, about: str) -> Path:
        partner = {"iom-missing-migrants": "iom", "unhcr-population": "unhcr"}.get(source, "mhub")
        samples.append(Sample(directory / name, partner, source, expect, about))
        return directory / name

    n_mali = len(survey.mali_interviews())
    mali = survey.mali_snapshot(
        drop("mali-2016-03-05.xlsx", "mhub-survey", _loaded(n_mali, n_mali), "the Mali snapshot of May 2016, Kobo XLSX")
    )

    sound = survey.doubtful(survey.field_interviews(n_interviews, seed=100 + seed), seed=150 + seed)
    spoiled = survey.spoil(sound, seed=200 + seed)
    n_duplicate = sum(1 for i in spoiled if i.fault == "key.repeated")
    n_rejected = sum(1 for i in spoiled if i.fault) - n_duplicate
    expect = _loaded(len(spoiled), len(sound), n_rejected, n_duplicate)
    field = drop(
        "field-survey-2017-2018.xlsx",
        "mhub-survey",
        expect,
        "six countries, six rounds, faulty and doubtful ones",
    )
    survey.write_kobo_xlsx(field, spoiled)

    n_rows, n_bad = 300, 4
    expect = _loaded(n_rows, n_rows - n_bad, n_bad)
    name = "MissingMigrants-Global-2021-01-15T12-00-00.csv"
    path = drop(name, "iom-missing-migrants", expect, "incidents of 2020 as downloaded from the site")
    incidents.missing_migrants_web(path, n_rows, n_bad, seed=300 + seed)

    path = directory / "persons_of_concern.csv"
    n_rows = populations.refugee_data_finder(path, n_bad=1, seed=400 + seed)
    expect = _loaded(n_rows, n_rows - 1, 1, records=(n_rows - 1) * populations.N_TYPES)
    drop(path.name, "unhcr-population", expect, "populations of six countries of asylum, Refugee Data Finder")

    path = directory / "mhub-incidents.csv"
    n_rows = 2000
    bad = sum(incidents.small_csv(path, n_rows, 0.01, seed=500 + seed).values())
    drop(path.name, "mhub-incidents", _loaded(n_rows, n_rows - bad, bad), "incident reports, 1 % bad rows")

    path = drop("mali-2016-03-05-again.xlsx", "mhub-survey", Expect("duplicate"), "the same bytes under another name")
    shutil.copyfile(mali, path)

    corrected = survey.correct(spoiled)
    expect = Expect(
        "loaded",
        rows_read=len(corrected.interviews),
        rows_loaded=corrected.n_added + corrected.n_changed,
        rows_unchanged=corrected.n_unchanged,
        rows_rejected=n_rejected,
        rows_duplicate=n_duplicate,
        records_added=corrected.n_added,
        records_changed=corrected.n_changed,
        records_gone=corrected.n_gone,
    )
    path = drop("field-survey-2017-2018-corrected.xlsx", "mhub-survey", expect, "the field survey after its correction")
    survey.write_kobo_xlsx(path, corrected.interviews)

    expect = Expect("quarantined", rule="file.no_table")
    incidents.not_a_csv(drop("report.csv", "iom-missing-migrants", expect, "no table at all"), seed=600 + seed)
    expect = Expect("quarantined", rule="layout.unknown")
    incidents.unknown_layout_csv(drop("vorfaelle.csv", "mhub-incidents", expect, "a table with columns of its own"))
    path = drop(
        "mhub-incidents-broken.csv", "mhub-incidents", _held(800), "half of the rows are bad: the gate holds it"
    )
    incidents.benchmark_csv(path, 800, 0.5, seed=700 + seed)
    return samples


def _loaded(rows: int, loaded: int, rejected: int = 0, duplicate: int = 0, records: int | None = None) -> Expect:
    return Expect(
        "loaded",
        rows_read=rows,
        rows_loaded=loaded,
        rows_rejected=rejected,
        rows_duplicate=duplicate,
        records_added=loaded if records is None else records,
    )


def _held(rows: int) -> Expect:
    return Expect("quarantined", rows_read=rows, rows_rejected=rows, rule="gate.rejects")
