"""How much of each hand-written contract the draft of `footprints propose` already had, on the real files.

For each layout that reads a file: of its columns (helpers that begin with "_" left out), how many the draft has too
with a source in common (the same header, or the same constant), and how many of them with the same type. What the
source's own contract says is not among what the draft may learn from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bench_check import DATA

from footprints import examine
from footprints.contracts import Contract, Layout, load_contracts
from footprints.demo import partner_drops
from footprints.errors import DeliveryError, FootprintsError
from footprints.propose.draft import Draft
from footprints.propose.lexicon import load_lexicon
from footprints.propose.proposal import draft_file
from footprints.readers import open_file
from footprints.settings import Settings


@dataclass(frozen=True)
class Had:
    """What a draft had of a layout: columns, of them found, of them of the same type; table and key the same?"""

    n_columns: int
    n_found: int
    n_typed: int
    same_table: bool
    same_key: bool


def had(draft: Draft, layout: Layout) -> Had:
    """Compares a draft with a hand-written layout."""
    drafted = {column.target: column for column in draft.columns}
    sources = {target: _names(draft, headers) for target, headers in draft.sources().items()}
    wanted = [column for column in layout.columns if not column.target.startswith("_")]
    n_found = n_typed = 0
    for column in wanted:
        mine = drafted.get(column.target)
        if mine is None or draft.table != layout.table:
            continue
        same = {*column.source, *column.any_of} & sources[column.target]
        if same or (column.value is not None and mine.spec.get("value") == column.value):
            n_found += 1
            n_typed += str(mine.spec.get("type", "text")) == column.type
    by_hand = {
        h for key in layout.record_key for c in layout.columns if c.target == key for h in (*c.source, *c.any_of)
    }
    headers = {h for key in draft.record_key for h in draft.sources().get(key, ())}
    same_key = by_hand in (headers, _names(draft, headers) - headers)
    return Had(len(wanted), n_found, n_typed, draft.table == layout.table, same_key)


def _names(draft: Draft, headers: Iterable[str]) -> set[str]:
    """Headers, and the HXL tags below them: a contract may name a column by either."""
    tags = (draft.profiles[header].tag for header in headers if header in draft.profiles)
    return {*headers, *filter(None, tags)}


def real_files(
    data: Path, contracts: dict[str, Contract], settings: Settings
) -> Iterator[tuple[Path, Contract, Layout]]:
    """The real files that the contract of their source reads, with the first layout that does."""
    for drop in sorted(partner_drops(data), key=lambda drop: drop.path):
        try:
            opened = open_file(drop.path, settings.max_unpacked_bytes)
        except DeliveryError:
            continue
        contract = contracts[drop.source]
        if parts := examine._match(opened, drop.path.name, contract):
            yield drop.path, contract, parts[0].layout


def bench_propose(*, n_files: int | None = None, say: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Drafts the real files (the first `n_files`) and compares; `files` has a line each, the sums over all beside."""
    settings = Settings()
    contracts = load_contracts(settings.expectations_dir)
    files: list[dict[str, Any]] = []
    if not DATA.exists():
        say(f"propose: no real files at {DATA}")
    for path, contract, layout in islice(real_files(DATA / "partners", contracts, settings), n_files):
        others = [c for c in contracts.values() if c.source != contract.source]
        lexicon = load_lexicon(settings.expectations_dir / "headers.csv", others)
        began = time.perf_counter()
        try:
            drafts, _ = draft_file(path, contract.source, settings, lexicon)
        except FootprintsError:
            files.append({"file": path.name, "source": contract.source, "drafted": False})
            continue
        seconds = time.perf_counter() - began
        best = max((had(draft, layout) for draft in drafts), key=lambda h: (h.n_found, h.n_typed))
        say(f"propose: {path.name[:50]}: {best.n_found} of {best.n_columns} columns")
        files.append(
            {"file": path.name, "source": contract.source, "layout": layout.name, "drafted": True, "seconds": seconds}
            | vars(best)
        )
    compared = [f for f in files if f["drafted"]]
    return {
        "files": files,
        "n_files": len(files),
        "n_same_table": sum(f["same_table"] for f in compared),
        "n_same_key": sum(f["same_key"] for f in compared),
        "n_columns": sum(f["n_columns"] for f in compared),
        "n_found": sum(f["n_found"] for f in compared),
        "n_typed": sum(f["n_typed"] for f in compared),
    }
