"""A chunk of a partner's rows as records of a core table, by the layout of the contract."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from footprints.contracts import Column, Contract, Layout, UnpivotColumn
from footprints.errors import ContractError, DeliveryError
from footprints.harmonise import interviews, skiplogic, survey
from footprints.harmonise.derive import Derivation
from footprints.harmonise.folding import fold
from footprints.harmonise.identifiers import holds_identifier, is_header_of_identifiers
from footprints.harmonise.values import ARROW_TYPES, Parsed, UnreadableError, cell_parser, parse_column
from footprints.model import EXAMPLE_ROWS, Issue, Severity
from footprints.readers import hxl
from footprints.readers.table import Chunk, Header
from footprints.warehouse.tables import TABLES

Mask = npt.NDArray[np.bool_]

TEXT = pa.large_string()


@dataclass(frozen=True)
class Finding:
    """What one rule found in a chunk: which of its rows (mask), in which column of the partner's."""

    rule: str
    severity: Severity
    column: str | None
    rows: Mask
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Mapped:
    """A chunk after mapping.

    `records` has the columns of the core table that the layout fills, then `record_key` (large_string); `row_of` gives
    for each record the position of its row in the chunk. `asides` are sums that no core table holds (their names begin
    with "_"): suites may read them.
    """

    chunk: Chunk
    records: pa.Table
    row_of: npt.NDArray[np.int64]
    findings: list[Finding]
    asides: Mapping[str, pa.Array] = field(default_factory=dict)

    def checked(self) -> pa.Table:
        """The records with the columns beside them, as suites see them."""
        table = self.records
        for name, array in self.asides.items():
            table = table.append_column(name, array)
        return table


@dataclass(frozen=True)
class Entry:
    """A header of this file that gives records: what it stands for, headers that go with it, cells without a record."""

    header: str
    set: Mapping[str, str]
    take: Mapping[str, str]
    drop: tuple[str, ...]


EXTRA = "extra"
"""The column of a core table that takes the cells of unknown columns, where the contract keeps them."""
MAX_KEY_BYTES = 1000
"""A longer key (whole sentences) is cut and hashed: Postgres indexes no value beyond 2,704 bytes."""
FILE_NAME = "_file"
"""The pseudo-header that holds the name of the partner's file."""


