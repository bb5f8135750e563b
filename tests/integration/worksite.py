"""A platform without Airflow, and a small synthetic source in every mode, to deliver to, withdraw from and rebuild."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml
from sqlalchemy import Engine, text

from footprints import ledger, pipeline, receipts, trends
from footprints.ledger import LandedObject
from footprints.model import Delivery, Receipt
from footprints.settings import REPOSITORY, Settings
from footprints.storage import Store
from footprints.sweep import sweep
from footprints.warehouse import reference
from footprints.warehouse.engine import engine
from footprints.warehouse.migrate import libpq_url
from footprints.warehouse.tables import TABLES

SHARED = (
    "contract.schema.json",
    "indicators.schema.json",
    "codes.csv",
    "countries.csv",
    "unhcr_codes.csv",
    "places.csv",
    "_tables",
)
Row = tuple[str, str, str, int | str]
"""key, day, region, dead"""


def contract(source: str, **layout: Any) -> dict[str, Any]:
    """A contract whose files are named after the day that they are as of, with or without a note in each row."""
    columns = {
        "_key": {"from": "key", "required": True},
        "incident_date": {"from": "day", "type": "date", "formats": ["%Y-%m-%d"], "required": True},
        "provider_region": {"from": "region"},
        "n_dead": {"from": "dead", "type": "integer"},
    }
    common = {
        "as_of": {"filename": r"^(\d{4}-\d{2}-\d{2})", "format": "%Y-%m-%d"},
        "table": "incident",
        "record_key": ["_key"],
        **layout,
    }
    headers = ["key", "day", "region", "dead"]
    return {
        "source": source,
        "partner": {"id": "test", "name": "Test", "language": "en"},
        "title": {"en": "Test", "fr": "Test", "ar": "Test"},
        "publisher": "Test",
        "licence": "none",
        "citation": "none",
        "confidentiality": "public",
        "gate": {"max_reject_share": 0.5},
        "layouts": [
            {
                "name": "noted",
                "match": {"headers": [*headers, "note"]},
                "columns": columns | {"description": {"from": "note"}},
                **common,
            },
            {"name": "plain", "match": {"headers": headers}, "columns": columns, **common},
        ],
    }


def write_expectations(directory: Path, *contracts: dict[str, Any]) -> Path:
    """An `expectations/` with these contracts, and ours for everything that sources share."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in SHARED:
        origin, target = REPOSITORY / "expectations" / name, directory / name
        if origin.is_dir():
            shutil.copytree(origin, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(origin, target)
    for document in contracts:
        (directory / document["source"]).mkdir(exist_ok=True)
        path = directory / document["source"] / "contract.yaml"
        path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return directory


def csv_bytes(rows: Iterable[Sequence[object]], header: str = "key,day,region,dead") -> bytes:
    """A CSV with the header of the synthetic source."""
    return "\n".join([header, *(",".join(map(str, row)) for row in rows), ""]).encode()


@dataclass
class Site:
    """Buckets, ledger and warehouse of one test module."""

    settings: Settings
    n_put: int = 0
    is_known: bool = False
    """Whether the warehouse knows our sources."""

    @property
    def warehouse(self) -> Engine:
        """The warehouse as the loader."""
        return engine(self.settings.need("warehouse_url"))

    @property
    def store(self) -> Store:
        """The store."""
        return Store(self.settings)

    def clear(self, *, bucket: bool = True) -> None:
        """Empties ledger, core, trends and, unless told otherwise, the bucket."""
        tables = [f"core.{name}" for name in TABLES]
        with psycopg.connect(libpq_url(self.settings.need("warehouse_owner_url"))) as connection:
            trend_tables = connection.execute(
                "SELECT 'trends.' || relname FROM pg_class"
                " WHERE relnamespace = 'trends'::regnamespace AND relkind = 'r'"
            ).fetchall()
            tables += [row[0] for row in trend_tables]
            connection.execute(f"TRUNCATE meta.delivery, meta.refresh, {', '.join(tables)} RESTART IDENTITY CASCADE")
        name = self.settings.landing_bucket
        for key in list(self.store.list_keys(name, "")) if bucket else ():
            self.store.client.delete_object(Bucket=name, Key=key)
        if not self.is_known:
            reference.sync(self.warehouse, self.settings.expectations_dir)
            self.is_known = True

    def put(self, source: str, name: str, body: bytes, partner: str = "test") -> int:
        """Puts an object in the landing bucket and enrols it; its delivery's id."""
        key = f"landing/{partner}/{source}/{name}"
        self.store.put_bytes(self.settings.landing_bucket, key, body, "text/csv")
        self.n_put += 1
        landed = self.store.head(self.settings.landing_bucket, key)
        with self.warehouse.begin() as connection:
            delivery_id = ledger.enrol(connection, landed, "sweep")
        assert delivery_id is not None
        return delivery_id

    def put_again(self, delivery_id: int) -> int:
        """The same object once more, as a second put of the same bytes a moment later is seen."""
        delivery = self.get(delivery_id)
        self.n_put += 1
        version = f"{delivery.object_version.split('@')[0]}@{self.n_put}"
        landed = LandedObject(delivery.bucket, delivery.object_key, version, delivery.size_bytes)
        with self.warehouse.begin() as connection:
            again = ledger.enrol(connection, landed, "sweep")
        assert again is not None
        return again

    def process(self, *ids: int) -> list[str]:
        """Works through deliveries; the states that they end in."""
        return [pipeline.process(i, self.settings).state for i in ids]

    def deliver(self, source: str, name: str, body: bytes, partner: str = "test") -> int:
        """Puts and processes one file."""
        delivery_id = self.put(source, name, body, partner)
        self.process(delivery_id)
        return delivery_id

    def deliver_as(self, partner: str, source: str, path: Path) -> int:
        """Puts and processes a file, as this partner sends it."""
        return self.deliver(source, path.name, path.read_bytes(), partner)

    def sweep(self) -> int:
        """Enrols what the ledger does not hold; how many."""
        return sweep(self.settings).n_enrolled

    def get(self, delivery_id: int) -> Delivery:
        """A delivery."""
        with self.warehouse.connect() as connection:
            return ledger.get(connection, delivery_id)

    def states(self) -> dict[int, str]:
        """The state of every delivery."""
        with self.warehouse.connect() as connection:
            rows = connection.execute(text("SELECT delivery_id, state FROM meta.delivery ORDER BY 1")).all()
        return {row[0]: row[1] for row in rows}

    def receipt(self, delivery_id: int) -> Receipt:
        """The receipt that stands in the bucket."""
        delivery = self.get(delivery_id)
        return receipts.parse(self.store.get_bytes(delivery.bucket, receipts.keys(delivery)[0]))

    def refresh(self, *, full: bool = False, tables: tuple[str, ...] | None = None) -> None:
        """Brings the trend tables up to date, all or some."""
        trends.refresh(self.warehouse, full=full, tables=tables, accept=("coverage",))

    def checksum(self, *schemas: str) -> dict[str, str]:
        """A checksum of every table of core and trends."""
        with self.warehouse.connect() as connection:
            return trends.checksum(connection, schemas=schemas or ("core", "trends"))

    def records(self, source: str) -> dict[str, tuple[Any, ...]]:
        """The incidents of a source: key → delivery, dead, note."""
        with self.warehouse.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT record_key, delivery_id, n_dead, description FROM core.incident WHERE source_id = :source"
                    " ORDER BY 1"
                ),
                {"source": source},
            ).all()
        return {row[0]: tuple(row[1:]) for row in rows}


def told(receipt: Receipt) -> tuple[object, ...]:
    """What a receipt tells, without what only a delivery has: its number and moments, what it corrects."""
    delivery = receipt.delivery
    said = [issue for issue in receipt.issues if not issue.rule.startswith("correction.")]
    issues = sorted(said, key=lambda issue: (issue.severity, issue.rule, issue.column or "", str(issue)))
    return (
        delivery.state,
        delivery.layout,
        delivery.engine,
        delivery.counts,
        [vars(issue) for issue in issues],
        receipt.n_rejects,
        sorted(receipt.rejects, key=lambda reject: (reject.sheet, reject.row_number)),
        receipt.title,
        receipt.language,
    )


def dedent(document: str) -> str:
    """A literal without its indentation."""
    return textwrap.dedent(document).lstrip("\n")
