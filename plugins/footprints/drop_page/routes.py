"""The addresses of the drop page. Nothing of a file or of its name is logged, nor stands in an address.

Who may call: a browser that signed in by a partner's link (`footprints.invites`), told by an HttpOnly, SameSite=Strict
cookie. Calls that change something must also come from a page of our own origin. Everything is of that partner only.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, get_args
from urllib.parse import parse_qs, unquote, urlsplit

import yaml
from fastapi import APIRouter, Depends, Header, HTTPException, Request, Response, status
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy import Connection, text

from footprints import invites, ledger, scratch, templates
from footprints.contracts import Contract, Partner, load_contracts
from footprints.drop_page import uploads
from footprints.drop_page.examiner import ExaminationError, Examiner
from footprints.errors import NotFoundError
from footprints.model import Delivery, Language, State
from footprints.receipts import messages
from footprints.settings import settings
from footprints.storage import Store
from footprints.warehouse.engine import engine

log = logging.getLogger(__name__)
router = APIRouter(prefix="/drop")

COOKIE = "footprints_drop"
SHOWN_DELIVERIES = 100
MAX_FORM_BYTES = 4096
CHECKS_AT_ONCE = 2
RECEIVED_AT_ONCE = 12
OF_ONE_PARTNER = 3
"""Files that are examined, received, and those of one partner among them; who comes on top is asked to wait."""
RECEIVE_SECONDS = 900
ASSETS = {
    "page.css": (__package__, "page.css", "text/css"),
    "page.js": (__package__, "page.js", "text/javascript"),
    "receipt.css": ("footprints.receipts", "page.css", "text/css"),
}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class Visitor:
    """Who calls: a partner, its session, and its sources' contracts."""

    partner: Partner
    session: str
    contracts: dict[str, Contract]

    def contract(self, source: str) -> Contract:
        """The contract of a source of this partner; there are no others."""
        if source not in self.contracts:
            raise HTTPException(status.HTTP_404_NOT_FOUND, {"error": "source"})
        return self.contracts[source]


# ----------------------------------------------------------------------------------------------- who calls


def _visitor(request: Request) -> Visitor | None:
    session = request.cookies.get(COOKIE, "")
    if not session:
        return None
    with _connection() as connection:
        partner_id = invites.partner_of(connection, session)
    if partner_id is None:
        return None
    own = {
        name: one for name, one in load_contracts(settings().expectations_dir).items() if one.partner.id == partner_id
    }
    if not own:
        return None
    return Visitor(next(iter(own.values())).partner, session, own)


def signed_in(request: Request) -> Visitor:
    """The caller, where it is signed in. Raises 401 otherwise."""
    visitor = _visitor(request)
    if visitor is None:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, {"error": "session"})
    return visitor


def same_origin(request: Request) -> None:
    """Refuses calls that a page of another origin makes a browser send."""
    origin = request.headers.get("origin")
    if origin is None or urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(status.HTTP_403_FORBIDDEN, {"error": "origin"})


SignedIn = Annotated[Visitor, Depends(signed_in)]
FROM_US = [Depends(same_origin)]


@contextmanager
def _connection() -> Iterator[Connection]:
    with engine(settings().need("warehouse_url")).begin() as connection:
        yield connection


# ----------------------------------------------------------------------------------------------- pages


@router.get("")
def page(request: Request, lang: str = "") -> Response:
    """The page; a form to sign in for who is not."""
    visitor = _visitor(request)
    if visitor is not None:
        _examiner().start()  # its imports take seconds: they are done when the first file comes
    return _page(request, visitor, _language(lang, visitor.partner.language if visitor else "en"))


