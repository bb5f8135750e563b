"""Rejected rows that a later delivery puts right: found by the key of a record, or by the reference in our own file.

A reject is *closed* by the first later delivery of the source that has a good row for it. It is known again by keyed
hashes of its record keys; where no key could be read, by the reference that our file of rows to fix carries.
Taking the later delivery back opens it again: `redo.reload_source` finds all closings anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import psycopg
from sqlalchemy import Connection, text

from footprints.examine import key_hash
from footprints.model import Closing, Reference

BATCH = 20_000
MAX_OPEN = 200_000
"""So many open rejects of a source are looked for by key, those of the newest deliveries first."""
LIVE = "('loaded', 'superseded', 'quarantined')"
"""States of a delivery whose rejects can be open: one that was held waits to be sent again."""
CANNOT_BE_FIXED = "consent.none"
"""Rule of rows that are not to be sent again."""


def close(
    raw: psycopg.Connection,
    source_id: str,
    delivery_id: int,
    stages: Sequence[tuple[str, str]],
    references: Mapping[tuple[str, int], Reference],
    privacy_key: str,
) -> None:
    """Closes the open rejects of earlier deliveries of the source for which this one has a good row.

    `stages` are the tables of its staged (good) records, each with the sheet that they come from, `references` what its
    rows say that they fix. The caller holds the source's lock.
    """
    hashes = _open_hashes(raw, source_id, before=delivery_id)
    found: set[tuple[int, str, int]] = set()
    for table, sheet in stages:
        if hashes:
            for keys in _keys(raw, f"SELECT record_key FROM {table}"):
                for key in keys:
                    found.update(hashes.get(key_hash(privacy_key.encode(), key), ()))
        rows = {number: ref for (of, number), ref in references.items() if of == sheet}
        if rows:
            good = raw.execute(
                f"SELECT DISTINCT row_number FROM {table} WHERE row_number = ANY(%s)".encode(), (list(rows),)
            ).fetchall()
            for (number,) in good:
                ref = rows[number]
                found.add((ref.delivery_id, ref.sheet, ref.row_number))
    _mark_closed(raw, source_id, delivery_id, found)


def close_by_newer(
    raw: psycopg.Connection, source_id: str, delivery_id: int, tables: Iterable[str], privacy_key: str
) -> None:
    """Closes rejects of this delivery that later ones, loaded before it, have put right already.

    Deliveries may be worked through in any order, and a delivery may be replayed.
    """
    hashes = _open_hashes(raw, source_id, only=delivery_id)
    if not hashes:
        return
    closed: dict[tuple[int, str, int], int] = {}
    for table in sorted(set(tables)):
        query = f"SELECT record_key, delivery_id FROM core.{table} WHERE source_id = %s AND delivery_id > %s"
        with raw.cursor() as cursor:
            cursor.execute(query.encode(), (source_id, delivery_id))
            while rows := cursor.fetchmany(BATCH):
                for key, newer in rows:
                    for place in hashes.get(key_hash(privacy_key.encode(), key), ()):
                        closed[place] = min(newer, closed.get(place, newer))
    for newer in sorted(set(closed.values())):
        _mark_closed(raw, source_id, newer, {place for place, by in closed.items() if by == newer})


def kept(raw: psycopg.Connection, delivery_id: int) -> list[tuple[str, int, int]]:
    """The closings of a delivery's rejects (sheet, row, closing delivery), before they are written anew."""
    return [
        (row[0], row[1], row[2])
        for row in raw.execute(
            b"SELECT r.sheet, r.row_number, r.closed_by FROM meta.reject r"
            b" JOIN meta.delivery d ON d.delivery_id = r.closed_by"
            b" WHERE r.delivery_id = %s AND d.state IN ('loaded', 'superseded')",
            (delivery_id,),
        ).fetchall()
    ]


def keep(raw: psycopg.Connection, delivery_id: int, closings: Iterable[tuple[str, int, int]]) -> None:
    """Writes closings again that `kept` gave, of rows that are still rejected."""
    with raw.cursor() as cursor:
        cursor.executemany(
            b"UPDATE meta.reject SET closed_by = %s WHERE delivery_id = %s AND sheet = %s AND row_number = %s",
            [(by, delivery_id, sheet, number) for sheet, number, by in closings],
        )


def reopen(connection: Connection, source_id: str) -> dict[int, tuple[tuple[int, int], ...]]:
    """Opens all rejects of a source again, to be closed anew; what was closed before, as `closings` gives it."""
    before = closings(connection, source_id)
    connection.execute(
        text(
            "UPDATE meta.reject SET closed_by = NULL WHERE closed_by IS NOT NULL AND delivery_id IN"
            " (SELECT delivery_id FROM meta.delivery WHERE source_id = :source)"
        ),
        {"source": source_id},
    )
    return before


def closings(connection: Connection, source_id: str) -> dict[int, tuple[tuple[int, int], ...]]:
    """By delivery of a source, how many of its rejects each later delivery closed: (closing delivery, count)."""
    rows = connection.execute(
        text(
            "SELECT r.delivery_id, r.closed_by, count(*) FROM meta.reject r JOIN meta.delivery d USING (delivery_id)"
            " WHERE d.source_id = :source AND r.closed_by IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"
        ),
        {"source": source_id},
    ).all()
    found: dict[int, tuple[tuple[int, int], ...]] = {}
    for delivery_id, by, n in rows:
        found[delivery_id] = (*found.get(delivery_id, ()), (by, n))
    return found


