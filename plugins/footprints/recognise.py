"""What a file is that no layout of its source knows: another source's, or one with slips in its HXL tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from footprints.contracts import Contract, Layout, load_contract
from footprints.errors import ContractError, DeliveryError
from footprints.readers import OpenFile, Sheet, hxl
from footprints.readers.table import HEADER_SEARCH_ROWS

Matches = Callable[[Contract], bool]
"""Whether some layout of a contract reads the file."""


def explain(opened: OpenFile, contract: Contract, expectations: Path, matches: Matches) -> DeliveryError | None:
    """Why a file is not one of its source, where more can be said than which columns were found; else None."""
    other = other_source(contract.partner.id, contract.source, expectations, matches)
    return other or hxl_slips(opened, contract)


def other_source(partner_id: str, source: str, expectations: Path, matches: Matches) -> DeliveryError | None:
    """The error that names the source whose contract would read the file: the partner's own, else a public one.

    What other partners have that is not public is never named.
    """
    for other in _candidates(partner_id, source, expectations):
        if matches(other):
            mine = other.partner.id == partner_id
            named: dict[str, Any] = {"source": other.source}
            if mine:
                named["folder"] = f"landing/{partner_id}/{other.source}/"
            else:
                named["partner"] = other.partner.name
            return DeliveryError("source.other", **named)
    return None


def _candidates(partner_id: str, source: str, expectations: Path) -> Iterator[Contract]:
    contracts = []
    for path in sorted(expectations.glob("*/contract.yaml")):
        try:
            contracts.append(load_contract(path.parent))
        except ContractError:
            continue  # another source's contract is not this delivery's trouble
    yield from (c for c in contracts if c.partner.id == partner_id and c.source != source)
    yield from (c for c in contracts if c.partner.id != partner_id and c.confidentiality == "public")


def tells(layout: Layout) -> bool:
    """Whether a layout recognises its files by enough for a file of another source to be taken for one of them."""
    return len(layout.match.headers) + len(layout.match.tags) >= 2


def hxl_slips(opened: OpenFile, contract: Contract) -> DeliveryError | None:
    """The error that says what is wrong with the HXL tags of a file, where the contract goes by tags."""
    tagged = [layout for layout in contract.layouts if layout.match.tags]
    if not tagged:
        return None
    for sheet in opened.sheets:
        found = _meant_as_tags(sheet)
        if found is not None:
            row, cells = found
            slips = min((hxl.problems(cells, row, layout.match.tags, _read(layout)) for layout in tagged), key=len)
            return DeliveryError("hxl.tags", row=row, problems=slips or ["?"])
    return DeliveryError("hxl.untagged", expected=[", ".join(layout.match.tags) for layout in tagged])


def _read(layout: Layout) -> list[str]:
    names = (name for column in layout.columns for name in (*column.source, *column.any_of))
    return [name for name in names if hxl.is_pattern(name)]


def _meant_as_tags(sheet: Sheet) -> tuple[int, list[str]] | None:
    rows = enumerate(sheet.preview[:HEADER_SEARCH_ROWS], start=1)
    return next(((i, row) for i, row in rows if hxl.is_tag_row(row) or hxl.looks_like_tags(row)), None)
