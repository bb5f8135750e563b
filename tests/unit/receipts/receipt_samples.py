"""Receipts for tests and for looking at: one of each kind, with made-up partners and figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from footprints.model import (
    Closing,
    Counts,
    Delivery,
    ExpectationResult,
    Issue,
    Language,
    Quality,
    Receipt,
    ReceiptFile,
    Reject,
    Rhythm,
)

TITLES: dict[Language, str] = {
    "en": "Missing migrants: incidents",
    "fr": "Migrants disparus : incidents",
    "ar": "المهاجرون المفقودون: الحوادث",
}
DELIVERY = Delivery(
    delivery_id=1287,
    partner_id="example-partner",
    source_id="example-incidents",
    bucket="footprints",
    object_key="landing/example-partner/example-incidents/Incidents 2024-03 (final).csv",
    object_version="v1",
    size_bytes=48_213,
    enrolled_by="webhook",
    state="loaded",
    received_at=datetime(2024, 4, 10, 8, 15, 2, 120_000, tzinfo=UTC),
    finished_at=datetime(2024, 4, 10, 8, 15, 6, tzinfo=UTC),
    sha256="3f" * 32,
    archive_key="archive/example-incidents/dt=2024-04-10/" + "3f" * 32 + ".csv",
    layout="web-2021",
    as_of=datetime(2024, 4, 10, tzinfo=UTC),
    engine="gx",
)
ENCODING = Issue("encoding.detected", "note", parameters={"encoding": "cp1252", "delimiter": ";"})
NOTES = (
    ENCODING,
    Issue("columns.dropped", "note", parameters={"columns": ["Notes", "URL", "ملاحظات"]}),
    Issue("snapshot.superseded", "note", parameters={"n": 1204, "deliveries": [1101, 1190]}),
)
RESULTS = (
    ExpectationResult("delivered", "expect_column_values_to_be_between", "n_dead", "critical", "gx", 100, 1),
    ExpectationResult("delivered", "expect_column_values_to_not_be_null", "incident_date", "critical", "gx", 100, 0),
)


def problems(language: Language = "en") -> Receipt:
    """Loaded, but for three rows; one row stands twice; something to check."""
    counts = Counts(100, 96, 0, 3, 1, records_added=90, records_changed=6, records_gone=2)
    return Receipt(
        delivery=replace(DELIVERY, counts=counts),
        language=language,
        title=TITLES[language],
        issues=(
            Issue("type.date", "reject", "Reported Date", 2, (14, 57), {"formats": ["%B %d, %Y", "%d/%m/%Y"]}),
            Issue("country.unknown", "reject", "بلد المنشأ", 1, (57,)),
            Issue(
                "expectation.column_values_to_be_between",
                "reject",
                "Number Dead",
                1,
                (71,),
                {"min_value": 0, "max_value": 2000},
            ),
            Issue("key.repeated", "flag", "Web ID", 1, (88,)),
            Issue(
                "expectation.column_pair_values_a_to_be_greater_than_b",
                "flag",
                "Total",
                34,
                tuple(range(20, 40)),
                {"column_A": "Total Dead and Missing", "column_B": "Number of Females", "or_equal": True},
            ),
            Issue("total.jumped", "flag", "Number Dead", 0, (), {"before": 1240, "after": 18250}),
            *NOTES,
        ),
        rejects=(
            Reject(14, ("type.date",), ("Reported Date",), provider_values={"Reported Date": "31 Febuary 2024"}),
            Reject(
                57,
                ("type.date", "country.unknown"),
                ("Reported Date", "بلد المنشأ"),
                provider_values={"Reported Date": "", "بلد المنشأ": "Atlantis"},
            ),
            Reject(
                71,
                ("expectation.column_values_to_be_between",),
                ("Number Dead",),
                provider_values={"Number Dead": "-40"},
            ),
        ),
        n_rejects=3,
        expectation_results=RESULTS,
    )


FILES = (
    ReceiptFile("marked", "Incidents 2024-03 (final).marked.csv", 51_204),
    ReceiptFile("marked", "Incidents 2024-03 (final).marked.xlsx", 38_112),
    ReceiptFile("to_fix", "Incidents 2024-03 (final).to-fix.csv", 1_630),
)


def answered(language: Language = "en") -> Receipt:
    """With the partner's file marked, late, worse than usual, and one of its rows put right since."""
    base = problems(language)
    rejects = (replace(base.rejects[0], closed_by=1301), *base.rejects[1:])
    return replace(
        base,
        rejects=rejects,
        files=FILES,
        marking="done",
        rhythm=Rhythm("P1M", "late", 1190, datetime(2024, 3, 29, 8, 0, tzinfo=UTC), 12),
        quality=Quality("worse", 5, 0.03, 0.004, 0.35, 0.362),
        closes=(Closing(1190, 12, 3), Closing(1101, 1, 0)),
        closed=(Closing(1301, 1, 2),),
        n_open=2,
    )


