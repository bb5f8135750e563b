"""JSON: records bare, wrapped and nested; exports of forms from an API; GeoJSON and TopoJSON as tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from footprints.errors import DeliveryError
from footprints.readers import Header, OpenFile, open_file

LIMIT = 2**30
Table = list[dict[str, str | None]]


def opened(path: Path, document: Any) -> OpenFile:
    path.write_bytes(document if isinstance(document, bytes) else json.dumps(document, ensure_ascii=False).encode())
    return open_file(path, LIMIT)


def tables(found: OpenFile) -> dict[str, Table]:
    """Each sheet as a list of rows, without cells that are not there."""
    out: dict[str, Table] = {}
    for sheet in found.sheets:
        rows = out.setdefault(sheet.name, [])
        header = Header(tuple(sheet.preview[0]), 0)
        for chunk in sheet.chunks(header, 2, lambda row: pytest.fail("no row is ragged")):
            for i in range(len(chunk.row_numbers)):
                cells = {name: array[i].as_py() for name, array in chunk.columns.items()}
                rows.append({name: cell for name, cell in cells.items() if cell is not None})
    return out


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ([{"a": 1}, {"a": 2}], ""),
        ({"result": [{"a": 1}, {"a": 2}]}, "result"),
        ({"x": {"y": {"z": {"w": {"v": [{"a": 1}, {"a": 2}]}}}}}, "x.y.z.w.v"),
        (b'{"a": 1}\n\n{"a": 2}\r\n', ""),
        ('[{"a": 1}, {"a": 2}]'.encode("utf-16"), ""),
        (b'\xef\xbb\xbf[{"a": 1}, {"a": 2}]', ""),
    ],
)
def test_records_are_found_wherever_they_stand(tmp_path: Path, document: Any, name: str) -> None:
    assert tables(opened(tmp_path / "f", document)) == {name: [{"a": "1"}, {"a": "2"}]}


def test_a_letter_in_cp1252_is_read(tmp_path: Path) -> None:
    assert tables(opened(tmp_path / "f", '[{"a": "é"}]'.encode("cp1252"))) == {"": [{"a": "é"}]}


def test_a_line_that_is_cut_off_is_named(tmp_path: Path) -> None:
    for body in (b'{"a": 1}\n{"a": 2}\n{"a": ', b'[{"a": 1},\n{"a": 2},\n{"a": '):
        with pytest.raises(DeliveryError) as caught:
            opened(tmp_path / "f", body)
        assert (caught.value.rule, caught.value.parameters) == ("file.unreadable", {"format": "JSON", "line": 3})


def test_rows_in_lists_have_their_header_among_them(tmp_path: Path) -> None:
    [sheet] = opened(tmp_path / "f", [["Place", "n"], ["#adm1", "#affected"], ["Gao", 7], ["Ménaka", None]]).sheets
    [chunk] = sheet.chunks(Header(("Place", "n"), 2), 10, lambda row: pytest.fail("ragged"))
    assert {name: cells.to_pylist() for name, cells in chunk.columns.items()} == {
        "Place": ["Gao", "Ménaka"],
        "n": ["7", None],
    }
    assert chunk.row_numbers.tolist() == [3, 4]


def test_an_export_from_kobos_api_has_the_shape_of_its_workbook(tmp_path: Path) -> None:
    stop = "journey/stops"
    document = {
        "count": 2,
        "next": None,
        "previous": None,
        "results": [
            {
                "_id": 7,
                "_uuid": "u-7",
                "intro/consent": "yes",
                "_geolocation": [16.2, -0.04],
                "_tags": [],
                "_validation_status": {},
                stop: [{f"{stop}/place": "Gao", f"{stop}/nights": 2}, {f"{stop}/place": "Kidal"}],
            },
            {"_id": 8, "_uuid": "u-8", "intro/consent": "no", stop: [{f"{stop}/place": "Arlit"}]},
        ],
    }
    assert tables(opened(tmp_path / "f", document)) == {
        "results": [
            {
                "_id": "7",
                "_uuid": "u-7",
                "intro/consent": "yes",
                "_geolocation": "[16.2, -0.04]",
                "_tags": "[]",
                "_index": "1",
            },
            {"_id": "8", "_uuid": "u-8", "intro/consent": "no", "_index": "2"},
        ],
        "stops": [
            {f"{stop}/place": "Gao", f"{stop}/nights": "2", "_parent_table_name": "results", "_parent_index": "1"},
            {f"{stop}/place": "Kidal", "_parent_table_name": "results", "_parent_index": "1"},
            {f"{stop}/place": "Arlit", "_parent_table_name": "results", "_parent_index": "2"},
        ],
    }


def test_groups_and_repeats_in_repeats_of_odk_central_are_joined(tmp_path: Path) -> None:
    document = {
        "@odata.context": "https://example.org/v1/projects/1/forms/f.svc/$metadata#Submissions",
        "value": [
            {
                "__id": "uuid:a",
                "__system": {"submissionDate": "2024-01-02T03:04:05Z"},
                "intro": {"consent": "yes", "where": {"type": "Point", "coordinates": [-0.04, 16.2]}},
                "stops": [{"place": {"name": "Gao"}, "meals": [{"n": 1}, {"n": 3}]}, {"place": {"name": "Kidal"}}],
            }
        ],
    }
    parent = "_parent_table_name"
    assert tables(opened(tmp_path / "f", document)) == {
        "value": [
            {
                "__id": "uuid:a",
                "_index": "1",
                "intro/consent": "yes",
                "intro/where": '{"coordinates": [-0.04, 16.2], "type": "Point"}',
                "__system/submissionDate": "2024-01-02T03:04:05Z",
            }
        ],
        "stops": [
            {"place/name": "Gao", parent: "value", "_parent_index": "1", "_index": "1"},
            {"place/name": "Kidal", parent: "value", "_parent_index": "1", "_index": "2"},
        ],
        "meals": [
            {"n": "1", parent: "stops", "_parent_index": "1"},
            {"n": "3", parent: "stops", "_parent_index": "1"},
        ],
    }


def test_features_of_geojson_are_rows(tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[0, 1], [2, 3]]}
    features = [
        {
            "type": "Feature",
            "id": 5,
            "properties": {"name": "Gao"},
            "geometry": {"type": "Point", "coordinates": [0, 16]},
        },
        {"type": "Feature", "properties": {"name": "RN17", "latitude": "own"}, "geometry": line},
        {"type": "Feature", "properties": None, "geometry": None},
    ]
    assert tables(opened(tmp_path / "f", {"type": "FeatureCollection", "features": features})) == {
        "features": [
            {
                "name": "Gao",
                "id": "5",
                "geometry": '{"type":"Point","coordinates":[0,16]}',
                "longitude": "0",
                "latitude": "16",
            },
            {"name": "RN17", "latitude": "own", "geometry": '{"type":"LineString","coordinates":[[0,1],[2,3]]}'},
            {},
        ]
    }


def topology(**changes: Any) -> dict[str, Any]:
    """Two squares side by side that share an edge, as TopoJSON has them: quantized, the edge once."""
    shapes = [
        {"type": "Polygon", "id": "W", "properties": {"name": "west"}, "arcs": [[0, 1]]},
        {"type": "MultiPolygon", "properties": {"name": "east"}, "arcs": [[[2, -1]]]},
        {"type": "Point", "properties": {"name": "town"}, "coordinates": [5, 5]},
        {"type": None, "properties": {"name": "nowhere"}},
    ]
    whole = {
        "type": "Topology",
        "transform": {"scale": [0.1, 0.1], "translate": [10, 20]},
        "arcs": [[[10, 0], [0, 10]], [[10, 10], [-10, 0], [0, -10], [10, 0]], [[10, 0], [10, 0], [0, 10], [-10, 0]]],
        "objects": {"states": {"type": "GeometryCollection", "geometries": shapes}},
    }
    return whole | changes


def test_shapes_of_topojson_are_decoded_arc_by_arc(tmp_path: Path) -> None:
    [west, east, town, nowhere] = tables(opened(tmp_path / "f", topology()))["states"]
    assert json.loads(west["geometry"] or "") == {
        "type": "Polygon",
        "coordinates": [[[11, 20], [11, 21], [10, 21], [10, 20], [11, 20]]],
    }
    assert json.loads(east["geometry"] or "") == {
        "type": "MultiPolygon",
        "coordinates": [[[[11, 20], [12, 20], [12, 21], [11, 21], [11, 20]]]],
    }
    assert (west["id"], town["longitude"], town["latitude"]) == ("W", "10.5", "20.5")
    assert nowhere == {"name": "nowhere"}


def test_topojson_without_a_transform_holds_positions_as_they_are(tmp_path: Path) -> None:
    shape = {"type": "LineString", "properties": {}, "arcs": [0]}
    document = {"type": "Topology", "arcs": [[[1.5, 2.5], [3.5, 4.5]]], "objects": {"road": shape}}
    [road] = tables(opened(tmp_path / "f", document))["road"]
    assert json.loads(road["geometry"] or "")["coordinates"] == [[1.5, 2.5], [3.5, 4.5]]


@pytest.mark.parametrize(
    "changes",
    [
        {"arcs": []},
        {"arcs": [[[0]], [[0]], [[0]]]},
        {"arcs": ["x", "y", "z"]},
        {"transform": {"scale": "no"}},
        {"objects": {"states": {"type": "Polygon", "arcs": [["first"]]}}},
        {"objects": {"states": {"type": "Polygon"}}},
    ],
)
def test_topojson_whose_arcs_make_no_sense_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(DeliveryError) as caught:
        opened(tmp_path / "f", topology(**changes))
    assert (caught.value.rule, caught.value.parameters) == ("file.unreadable", {"format": "TopoJSON"})


def test_a_few_arcs_named_again_and_again_are_no_way_to_fill_the_memory(tmp_path: Path) -> None:
    arc = [[0, 0]] + [[1, 1]] * 1000
    shape = {"type": "MultiLineString", "properties": {}, "arcs": [[0] * 1000] * 20}
    document = {"type": "Topology", "arcs": [arc], "objects": {"bomb": shape}}
    path = tmp_path / "f"
    path.write_text(json.dumps(document))
    with pytest.raises(DeliveryError) as caught:
        open_file(path, 2**28)
    assert caught.value.rule == "file.too_large"


def test_a_column_for_each_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError) as caught:
        opened(tmp_path / "f", [{f"k{i}": i} for i in range(20_000)])
    assert caught.value.rule == "file.too_many_columns"


def test_half_of_a_surrogate_pair_becomes_a_mark(tmp_path: Path) -> None:
    [row] = tables(opened(tmp_path / "f", b'[{"a": "x\\ud83d", "b": ["\\ude00"], "ok": "\\ud83d\\ude00"}]'))[""]
    assert row == {"a": "x�", "b": '["�"]', "ok": "😀"}
