"""Generated frames with every dtype that a typed frame may have, nulls among them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

TEXTS = ["", "a", "ab", "abc", "Zürich", "مالي", "KEN", "12", "x y"]
DAYS = ["0219-03-01", "1951-01-01", "2016-02-29", "2016-05-31", "2016-06-01", "2024-12-31", "2999-01-01", "9999-12-31"]


def _optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values, values)


ROW = st.fixed_dictionaries(
    {
        "i": _optional(st.integers(-3, 6)),
        "j": st.integers(-3, 6),
        "k": _optional(st.integers(0, 3)),
        "f": _optional(st.sampled_from([-1.5, -0.0, 0.0, 0.5, 1.0, 2.0, 3.0, 1e9])),
        "d": _optional(st.sampled_from(DAYS)),
        "e": _optional(st.sampled_from(DAYS)),
        "z": _optional(st.sampled_from(DAYS[1:-2])),
        "t": _optional(st.sampled_from(TEXTS)),
        "u": _optional(st.sampled_from(TEXTS)),
        "o": _optional(st.sampled_from(TEXTS)),
        "b": _optional(st.booleans()),
    }
)
ROWS = st.lists(ROW, min_size=1, max_size=12)


def frame_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The typed frame of the generated rows; the column `n` is null throughout."""
    raw = {name: [row[name] for row in rows] for name in rows[0]}
    return pd.DataFrame(
        {
            "i": pd.array(raw["i"], dtype="Int64"),
            "j": np.array(raw["j"], dtype="int64"),
            "k": pd.array(raw["k"], dtype="Int64"),
            "f": np.array([np.nan if v is None else v for v in raw["f"]], dtype="float64"),
            "d": np.array(["NaT" if v is None else v for v in raw["d"]], dtype="datetime64[s]"),
            "e": np.array(["NaT" if v is None else v for v in raw["e"]], dtype="datetime64[s]"),
            "z": pd.Series(np.array(["NaT" if v is None else v for v in raw["z"]], dtype="datetime64[us]")).dt.tz_localize(
                "UTC"
            ),
            "t": pd.array(raw["t"], dtype="str"),
            "u": pd.array(raw["u"], dtype="str"),
            "o": pd.Series(raw["o"], dtype=object),
            "b": pd.array(raw["b"], dtype="boolean"),
            "n": pd.array([None] * len(rows), dtype="Int64"),
        }
    )