@router.post("/sign-in", dependencies=FROM_US)
async def sign_in(request: Request) -> Response:
    """Opens a session for who holds the token of a partner's link."""
    form = parse_qs((await _small_body(request)).decode("utf-8", "replace"))
    token, language = form.get("token", [""])[0].strip(), _language(form.get("lang", [""])[0], "en")
    # The whole link may be pasted, too.
    session = await run_in_threadpool(_open_session, token.rpartition("#")[2])
    if session is None:
        return await run_in_threadpool(_page, request, None, language, True)
    answer = RedirectResponse(f"{_base(request)}?lang={language}", status.HTTP_303_SEE_OTHER, _headers())
    answer.set_cookie(
        COOKIE,
        session,
        max_age=invites.SESSION_HOURS * 3600,
        path=_base(request),
        secure=request.url.scheme == "https" or settings().drop_url.startswith("https:"),
        httponly=True,
        samesite="strict",
    )
    return answer


@router.post("/sign-out", dependencies=FROM_US)
def sign_out(request: Request) -> Response:
    """Ends the session."""
    with _connection() as connection:
        invites.sign_out(connection, request.cookies.get(COOKIE, ""))
    answer = RedirectResponse(_base(request), status.HTTP_303_SEE_OTHER, _headers())
    answer.delete_cookie(COOKIE, path=_base(request))
    return answer


@router.get("/assets/{name}")
def asset(name: str) -> Response:
    """The style sheets and the script: no other file."""
    if name not in ASSETS:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    package, file, media_type = ASSETS[name]
    content = resources.files(package).joinpath(file).read_bytes()
    return Response(content, media_type=media_type, headers=_headers() | {"Cache-Control": "max-age=300"})


@router.get("/deliveries")
def deliveries(request: Request, visitor: SignedIn, lang: str = "") -> Response:
    """The list of what this partner sent, as a part of the page."""
    values = _values(request, _language(lang, visitor.partner.language)) | {"deliveries": _deliveries(visitor)}
    return HTMLResponse(_templates().get_template("deliveries.html.jinja").render(values), headers=_headers())


@router.get("/template/{source}/{layout}")
def template(visitor: SignedIn, source: str, layout: str, lang: str = "") -> Response:
    """The workbook to fill in for a source of this partner."""
    contract = visitor.contract(source)
    try:
        chosen = templates.template_of(contract, layout)
    except NotFoundError:
        raise HTTPException(status.HTTP_404_NOT_FOUND, {"error": "layout"}) from None
    content = templates.write(chosen, contract, _language(lang, visitor.partner.language))
    name = f"{source}.xlsx" if layout == templates.layouts_with_template(contract)[0] else f"{source}-{layout}.xlsx"
    name = re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)
    return Response(
        content, media_type=XLSX, headers=_headers() | {"Content-Disposition": f'attachment; filename="{name}"'}
    )


@router.get("/receipts/{delivery_id}/{name}")
def receipt(visitor: SignedIn, delivery_id: int, name: str) -> Response:
    """A receipt of this partner's: the page is shown, what stands beside it is saved."""
    with _connection() as connection:
        try:
            delivery = ledger.get(connection, delivery_id)
        except NotFoundError:
            raise HTTPException(status.HTTP_404_NOT_FOUND) from None
    if delivery.partner_id != visitor.partner.id or delivery.receipt_key is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    store, key = Store(settings()), f"{delivery.receipt_key.rpartition('/')[0]}/{name}"
    if not store.exists(delivery.bucket, key):
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    if name != "receipt.html":
        return RedirectResponse(uploads.sign_download(settings(), delivery.bucket, key), headers=_headers())
    # The page brings a policy of its own for its style; it runs nothing, and may not be framed.
    headers = _headers() | {"Content-Security-Policy": "sandbox allow-downloads allow-popups; frame-ancestors 'none'"}
    return HTMLResponse(store.get_bytes(delivery.bucket, key), headers=headers)


# ----------------------------------------------------------------------------------------------- a file


