"""Invitations to the drop page: a link per partner, and the browsers that signed in by it.

A token is 256 random bits; the database holds its hash only. All functions take an open connection of the loader role.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, text

from footprints.contracts import load_contracts
from footprints.errors import NotFoundError

DAYS = 90
SESSION_HOURS = 4
"""A browser stays signed in so long; the link then opens the page again."""


@dataclass(frozen=True)
class Invite:
    """An invitation. `is_open`: neither expired nor revoked."""

    invite_id: int
    partner_id: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    is_open: bool


def invite(connection: Connection, partner_id: str, expectations_dir: Path, days: int = DAYS) -> tuple[Invite, str]:
    """Makes an invitation for a partner and returns it with its token, which nobody can read again.

    Raises NotFoundError where no contract is of that partner.
    """
    known = sorted({contract.partner.id for contract in load_contracts(expectations_dir).values()})
    if partner_id not in known:
        raise NotFoundError(f"there is no partner {partner_id!r}", f"the contracts know {', '.join(known)}")
    token = secrets.token_urlsafe(32)
    invite_id = connection.execute(
        text(
            "INSERT INTO meta.partner_invite (partner_id, token_sha256, expires_at)"
            " VALUES (:partner, :hash, clock_timestamp() + make_interval(days => :days)) RETURNING invite_id"
        ),
        {"partner": partner_id, "hash": _hash(token), "days": days},
    ).scalar_one()
    return next(one for one in list_invites(connection, partner_id) if one.invite_id == invite_id), token


def list_invites(connection: Connection, partner_id: str | None = None) -> list[Invite]:
    """Invitations, newest first, of one partner where given."""
    rows = connection.execute(
        text(
            "SELECT invite_id, partner_id, created_at, expires_at, revoked_at, last_used_at,"
            " revoked_at IS NULL AND expires_at > clock_timestamp() AS is_open FROM meta.partner_invite"
            " WHERE CAST(:partner AS text) IS NULL OR partner_id = :partner ORDER BY invite_id DESC"
        ),
        {"partner": partner_id},
    )
    return [Invite(*row) for row in rows]


def revoke(connection: Connection, partner_id: str, invite_id: int | None = None) -> int:
    """Takes back a partner's open invitations, or one of them, and ends their sessions; returns how many.

    Raises NotFoundError where there is none to take back.
    """
    ids = connection.execute(
        text(
            "UPDATE meta.partner_invite SET revoked_at = clock_timestamp() WHERE partner_id = :partner"
            " AND (CAST(:id AS bigint) IS NULL OR invite_id = :id) AND revoked_at IS NULL"
            " AND expires_at > clock_timestamp() RETURNING invite_id"
        ),
        {"partner": partner_id, "id": invite_id},
    ).scalars()
    found = list(ids)
    if not found:
        raise NotFoundError(f"{partner_id!r} has no such open invitation", "see `footprints invites`")
    connection.execute(text("DELETE FROM meta.partner_session WHERE invite_id = ANY(:ids)"), {"ids": found})
    return len(found)


def sign_in(connection: Connection, token: str) -> str | None:
    """A new session's secret for who holds the token of an open invitation; None for anybody else."""
    invite_id = connection.execute(
        text(
            "UPDATE meta.partner_invite SET last_used_at = clock_timestamp() WHERE token_sha256 = :hash"
            " AND revoked_at IS NULL AND expires_at > clock_timestamp() RETURNING invite_id"
        ),
        {"hash": _hash(token)},
    ).scalar()
    if invite_id is None:
        return None
    connection.execute(text("DELETE FROM meta.partner_session WHERE expires_at < clock_timestamp()"))
    session = secrets.token_urlsafe(32)
    connection.execute(
        text(
            "INSERT INTO meta.partner_session (session_sha256, invite_id, expires_at)"
            " VALUES (:hash, :invite, clock_timestamp() + make_interval(hours => :hours))"
        ),
        {"hash": _hash(session), "invite": invite_id, "hours": SESSION_HOURS},
    )
    return session


def partner_of(connection: Connection, session: str) -> str | None:
    """The partner whose session this is; None where it has ended, or its invitation is expired or revoked."""
    partner: str | None = connection.execute(
        text(
            "SELECT i.partner_id FROM meta.partner_session s JOIN meta.partner_invite i USING (invite_id)"
            " WHERE s.session_sha256 = :hash AND s.expires_at > clock_timestamp()"
            " AND i.revoked_at IS NULL AND i.expires_at > clock_timestamp()"
        ),
        {"hash": _hash(session)},
    ).scalar()
    return partner


def sign_out(connection: Connection, session: str) -> None:
    """Ends a session."""
    connection.execute(text("DELETE FROM meta.partner_session WHERE session_sha256 = :hash"), {"hash": _hash(session)})


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
