"""The one file in this folder that Airflow loads as a plugin: the webhook of the object store, and the drop page.

Airflow does not put plugin apps behind its login, so both authenticate their callers themselves. Everything heavy is
imported by the first call, to keep the start of the api-server light.
"""

from __future__ import annotations

import hmac
import logging
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from airflow.plugins_manager import AirflowPlugin
from fastapi import FastAPI, Header, HTTPException, Request, status
from fastapi.concurrency import run_in_threadpool

if TYPE_CHECKING:
    from footprints.events import ObjectRef
    from footprints.storage import Store

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 4 * 2**20
"""SeaweedFS lists the chunks of an object: 4 MiB of event is an object of some 70 GB."""

app = FastAPI(title="Footprints", docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/health")
def health() -> dict[str, str]:
    """Says that the webhook can work; its imports are then done, so that the first event need not wait for them."""
    from footprints import events  # noqa: F401
    from footprints.settings import settings
    from footprints.warehouse.engine import engine

    engine(settings().need("warehouse_url"))
    _ = _store().client
    return {"status": "ok"}


@app.post("/events")
async def events(request: Request, authorization: Annotated[str, Header()] = "") -> dict[str, int]:
    """Enrols the objects that an event announces; answers only after the ledger holds them."""
    from footprints.events import EventError, parse

    _authenticate(authorization)
    body = await _body(request)
    try:
        refs = parse(body)
    except EventError as error:
        raise HTTPException(status.HTTP_400_BAD_REQUEST, f"{error.message}: {error.hint}") from None
    if not refs:
        return {"n_enrolled": 0}
    try:
        return {"n_enrolled": await run_in_threadpool(_enrol, refs)}
    except Exception as error:  # noqa: BLE001 - whatever it is, the store must hear that the event is not safe with us
        log.error("An event could not be enrolled (%s); the sweep will find its object", type(error).__name__)
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, "try again: the ledger does not answer") from None


def _authenticate(authorization: str) -> None:
    """Refuses the caller unless it sends our token; without a token of ours nobody is let in."""
    from footprints.settings import settings

    token = settings().webhook_token
    scheme, _, sent = authorization.partition(" ")
    if token is None or not token.get_secret_value() or scheme.lower() != "bearer":
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "a bearer token is needed")
    if not hmac.compare_digest(sent.strip().encode(), token.get_secret_value().encode()):
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "the bearer token is wrong")


async def _body(request: Request) -> bytes:
    """The body, up to the limit, whatever length the caller claims."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, "the event is too large")
    return bytes(body)


def _enrol(refs: list[ObjectRef]) -> int:
    from footprints.events import enrol_events
    from footprints.settings import settings
    from footprints.warehouse.engine import engine

    with engine(settings().need("warehouse_url")).begin() as connection:
        return len(enrol_events(connection, _store(), refs, "webhook"))


@cache
def _store() -> Store:
    from footprints.settings import settings
    from footprints.storage import Store

    return Store(settings())


@cache
def _drop_page() -> FastAPI:
    from footprints.drop_page.routes import router

    pages = FastAPI(title="Footprints", docs_url=None, redoc_url=None, openapi_url=None)
    pages.include_router(router)
    return pages


async def _later(scope: Any, receive: Any, send: Any) -> None:
    """The drop page, imported by its first visitor."""
    pages = await run_in_threadpool(_drop_page)
    await pages(scope, receive, send)


app.mount("", _later)


class FootprintsPlugin(AirflowPlugin):
    """Mounts the webhook and the drop page at `/footprints` of the api-server."""

    name = "footprints"
    fastapi_apps: ClassVar[list[Any]] = [{"app": app, "url_prefix": "/footprints", "name": "Footprints"}]
