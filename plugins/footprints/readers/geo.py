"""GeoJSON and TopoJSON as records: one per feature, its properties beside its `geometry` as GeoJSON text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from footprints.errors import DeliveryError

GEOMETRIES = frozenset(
    ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection")
)
DECIMALS = 7
"""Digits of a degree after the decimal point in what is decoded from TopoJSON: about a centimetre."""
BYTES_OF_A_POSITION = 128
"""A pair of numbers in a list, while a shape is put together."""

Record = dict[str, Any]


def is_feature_collection(document: Any) -> bool:
    """Whether a JSON document is a GeoJSON FeatureCollection."""
    return (
        isinstance(document, dict)
        and document.get("type") == "FeatureCollection"
        and isinstance(document.get("features"), list)
    )


def is_topology(document: Any) -> bool:
    """Whether a JSON document is TopoJSON."""
    return (
        isinstance(document, dict)
        and document.get("type") == "Topology"
        and isinstance(document.get("objects"), dict)
        and isinstance(document.get("arcs"), list)
    )


def is_geometry(value: Any) -> bool:
    """Whether a JSON value is a GeoJSON geometry."""
    return (
        isinstance(value, dict)
        and value.get("type") in GEOMETRIES
        and ("coordinates" in value or "geometries" in value)
    )


def feature_records(document: Mapping[str, Any]) -> list[Record]:
    """The features of a GeoJSON FeatureCollection as records."""
    return [_record(one, one.get("geometry")) for one in document["features"] if isinstance(one, dict)]


def topology_records(document: Mapping[str, Any], max_unpacked_bytes: int) -> Iterator[tuple[str, list[Record]]]:
    """The objects of a TopoJSON document: (name, its shapes as records).

    Arcs are decoded to longitude and latitude (TopoJSON 1.0, https://github.com/topojson/topojson-specification).
    Raises DeliveryError where a shape names an arc that is not there, or where all shapes together would take more than
    `max_unpacked_bytes`: a few arcs, named again and again, can stand for any number of points.
    """
    arcs = _Arcs(document, max_unpacked_bytes)
    for name, thing in document["objects"].items():
        if isinstance(thing, dict):
            shapes = thing.get("geometries") if thing.get("type") == "GeometryCollection" else [thing]
            kept = [shape for shape in shapes if isinstance(shape, dict)] if isinstance(shapes, list) else []
            yield str(name), [_record(shape, arcs.geometry(shape)) for shape in kept]


def _record(feature: Mapping[str, Any], geometry: Any) -> Record:
    properties = feature.get("properties")
    record: Record = dict(properties) if isinstance(properties, dict) else {}
    if "id" in feature:
        record.setdefault("id", feature["id"])
    known = geometry if is_geometry(geometry) else None
    record["geometry"] = None if known is None else json.dumps(known, separators=(",", ":"))
    if known is not None and known["type"] == "Point":
        position = known.get("coordinates")
        if isinstance(position, list) and len(position) >= 2:
            record.setdefault("longitude", position[0])
            record.setdefault("latitude", position[1])
    return record


class _Arcs:
    """The arcs of a topology, decoded when they are first asked for."""

    def __init__(self, document: Mapping[str, Any], limit: int) -> None:
        transform = document.get("transform")
        self.raw: list[Any] = document["arcs"]
        self.decoded: dict[int, list[list[float]]] = {}
        self.limit = limit
        self.used = 0
        try:
            self.scale = None if transform is None else [float(v) for v in transform["scale"][:2]]
            self.shift = [0.0, 0.0] if transform is None else [float(v) for v in transform["translate"][:2]]
        except (KeyError, TypeError, ValueError):
            raise _broken() from None

    def geometry(self, shape: Mapping[str, Any]) -> Record | None:
        """A shape as GeoJSON geometry; None for one without."""
        try:
            return self._geometry(shape)
        except (KeyError, IndexError, TypeError, ValueError, OverflowError, RecursionError):
            raise _broken() from None

    def _geometry(self, shape: Mapping[str, Any]) -> Record | None:
        kind = shape.get("type")
        coordinates: Any
        if kind == "GeometryCollection":
            inside = [self._geometry(one) for one in shape["geometries"]]
            return {"type": kind, "geometries": [one for one in inside if one is not None]}
        if kind == "Point":
            coordinates = self._position(shape["coordinates"])
        elif kind == "MultiPoint":
            coordinates = [self._position(one) for one in shape["coordinates"]]
        elif kind == "LineString":
            coordinates = self._line(shape["arcs"])
        elif kind in ("MultiLineString", "Polygon"):
            coordinates = [self._line(arcs) for arcs in shape["arcs"]]
        elif kind == "MultiPolygon":
            coordinates = [[self._line(arcs) for arcs in polygon] for polygon in shape["arcs"]]
        else:
            return None
        return {"type": kind, "coordinates": coordinates}

    def _position(self, position: Any) -> list[float]:
        self._count(1)
        x, y = float(position[0]), float(position[1])
        if self.scale is None:
            return [x, y]
        return [round(x * self.scale[0] + self.shift[0], DECIMALS), round(y * self.scale[1] + self.shift[1], DECIMALS)]

    def _line(self, arcs: Any) -> list[list[float]]:
        """Arcs end to end. Each starts where the one before ended, which stands once; a negative one runs backwards."""
        line: list[list[float]] = []
        for number in arcs:
            points = self._arc(~number)[::-1] if number < 0 else self._arc(number)
            self._count(len(points))
            line.extend(points[1:] if line else points)
        return line

    def _arc(self, number: int) -> list[list[float]]:
        if number not in self.decoded:
            points, x, y = [], 0.0, 0.0
            for step in self.raw[number]:
                # With a transform, positions are whole numbers, each but the first as a step from the one before.
                x, y = (step[0], step[1]) if self.scale is None else (x + step[0], y + step[1])
                points.append(self._position((x, y)))
            self.decoded[number] = points
        return self.decoded[number]

    def _count(self, n_positions: int) -> None:
        self.used += n_positions * BYTES_OF_A_POSITION
        if self.used > self.limit:
            raise DeliveryError("file.too_large", limit=self.limit)


def _broken() -> DeliveryError:
    return DeliveryError("file.unreadable", format="TopoJSON")
