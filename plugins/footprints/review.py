"""The review queue of enumerators, as `meta.enumerator_review` ranks them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text


def enumerators(connection: Connection, source_id: str, round_code: str | None = None) -> list[dict[str, Any]]:
    """The enumerators of a source's rounds, those to look at first before the others; columns as in the view.

    An enumerator is a label; whom it stands for only the partner can tell. Shares are 0 to 1, `z_*` are in standard
    deviations of the enumerators of the round, null where there are too few interviews (or no difference) to say.
    """
    rows = connection.execute(
        text(
            "SELECT * FROM meta.enumerator_review WHERE source_id = :source"
            " AND (CAST(:round AS text) IS NULL OR round_code = :round)"
            " ORDER BY round_code DESC, review_rank NULLS LAST, enumerator"
        ),
        {"source": source_id, "round": round_code},
    ).mappings()
    return [
        {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()} for row in rows
    ]
