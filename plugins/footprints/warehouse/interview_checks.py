"""How interviews fared in their checks, kept beside them: `core.interview_check` follows `core.interview`.

A row of it is stated by the delivery that states the interview, and goes with the interview. So it is the same in
whatever order deliveries came.
"""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.csv as pacsv

from footprints.warehouse.load import Stage

COLUMNS = ("minutes", "n_answered", "n_dont_know", "n_refused", "n_other", "flags")


def copy(stage: Stage, checked: pa.Table) -> str:
    """Stages what `examine` found of the interviews of a sheet; returns the name of the temporary table."""
    name = f"{stage.name}_check"
    stage.execute(
        f"CREATE TEMP TABLE {name.removeprefix('pg_temp.')} (row_number bigint, minutes double precision,"
        " n_answered integer, n_dont_know integer, n_refused integer, n_other integer, flags text[]) ON COMMIT DROP"
    )
    # Names of rules need no quotes in an array's text.
    flags = pa.array(["{" + ",".join(rules) + "}" for rules in checked["flags"].to_pylist()])
    table = checked.select(["row_number", *COLUMNS[:-1]]).append_column("flags", flags)
    buffer = io.BytesIO()
    pacsv.write_csv(table, buffer, pacsv.WriteOptions(include_header=False))
    with stage.connection.cursor() as cursor, cursor.copy(f"COPY {name} FROM STDIN (FORMAT csv)".encode()) as sink:
        sink.write(buffer.getbuffer())
    return name


def merge(stage: Stage, name: str, source_id: str, delivery_id: int) -> None:
    """Keeps the checks of those interviews that the delivery now states; to be called after the stage was merged."""
    assignments = ", ".join(f"{column} = excluded.{column}" for column in COLUMNS)
    stage.execute(
        f"""
        INSERT INTO core.interview_check (source_id, record_key, {", ".join(COLUMNS)})
        SELECT i.source_id, i.record_key, {", ".join(f"c.{column}" for column in COLUMNS)}
        FROM core.interview i
        JOIN {stage.name} s ON s.record_key = i.record_key AND s.row_number = i.row_number
        JOIN {name} c ON c.row_number = i.row_number
        WHERE i.source_id = %(source)s AND i.delivery_id = %(delivery)s
        ON CONFLICT (source_id, record_key) DO UPDATE SET {assignments}
        """,
        {"source": source_id, "delivery": delivery_id},
    )
    stage.execute(f"DROP TABLE {name}")