def clean(language: Language = "en") -> Receipt:
    """Every row loaded, nothing to say but how it was read."""
    counts = Counts(8810, 8810, records_added=8810)
    return Receipt(
        replace(DELIVERY, counts=counts), language, TITLES[language], (ENCODING,), expectation_results=RESULTS
    )


def duplicate(language: Language = "en") -> Receipt:
    """The same bytes as before."""
    return Receipt(
        replace(DELIVERY, state="duplicate", duplicate_of=1101, layout=None, as_of=None, engine=None),
        language,
        TITLES[language],
    )


def held(language: Language = "en") -> Receipt:
    """Quarantined by the gate: too many rejects, more than the page lists, values not shown."""
    counts = Counts(rows_read=5000, rows_rejected=1300, rows_duplicate=0)
    return Receipt(
        replace(DELIVERY, state="quarantined", reason="gate.rejects", counts=counts),
        language,
        TITLES[language],
        (
            Issue("gate.rejects", "hold", parameters={"share": 0.26, "limit": 0.05}),
            Issue("required", "reject", "Incident Date", 1300, tuple(range(2, 22))),
            ENCODING,
        ),
        rejects=tuple(Reject(n, ("required",), ("Incident Date",), "Feuil1") for n in range(2, 1002)),
        n_rejects=1300,
        expectation_results=RESULTS,
    )


def unknown_layout(language: Language = "en") -> Receipt:
    """Quarantined: the columns are not those of any layout."""
    return Receipt(
        replace(DELIVERY, state="quarantined", layout=None, as_of=None, engine=None, reason="layout.unknown"),
        language,
        TITLES[language],
        (
            Issue(
                "layout.unknown",
                "hold",
                parameters={
                    "found": ["ID", "Fecha", "Muertos", "País"],
                    "expected": {"web-2021": ["Web ID", "Region"], "web-2024": ["Main ID", "Incident ID"]},
                },
            ),
        ),
    )


HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}{n}</style></title>\u202eevil\u2069'


def hostile(language: Language = "en") -> Receipt:
    """Everything that a partner can name tries to run as HTML or to turn the sentence around."""
    base = problems(language)
    return replace(
        base,
        title=HOSTILE,
        delivery=replace(
            base.delivery,
            object_key=f"landing/example-partner/example-incidents/{HOSTILE}.csv",
            layout=HOSTILE,
            partner_id=HOSTILE,
            source_id=HOSTILE,
        ),
        issues=(
            Issue("columns.missing", "flag", HOSTILE, 1, (3,), {"columns": [HOSTILE, "b"]}),
            Issue("layout.unknown", "flag", None, 0, (), {"found": {HOSTILE: [HOSTILE]}, "expected": [[HOSTILE]]}),
            Issue(HOSTILE, "reject", HOSTILE, 1, (3,), {"columns": HOSTILE}),
            Issue("encoding.detected", "note", None, 0, (), {"encoding": HOSTILE, "delimiter": HOSTILE}),
            Issue("type.date", "note", HOSTILE, 0, (), {"formats": [HOSTILE]}),
        ),
        rejects=(Reject(3, (HOSTILE,), (HOSTILE,), HOSTILE, {HOSTILE: HOSTILE}),),
        n_rejects=1,
        files=(ReceiptFile("marked", f"{HOSTILE}.marked.csv", 1), ReceiptFile("to_fix", "javascript:alert(3).csv", 1)),
        marking="done",
    )


KINDS = {
    "problems": problems,
    "answered": answered,
    "clean": clean,
    "duplicate": duplicate,
    "held": held,
    "unknown-layout": unknown_layout,
}