@router.post("/check/{source}", dependencies=FROM_US)
async def check(
    request: Request,
    visitor: SignedIn,
    source: str,
    x_file_name: Annotated[str, Header()],
    x_language: Annotated[str, Header()] = "",
) -> Response:
    """What the receipt of the file in the body would say. The copy that is read is deleted before the answer."""
    contract = visitor.contract(source)
    language = _language(x_language, visitor.partner.language)
    name = uploads.clean_name(unquote(x_file_name, errors="replace"))
    if name is None:
        return _problem(status.HTTP_400_BAD_REQUEST, "name")
    limit = settings().drop_check_bytes
    if int(request.headers.get("content-length") or 0) > limit:
        return _problem(status.HTTP_413_CONTENT_TOO_LARGE, "check_too_large")
    async with _place(visitor.partner.id) as is_free:
        if not is_free:
            return _problem(status.HTTP_429_TOO_MANY_REQUESTS, "busy")
        with scratch.folder() as folder:
            path = folder / "file" / name
            path.parent.mkdir()
            try:
                async with asyncio.timeout(RECEIVE_SECONDS):
                    sha256 = await _receive(request, path, limit)
            except TimeoutError:
                return _problem(status.HTTP_408_REQUEST_TIMEOUT, "network")
            if sha256 is None:
                return _problem(status.HTTP_413_CONTENT_TOO_LARGE, "check_too_large")
            try:
                async with _examining:
                    verdict = await run_in_threadpool(_examiner().examine, path, contract.source, language)
            except ExaminationError as error:
                log.warning("A file could not be examined for the drop page (%s)", error.reason)
                return _problem(status.HTTP_422_UNPROCESSABLE_CONTENT, error.reason)
    return JSONResponse(asdict(verdict) | {"sha256": sha256}, headers=_headers())


@router.post("/upload/{source}", dependencies=FROM_US)
async def upload(request: Request, visitor: SignedIn, source: str) -> Response:
    """A signed PUT for one file of this partner's, of exactly this size and, where it was checked, these bytes."""
    asked = await _json_body(request)
    name, size, sha256 = asked.get("name"), asked.get("size"), asked.get("sha256")
    is_hash = sha256 is None or (isinstance(sha256, str) and re.fullmatch("[0-9a-f]{64}", sha256) is not None)
    if not isinstance(name, str) or not isinstance(size, int) or isinstance(size, bool) or size < 0 or not is_hash:
        return _problem(status.HTTP_400_BAD_REQUEST, "fault")
    if size > min(settings().drop_max_bytes, settings().max_object_bytes):
        return _problem(status.HTTP_413_CONTENT_TOO_LARGE, "too_large")
    contract = visitor.contract(source)
    try:
        signed = uploads.sign(settings(), visitor.partner.id, contract.source, name, size, sha256)
    except ValueError:
        return _problem(status.HTTP_400_BAD_REQUEST, "name")
    return JSONResponse(asdict(signed), headers=_headers())


@router.post("/verdict", dependencies=FROM_US)
async def verdict(request: Request, visitor: SignedIn) -> Response:
    """How a delivery of this partner's fared, by its key; the state is null until the ledger knows it."""
    key = (await _json_body(request)).get("key")
    if not isinstance(key, str) or not key.startswith(f"{ledger.LANDING}{visitor.partner.id}/"):
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    found = await run_in_threadpool(_find, visitor, key)
    if found is None:
        return JSONResponse({"state": None}, headers=_headers())
    link = f"{_base(request)}/receipts/{found.delivery_id}/receipt.html" if found.receipt_key else None
    return JSONResponse({"state": found.state, "receipt": link}, headers=_headers())


# ----------------------------------------------------------------------------------------------- helpers

_examining = asyncio.Semaphore(CHECKS_AT_ONCE)
_receiving: Counter[str] = Counter()


@asynccontextmanager
async def _place(partner_id: str) -> AsyncIterator[bool]:
    """A place among the files that are received; false where there is none left."""
    is_free = _receiving.total() < RECEIVED_AT_ONCE and _receiving[partner_id] < OF_ONE_PARTNER
    if is_free:
        _receiving[partner_id] += 1
    try:
        yield is_free
    finally:
        if is_free:
            _receiving[partner_id] -= 1


@cache
def _examiner() -> Examiner:
    return Examiner(settings())


