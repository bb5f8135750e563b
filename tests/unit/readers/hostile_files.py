"""Files made to do harm, or broken as files get broken: each by name, as bytes, made by code."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
from collections.abc import Callable
from functools import cache
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from footprints.samples.incidents import REPORT_HEADER

ROW = (
    "INC-{i}",
    "",
    "2020-01-05",
    "Libya",
    "Northern Africa",
    "Central Mediterranean",
    "Nigeria",
    "Western Africa",
    "1",
    "0",
    "1",
    "",
    "",
    "",
    "",
    "Drowning",
    "Boat capsized",
    "Off Zuwara",
    "32.9",
    "12.1",
    "Coast guard",
    "",
    "4",
    "several accounts",
    "",
)

HEADER = ",".join(REPORT_HEADER)
COLUMN = {name: i for i, name in enumerate(REPORT_HEADER)}


def row(i: int, **cells: str) -> str:
    """A row of the reports, with some cells of one's own, written as CSV."""
    values = list(ROW)
    values[0] = f"INC-{i}"
    for name, cell in cells.items():
        values[COLUMN[name]] = cell
    return ",".join(f'"{v}"' if any(c in v for c in ',\n"') else v for v in (v.replace('"', '""') for v in values))


def table(*rows: str, n: int = 20, header: str = HEADER, newline: str = "\n") -> str:
    """A good file of `n` rows, and others under them."""
    return newline.join([header, *(row(i) for i in range(n)), *rows]) + newline


@cache
def good() -> bytes:
    """A file that loads."""
    return table().encode()


