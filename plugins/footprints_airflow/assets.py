"""The assets by which our DAGs wake each other."""

from __future__ import annotations

from airflow.sdk import Asset, AssetAlias, AssetWatcher

from footprints_airflow.trigger import LandingTrigger

LANDING = Asset(
    "landing",
    uri="footprints://landing",
    group="landing",
    watchers=[AssetWatcher("waiting deliveries", trigger=LandingTrigger())],
)
"""The landing bucket, by way of the ledger: an event says that deliveries wait."""

WOKEN = AssetAlias("landing-sweep", group="landing")
"""Outlet of the sweep; stands for `LANDING` when the sweep found waiting deliveries, and for nothing otherwise."""

CORE = AssetAlias("core-tables", group="warehouse")
"""Outlet of the ingest; stands for the core tables that a run changed."""


def core_table(name: str) -> Asset:
    """The asset of one core table, such as `core.incident`."""
    return Asset(f"core.{name}", uri=f"footprints://warehouse/core/{name}", group="warehouse")