async def _receive(request: Request, path: Path, limit: int) -> str | None:
    """Writes the body into a file and returns its SHA-256; None where it is larger than the limit."""
    digest, n = hashlib.sha256(), 0
    with path.open("wb") as file:
        async for part in request.stream():
            n += len(part)
            if n > limit:
                return None
            digest.update(part)
            await run_in_threadpool(file.write, part)
    return digest.hexdigest()


async def _small_body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM_BYTES:
            raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE)
    return bytes(body)


async def _json_body(request: Request) -> dict[str, Any]:
    try:
        found = json.loads(await _small_body(request))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise HTTPException(status.HTTP_400_BAD_REQUEST, {"error": "fault"})
    return found


def _open_session(token: str) -> str | None:
    with _connection() as connection:
        return invites.sign_in(connection, token) if token else None


def _find(visitor: Visitor, key: str) -> Delivery | None:
    with _connection() as connection:
        delivery_id = connection.execute(
            text(
                "SELECT delivery_id FROM meta.delivery WHERE bucket = :bucket AND object_key = :key"
                " AND partner_id = :partner ORDER BY delivery_id DESC LIMIT 1"
            ),
            {"bucket": settings().landing_bucket, "key": key, "partner": visitor.partner.id},
        ).scalar()
        return None if delivery_id is None else ledger.get(connection, delivery_id)


def _deliveries(visitor: Visitor) -> list[Delivery]:
    with _connection() as connection:
        return ledger.list_deliveries(connection, partner_id=visitor.partner.id, limit=SHOWN_DELIVERIES)


def _problem(code: int, name: str) -> Response:
    return JSONResponse({"error": name}, code, _headers())


def _base(request: Request) -> str:
    """The page's path, wherever the app is mounted."""
    return f"{request.scope.get('root_path', '')}/drop"


def _language(wanted: str, otherwise: Language) -> Language:
    known: dict[str, Language] = {"en": "en", "fr": "fr", "ar": "ar"}
    return known.get(wanted, otherwise)


def _page(request: Request, visitor: Visitor | None, language: Language, is_wrong: bool = False) -> Response:
    values = _values(request, language) | {"partner": None, "is_wrong": is_wrong}
    if visitor is not None:
        sources = [
            {"source": one.source, "title": one.title, "templates": templates.layouts_with_template(one)}
            for one in visitor.contracts.values()
        ]
        values |= {"partner": visitor.partner, "sources": sources, "deliveries": _deliveries(visitor)}
    html = _templates().get_template("page.html.jinja").render(values)
    return HTMLResponse(html, status.HTTP_403_FORBIDDEN if is_wrong else status.HTTP_200_OK, _headers())


def _values(request: Request, language: Language) -> dict[str, Any]:
    words = _texts()
    own = {name: one[language] for name, one in words.items()}
    # A state is called as the receipt calls it.
    own |= {f"state.{state}": messages.text(f"state.{state}", language) for state in get_args(State)}
    shown = {
        name: one for name, one in own.items() if name.startswith(("now.", "error.", "state.", "send", "receipt."))
    }
    return {
        "language": language,
        "base": _base(request),
        "t": lambda text_name, /, **values: own[text_name].format(**values),
        "bdi": messages.isolated,
        "file_name": lambda delivery: delivery.object_key.rpartition("/")[2],
        "texts": json.dumps(shown, ensure_ascii=False),
        "check_bytes": settings().drop_check_bytes,
    }


@cache
def _texts() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yaml.safe_load(
        resources.files(__package__).joinpath("texts.yaml").read_text("utf-8")
    )
    return found


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader(__package__, ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _headers() -> dict[str, str]:
    """No script, style or frame but ours; a browser may call us and the store, and nobody else."""
    current = settings()
    store = urlsplit(current.s3_public_url or current.s3_endpoint or "")
    host = f"{store.scheme}://{store.netloc}" if store.netloc else f"https://{current.landing_bucket}.s3.amazonaws.com"
    if not store.netloc and current.s3_region != "us-east-1":
        host = f"https://{current.landing_bucket}.s3.{current.s3_region}.amazonaws.com"
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' {host}; img-src data:;"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        # Under no-referrer a form's POST would not say its origin.
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
