"""Great Expectations' Data Docs, built from stored results: counts only, no cell of any file.

The ledger keeps of each check how many rows it judged and how many failed (`meta.expectation_result`). From those and
the suites this module makes GX's own suite and validation objects and lets GX's renderers write its static site. It
reads no partner's data, so there is none to leak, and it runs apart from deliveries, after the nightly refresh.

GX's pages load styles and scripts from six other servers, and without them cannot be read. A page on our quality must
not tell others who reads it, so what GX wrote is kept and its borrowed parts are replaced: no script, one inline style.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from footprints.model import ExpectationResult
from footprints.quality.engine import gx_quiet
from footprints.quality.suites import TYPES, Expectation, Suite


@dataclass(frozen=True)
class Validation:
    """The stored results of one delivery, in the order they were stored."""

    delivery_id: int
    source_id: str
    received_at: datetime
    results: Sequence[ExpectationResult]
    n_rows: int = 0


def build_data_docs(validations: Iterable[Validation], out: Path, suites: Mapping[str, Suite]) -> Path:
    """Build GX's site of the suites and validations into a directory; returns its index page.

    `suites` is by name (`find_suites`). The site is built aside and moved into place when it is whole. A result whose
    expectation no longer stands in its suite is left out: the docs describe the suites of today.
    """
    built = Path(tempfile.mkdtemp(prefix="data-docs-"))
    try:
        with gx_quiet():
            listed = _build(list(validations), built, suites)
        _stand_alone(built, listed)
        out.parent.mkdir(parents=True, exist_ok=True)
        old = out.with_name(f"{out.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if out.exists():
            out.rename(old)
        shutil.move(built, out)
        out.chmod(0o755)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(built, ignore_errors=True)
    return out / "index.html"


@dataclass(frozen=True)
class _Listed:
    """A line of the index: one delivery judged by one suite."""

    validation: Validation
    suite: str
    n_passed: int
    n_judged: int
    n_flagged: int
    href: str


def _build(validations: Sequence[Validation], out: Path, suites: Mapping[str, Suite]) -> list[_Listed]:
    """Let GX write its site; returns what it holds of validations, in the order of the index."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    import great_expectations as gx
    from great_expectations.core.expectation_suite import ExpectationSuite
    from great_expectations.data_context.types.base import ProgressBarsConfig

    from footprints.quality import gx_expectations  # noqa: F401 - registers them

    context: Any = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    for site in list(context.list_data_docs_sites()):
        context.delete_data_docs_site(site)
    context.add_data_docs_site(
        "footprints",
        {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(out)},
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    for suite in suites.values():
        context.suites.add(
            ExpectationSuite(
                name=suite.name, expectations=[_configuration(e) for e in suite.expectations], notes=suite.notes
            )
        )
    listed: list[_Listed] = []
    for validation in sorted(validations, key=lambda v: (v.received_at, v.delivery_id), reverse=True):
        by_suite: dict[str, list[ExpectationResult]] = {}
        for result in validation.results:
            by_suite.setdefault(result.suite, []).append(result)
        for name, results in by_suite.items():
            if name in suites:
                listed += _store(context, validation, suites[name].at(validation.received_at.date()), results)
    context.build_data_docs()
    return listed


def _store(context: Any, validation: Validation, suite: Suite, results: Sequence[ExpectationResult]) -> list[_Listed]:
    """Put a validation result of GX's own form, with counts only, into the store that the site is built from."""
    import great_expectations as gx
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    judged = []
    for e, result in _matched(suite, results):
        configuration = ExpectationConfiguration(**_configuration(e))
        judged.append(
            ExpectationValidationResult(
                success=_success(e, result),
                expectation_config=configuration,
                result=_counts(e, result),
                exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
            )
        )
    if not judged:
        return []
    passed = sum(bool(r.success) for r in judged)
    received = validation.received_at.astimezone(UTC)
    run = RunIdentifier(run_name=f"{validation.source_id}.{validation.delivery_id}", run_time=received)
    identifier = ValidationResultIdentifier(
        expectation_suite_identifier=ExpectationSuiteIdentifier(suite.name),
        run_id=run,
        batch_identifier=f"delivery-{validation.delivery_id}",
    )
    context.validation_results_store.set(
        identifier,
        ExpectationSuiteValidationResult(
            success=passed == len(judged),
            results=judged,
            suite_name=suite.name,
            statistics={
                "evaluated_expectations": len(judged),
                "successful_expectations": passed,
                "unsuccessful_expectations": len(judged) - passed,
                "success_percent": 100 * passed / len(judged),
            },
            meta={
                "great_expectations_version": gx.__version__,
                "run_id": run,
                "batch_kwargs": {"data_asset_name": f"{validation.source_id}, delivery {validation.delivery_id}"},
            },
        ),
    )
    n_flagged = sum(r.n_failed for e, r in _matched(suite, results) if e.level == "row")
    href = "/".join(("validations", *map(str, identifier.to_tuple()))) + ".html"  # type: ignore[no-untyped-call]
    return [_Listed(validation, suite.name, passed, len(judged), n_flagged, href)]


def _configuration(e: Expectation) -> dict[str, Any]:
    return {"type": e.type, "kwargs": dict(e.kwargs), "severity": e.severity, "meta": {"rule": e.rule}}


def _matched(suite: Suite, results: Sequence[ExpectationResult]) -> list[tuple[Expectation, ExpectationResult]]:
    """Each stored result with its expectation: by place in the suite, or else by type, column and severity."""

    def fits(e: Expectation, r: ExpectationResult) -> bool:
        return (e.type, e.column, e.severity) == (r.expectation_type, r.column, r.severity)

    if len(results) == len(suite.expectations) and all(map(fits, suite.expectations, results)):
        return list(zip(suite.expectations, results, strict=True))
    free = list(suite.expectations)
    matched = []
    for result in results:
        e = next((e for e in free if fits(e, result)), None)
        if e is not None:
            free.remove(e)
            matched.append((e, result))
    return matched


def _success(e: Expectation, result: ExpectationResult) -> bool:
    if result.n_failed == 0:
        return True
    return TYPES[e.type].level == "row" and 1 - result.n_failed / max(result.n_checked, 1) >= e.mostly


def _counts(e: Expectation, result: ExpectationResult) -> dict[str, Any]:
    """GX's result of an expectation, as far as counts go."""
    if e.level == "delivery":
        return {}
    share = 100 * result.n_failed / result.n_checked if result.n_checked else 0.0
    return {
        "element_count": result.n_checked,
        "unexpected_count": result.n_failed,
        "unexpected_percent": share,
        "unexpected_percent_total": share,
        "unexpected_percent_nonmissing": share,
        "missing_count": 0,
        "missing_percent": 0.0,
    }


_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0; }
nav.navbar { padding: .6rem 1.5rem; border-bottom: 1px solid var(--line); display: block; height: auto !important; }
.ge-breadcrumbs { display: inline; padding: 0; margin: 0 0 0 1rem; } .ge-breadcrumbs li { display: inline; }
nav nav { display: inline; } .ge-breadcrumbs li + li::before { content: " / "; }
.container-fluid > .row { display: flex; gap: 2rem; padding: 1rem 1.5rem; align-items: flex-start; }
.container-fluid > .row > .col-lg-2 { flex: 0 0 15rem; } .container-fluid > .row > .col-lg-10 { flex: 1; min-width: 0; }
.ge-section { padding: 0; } .ge-section > .row { display: block; padding: 0; }
.card { border: 1px solid var(--line); border-radius: 4px; padding: .6rem; margin-bottom: 1rem; }
.card ul { list-style: none; padding: 0; margin: .4rem 0 0; } nav#navigation { border: 0; padding: 0; overflow: auto; }
.alert { background: var(--soft); border-radius: 4px; padding: .6rem .8rem; margin: 1.2rem 0 .4rem; }
h5, h6, .h6 { font-size: 1rem; margin: 0; font-weight: 600; } .lead { margin: .2rem 0 .8rem; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 1rem; }
td, th { border: 1px solid var(--line); padding: .35rem .6rem; text-align: left; vertical-align: top; }
.badge { background: var(--soft); border-radius: 3px; padding: 0 .35em; font-weight: 600; }
.fas { font-style: normal; font-weight: 700; } .text-success { color: #1a7f37; } .text-danger { color: #c62828; }
.fa-check-circle::before, .fa-check::before { content: "✓"; } .fa-times::before { content: "✗"; }
.fa-exclamation-triangle::before, .fa-exclamation::before { content: "!"; }
.cooltip .top, .modal, .popover, .d-none:not(.d-md-inline-flex):not(.d-md-block) { display: none; }
body:has(#option2:checked) .hide-succeeded-validation-target,
body:has(#option2:checked) :has(> .hide-succeeded-validation-target-child) { display: none; }
.navbar-brand, .navbar .mr-auto, .navbar .float-left { display: inline; }
.nav-tabs, .btn-secondary { display: none; } @media (max-width: 50rem) { .container-fluid > .row { display: block; } }
"""

_BORROWED = (
    (r"<script\b.*?</script>", ""),
    (r"<style\b.*?</style>", ""),
    (r"<link\b[^>]*>", ""),
    (r"<img\b[^>]*>", "<strong>Footprints</strong> · quality"),
    (r"<footer\b.*?</footer>", ""),
    (r"<button\b[^>]*>\s*Clear Filters\s*</button>", ""),
    (r"\son\w+=\"[^\"]*\"", ""),
)
_PARAMETER = re.compile(r"\{(?:'|&#39;)\$PARAMETER(?:'|&#39;): (?:'|&#39;)(\w+)(?:'|&#39;)\}")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def _stand_alone(site: Path, listed: Sequence[_Listed]) -> None:
    """Make the pages readable without any other server, and the index without a script."""
    shutil.rmtree(site / "static", ignore_errors=True)
    head = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><style>{_STYLE}</style></head>'
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        for pattern, replacement in _BORROWED:
            text = re.sub(pattern, replacement, text, flags=re.DOTALL | re.IGNORECASE)
        text = _PARAMETER.sub(lambda match: match[1].replace("_", " "), text).replace("</head>", head, 1)
        if page == site / "index.html":
            text = _index(text, site, listed)
        page.write_text(text, "utf-8")


def _index(text: str, site: Path, listed: Sequence[_Listed]) -> str:
    """The index with its two lists as plain tables; GX writes them by script."""
    rows = [
        f"<tr><td>{'✓' if line.n_passed == line.n_judged else '✗'}</td>"
        f"<td>{line.validation.received_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC</td>"
        f"<td>{escape(line.validation.source_id)}</td><td>{line.validation.delivery_id}</td>"
        f'<td><a href="{quote(line.href)}">{escape(line.suite)}</a></td>'
        f"<td>{line.n_passed} of {line.n_judged}</td><td>{line.n_flagged:,}</td></tr>"
        for line in listed
    ]
    titles = ("", "Received", "Source", "Delivery", "Suite", "Expectations met", "Failures")
    heads = "".join(f"<th>{title}</th>" for title in titles)
    results = f"<h5>Deliveries</h5><table><tr>{heads}</tr>{''.join(rows)}</table>"
    pages = sorted(p.relative_to(site) for p in (site / "expectations").rglob("*.html"))
    links = [f'<li><a href="{quote(str(p))}">{escape(".".join(p.with_suffix("").parts[1:]))}</a></li>' for p in pages]
    suites = f"<h5>Suites</h5><ul>{''.join(links)}</ul>"
    text, n_tables = re.subn(r"<table\b.*?</table>", "<table></table>", text, flags=re.DOTALL)
    place = "<table></table>" if n_tables else "</body>"  # GX writes no table where there is no validation
    return text.replace(place, results + suites + ("" if n_tables else place), 1)
