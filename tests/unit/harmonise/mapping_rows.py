"""A mapper of one layout and the rows that it is given, for the tests of mapping."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from footprints.contracts import Contract, Layout, Partner
from footprints.harmonise.countries import load_crosswalk
from footprints.harmonise.mapping import Mapper
from footprints.readers.table import Chunk, Header


def mapper_of(layout: Layout, headers: tuple[str, ...], file_name: str = "", *, is_public: bool = False) -> Mapper:
    """The mapper of a contract that has only this layout, for a sheet with these headers in its first row."""
    contract = Contract(
        source="test",
        partner=Partner("test", "Test", "en"),
        title={},
        publisher="",
        licence="",
        citation="",
        confidentiality="public" if is_public else "private",
        cadence=None,
        max_reject_share=0.2,
        show_values=is_public,
        layouts=(layout,),
        countries=load_crosswalk(),
        directory=Path(),
        sha256="",
    )
    return Mapper(contract, layout, Header(headers, 1), "secret", file_name=file_name)


def chunk_of(rows: dict[str, list[str]]) -> Chunk:
    """Columns of cells as a chunk whose first row is row 2."""
    n = len(next(iter(rows.values())))
    return Chunk("", np.arange(2, n + 2), {name: pa.array(cells, pa.large_string()) for name, cells in rows.items()})
