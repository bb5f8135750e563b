"""The receipt of a delivery: a JSON document and one readable HTML page, in the partner's language.

`write` makes both, `parse` reads the JSON back, `keys` says where they stand in the bucket, `summary_line` is the
verdict in one line. The words stand in `messages.yaml`.
"""

from __future__ import annotations

from footprints.model import Delivery, Receipt
from footprints.receipts.document import dump, parse
from footprints.receipts.page import page, summary_line

__all__ = ["folder", "keys", "parse", "summary_line", "write"]


def write(receipt: Receipt, contact: str = "") -> tuple[bytes, bytes]:
    """The receipt as JSON (schema: `expectations/receipt.schema.json`) and as an HTML page that needs nothing else.

    `contact` says whom to write to, a name or an e-mail address; without it the page names the data team.
    """
    return dump(receipt), page(receipt, contact)


def folder(delivery: Delivery) -> str:
    """Where a delivery's receipt and the files beside it stand in the bucket, without the last slash."""
    parts = (_segment(delivery.partner_id), _segment(delivery.source_id), str(delivery.delivery_id))
    return "/".join(("receipts", *parts))


def keys(delivery: Delivery) -> tuple[str, str]:
    """Object keys of a delivery's receipt: JSON, HTML."""
    return f"{folder(delivery)}/receipt.json", f"{folder(delivery)}/receipt.html"


def _segment(name: str) -> str:
    """A name as one part of a key: one that could lead elsewhere (empty, dots only, a slash in it) is made harmless."""
    name = name.replace("/", "_")
    return name if name.strip(".") else "_"
