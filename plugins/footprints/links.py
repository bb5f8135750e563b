"""The same death told by two sources: pairs are proposed, a person decides, and a confirmed event is counted once.

A proposal is found from core and thrown away with the next search. A decision belongs to the ledger: it is kept under
an id made of both records' sources and keys, so that it outlives withdrawals and rebuilds. An interview is never
counted as an incident, so a confirmed pair with an interview changes no figure; it is evidence for the incident.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, text

from footprints.errors import NotFoundError
from footprints.trends import TOUCH, load_trends

Decision = Literal["confirmed", "rejected"]
State = Literal["proposed", "confirmed", "rejected"]
Member = tuple[str, str]
"""Source and record key of an incident."""


@dataclass(frozen=True)
class Side:
    """One record of a pair. The key of an interview is not told, but for its hash."""

    table: str
    source_id: str
    key_sha256: str
    record_key: str | None


@dataclass(frozen=True)
class Link:
    """A pair of records, what speaks for it (`score` 0 to 1, `reasons`), and what was decided.

    `score` is None where the pair was decided and is not proposed any more (a record is gone, or has changed).
    """

    link_id: str
    a: Side
    b: Side
    state: State
    score: float | None
    reasons: dict[str, Any] = field(default_factory=dict)
    decided_by: str | None = None
    decided_at: datetime | None = None


def key_sha256(record_key: str) -> str:
    """SHA-256 of a record key in hex."""
    return hashlib.sha256(record_key.encode()).hexdigest()


def link_id(a: tuple[str, str, str], b: tuple[str, str, str]) -> str:
    """The id of a pair, given as table, source and hash of the key; the same whichever comes first."""
    return hashlib.sha256("\0".join("\0".join(side) for side in sorted((a, b))).encode()).hexdigest()[:16]


# -------------------------------------------------------------------------------------------------- proposals


def propose(connection: Connection, sql_dir: Path) -> int:
    """Searches core for pairs and replaces the proposals with them; returns how many there are.

    Incidents of each two sources are compared, and interviews that tell of deaths with all incidents. What was decided
    is left as it is.
    """
    counts = connection.execute(text("SELECT source_id, count(*) FROM core.incident GROUP BY 1 ORDER BY 2 DESC, 1"))
    sources = [row[0] for row in counts]
    rows = []
    statement = text(_read(sql_dir, "incident_pairs"))
    for i, larger in enumerate(sources):
        for smaller in sources[i + 1 :]:
            found = connection.execute(statement, {"larger": larger, "smaller": smaller}).mappings()
            rows += [_incident_pair(larger, smaller, pair) for pair in found]
    if sources:
        rows += [
            _interview_pair(pair) for pair in connection.execute(text(_read(sql_dir, "interview_pairs"))).mappings()
        ]
    connection.execute(text("DELETE FROM meta.link_proposal"))
    if rows:
        names = list(rows[0])
        values = ", ".join(f"CAST(:{name} AS jsonb)" if name == "reasons" else f":{name}" for name in names)
        connection.execute(text(f"INSERT INTO meta.link_proposal ({', '.join(names)}) VALUES ({values})"), rows)
    return len(rows)


def _read(sql_dir: Path, name: str) -> str:
    return (sql_dir / "links" / f"{name}.sql").read_text(encoding="utf-8").strip().replace("::", "\\:\\:")


def _incident_pair(larger: str, smaller: str, pair: Any) -> dict[str, Any]:
    told = {
        larger: {"date": pair["larger_date"].isoformat(), "n": pair["larger_n"]},
        smaller: {"date": pair["smaller_date"].isoformat(), "n": pair["smaller_n"]},
    }
    keys = {larger: pair["larger_key"], smaller: pair["smaller_key"]}
    first, second = sorted((larger, smaller))
    reasons = {"days": pair["days"], "km": pair["km"], "told": told}
    return _row("incident", first, keys[first], second, keys[second], pair["score"], reasons)


def _interview_pair(pair: Any) -> dict[str, Any]:
    reasons = {
        "between": [pair["since"].isoformat(), pair["interview_date"].isoformat()],
        "date": pair["incident_date"].isoformat(),
        "country": pair["country_code"],
        "died_at_stop": pair["is_deadly"],
        "same_place": pair["is_same_place"],
        "told": {pair["a_source"]: {"n": pair["a_n"]}, pair["b_source"]: {"n": pair["b_n"]}},
    }
    return _row("interview", pair["a_source"], pair["a_key"], pair["b_source"], pair["b_key"], pair["score"], reasons)


def _row(
    a_table: str, a_source: str, a_key: str, b_source: str, b_key: str, score: Any, reasons: dict[str, Any]
) -> dict[str, Any]:
    a_hash, b_hash = key_sha256(a_key), key_sha256(b_key)
    return {
        "link_id": link_id((a_table, a_source, a_hash), ("incident", b_source, b_hash)),
        "a_table": a_table,
        "a_source": a_source,
        "a_key_sha256": a_hash,
        "a_record_key": a_key if a_table == "incident" else None,
        "b_table": "incident",
        "b_source": b_source,
        "b_key_sha256": b_hash,
        "b_record_key": b_key,
        "score": score,
        "reasons": json.dumps(reasons, sort_keys=True),
    }


def list_links(connection: Connection, state: State | None = None, source_id: str | None = None) -> list[Link]:
    """Pairs, proposed and decided, the likeliest first."""
    rows = connection.execute(
        text(
            "SELECT link_id, coalesce(p.a_table, d.a_table) AS a_table, coalesce(p.a_source, d.a_source) AS a_source,"
            " coalesce(p.a_key_sha256, d.a_key_sha256) AS a_key_sha256,"
            " coalesce(p.a_record_key, d.a_record_key) AS a_record_key, coalesce(p.b_table, d.b_table) AS b_table,"
            " coalesce(p.b_source, d.b_source) AS b_source, coalesce(p.b_key_sha256, d.b_key_sha256) AS b_key_sha256,"
            " coalesce(p.b_record_key, d.b_record_key) AS b_record_key, p.score, p.reasons,"
            " coalesce(d.decision, 'proposed') AS state, d.decided_by, d.decided_at"
            " FROM meta.link_proposal p FULL JOIN meta.link_decision d USING (link_id)"
            " WHERE (CAST(:state AS text) IS NULL OR coalesce(d.decision, 'proposed') = :state)"
            " AND (CAST(:source AS text) IS NULL OR :source IN (p.a_source, p.b_source, d.a_source, d.b_source))"
            " ORDER BY p.score DESC NULLS LAST, link_id"
        ),
        {"state": state, "source": source_id},
    ).mappings()
    return [
        Link(
            row["link_id"],
            Side(row["a_table"], row["a_source"], row["a_key_sha256"], row["a_record_key"]),
            Side(row["b_table"], row["b_source"], row["b_key_sha256"], row["b_record_key"]),
            row["state"],
            None if row["score"] is None else float(row["score"]),
            row["reasons"] or {},
            row["decided_by"],
            row["decided_at"],
        )
        for row in rows
    ]


# -------------------------------------------------------------------------------------------------- decisions


def decide(connection: Connection, link: str, decision: Decision, who: str, sql_dir: Path) -> None:
    """Keeps what a person decided of a pair, and notes the trend partitions whose figures follow from it.

    A decision may be changed by another one. Raises NotFoundError where no such pair is proposed or was decided.
    """
    from footprints.pipeline import lock_source

    # Events are made of all decisions: one at a time.
    connection.execute(text("LOCK TABLE meta.link_decision IN SHARE ROW EXCLUSIVE MODE"))
    row = (
        connection.execute(
            text(
                "SELECT a_source, b_source FROM meta.link_proposal WHERE link_id = :link"
                " UNION SELECT a_source, b_source FROM meta.link_decision WHERE link_id = :link"
            ),
            {"link": link},
        )
        .mappings()
        .first()
    )
    if row is None:
        raise NotFoundError(f"there is no pair {link}", "see `footprints links`")
    before = _events(connection)
    connection.execute(
        text(
            "INSERT INTO meta.link_decision (link_id, a_table, a_source, a_key_sha256, a_record_key, b_table, b_source,"
            " b_key_sha256, b_record_key, decision, decided_by)"
            " SELECT link_id, a_table, a_source, a_key_sha256, a_record_key, b_table, b_source, b_key_sha256,"
            " b_record_key, :decision, :who FROM ("
            "   SELECT link_id, a_table, a_source, a_key_sha256, a_record_key, b_table, b_source, b_key_sha256,"
            "   b_record_key FROM meta.link_proposal WHERE link_id = :link"
            "   UNION SELECT link_id, a_table, a_source, a_key_sha256, a_record_key, b_table, b_source, b_key_sha256,"
            "   b_record_key FROM meta.link_decision WHERE link_id = :link) pair"
            " ON CONFLICT (link_id) DO UPDATE SET decision = excluded.decision, decided_by = excluded.decided_by,"
            " decided_at = clock_timestamp()"
        ),
        {"link": link, "decision": decision, "who": who},
    )
    after = _joined(connection)
    changed = {member for member in before.keys() | after.keys() if before.get(member) != after.get(member)}
    if not changed:
        return
    # All of an event are concerned: who is counted for it may be another one now.
    events = {found[member] for found in (before, after) for member in changed if member in found}
    changed |= {member for found in (before, after) for member, event in found.items() if event in events}
    # No merge may see the events of before and note partitions by them after we are done.
    for source_id in sorted({source for source, _ in changed}):
        lock_source(connection, source_id)
    _touch(connection, changed, sql_dir)
    connection.execute(text("DELETE FROM meta.event_member"))
    if after:
        connection.execute(
            text("INSERT INTO meta.event_member (source_id, record_key, event_id) VALUES (:source, :key, :event)"),
            [{"source": source, "key": key, "event": event} for (source, key), event in sorted(after.items())],
        )


def _events(connection: Connection) -> dict[Member, str]:
    rows = connection.execute(text("SELECT source_id, record_key, event_id FROM meta.event_member"))
    return {(row[0], row[1]): row[2] for row in rows}


def _joined(connection: Connection) -> dict[Member, str]:
    """The events that the confirmed pairs of incidents make: incident → the smallest id of its event's pairs."""
    pairs = connection.execute(
        text(
            "SELECT link_id, a_source, a_record_key, b_source, b_record_key FROM meta.link_decision"
            " WHERE decision = 'confirmed' AND a_table = 'incident' ORDER BY link_id"
        )
    ).all()
    return join((row[0], (row[1], row[2]), (row[3], row[4])) for row in pairs)


def join(pairs: Iterable[tuple[str, Member, Member]]) -> dict[Member, str]:
    """Members joined by pairs (id, member, member) → the smallest id of the pairs of their event."""
    event_of: dict[Member, str] = {}
    members: dict[str, set[Member]] = {}
    for link, *both in sorted(pairs):
        events = {event_of[member] for member in both if member in event_of} | {link}
        event = min(events)
        together = set(both).union(*(members.pop(one, set()) for one in events))
        members[event] = together
        event_of |= dict.fromkeys(together, event)
    return event_of


def _touch(connection: Connection, members: set[Member], sql_dir: Path) -> None:
    for trend in load_trends(sql_dir):
        if trend.core_table == "incident":
            select = (
                f"SELECT DISTINCT '{trend.name}', {trend.partition}, delivery_id FROM core.incident"
                " JOIN unnest(CAST(:sources AS text[]), CAST(:keys AS text[])) AS m (source_id, record_key)"
                " USING (source_id, record_key)"
            )
            ordered = sorted(members)
            connection.execute(
                text(TOUCH.format(select=select.replace("::", "\\:\\:"))),
                {"sources": [source for source, _ in ordered], "keys": [key for _, key in ordered]},
            )