class Mapper:
    """Maps the chunks of one sheet.

    `header` is the sheet's, `repeats` the other sheets of a survey, by name of the repeat, `file_name` what the partner
    called the file, `derived` what gives the columns that no row has alone (`derive`); `header` is then its header.
    Raises DeliveryError where columns that the layout cannot do without are missing, or forbidden ones are there.
    """

    def __init__(
        self,
        contract: Contract,
        layout: Layout,
        header: Header,
        privacy_key: str,
        repeats: Mapping[str, pd.DataFrame] | None = None,
        file_name: str = "",
        derived: Derivation | None = None,
    ) -> None:
        self.contract = contract
        self.file_name = file_name
        self.layout = layout
        self.table = TABLES[layout.table]
        self.derived = derived
        self.privacy_key = privacy_key.encode()
        tags = {n: str(hxl.parse(tag) or "") for n, tag in zip(header.names, header.tags, strict=False)}
        self.dropped = {n for n in header.names if _matches(layout.drop, n) or _matches(layout.drop, tags.get(n, ""))}
        self.hashed = {n for n in header.names if _matches(layout.hash, n) or _matches(layout.hash, tags.get(n, ""))}
        self.form = self._form(header.names)
        names = tuple(survey.rename_headers(header.names, self.form)) if self.form else header.names
        self.tags, self.names, self.rows_before_data = header.tags, names, header.rows_before_data
        self.headers = {fold(name): name for name in reversed(names)}
        self.renamed = dict(zip(header.names, names, strict=True))
        self.unpivoted = self._unpivoted(names)
        self.pseudo = self._pseudo()
        self.skip = [(self._find(h), re.compile(p)) for h, p in layout.read.skip_rows_where.items()]
        self.columns = [self._completed(column) for column in layout.columns]
        self.from_headers = {column.target: self._headers_of(column) for column in self.columns}
        self.shown_headers = self.from_headers | self._headers_of_derived()
        """As `from_headers`, and the headers behind what is derived from an interview: for messages."""
        self.absent = {c.target: c.wanted() for c in self.columns if c.wanted() and not self.from_headers[c.target]}
        """Columns of ours that this file has no header for, and the headers that the contract asks for."""
        self.n_skipped = 0
        self.kept: list[str] = []
        self._check_privacy()
        self._check_targets()
        self.notes = self._check_headers(names)
        self.repeats = {name: self._private_sheet(frame) for name, frame in (repeats or {}).items()}
        self.logic = self._skip_logic(names)

    def _form(self, headers: Iterable[str]) -> survey.Form | None:
        """The form of a survey; what its headers tell where none is kept with the contract."""
        if self.layout.survey is None:
            return None
        return survey.form_for(self.layout.survey.form, (h for h in headers if h not in self.dropped))

    def _skip_logic(self, names: Iterable[str]) -> skiplogic.SkipLogic | None:
        """The rules of the form that answers are held against; None where there is no form."""
        spec = self.layout.survey
        if self.form is None or spec is None or spec.form is None:
            return None
        dropped = {self.renamed[name] for name in self.dropped}
        columns: dict[str | None, Collection[str]] = {None: [name for name in names if name not in dropped]}
        for name, frame in self.repeats.items():
            columns[name] = survey.rename_headers([str(c) for c in frame.columns], self.form)
        logic = skiplogic.SkipLogic.of(self.form, columns, {self.renamed[name] for name in self.hashed})
        if logic.unknown:
            self.notes.append(Issue("form.condition_unchecked", "note", parameters={"questions": list(logic.unknown)}))
        return logic

    def _private_sheet(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The sheet of a repeat as `_private` leaves the main one."""
        out: dict[str, list[str | None]] = {}
        for column in frame.columns:
            name = str(column)
            if _matches(self.layout.drop, name):
                continue
            cells = [self._cell(cell) for cell in frame[column].to_list()]
            out[name] = [self._hash(cell) for cell in cells] if _matches(self.layout.hash, name) else cells
        return pd.DataFrame(out, dtype=object)

    def _cell(self, cell: str | None) -> str | None:
        """A cell of a survey, None where it holds one of the contract's words for nothing."""
        return None if cell is None or cell.strip() in self.layout.read.null_values else cell

    def _find(self, name: str) -> str | None:
        """The header of this file that a contract names, by its text or, where the file is tagged, by its HXL tag."""
        header = self.headers.get(fold(name))
        if header is None and self.tags and hxl.is_pattern(name):
            found = hxl.find(name, self.tags)
            if len(found) > 1:
                row = self.rows_before_data
                raise DeliveryError("hxl.tags", row=row, problems=hxl.problems(self.tags, row, [name]))
            header = self.names[found[0]] if found else None
        return header

    def _headers_of(self, column: Column) -> list[str]:
        """The headers of this file that a column reads: the first synonym there is, or all of `from_any` or a join."""
        if column.any_of:
            return [h for name in column.any_of if (h := self._find(name)) is not None]
        if column.pattern is not None:
            return self._fitting(column, column.pattern)
        if column.sum:
            parts = [part for part in self.columns if part.target in column.sum]
            return [h for part in parts for h in self._headers_of(part)]
        found = [name if name in self.pseudo else self._find(name) for name in column.source]
        headers = [h for h in found if h is not None]
        if column.join is not None:
            return headers if len(headers) == len(found) else []
        return headers[:1]

    def _headers_of_derived(self) -> dict[str, list[str]]:
        """The headers behind the columns that are made of an interview for the checks of the field."""
        if self.table.name != "interview":
            return {}
        read = self.from_headers
        derived = {
            "_enumerator": read.get("enumerator_hash", []),
            "_minutes": [*read.get("started_at", []), *read.get("ended_at", [])],
            "_start_hour": read.get("started_at", []),
        }
        if self.layout.survey is not None and (route := self.layout.survey.route) is not None:
            derived |= {"_stop_countries": [route.stop_country], "_route_countries": [route.question]}
        for name in interviews.column_names(self.form):
            kind, _, question = name.partition(".")
            if kind in ("_q", "_log"):
                derived[name] = [question]
        return derived

    def _fitting(self, column: Column, pattern: str) -> list[str]:
        """The header that fits a pattern; several, where they all say the same and only that is asked for.

        Raises DeliveryError where it could be any of several.
        """
        dropped = {self.renamed[name] for name in self.dropped}
        fitting = [name for name in self.names if name not in dropped and _matches([pattern], name)]
        said = {_said(pattern, name) for name in fitting} if column.of == "header" else set(fitting)
        if len(said) > 1:
            raise DeliveryError("columns.ambiguous", columns=fitting)
        return fitting

    def _completed(self, column: Column) -> Column:
        """The column as the core table needs it: NOT NULL there is required here."""
        target = column.target
        if not target.startswith("_") and target not in self.table.columns:
            raise ContractError(
                f"{self.contract.source}: layout {self.layout.name}: core.{self.table.name} has no column {target}"
            )
        needed = target in self.table.required and target not in self.table.defaults
        if needed or (column.type == "count" and f"{target}_low" in self.table.required):
            return replace(column, required=True)
        return column

    def _check_privacy(self) -> None:
        """Raises ContractError where a column is to be read from a header that the contract says is never read.

        Raises DeliveryError where only the file's own HXL tag says so.
        """
        dropped = {self.renamed[name] for name in self.dropped}
        for target, headers in self.from_headers.items():
            barred = sorted(dropped & set(headers))
            if not barred:
                continue
            if self.tags and not any(_matches(self.layout.drop, name) for name in barred):
                row, places = self.rows_before_data, [self.names.index(name) for name in barred]
                cells = [f"{hxl.cell_name(place, row)}: {self.tags[place]}" for place in places]
                raise DeliveryError("hxl.tags", row=row, problems=cells)
            raise ContractError(
                f"{self.contract.source}: layout {self.layout.name}: {target} reads a header that privacy drops"
            )

    def _check_targets(self) -> None:
        """Raises ContractError where a column that the core table needs is not filled by the layout."""
        filled = {column.target for column in self.layout.columns}
        for column in self.layout.columns:
            if column.type == "count" and f"{column.target}_low" in self.table.columns:
                filled |= {f"{column.target}_low", f"{column.target}_high", "is_withheld"}
        if self.layout.survey is not None:
            filled |= {"answers", "age_group", "repeats", *self.layout.survey.repeats}
        if unfilled := sorted(self.table.required - set(self.table.defaults) - filled):
            raise ContractError(
                f"{self.contract.source}: layout {self.layout.name}: core.{self.table.name} needs {', '.join(unfilled)}"
            )

    def _unpivoted(self, names: Iterable[str]) -> list[Entry]:
        """The headers that give records of their own, each with its pseudo-columns."""
        unpivot = self.layout.unpivot
        if unpivot is None:
            return []
        if unpivot.pattern is not None:
            pattern = re.compile(unpivot.pattern)
            return [
                Entry(name, found.groupdict(default=""), {}, unpivot.drop)
                for name in names
                if (found := pattern.fullmatch(name))
            ]
        return [
            Entry(header, entry.set, self._taken(entry), unpivot.drop if entry.drop is None else entry.drop)
            for entry in unpivot.columns
            if (header := self._find(entry.header)) is not None
        ]

    def _taken(self, entry: UnpivotColumn) -> dict[str, str]:
        return {name: h for name, header in entry.take.items() if (h := self._find(header)) is not None}

    def _pseudo(self) -> set[str]:
        if self.layout.unpivot is None:
            return {FILE_NAME}
        keys = {key for entry in self.unpivoted for key in (*entry.set, *entry.take)}
        return {"_name", "_value", FILE_NAME} | keys | {k for c in self.layout.unpivot.columns for k in c.take}

    def _check_headers(self, names: Iterable[str]) -> list[Issue]:
        missing = [column.wanted() for column in self.columns if column.target in self.absent and not column.optional]
        fatal = [
            column.wanted()
            for column in self.columns
            if column.required and column.value is None and not self.from_headers[column.target]
        ]
        if self.layout.unpivot is not None and not self.unpivoted:
            fatal.append(self.layout.unpivot.pattern or " / ".join(c.header for c in self.layout.unpivot.columns))
        if self.layout.unpivot is not None:
            taken = {header for entry in self.layout.unpivot.columns for header in entry.take.values()}
            missing += [header for header in taken if self._find(header) is None]
        if fatal:
            raise DeliveryError("columns.missing", columns=sorted(set(fatal)))
        used_by_columns = {h for headers in self.from_headers.values() for h in headers}
        used = set(used_by_columns)
        used |= {h for entry in self.unpivoted for h in (entry.header, *entry.take.values())}
        used |= {h for h, _ in self.skip if h is not None}
        if self.form is not None and self.layout.survey is not None:
            used |= {name for name in names if name.split("/")[0] in self.form.questions}
            used |= {where["index"] for where in self.layout.survey.repeats.values()}
            used |= {c for c in (self.layout.survey.consent_column,) if c is not None}
        used |= self.derived.used if self.derived is not None else set()
        unused = [name for name in names if name not in used]
        known = {self.renamed[name] for name in self.dropped | self.hashed}
        if self.layout.unknown_columns == "refuse" and (unexpected := [name for name in unused if name not in known]):
            raise DeliveryError("columns.unexpected", columns=unexpected)
        notes = []
        if missing:
            notes.append(Issue("columns.missing", "flag", parameters={"columns": sorted(set(missing))}))
        if twins := sorted(name for name in used & set(names) if f"{name} #2" in unused):
            notes.append(Issue("columns.repeated", "flag", parameters={"columns": twins}))
        if unused and self.layout.unknown_columns == "keep":
            notes += self._keep(unused)
        elif unused:
            notes.append(Issue("columns.dropped", "note", parameters={"columns": unused}))
        if self.layout.survey is not None and self.layout.survey.form is None and self.form is not None:
            asked = {code: question for code, question in self.form.questions.items() if code not in used_by_columns}
            if identifying := sorted(code for code, question in asked.items() if question.is_sensitive):
                notes.append(Issue("columns.identifying", "note", parameters={"columns": identifying}))
        return notes

    def _keep(self, unused: list[str]) -> list[Issue]:
        """Notes which columns are kept beside the records; those that privacy drops, or that look like it, are not."""
        if EXTRA not in self.table.columns:
            raise ContractError(
                f"{self.contract.source}: layout {self.layout.name}: core.{self.table.name} cannot keep unknown columns"
            )
        named = {self.renamed[name] for name in self.dropped | self.hashed}
        private = {name for name in unused if name in named or is_header_of_identifiers(name)}
        self.kept = [name for name in unused if name not in private]
        notes = []
        if self.kept:
            notes.append(Issue("columns.kept", "note", parameters={"columns": self.kept}))
        if private:
            notes.append(Issue("columns.private", "note", parameters={"columns": sorted(private)}))
        return notes

    def found_deriving(self) -> list[Issue]:
        """What was found while columns were derived, once all rows were seen."""
        if self.derived is None:
            return []
        self.derived.finish()
        self.n_skipped += self.derived.n_skipped
        return [
            Issue(n.rule, n.severity, n.column, len(n.rows), tuple(n.rows[:EXAMPLE_ROWS]), dict(n.parameters))
            for n in self.derived.notes
        ]

    def keep_rows(self, chunk: Chunk) -> Chunk:
        """The chunk, with derived columns, without the rows that the contract says are no data (totals, footnotes)."""
        if self.derived is not None:
            chunk = self.derived.chunk(chunk)
        if not self.skip:
            return chunk
        by_name = {self.renamed.get(name, name): cells for name, cells in chunk.columns.items()}
        skip = np.zeros(len(chunk.row_numbers), bool)
        for header, pattern in self.skip:
            if header is not None:
                cells = pc.fill_null(pc.utf8_trim_whitespace(by_name[header]), "").to_pylist()
                skip |= np.fromiter((pattern.search(cell) is not None for cell in cells), bool, len(cells))
        if not skip.any():
            return chunk
        self.n_skipped += int(np.count_nonzero(skip))
        keep = pa.array(~skip)
        return Chunk(
            chunk.sheet, chunk.row_numbers[~skip], {name: cells.filter(keep) for name, cells in chunk.columns.items()}
        )

    def map(self, chunk: Chunk) -> Mapped:
        """Maps a chunk that `keep_rows` has seen."""
        n = len(chunk.row_numbers)
        findings: list[Finding] = []
        texts = self._private(chunk)
        assembled = self._assemble(texts, n, findings)
        long, row_of = self._long(texts, n, findings)
        arrays: dict[str, pa.Array] = {}
        for column in self.columns:
            if not column.sum:
                arrays |= self._column(column, texts, long, row_of, n, findings)
        for column in self.columns:
            if column.sum:
                arrays[column.target] = _sum([arrays[part] for part in column.sum])
        if assembled is not None:
            frame = assembled.frame
            for name in (column for column in frame.columns if column in self.table.columns):
                arrays[name] = pa.array(frame[name].to_list(), TEXT)
        if self.kept:
            arrays[EXTRA] = pc.take(self._extra(texts, n, findings), pa.array(row_of))
        key = _record_key([arrays[name] for name in self.layout.record_key])
        self._key_is_there(key, row_of, n, findings)
        columns = {name: array for name, array in arrays.items() if not name.startswith("_")}
        asides = {c.target: arrays[c.target] for c in self.columns if c.sum and c.target.startswith("_")}
        if self.table.name == "interview":
            no_consent = np.zeros(n, bool) if assembled is None else np.asarray(assembled.no_consent)
            asides |= interviews.derive(arrays, key, texts, no_consent[row_of], self.form, self.layout.survey)
        return Mapped(chunk, pa.table(columns | {"record_key": key}), row_of, findings, asides)

    def _private(self, chunk: Chunk) -> dict[str, pa.Array]:
        """The chunk's cells by our name of each header, without what the contract drops, with identifiers hashed."""
        texts: dict[str, pa.Array] = {}
        for name, cells in chunk.columns.items():
            if name in self.dropped:
                continue
            if name in self.hashed:
                encoded = pc.dictionary_encode(pc.utf8_trim_whitespace(cells))
                hashes = [self._hash(text) for text in encoded.dictionary.to_pylist()]
                cells = pc.take(pa.array(hashes, TEXT), encoded.indices)
            texts[self.renamed.get(name, name)] = cells
        return texts

    def _extra(self, texts: Mapping[str, pa.Array], n: int, findings: list[Finding]) -> pa.Array:
        """The cells of unknown columns as a JSON object a row: by header, as text, without blanks or identifiers."""
        kept: list[dict[str, str]] = [{} for _ in range(n)]
        for header in self.kept:
            left_out = np.zeros(n, bool)
            for i, cell in enumerate(pc.utf8_trim_whitespace(texts[header]).to_pylist()):
                if not cell:
                    continue
                if holds_identifier(cell):
                    left_out[i] = True
                else:
                    kept[i][header] = cell.replace("\x00", "")
            if left_out.any():
                findings.append(Finding("identifier.left_out", "note", header, left_out))
        return pa.array([json.dumps(cells, ensure_ascii=False) if cells else None for cells in kept], TEXT)

    def _hash(self, text: str | None) -> str | None:
        """HMAC-SHA256 of an identifier, 128 bits in hex: equal ones stay equal, under a key that no table holds."""
        return hmac.new(self.privacy_key, text.encode(), hashlib.sha256).hexdigest()[:32] if text else None

    def _assemble(self, texts: dict[str, pa.Array], n: int, findings: list[Finding]) -> survey.SurveyFrame | None:
        """Answers and repeats of a survey. Ordinary columns then read the form's codes instead of labels."""
        spec = self.layout.survey
        if self.form is None or spec is None:
            return None
        cells_by_name = {name: [self._cell(cell) for cell in cells.to_pylist()] for name, cells in texts.items()}
        main = survey.normalise(pd.DataFrame(cells_by_name, dtype=object), self.form)
        for name in main.columns:
            texts[name] = pa.array(main[name].where(main[name].notna(), None).to_list(), TEXT)
        mapped = {header for headers in self.from_headers.values() for header in headers}
        result = survey.assemble(
            main,
            self.repeats,
            self.form,
            {
                "consent": spec.consent_column and {"column": spec.consent_column, "yes": list(spec.consent_yes)},
                "repeats": spec.repeats,
                "age": next(iter(self.from_headers.get("age", [])), "age"),
            },
            mapped,
            self.logic,
            tuple(self.table.columns),
        )
        findings.append(Finding("consent.none", "reject", spec.consent_column, np.asarray(result.no_consent)))
        needed = {h for column in self.columns if column.required for h in self.from_headers[column.target]}
        for issue in result.issues:
            if issue.rule == "answer.missing" and issue.column in needed:  # said by the contract already
                continue
            severity: Severity = "reject" if issue.severity == "reject" else "flag"
            findings.append(Finding(issue.rule, severity, issue.column, np.asarray(issue.mask)))
        return result

    def _long(
        self, texts: dict[str, pa.Array], n: int, findings: list[Finding]
    ) -> tuple[dict[str, pa.Array], npt.NDArray[np.int64]]:
        """The pseudo-columns of an unpivoted chunk, and each record's row. Rows without any record are found out."""
        unpivot = self.layout.unpivot
        if unpivot is None:
            return {}, np.arange(n, dtype=np.int64)
        taken = sorted({name for entry in self.unpivoted for name in entry.take})
        values: list[pa.Array] = []
        beside: dict[str, list[pa.Array]] = {name: [] for name in taken}
        rows: list[npt.NDArray[np.int64]] = []
        for entry in self.unpivoted:
            cells = pc.utf8_trim_whitespace(texts[entry.header])
            drop = pa.array([fold(v) for v in entry.drop] + [""], TEXT)
            keep = pc.invert(pc.is_in(pc.utf8_lower(pc.fill_null(cells, "")), value_set=drop))
            values.append(cells.filter(keep))
            rows.append(np.flatnonzero(keep.to_numpy(zero_copy_only=False)))
            for name in taken:
                header = entry.take.get(name)
                others = pa.nulls(n, TEXT) if header is None else texts[header]
                beside[name].append(others.filter(keep))
        row_of = np.concatenate(rows) if rows else np.zeros(0, np.int64)
        empty = np.ones(n, bool)
        empty[row_of] = False
        if empty.any():
            findings.append(Finding("no_value", "reject", None, empty))
        long = {name: _concatenated(arrays) for name, arrays in (beside | {"_value": values}).items()}
        lengths = [len(r) for r in rows]
        for pseudo in self.pseudo - set(long) - {FILE_NAME}:
            labels = [e.header if pseudo == "_name" else e.set.get(pseudo, "") for e in self.unpivoted]
            long[pseudo] = pc.take(pa.array(labels, TEXT), pa.array(np.repeat(np.arange(len(labels)), lengths)))
        return long, row_of

    def _parsed(
        self,
        column: Column,
        headers: list[str],
        texts: Mapping[str, pa.Array],
        long: Mapping[str, pa.Array],
        row_of: npt.NDArray[np.int64],
    ) -> tuple[Parsed, bool]:
        """A column's values, and whether they stand per record already (else per row of the file)."""
        n_records = len(row_of)
        if column.value is not None:
            value = cell_parser(column, self.contract.countries)(str(column.value))
            constant = pa.array([value], ARROW_TYPES[column.type])
            return Parsed(_repeated(constant, n_records), np.zeros(n_records, bool), ""), True
        if headers == [FILE_NAME] or (headers and column.of == "header"):
            said = self.file_name if headers == [FILE_NAME] else _said(column.pattern or "", headers[0])
            once = parse_column(pa.array([said], TEXT), column, self.layout.read.null_values, self.contract.countries)
            return Parsed(_repeated(once.values, n_records), np.repeat(once.bad, n_records), once.rule), True
        if not headers:
            return Parsed(pa.nulls(n_records, ARROW_TYPES[column.type]), np.zeros(n_records, bool), ""), True
        is_long = any(h in long for h in headers)
        if column.join is not None:
            take = pa.array(row_of)
            parts = [long[h] if h in long else pc.take(texts[h], take) if is_long else texts[h] for h in headers]
            cells = _joined(parts, column.join)
        else:
            cells = long[headers[0]] if is_long else self._first_filled([texts[h] for h in headers if h in texts])
        return parse_column(cells, column, self.layout.read.null_values, self.contract.countries), is_long

    def _column(
        self,
        column: Column,
        texts: Mapping[str, pa.Array],
        long: Mapping[str, pa.Array],
        row_of: npt.NDArray[np.int64],
        n: int,
        findings: list[Finding],
    ) -> dict[str, pa.Array]:
        """A target column (and the bounds of a count) as arrays over the records."""
        headers = self.from_headers[column.target]
        parsed, is_long = self._parsed(column, headers, texts, long, row_of)
        provider = None if not headers or headers == [FILE_NAME] else headers[0]
        if is_long and provider is not None and self.layout.unpivot is not None:
            provider = None if provider.startswith("_") else provider

        def on_rows(flags: Mask) -> Mask:
            if not is_long or self.layout.unpivot is None:
                return flags
            out = np.zeros(n, bool)
            out[row_of[flags]] = True
            return out

        parameters: dict[str, Any] = {}
        if parsed.rule == "type.date":
            parameters = {"formats": list(column.formats)}
        if parsed.bad.any():
            severity: Severity = "flag" if column.on_error == "flag" else "reject"
            findings.append(Finding(parsed.rule, severity, provider or column.target, on_rows(parsed.bad), parameters))
        if parsed.repaired is not None:
            findings.append(Finding("mojibake.repaired", "note", provider or column.target, on_rows(parsed.repaired)))
        values = parsed.values
        if column.default is not None:
            values = pc.fill_null(values, pa.scalar(self._default(column), ARROW_TYPES[column.type]))
        withheld = parsed.withheld if parsed.withheld is not None else np.zeros(len(values), bool)
        if column.required and (values.null_count or (not len(headers) and column.value is None)):
            empty = values.is_null().to_numpy(zero_copy_only=False) & ~parsed.bad & ~withheld
            if empty.any():
                findings.append(Finding("required", "reject", provider or column.target, on_rows(empty)))
        out = {column.target: values}
        if column.type == "count" and f"{column.target}_low" in self.table.columns:
            mark = pa.array(withheld)
            out[f"{column.target}_low"] = pc.if_else(mark, column.interval[0], values)
            out[f"{column.target}_high"] = pc.if_else(mark, column.interval[1], values)
            out["is_withheld"] = mark
        if self.layout.unpivot is not None and not is_long:
            take = pa.array(row_of)
            out = {name: pc.take(array, take) for name, array in out.items()}
        return out

    def _default(self, column: Column) -> Any:
        try:
            return cell_parser(column, self.contract.countries)(column.default or "")
        except UnreadableError:
            raise ContractError(
                f"{self.contract.source}: layout {self.layout.name}: the default of {column.target} is no {column.type}"
            ) from None

    def _first_filled(self, candidates: list[pa.Array]) -> pa.Array:
        if len(candidates) == 1:
            return candidates[0]
        nulls = pa.array([*self.layout.read.null_values, ""], TEXT)
        cleaned = []
        for cells in candidates:
            trimmed = pc.utf8_trim_whitespace(cells)
            cleaned.append(pc.if_else(pc.is_in(trimmed, value_set=nulls), pa.scalar(None, TEXT), trimmed))
        return pc.coalesce(*cleaned)

    def _key_is_there(self, key: pa.Array, row_of: npt.NDArray[np.int64], n: int, findings: list[Finding]) -> None:
        empty = pc.match_substring_regex(key, r"^\|*$").to_numpy(zero_copy_only=False)
        if empty.any():
            rows = np.zeros(n, bool)
            rows[row_of[empty]] = True
            headers = [h for name in self.layout.record_key for h in self.from_headers.get(name, [])]
            findings.append(Finding("required", "reject", " + ".join(headers) or "record_key", rows))


def _concatenated(arrays: list[pa.Array]) -> pa.Array:
    return pa.chunked_array(arrays, TEXT).combine_chunks()


def _repeated(constant: pa.Array, n: int) -> pa.Array:
    """An array of one value as one of `n`."""
    return pc.take(constant, pa.array(np.zeros(n, np.int64)))


def _joined(parts: list[pa.Array], separator: str) -> pa.Array:
    """Cells side by side as one; null where any of them is blank."""
    filled = []
    for cells in parts:
        trimmed = pc.utf8_trim_whitespace(cells)
        filled.append(pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, TEXT), trimmed))
    return pc.binary_join_element_wise(*filled, pa.scalar(separator, TEXT))


