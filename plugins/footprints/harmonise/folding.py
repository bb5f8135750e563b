"""One way to compare what people type: headers, country names, codes."""

from __future__ import annotations

import re
import unicodedata

SPACES = re.compile(r"\s+")


def fold(value: str) -> str:
    """Folds case, accents, compatibility forms, BOM and spaces, so that 'Côte  d’Ivoire' meets "cote d'ivoire"."""
    text = unicodedata.normalize("NFKD", value.replace("\ufeff", "").replace("’", "'").replace("ـ", ""))
    text = "".join(c for c in text if not unicodedata.combining(c))
    return SPACES.sub(" ", text).strip().casefold()