def changed(
    before: Mapping[int, tuple[tuple[int, int], ...]], after: Mapping[int, tuple[tuple[int, int], ...]]
) -> set[int]:
    """Deliveries whose receipt says something else now: those with the rejects, and those that close them."""
    ids: set[int] = set()
    for delivery_id in {*before, *after}:
        then, now = before.get(delivery_id, ()), after.get(delivery_id, ())
        if then != now:
            ids |= {delivery_id} | {by for by, _ in {*then, *now}}
    return ids


def closed_of(connection: Connection, delivery_id: int) -> tuple[tuple[Closing, ...], int]:
    """What later deliveries closed of this one's rejects, and how many stay open."""
    rows = connection.execute(
        text(
            "SELECT closed_by, count(*) FROM meta.reject WHERE delivery_id = :id AND NOT :rule = ANY(rules)"
            " GROUP BY 1 ORDER BY 1"
        ),
        {"id": delivery_id, "rule": CANNOT_BE_FIXED},
    ).all()
    counts = {row[0]: row[1] for row in rows}
    n_open = counts.pop(None, 0)
    return tuple(Closing(by, n, n_open) for by, n in counts.items()), n_open


def closed_by(connection: Connection, delivery_id: int) -> tuple[Closing, ...]:
    """What a delivery closed of earlier ones' rejects: of which delivery, how many, and how many stay open there."""
    rows = connection.execute(
        text(
            "SELECT r.delivery_id, count(*) FILTER (WHERE closed_by = :id), count(*) FILTER (WHERE closed_by IS NULL)"
            " FROM meta.reject r WHERE r.delivery_id IN (SELECT delivery_id FROM meta.reject WHERE closed_by = :id)"
            " AND NOT :rule = ANY(rules) GROUP BY 1 ORDER BY 1"
        ),
        {"id": delivery_id, "rule": CANNOT_BE_FIXED},
    ).all()
    return tuple(Closing(*row) for row in rows)


def _open_hashes(
    raw: psycopg.Connection, source_id: str, *, before: int | None = None, only: int | None = None
) -> dict[str, list[tuple[int, str, int]]]:
    """Keyed hashes of open rejects, each with the rejects (delivery, sheet, row) that it stands for."""
    hashes: dict[str, list[tuple[int, str, int]]] = {}
    which = "r.delivery_id < %(id)s" if before is not None else "r.delivery_id = %(id)s"
    with raw.cursor() as cursor:
        cursor.execute(
            (
                "SELECT r.delivery_id, r.sheet, r.row_number, r.key_hashes FROM meta.reject r"
                " JOIN meta.delivery d USING (delivery_id) WHERE d.source_id = %(source)s"
                f" AND {which} AND r.closed_by IS NULL AND r.key_hashes <> '{{}}'"
                + (f" AND d.state IN {LIVE}" if before is not None else "")
                + f" ORDER BY r.delivery_id DESC, r.sheet, r.row_number LIMIT {MAX_OPEN}"
            ).encode(),
            {"source": source_id, "id": before if before is not None else only},
        )
        for delivery_id, sheet, number, of_row in cursor:
            for one in of_row:
                hashes.setdefault(one, []).append((delivery_id, sheet, number))
    return hashes


def _keys(raw: psycopg.Connection, query: str) -> Iterator[list[str]]:
    with raw.cursor() as cursor:
        cursor.execute(query.encode())
        while rows := cursor.fetchmany(BATCH):
            yield [row[0] for row in rows]


def _mark_closed(
    raw: psycopg.Connection, source_id: str, delivery_id: int, places: Iterable[tuple[int, str, int]]
) -> None:
    """Closes rejects, those that they were themselves sent to fix, and other attempts to fix the same."""
    listed = sorted(places)
    if not listed:
        return
    raw.execute(
        (
            "WITH RECURSIVE fixed AS ("
            " SELECT * FROM unnest(%(ids)s::bigint[], %(sheets)s::text[], %(rows)s::bigint[])"
            " AS f (delivery_id, sheet, row_number)"
            " UNION SELECT r.fixes_delivery, r.fixes_sheet, r.fixes_row FROM meta.reject r"
            " JOIN fixed f USING (delivery_id, sheet, row_number) WHERE r.fixes_delivery IS NOT NULL),"
            " family AS (SELECT * FROM fixed"
            " UNION SELECT r.delivery_id, r.sheet, r.row_number FROM meta.reject r JOIN family f"
            " ON r.fixes_delivery = f.delivery_id AND r.fixes_sheet = f.sheet AND r.fixes_row = f.row_number)"
            " UPDATE meta.reject r SET closed_by = %(by)s FROM family f, meta.delivery d"
            " WHERE r.delivery_id = f.delivery_id AND r.sheet = f.sheet AND r.row_number = f.row_number"
            " AND d.delivery_id = r.delivery_id AND d.source_id = %(source)s AND r.delivery_id < %(by)s"
            f" AND d.state IN {LIVE[:-1]}, 'received') AND r.closed_by IS NULL"
        ).encode(),
        {
            "ids": [place[0] for place in listed],
            "sheets": [place[1] for place in listed],
            "rows": [place[2] for place in listed],
            "by": delivery_id,
            "source": source_id,
        },
    )
