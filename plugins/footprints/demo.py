"""The demo: the whole platform brought up, files dropped, verdicts and figures shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from footprints import trends
from footprints.drops import drop_files, wait_for
from footprints.errors import NotFoundError
from footprints.model import Delivery
from footprints.samples.demo import write_demo
from footprints.settings import Settings
from footprints.warehouse.engine import engine

PARTNER_FILES = (
    ("iom-mmp/*", "iom-missing-migrants"),
    ("the-migrants-files/*", "the-migrants-files"),
    ("frontex/*", "frontex"),
    ("unhcr/*", "unhcr-population"),
    ("iom-dtm/*", "iom-dtm"),
    ("ocha-cod/*", "ocha-cod"),
    ("geo/*", "ocha-geo"),
    ("ocha-hxl/rowca-3w-*", "ocha-3w"),
    ("ocha-hxl/unhcr-3w*", "unhcr-3w"),
    ("ocha-hxl/*population-movements*", "ocha-displacement"),
    ("ocha-hxl/hno_*", "ocha-needs"),
    ("ocha-hxl/*Taxonomy*", "ocha-countries"),
    ("hxl-fixtures/*", "hxl-activities"),
    ("mmc-4mi/logical_checks*", "mmc-checks"),
    ("reach-impact/liste_verification*", "reach-verification"),
    ("reach-impact/reach_msna_tableaux_resultats*", "reach-results"),
    ("reach-impact/loa*", "reach-analysis-plan"),
    ("reach-impact/REACH_2024_MSNA*", "reach-msna"),
    ("reach-impact/reach_bfa_msna_outil*", "reach-bfa-msna"),
    ("reach-impact/dummy_raw_data*", "reach-msna"),
    ("reach-impact/cleaning_log*", "reach-bfa-cleaning"),
    ("reach-impact/*", "organisation-register"),
    ("unhcr-kobo/*", "unhcr-kobo"),
)
"""Files of `../shared/data/partners` and the sources that they are dropped for: the first pattern that fits."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Drop:
    """A file of the demo, its source, and a word on why it is there."""

    path: Path
    source: str
    about: str = ""
    is_sequel: bool = False
    """Whether it follows on another file (a repeat, a correction): dropped once the others have their verdicts."""


def sample_drops(directory: Path, seed: int) -> list[Drop]:
    """Our own samples, in the order in which they are dropped."""
    return [
        Drop(
            sample.path,
            sample.source,
            sample.about,
            is_sequel=sample.expect.state == "duplicate" or sample.expect.records_gone > 0,
        )
        for sample in write_demo(directory, seed)
    ]


def partner_drops(directory: Path) -> list[Drop]:
    """The files of a directory of partners, as `../shared/data/partners` has it.

    Raises NotFoundError where it holds no folder that a source is known for.
    """
    drops: dict[Path, Drop] = {}
    for pattern, source in PARTNER_FILES:
        for path in sorted(directory.glob(pattern)):
            if path.is_file():
                drops.setdefault(path, Drop(path, source))
    if not drops:
        folders = dict.fromkeys(pattern.split("/")[0] for pattern, _ in PARTNER_FILES)
        raise NotFoundError(
            f"{directory} holds none of the folders {', '.join(folders)}", "make demo DATA=../shared/data/partners"
        )
    return list(drops.values())


def left_out(directory: Path, drops: Sequence[Drop]) -> list[Path]:
    """Files of a directory that are not among `drops`."""
    dropped = {drop.path for drop in drops}
    return sorted(path for path in directory.rglob("*") if path.is_file() and path not in dropped)


def run(drops: Sequence[Drop], settings: Settings, say: Say, timeout: float = 900) -> list[tuple[Drop, Delivery]]:
    """Drops the files, waits for their verdicts and refreshes the trend tables; returns each file with its delivery."""
    warehouse = engine(settings.need("warehouse_url"))
    answered: list[tuple[Drop, Delivery]] = []
    for is_sequel in (False, True):
        wave = [drop for drop in drops if drop.is_sequel == is_sequel]
        landed = []
        for drop in wave:
            landed.extend(drop_files([drop.path], drop.source, settings))
            say(f"{len(landed)} of {len(wave)} files dropped")
        before = len(answered)

        def progress(n: int, _: int, before: int = before) -> None:
            say(f"{before + n} of {len(drops)} files answered")

        deliveries = wait_for(warehouse, landed, timeout, progress)
        done = {(d.object_key, d.object_version): d for d in deliveries}
        answered += [(drop, done[item.key, item.version]) for drop, item in zip(wave, landed, strict=True)]
    say("refreshing the trend tables")
    trends.refresh(warehouse)
    return answered


SAMPLE_FIGURES = tuple(
    ("MLI", "2016-03/2016-05", indicator) for indicator in ("felt-unsafe", "negative-encounter", "not-planning-to-stay")
)
PARTNER_FIGURES = (
    ("LBY", "2016-11", "dead-and-missing"),
    ("TCD", "2024", "population-by-asylum"),
    ("ITA", "2016-10", "arrivals"),
)


def figures(settings: Settings, *, from_partners: bool) -> list[str]:
    """Three published figures, each with its count and interval, as the dashboard role reads them."""
    lines = []
    with engine(settings.need("warehouse_reader_url")).connect() as connection:
        for country, period, indicator in PARTNER_FIGURES if from_partners else SAMPLE_FIGURES:
            cells = trends.published_cells(connection, country, period, indicator)
            if not cells:
                lines.append(f"{country} {period} {indicator}: no cell")
                continue
            # The widest cell, and of populations the refugees: other groups are not people on the move.
            cell = max(cells, key=lambda c: ("type=REF" in c.profile, c.profile == "all" and not c.place, c.value or 0))
            lines.append(_sentence(cell))
    return lines


def _sentence(cell: trends.Cell) -> str:
    where = ", ".join(part for part in (cell.country_code, cell.period, cell.place, cell.profile) if part)
    if cell.value is None:
        return f"{cell.indicator} ({where}): withheld"
    sources = ", ".join(cell.sources)
    if cell.base is None:
        return f"{cell.indicator} ({where}): {cell.value:,} {cell.unit}; {sources}"
    return (
        f"{cell.indicator} ({where}): {cell.value:.1%} – {cell.n} of {cell.base} interviews,"
        f" 95 % interval {cell.low:.1%} to {cell.high:.1%}; {sources}"
    )