@cache
def good_workbook() -> bytes:
    """The same as a workbook."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for line in table().splitlines():
        sheet.append(line.split(","))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@cache
def good_json() -> bytes:
    """The same as a list of records."""
    rows = [line.split(",") for line in table().splitlines()[1:]]
    return json.dumps([dict(zip(REPORT_HEADER, r, strict=True)) for r in rows]).encode()


@cache
def good_parquet() -> bytes:
    """The same as Parquet."""
    rows = [line.split(",") for line in table().splitlines()[1:]]
    out = io.BytesIO()
    pq.write_table(pa.table({name: [r[i] for r in rows] for i, name in enumerate(REPORT_HEADER)}), out)
    return out.getvalue()


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, body in members.items():
            archive.writestr(zipfile.ZipInfo(name), body, method)
    return out.getvalue()


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def xlsx(sheet: str | bytes, *, raw: bool = False, name: str = "data", **parts: str | bytes | None) -> bytes:
    """A workbook of one sheet, by its XML (`raw`), or by what stands within `sheetData`. A part may be left out."""
    body = sheet if raw else f'<worksheet xmlns="{MAIN}"><sheetData>{sheet!s}</sheetData></worksheet>'
    members: dict[str, str | bytes | None] = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship'
        f' Id="r" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>'
        f'<sheet name="{name}" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": body,
    }
    members |= {part.replace("__", "/").replace("_xml", ".xml"): text for part, text in parts.items()}
    return packed(
        {
            n: t if isinstance(t, bytes) else t.encode("utf-8", "surrogatepass")
            for n, t in members.items()
            if t is not None
        }
    )


def cells(*texts: str) -> str:
    """A row of inline texts."""
    return "<row>" + "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in texts) + "</row>"


def sheet_of(*rows: str) -> str:
    """The header of the reports and rows under it, as XML of a sheet."""
    return cells(*REPORT_HEADER) + "".join(rows)


def good_row(i: int, **changes: str) -> str:
    """A good row as XML of a sheet; `changes` are whole cells as XML."""
    values = [f"INC-{i}", *ROW[1:]]
    return (
        "<row>"
        + "".join(
            changes.get(n, f'<c t="inlineStr"><is><t>{v}</t></is></c>')
            for n, v in zip(REPORT_HEADER, values, strict=True)
        )
        + "</row>"
    )


def ods(content: str) -> bytes:
    """An OpenDocument spreadsheet by its `table:table` elements."""
    spaces = "".join(f' xmlns:{p}="urn:oasis:names:tc:opendocument:xmlns:{p}:1.0"' for p in ("office", "table", "text"))
    return packed(
        {
            "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
            "META-INF/manifest.xml": b"<manifest/>",
            "content.xml": f"<office:document-content{spaces}><office:body><office:spreadsheet>{content}"
            "</office:spreadsheet></office:body></office:document-content>".encode(),
        },
        zipfile.ZIP_STORED,
    )


def ods_rows(*rows: tuple[int, int, str]) -> bytes:
    """An OpenDocument spreadsheet of rows: how often each stands there, how often its cell, and its text."""
    return ods(
        '<table:table table:name="a">'
        + "".join(
            f'<table:table-row table:number-rows-repeated="{times}"><table:table-cell'
            f' table:number-columns-repeated="{wide}"><text:p>{text}</text:p></table:table-cell></table:table-row>'
            for times, wide, text in rows
        )
        + "</table:table>"
    )


def ole(*streams: str, size: int = 4096) -> bytes:
    """The beginning of an OLE compound file that names these streams; what follows is zeros."""
    names = b"".join(stream.encode("utf-16-le") + b"\0\0" for stream in streams)
    return (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + names).ljust(size, b"\0")


def flagged(archive: bytes) -> bytes:
    """An archive whose members say that they are encrypted."""
    raw = bytearray(archive)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := raw.find(mark, at + 1)) >= 0:
            raw[at + offset] |= 1
    return bytes(raw)


def with_size(archive: bytes, size: int, new: int) -> bytes:
    """An archive that lies about the size of a member."""
    return archive.replace(struct.pack("<I", size), struct.pack("<I", new))


def nested(depth: int, form: Callable[[bytes], bytes] = gzip.compress) -> bytes:
    """A good file, packed again and again."""
    body = good()
    for _ in range(depth):
        body = form(body)
    return body


Made = Callable[[], bytes]
HOSTILE: dict[str, tuple[str, Made]] = {}
"""By name: what the receipt must say (a rule that holds the file, or a state), and the file."""


def add(expected: str, **files: bytes | Made) -> None:
    """Takes files into the corpus."""
    for name, body in files.items():
        assert name not in HOSTILE, name
        HOSTILE[name] = (expected, body if callable(body) else lambda body=body: body)  # type: ignore[misc]


def csv_with(*rows: str, **options: Any) -> Made:
    """A file of good rows and these."""
    return lambda: table(*rows, **options).encode("utf-8", "surrogatepass")


# What is no table at all.
add(
    "file.no_table",
    pdf=b"%PDF-1.7\n1 0 obj",
    rtf=b"{\\rtf1 {\\b x}}",
    postscript=b"%!PS-Adobe",
    png=b"\x89PNG\r\n\x1a\n" + b"\0" * 9,
    jpeg=b"\xff\xd8\xff\xe0\0\x10JFIF",
    gif=b"GIF89a\1\0",
    tiff_le=b"II*\0\x08\0\0\0",
    tiff_be=b"MM\0*\0\0\0\x08",
    bmp=b"BM\x36\0\0\0\0\0",
    wav=b"RIFF\0\0\0\0WAVE",
    mp3=b"ID3\x03\0\0\0",
    ogg=b"OggS\0\2",
    elf=b"\x7fELF\2\1\1\0",
    exe=b"MZ\x90\0\3\0\0\0",
    sqlite=b"SQLite format 3\0\x10",
    access=b"\0\x01\0\0Standard Jet DB\0",
    spss=b"$FL2@(#) SPSS",
    stata=b"<stata_dta><header>",
    shapefile=b"\0\0'\n\0\0\0\0",
    r_data=b"RDX3\nX\n\0\0\0\3",
    pickle=b"\x80\x04\x95\0\0",
    hdf5=b"\x89HDF\r\n\x1a\n",
    arrow=b"ARROW1\0\0",
    mp4=b"\0\0\0\x20ftypisom",
    html=b"<!DOCTYPE html><p>Login</p>",
    html_upper=b"\xef\xbb\xbf\n<HTML><TABLE>",
    html_utf16="<html>".encode("utf-16-le") + b"<",
    xml=b"<?xml version='1.0'?><a/>",
    kml=b"<kml xmlns='x'>",
    svg=b"<svg xmlns='x'>",
    word=lambda: packed({"[Content_Types].xml": b"", "word/document.xml": b""}),
    powerpoint=lambda: packed({"[Content_Types].xml": b"", "ppt/presentation.xml": b""}),
    odt=lambda: packed({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b""}),
    epub=lambda: packed({"mimetype": b"application/epub+zip"}),
    numbers=lambda: packed({"Index/Document.iwa": b"x"}),
    kmz=lambda: packed({"doc.kml": b"<kml/>"}),
    old_word=ole("WordDocument"),
    old_powerpoint=ole("PowerPoint Document"),
    pdf_as_csv_in_zip=lambda: packed({"data.csv": b"%PDF-1.4"}),
    pdf_in_gzip=lambda: gzip.compress(b"%PDF-1.4"),
)
add(
    "archive.other",
    rar=b"Rar!\x1a\7\0",
    seven_zip=b"7z\xbc\xaf\x27\x1c",
    bzip2=b"BZh91AY&SY",
    xz=b"\xfd7zXZ\0",
    zstd=b"\x28\xb5\x2f\xfd\0",
    compress=b"\x1f\x9d\x90",
    cab=b"MSCF\0\0\0\0",
    tar=b"data.csv".ljust(257, b"\0") + b"ustar\0",
)
add(
    "file.format_unknown",
    noise=bytes(range(256)) * 8,
    controls=b"\1\2\3\4\5" * 100,
    sparse_zeros=b"a\0\0\0\0\0b" * 100,
)

# Nothing in it.
add(
    "file.empty",
    nothing=b"",
    spaces=b"   ",
    newlines=b"\r\n" * 50,
    mark_only=b"\xef\xbb\xbf",
    mark_utf16=b"\xff\xfe",
    zeros=b"\0" * 5000,
    header_only=HEADER.encode(),
    header_and_blanks=csv_with("," * 24, "", '""', n=0),
    thousands_of_blank_rows=lambda: (HEADER + "\n" + "\n" * 5000).encode(),
    gzip_of_nothing=lambda: gzip.compress(b""),
    zip_of_nothing=b"PK\x05\x06" + b"\0" * 18,
    zip_of_folders=lambda: packed({"a/": b"", "b/": b""}),
    zip_of_empty=lambda: packed({"a.csv": b""}),
    zip_of_junk=lambda: packed({"__MACOSX/._a": b"x", ".DS_Store": b"x"}),
    json_list=b"[]",
    json_object=b"{}",
    json_lists=b"[[]]",
    json_null=b"[null]",
    json_numbers=b"[1, 2, 3]",
    json_lines_of_nothing=b"{}\n{}\n",
    json_text=b'["a"]',
    json_of_objects=b'{"a": {"b": {}}}',
    topology_of_nothing=b'{"type": "Topology", "objects": {}, "arcs": []}',
    features_of_nothing=b'{"type": "FeatureCollection", "features": []}',
    parquet_of_nothing=lambda: _parquet(pa.table({"a": pa.array([], pa.string())})),
    workbook_header_only=lambda: xlsx(sheet_of()),
    workbook_of_blanks=lambda: xlsx(sheet_of("<row/>" * 100)),
)


def _parquet(made: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(made, out, **options)
    return out.getvalue()


# Cut off, or with bytes that are others.
for share in (1, 5, 9):
    add(
        "file.unreadable",
        **{
            f"zip_cut_{share}": lambda share=share: _cut(packed({"a.csv": good()}), share),
            f"workbook_cut_{share}": lambda share=share: _cut(good_workbook(), share),
            f"gzip_cut_{share}": lambda share=share: _cut(gzip.compress(good()), share),
            f"json_cut_{share}": lambda share=share: _cut(good_json(), share),
            f"parquet_cut_{share}": lambda share=share: _cut(good_parquet(), share),
        },
    )


def _cut(body: bytes, tenths: int) -> bytes:
    return body[: len(body) * tenths // 10]


def _flipped(body: bytes, *places: float) -> bytes:
    raw = bytearray(body)
    for place in places:
        raw[int(place * len(raw))] ^= 0xFF
    return bytes(raw)


add(
    "file.unreadable",
    gzip_of_another_crc=lambda: _flipped(gzip.compress(good()), 0.999),
    gzip_magic_only=b"\x1f\x8b",
    gzip_of_noise=b"\x1f\x8b\x08\0" + bytes(range(200)),
    zip_magic_only=b"PK\x03\x04",
    zip_of_noise=b"PK\x03\x04" + bytes(range(200)),
    parquet_magic_only=b"PAR1",
    parquet_footer=lambda: good_parquet()[:-8] + b"\xff\xff\xff\x7fPAR1",
    parquet_negative_footer=lambda: good_parquet()[:-8] + b"\xff\xff\xff\xffPAR1",
    parquet_flipped_footer=lambda: _flipped(good_parquet(), 0.8),
    ole_garbage=ole("Workbook"),
    ole_short=b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    ole_noise=b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(range(256)) * 20,
    json_comma=b'[{"a": 1},]',
    json_comment=b'[{"a": 1} /* x */]',
    json_single_quotes=b"[{'a': 1}]",
    json_deep_lists=b"[" * 200_000,
    json_deep_objects=b'{"a":' * 200_000,
    json_digits=b'[{"a": ' + b"9" * 5000 + b"}]",
    json_lines_with_a_bad_one=b'{"a": 1}\n{"a": }\n',
    json_garbage_after=b'[{"a": 1}] x',
    json_control=b'[{"a": "x\ny"}]',
    json_brace_only=b"{",
    json_bracket_only=b"[",
    topology_arc_missing=b'{"type":"Topology","objects":{"a":{"type":"Polygon","arcs":[[9]]}},"arcs":[]}',
    topology_arc_text=b'{"type":"Topology","objects":{"a":{"type":"LineString","arcs":"xx"}},"arcs":[]}',
    topology_deep=lambda: _deep_topology(),
    workbook_without_book=lambda: xlsx("", xl__workbook_xml=None),
    workbook_not_xml=lambda: xlsx("", xl__workbook_xml="no xml"),
    workbook_of_laughs=lambda: xlsx("", xl__workbook_xml=LAUGHS),
    sheet_of_laughs=lambda: xlsx(LAUGHS, raw=True),
    strings_of_laughs=lambda: xlsx("", xl__sharedStrings_xml=LAUGHS),
    styles_of_laughs=lambda: xlsx("", xl__styles_xml=LAUGHS),
    content_types_of_laughs=lambda: xlsx("", **{"[Content_Types]_xml": LAUGHS}),
    external_entity=lambda: xlsx(
        "", xl__sharedStrings_xml='<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><sst>&e;</sst>'
    ),
    ods_without_content=lambda: packed(
        {"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}, zipfile.ZIP_STORED
    ),
    ods_not_xml=lambda: ods("<table:table"),
)
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">'
    + "".join(f'<!ENTITY lol{i} "{f"&lol{i - 1 or str()};" * 10}">' for i in range(1, 10))
    + "]><sst><si><t>&lol9;</t></si></sst>"
)


def _deep_topology() -> bytes:
    shape = '{"type":"GeometryCollection","geometries":[' * 5000 + "]}" * 5000
    inside = f'{{"type":"GeometryCollection","geometries":[{shape}]}}'
    return f'{{"type":"Topology","objects":{{"a":{inside}}},"arcs":[]}}'.encode()


# Larger than they look.
MEBI = 2**20


def sparse(*references: str) -> bytes:
    """A sheet that holds a cell at each of these places, and nothing between."""
    return xlsx("".join(f'<row><c r="{r}"><v>1</v></c></row>' for r in references))


add(
    "file.too_large",
    zip_bomb=lambda: packed({"a.csv": b"0" * (70 * MEBI)}),
    gzip_bomb=lambda: gzip.compress(b"0" * (70 * MEBI), 9),
    workbook_bomb=lambda: xlsx(b"<" + b" " * (70 * MEBI), raw=True),
    strings_bomb=lambda: xlsx("", xl__sharedStrings_xml=b" " * (70 * MEBI)),
    far_corner=lambda: sparse("A1", "XFD1048576"),
    two_corners=lambda: sparse("XFD1", "A1048576"),
    single_quotes=lambda: xlsx("<row><c r='A1'/></row><row><c r='XFD1048576'><v>1</v></c></row>"),
    spaced_reference=lambda: xlsx('<row><c r="A1"/></row><row><c r = "XFD1048576"><v>1</v></c></row>'),
    lower_case=lambda: sparse("a1", "xfd1048576"),
    another_part=lambda: xlsx(
        "",
        xl__worksheets__sheet1_xml=None,
        xl__x_xml=f'<worksheet xmlns="{MAIN}"><sheetData><row><c r="A1"><v>1</v></c></row>'
        '<row><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>',
    ),
    json_large=lambda: b'[{"a": "' + b"x" * (9 * MEBI) + b'"}]',
    topology_bomb=lambda: json.dumps(
        {
            "type": "Topology",
            "arcs": [[[0, 0], *[[1, 1]] * 1000]],
            "objects": {"a": {"type": "MultiLineString", "arcs": [[0] * 1000]}},
        }
    ).encode(),
    parquet_of_runs=lambda: _parquet(pa.table({"a": pa.nulls(5_000_000, pa.int8())})),
    long_text_named_often=lambda: _shared_bomb(),
)


def _shared_bomb() -> bytes:
    strings = f'<sst xmlns="{MAIN}"><si><t>{"x" * MEBI}</t></si></sst>'
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{RELATIONS}/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
    )
    rows = "".join("<row>" + '<c t="s"><v>0</v></c>' * 20 + "</row>" for _ in range(500))
    return xlsx(rows, xl__sharedStrings_xml=strings, **{"xl___rels__workbook_xml.rels": relations})


add(
    "archive.size_is_false",
    zip_flipped=lambda: _flipped(packed({"a.csv": good(), "b.csv": good()}), 0.2),
    zip_says_less=lambda: with_size(packed({"a.csv": b"0" * MEBI}), MEBI, 100),
    zip_says_more=lambda: with_size(packed({"a.csv": b"0" * 1000}), 1000, 1001),
    workbook_says_less=lambda: with_size(xlsx(b" " * 777_777, raw=True), 777_777, 77),
)
add(
    "archive.nested",
    gzip_twice=lambda: nested(2),
    zip_in_zip=lambda: packed({"a.zip": packed({"a.csv": good()}), "b.csv": good()}),
    zip_in_gzip=lambda: gzip.compress(packed({"a.csv": good()})),
    gzip_in_zip=lambda: packed({"a.csv.gz": gzip.compress(good())}),
    ten_deep=lambda: nested(10, lambda body: packed({"x": body})),
)
add("archive.too_many_files", many_files=lambda: packed({f"{i}.csv": b"x" for i in range(300)}))
add(
    "archive.file_unreadable",
    zip_with_broken_json=lambda: packed({"a.csv": good(), "b.json": b'[{"a"'}),
    zip_with_broken_book=lambda: packed({"a.csv": good(), "b.xlsx": good_workbook()[:2000]}),
    zip_with_quote=lambda: packed({"a.csv": good(), "b.csv": b'a,b\n1,"2\n3,4\n'}),
)
add(
    "file.encrypted",
    parquet_encrypted=b"PARE" * 3,
    zip_with_password=lambda: flagged(packed({"a.csv": good()})),
    workbook_with_password=ole("EncryptionInfo", "EncryptedPackage"),
    workbook_flagged=lambda: flagged(good_workbook()),
)
add(
    "file.too_many_columns",
    million_columns=lambda: b"x," * 1_000_000 + b"x\n1\n",
    too_many_columns=lambda: b",".join(b"c%d" % i for i in range(20_000)),
    json_keys=lambda: json.dumps([{f"k{i}": 1} for i in range(17_000)]).encode(),
    wide_parquet=lambda: _parquet(pa.table({f"c{i}": [1] for i in range(16_400)})),
)

# Text that is a table, and odd.
add(
    "csv.quote_open",
    quote_in_the_first_row=lambda: ('"' + table()).encode(),
    quote_in_the_middle=csv_with('"x,' + row(90), row(91), row(92)),
    quote_at_the_end=csv_with('INC-90,"', "x"),
    quote_over_much=lambda: (table('"x', n=3) + "y,z\n" * 200_000).encode(),
)
add(
    "layout.unknown",
    header_of_controls=b"a\x1b[31m,b\x07\n1,2\n",
    ods_rows_repeated=lambda: ods_rows((1048576, 16384, "x" * 40)),
    one_word=b"hello",
    prose=b"Bonjour, veuillez trouver ci-joint le fichier.\nMerci",
    other_columns=b"a,b,c\n1,2,3\n",
    header_at_row_26=lambda: ("x\n" * 25 + table()).encode(),
    no_header=lambda: table(header="").encode(),
    header_transposed=lambda: HEADER.replace(",", "\n").encode(),
    long_header_name=lambda: b"h" * 300_000 + b",b\n1,2\n",
    names_that_run=b'=cmd|"/C calc"!A0,<script>alert(1)</script>\n1,2\n',
    rtl_header="\u202eemoc,\u2066x\n1,2\n".encode(),
    emoji_header="😀,👩‍👩‍👧\n1,2\n".encode(),
    sql_header=b"'; DROP TABLE core.incident; --,b\n1,2\n",
    template_header=b"{{ 7*7 }},{% x %},${jndi:ldap://x}\n1,2,3\n",
    percent_header=b"%s%n,%(a)s\n1,2\n",
    braces_header=b"{0},{column}\n1,2\n",
    json_other=b'[{"a": 1}]',
    json_nan=b'[{"a": NaN, "b": Infinity, "c": -Infinity}]',
    json_huge_number=b'[{"a": 1e999, "b": -1e-999}]',
    json_repeated_key=b'[{"a": 1, "a": 2}]',
    json_surrogate=b'[{"\\ud83d": "\\ud83d"}]',
    json_zero=b'[{"a\\u0000": "\\u0000"}]',
    json_empty_key=b'[{"": 1}]',
    json_long_key=lambda: json.dumps([{"k" * 1_000_000: 1}]).encode(),
    json_utf16=lambda: '[{"a": "é"}]'.encode("utf-16"),
    json_cp1252='[{"a": "é"}]'.encode("cp1252"),
    json_mixed=b'[{"a": 1}, 2, null, [3], {"b": {"c": [1, {"d": 2}]}}]',
    json_deep_but_fine=lambda: b'[{"a": ' + b"[" * 300 + b"]" * 300 + b"}]",
    json_children_of_children=lambda: json.dumps([_family(9)]).encode(),
    json_rows=b'[["a", "b"], [1, 2], {"c": 3}, "x"]',
    json_proto=b'[{"__proto__": {"x": 1}, "constructor": 2, "_index": "x", "_parent_index": -1}]',
    geojson_odd=b'{"type":"FeatureCollection","features":[{"properties":5,"geometry":{"type":"Point","coordinates":"x"}},null,3]}',
    geojson_huge=b'{"type":"FeatureCollection","features":[{"properties":{"a":1},"geometry":{"type":"Point","coordinates":[1e308,-1e308,1e999]}}]}',
    json_lines_other=b'{"a": 1}\n{"a": 2}\n',
    parquet_other=lambda: _parquet(pa.table({"a": [b"\xff\xfe", None], "b": [float("nan"), float("inf")]})),
    parquet_no_name=lambda: _parquet(pa.table([pa.array([1])], names=[""])),
    parquet_same_names=lambda: _parquet(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])),
    workbook_other=lambda: xlsx(cells("a", "b") + cells("1", "2")),
    sheet_name_runs=lambda: xlsx(cells("a"), name="=1+1"),
    sheet_name_script=lambda: xlsx(cells("a"), name="&lt;script&gt;"),
    sheet_name_rtl=lambda: xlsx(cells("a"), name="\u202etxt"),
    sheet_name_path=lambda: xlsx(cells("a"), name="../../x"),
    sheet_name_long=lambda: xlsx(cells("a"), name="x" * 5000),
    workbook_row_zero=lambda: xlsx('<row r="0"><c r="A0"><v>1</v></c></row>'),
    workbook_far_row=lambda: sparse("A1048576"),
    workbook_far_column=lambda: sparse("XFD1"),
    ods_other=lambda: ods_rows((1, 1, "x")),
    ods_blank_rows_repeated=lambda: ods_rows((1, 1, "x"), (1048575, 16384, "")),
)


def _family(depth: int) -> dict[str, Any]:
    return {"name": "x", "child": [_family(depth - 1)] if depth else []}


add(
    "gate.rejects",
    wrong_separator_in_rows=csv_with(*(row(i).replace(",", ";") for i in range(50, 60))),
    all_ragged=lambda: (HEADER + "\n" + "".join(row(i) + ",x,y\n" for i in range(9))).encode(),
    dates_impossible=csv_with(
        *(
            row(i, incident_date=d)
            for i, d in enumerate(
                ("0000-00-00", "1900-02-29", "9999-99-99", "-1", "1e9", "2020-02-30", "31/12/2020"), 50
            )
        )
    ),
    days_of_1900_and_0=csv_with(
        *(row(i, incident_date=d) for i, d in enumerate(("0001-01-01", "0000-01-01", "1899-12-30", "10000-01-01"), 50)),
        n=4,
    ),
    numbers_that_are_none=csv_with(
        *(row(i, dead=d) for i, d in enumerate(("NaN", "inf", "1e400", "0x10", "1_000", "--1", "9" * 400), 50))
    ),
    header_again_and_again=csv_with(*[HEADER] * 9),
    shifted=csv_with(*("x," + row(i) for i in range(9))),
    keys_missing=csv_with(*(row(i, incident_date="")[len(f"INC-{i}") :] for i in range(50, 60))),
    huge_coordinates=csv_with(*(row(i, latitude="1e300", longitude="-1e300") for i in range(50, 60))),
    html_rows=csv_with(*["<tr><td>x</td></tr>"] * 9),
)
add(
    "loaded",
    good=good,
    good_as_workbook=good_workbook,
    good_as_json=good_json,
    good_as_parquet=good_parquet,
    good_in_zip=lambda: packed({"a.csv": good()}),
    good_in_gzip=lambda: gzip.compress(good()),
    good_stored=lambda: packed({"a.csv": good()}, zipfile.ZIP_STORED),
    semicolons=lambda: good().replace(b",", b";"),
    tabs=lambda: good().replace(b",", b"\t"),
    pipes=lambda: good().replace(b",", b"|"),
    unit_separators=lambda: good().replace(b",", b"\x1f"),
    all_quoted=lambda: "\n".join('"' + line.replace(",", '","') + '"' for line in table().splitlines()).encode(),
    single_quoted=lambda: "\n".join("'" + line.replace(",", "','") + "'" for line in table().splitlines()).encode(),
    utf16=lambda: table().encode("utf-16"),
    utf16_no_mark=lambda: table().encode("utf-16-le"),
    utf16_big=lambda: table().encode("utf-16-be"),
    utf32=lambda: table().encode("utf-32"),
    utf8_mark=lambda: b"\xef\xbb\xbf" + good(),
    two_marks=lambda: b"\xef\xbb\xbf" * 2 + good(),
    utf16_odd=lambda: table().encode("utf-16") + b"x",
    mark_in_the_middle=csv_with(row(90, location="a\ufeffb")),
    letters_cut=lambda: table(row(90, location="Zuwara é")).encode()[:-50] + b"\xc3",
    cp1252=lambda: table(row(90, location="Zouwara été")).encode("cp1252"),
    cp1256=lambda: table(*(row(i, location="قبالة زوارة") for i in range(90, 99))).encode("cp1256"),
    mac=lambda: table(row(90, location="Zouwara, été")).encode("mac_roman"),
    zero_bytes=lambda: good().replace(b"Drowning", b"Drow\0ning"),
    zero_at_the_end=lambda: good() + b"\0" * 100,
    surrogates=csv_with(row(90, location="\ud83d")),
    overlong=lambda: table(row(90, location="x")).encode().replace(b",x,", b",\xc0\xaf,"),
    rtl_override=csv_with(row(90, location="\u202eexe.txt\u2066")),
    controls_in_cells=csv_with(row(90, location="\x01\x1b[2J\x07\x7f")),
    formulas=csv_with(
        *(
            row(i, location=f)
            for i, f in enumerate(("=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("x")', "\t=1", "=cmd|' /C calc'!A0"), 90)
        )
    ),
    script=csv_with(row(90, location="<script>alert(1)</script>")),
    million_letters=csv_with(row(90, location="x" * 1_000_000)),
    mixed_newlines=lambda: table(row(90)).replace("\n", "\r\n", 4).replace("\n", "\r", 1).encode(),
    old_mac_newlines=lambda: table(newline="\r").encode(),
    dos_newlines=lambda: table(newline="\r\n").encode(),
    no_last_newline=lambda: good().rstrip(),
    form_feeds=lambda: good().replace(b"Coast guard", b"Coast\x0cguard"),
    blank_rows_between=lambda: good().replace(b"\n", b"\n\n\n"),
    trailing_separators=lambda: good().replace(b"\n", b",,,\n"),
    short_rows=csv_with(row(90).rsplit(",", 5)[0]),
    one_ragged=csv_with(row(90) + ",x"),
    preamble=lambda: ("Report of May\n\n" + table()).encode(),
    header_at_row_25=lambda: ("x\n" * 24 + table()).encode(),
    separator_line=lambda: b"sep=;\n" + good().replace(b",", b";"),
    repeated_headers=lambda: table(header=HEADER + ",dead,dead,dead").replace("\nINC", ",1,2,3\nINC").encode(),
    many_repeated_headers=lambda: table(header=HEADER + ",x" * 1000).encode(),
    unnamed_headers=lambda: table(header=HEADER + ",,,").encode(),
    newline_in_a_cell=csv_with(row(90, location="a\nb")),
    newline_in_the_header=lambda: table(header=HEADER + ',"a\nb"').encode(),
    same_row_often=csv_with(*[row(90)] * 50),
    key_with_other_facts=csv_with(row(90), row(90, dead="2")),
    long_key=csv_with("I" * 100_000 + row(90)[6:]),
    key_of_signs=csv_with(row(90).replace("INC-90", "a|b|;'\\\\")),
    end_of_text_signs=csv_with(row(90, location="\\\\."), row(91, location="\\\\N")),
    backslashes=csv_with(row(90, location="C:\\\\x\\\\")),
    control_z=lambda: good() + b"\x1a",
    figures_arabic=csv_with(row(90, location="٢٠٢٠")),
    combining=csv_with(row(90, location="e" + "\u0301" * 500)),
    private_use=csv_with(row(90, location="\ue000\U0010ffff\ufffe")),
    hxl=lambda: table(header=HEADER + "\n" + ",".join(["#x"] * 25)).encode(),
    zip_slip=lambda: packed({"../../../../tmp/evil.csv": good()}),
    zip_absolute=lambda: packed({"/etc/cron.d/x": good(), "C:\\\\x": b"a"}),
    zip_odd_names=lambda: packed({"\u202egpj.csv": good(), "<b>.txt": b"x", "a\nb": b"y"}),
    zip_same_names=lambda: _same_names(),
    zip_with_pdf=lambda: packed({"a.csv": good(), "b.pdf": b"%PDF-1.7"}),
    zip_after_noise=lambda: packed({"a.csv": good()}),
    workbook_with_formula=lambda: xlsx(
        sheet_of(*(good_row(i) for i in range(5)), good_row(6, location="<c><f>1+1</f><v>2</v></c>"))
    ),
    workbook_circular=lambda: xlsx(
        sheet_of(*(good_row(i) for i in range(5)), good_row(6, location='<c r="R7"><f>R7</f></c>'))
    ),
    workbook_errors=lambda: xlsx(
        sheet_of(*(good_row(i) for i in range(5)), good_row(6, location='<c t="e"><v>#REF!</v></c>'))
    ),
    workbook_odd_kind=lambda: xlsx(
        sheet_of(
            *(good_row(i) for i in range(5)),
            good_row(6, location='<c t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r></is></c>'),
        )
    ),
    workbook_million_letters=lambda: xlsx(
        sheet_of(
            *(good_row(i) for i in range(5)),
            good_row(6, location=f'<c t="inlineStr"><is><t>{"x" * 1_000_000}</t></is></c>'),
        )
    ),
    workbook_blank_rows=lambda: xlsx(sheet_of("<row/>" * 5000, *(good_row(i) for i in range(5)))),
    workbook_comments=lambda: xlsx(sheet_of("<!-- x -->" * 1000, *(good_row(i) for i in range(5)))),
    json_bom=lambda: b"\xef\xbb\xbf" + good_json(),
    json_lines=lambda: b"\n".join(json.dumps(r).encode() for r in json.loads(good_json())),
    json_wrapped=lambda: b'{"count": 8, "results": ' + good_json() + b"}",
    json_as_utf16=lambda: good_json().decode().encode("utf-16"),
    json_with_nan=lambda: good_json().replace(b'"4"', b"NaN", 1),
    json_with_surrogates=lambda: good_json().replace(b"Off Zuwara", b"\\ud83d", 1),
)


def _same_names() -> bytes:
    import warnings

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("a.csv", good())
        archive.writestr("a.csv", good())
    return out.getvalue()


NAMES = (
    "a\nb.csv",
    "\u202evsc.exe",
    "<script>alert(1).csv",
    "=cmd.csv",
    "x" * 250,
    "con.csv",
    " .csv",
    "..csv",
    "%s%n.csv",
    "$(reboot).csv",
    "'; DROP TABLE x; --.csv",
    "é😀.csv",
    "a.pdf",
    "a.xlsx",
    "{{7*7}}.json",
    "-rf",
    "a\\\\b.csv",
    "\x1b[31m.csv",
    "[0-9]*.csv",
    "a#b?c&d.csv",
)
"""Names under which a good file must be read as under any other."""