def _sum(parts: list[pa.Array]) -> pa.Array:
    """The sum of numbers of a record; a part that is null adds nothing, and of nulls only the sum is null."""
    none = parts[0].is_null()
    total = pc.fill_null(parts[0], 0)
    for part in parts[1:]:
        none = pc.and_(none, part.is_null())
        total = pc.add(total, pc.fill_null(part, 0))
    return pc.if_else(none, pa.scalar(None, total.type), total)


def _record_key(parts: list[pa.Array]) -> pa.Array:
    texts = []
    for part in parts:
        if pa.types.is_timestamp(part.type):
            part = pc.strftime(part, format="%Y-%m-%d")
        texts.append(pc.fill_null(pc.cast(part, TEXT), ""))
    keys = pc.binary_join_element_wise(*texts, pa.scalar("|", TEXT)) if len(texts) > 1 else texts[0]
    long = pc.greater(pc.binary_length(keys), MAX_KEY_BYTES)
    if pc.any(long).as_py():
        short = [
            _short_key(key) if is_long else key for key, is_long in zip(keys.to_pylist(), long.to_pylist(), strict=True)
        ]
        keys = pa.array(short, TEXT)
    return keys


def _short_key(key: str) -> str:
    """A key that an index can hold: its beginning, and a hash of the whole."""
    return f"{key[:100]}…{hashlib.sha256(key.encode()).hexdigest()}"


def _said(pattern: str, header: str) -> str:
    """What a header says: the first group of the pattern that it fits, all of it where the pattern has none."""
    found = re.fullmatch(pattern, header.strip(), re.IGNORECASE)
    assert found is not None
    return str(found[1] if found.re.groups else found[0])


def _matches(patterns: Iterable[str], header: str) -> bool:
    return any(re.fullmatch(pattern, header.strip(), re.IGNORECASE) for pattern in patterns)


def to_frame(records: pa.Table) -> pd.DataFrame:
    """The records as a pandas frame: text `str`, whole numbers `Int64`, numbers `float64`, dates `datetime64[s]`."""
    types = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame: pd.DataFrame = records.to_pandas(types_mapper=types.get)
    return frame
