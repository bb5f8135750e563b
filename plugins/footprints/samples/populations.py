"""Invented populations in the form of a download from UNHCR's Refugee Data Finder."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from footprints.samples.files import write_csv

HEADER = (
    "Year", "Country of Asylum", "Country of Origin", "Country of Asylum ISO", "Country of Origin ISO", "Refugees",
    "Asylum-seekers", "IDPs", "Other people in need of international protection", "Stateless persons",
    "Host community", "Others of concern",
)  # fmt: skip
N_TYPES = 7

ASYLUM = (("Niger", "NER"), ("Chad", "TCD"), ("Libya", "LBY"), ("Algeria", "DZA"), ("Tunisia", "TUN"), ("Mali", "MLI"))
ORIGIN = (
    ("Mali", "MLI"), ("Nigeria", "NGA"), ("Sudan", "SDN"), ("Syrian Arab Rep.", "SYR"), ("Cote d'Ivoire", "CIV"),
    ("Central African Rep.", "CAF"), ("Eritrea", "ERI"), ("Cameroon", "CMR"),
)  # fmt: skip


def refugee_data_finder(path: Path, years: Sequence[int] = (2019, 2020, 2021), n_bad: int = 1, seed: int = 31) -> int:
    """Write the populations of six countries of asylum; returns the number of data rows.

    The last `n_bad` rows name no year. A figure is 0 or at least 5, as UNHCR publishes them.
    """
    draw = random.Random(seed)
    rows: list[Sequence[Any]] = [HEADER]
    for year in years:
        for asylum, asylum_code in ASYLUM:
            for origin, origin_code in ORIGIN:
                own = asylum_code == origin_code
                refugees = 0 if own else draw.choice((0, 5, 27, 410, 2_650, 38_000))
                seekers = 0 if own else draw.choice((0, 5, 12, 96, 1_240))
                displaced = draw.choice((58_000, 262_000)) if own else 0
                others = draw.choice((0, 0, 18, 730))
                rows.append(
                    (year, asylum, origin, asylum_code, origin_code, refugees, seekers, displaced, 0, 0, 0, others)
                )
    bad = [("n/a", *row[1:]) for row in draw.sample(rows[1:], n_bad)]
    write_csv(path, [*rows, *bad])
    return len(rows) - 1 + n_bad
