"""Vector files as users and strangers may make them, with their true content: a kind of input of the campaign.

A file holds boxes of pixels on a small scene of the Moon, and an odd feature, column, system or structure. It is read
as labels and burnt, and read as an area: both must show what was drawn and a word must tell what was mended, or the
file is refused in one line with the row of the odd feature, where there is one.
"""

import json
import logging
import os
import sqlite3
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import geopandas
import numpy as np
import pyogrio
import shapely
from affine import Affine
from pyproj import CRS, Transformer

from orbitile.base.errors import OrbitileError
from orbitile.features.filter import FilterArea
from orbitile.features.labels.burn import grid_labels
from orbitile.features.labels.read import LabelFields, read_labels
from orbitile.space.bodies import find_body
from orbitile.space.grids import Grid

SIDE, GSD = 60, 100.0
MAPS = {
    "equator": ("+proj=eqc +R=1737400", 0.0, 0.0),
    "far side": ("+proj=eqc +R=1737400 +lon_0=180", -3000.0, 500_000.0),
    "pole": ("+proj=stere +lat_0=90 +R=1737400", 200_000.0, -300_000.0),
}
"""Maps, and the upper left corners of the scenes on them."""
DEGREES = "IAU_2015:30100"
FORMATS = ("gpkg", "shp", "geojson", "fgb", "parquet")
POINT, LINE, POLYGON, MULTIPOLYGON, COLLECTION, CURVE, CURVED_POLYGON, TIN = 1, 2, 3, 6, 7, 8, 10, 16
Vertices = Sequence[tuple[float, ...]]
nan, inf = float("nan"), float("inf")


@dataclass(frozen=True)
class Drawing:
    """Boxes (columns, rows of a scene) in a vector file, and what else is in it."""

    random: Random
    folder: Path
    map: str
    boxes: tuple[tuple[float, float, float, float], ...]

    @classmethod
    def of(cls, random: Random, folder: Path) -> "Drawing":
        """Boxes that do not touch each other."""
        count = random.randint(1, 3)
        boxes = tuple(
            (
                15 * n + random.uniform(1, 4),
                random.uniform(1, 20),
                15 * n + random.uniform(9, 13),
                random.uniform(25, 40),
            )
            for n in range(count)
        )
        return cls(random, folder, random.choice(list(MAPS)), boxes)

    @property
    def grid(self) -> Grid:
        crs, left, top = MAPS[self.map]
        return Grid(CRS(crs).to_wkt(), Affine(GSD, 0, left, 0, -GSD, top), SIDE, SIDE)

    @property
    def free(self) -> tuple[float, float]:
        """A corner (column, row) of 12 x 12 free pixels."""
        return self.random.uniform(46, 47), self.random.uniform(5, 40)

    def on_map(self, points: Vertices) -> list[tuple[float, ...]]:
        """Pixels, with further ordinates, on the map."""
        return [(*self.grid.to_map(point[0], point[1]), *point[2:]) for point in points]

    def shapes(self) -> list[shapely.Geometry]:
        return [shapely.Polygon(self.on_map(corners(*box))) for box in self.boxes]

    def truth(self, *rings: Vertices) -> np.ndarray:
        """The pixels whose centres lie in the boxes, or in further rings of pixels by the rule of even and odd."""
        mask = np.zeros((SIDE, SIDE), bool)
        for ring in [*(corners(*box) for box in self.boxes), *rings]:
            mask |= inside(ring)
        return mask

    def path(self, suffix: str) -> Path:
        return self.folder / f"labels.{suffix}"


@dataclass(frozen=True)
class Expected:
    """What must come of a file: the pixels of its content, or a refusal with these words; `word` of a warning."""

    path: Path
    mask: np.ndarray | None = None
    refusal: tuple[str, ...] = ()
    word: str = ""
    boundary: np.ndarray | None = None


def corners(left: float, top: float, right: float, bottom: float) -> Vertices:
    return [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]


def inside(ring: Vertices) -> np.ndarray:
    """The pixels whose centres lie in a ring, by the rule of even and odd."""
    row, column = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    odd = np.zeros((SIDE, SIDE), bool)
    for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if y1 != y2:
            crosses = ((y1 > row) != (y2 > row)) & (column < (x2 - x1) * (row - y1) / (y2 - y1) + x1)
            odd ^= crosses
    return odd


def wkb(kind: int, *rings: Vertices) -> bytes:
    """Geometry of any number of ordinates: a line or curve of its vertices, a polygon of rings."""
    body = b"".join(
        struct.pack("<I", len(ring)) + b"".join(struct.pack(f"<{len(p)}d", *p) for p in ring) for ring in rings
    )
    return struct.pack("<BI", 1, kind) + (struct.pack("<I", len(rings)) if kind % 1000 == POLYGON else b"") + body


def many(kind: int, *parts: bytes) -> bytes:
    return struct.pack("<BII", 1, kind, len(parts)) + b"".join(parts)


def write_geopackage(path: Path, geometry: Sequence[bytes | None], crs: str, **columns: Sequence) -> None:
    """A GeoPackage with any geometry (WKB), also one that no library would write."""
    stand_in = [shapely.box(0, 0, 1, 1)] * len(geometry)
    columns = columns or dict(width=["tiny"] * len(geometry))
    frame = geopandas.GeoDataFrame(columns, geometry=stand_in, crs=CRS(crs))
    pyogrio.write_dataframe(
        frame, path, layer="labels", geometry_type="Unknown", layer_options=dict(SPATIAL_INDEX="NO")
    )
    with sqlite3.connect(path) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        (srs,) = database.execute("SELECT srs_id FROM gpkg_geometry_columns").fetchone()
        for row, shape in enumerate(geometry, 1):
            blob = None if shape is None else b"GP\0\1" + struct.pack("<i", srs) + shape
            database.execute("UPDATE labels SET geom = ? WHERE fid = ?", (blob, row))
    database.close()


def write(path: Path, shapes: Sequence[shapely.Geometry | None], crs: str | None, **columns: Sequence) -> None:
    columns = columns or dict(width=["tiny"] * len(shapes))
    frame = geopandas.GeoDataFrame(columns, geometry=list(shapes), crs=crs and CRS(crs))
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        pyogrio.write_dataframe(frame, path, **({"RFC7946": "NO"} if path.suffix == ".geojson" else {}))
    if path.suffix == ".geojson":  # GDAL has a name for a system with an authority only
        content = json.loads(path.read_text())
        content["crs"] = dict(type="name", properties=dict(name=CRS(crs).to_proj4() if crs else "none"))
        path.write_text(json.dumps(content))


def with_feature(drawing: Drawing, shape: bytes | None) -> tuple[Path, int]:
    """A GeoPackage of the boxes with an odd shape (WKB, on the map) among them, and its row."""
    shapes: list[bytes | None] = [shapely.to_wkb(box) for box in drawing.shapes()]
    place = drawing.random.randint(0, len(shapes))
    shapes.insert(place, shape)
    write_geopackage(drawing.path("gpkg"), shapes, MAPS[drawing.map][0])
    return drawing.path("gpkg"), place + 1


def plain(drawing: Drawing) -> Expected:
    path = drawing.path(drawing.random.choice(FORMATS))
    write(path, drawing.shapes(), MAPS[drawing.map][0])
    return Expected(path, drawing.truth())


def in_degrees(drawing: Drawing) -> Expected:
    """The same boxes in longitude and latitude, 0..360."""
    path = drawing.path(drawing.random.choice(FORMATS))
    way = Transformer.from_crs(CRS(MAPS[drawing.map][0]), CRS(DEGREES), always_xy=True)
    dense = shapely.segmentize(drawing.shapes(), GSD)
    turn = 360 if drawing.map == "far side" else 1e9
    shapes = shapely.transform(dense, lambda xy: np.column_stack(way.transform(*xy.T)) % [turn, 1e9])
    if drawing.map == "pole" or turn == 360:
        write(path, shapes, DEGREES)
        return Expected(path, drawing.truth())
    return plain(drawing)


def wrapped(drawing: Drawing) -> Expected:
    """A box across 180 E whose longitudes jump."""
    box = shapely.Polygon([(179.9, 1), (-179.9, 1), (-179.9, 2), (179.9, 2)])
    write(drawing.path("gpkg"), [shapely.box(0, 0, 1, 1), box], DEGREES)
    return Expected(drawing.path("gpkg"), refusal=("row 2", "180"))


def drawn(drawing: Drawing, shape: bytes | None, word: str, *rings: Vertices) -> Expected:
    path, _ = with_feature(drawing, shape)
    return Expected(path, drawing.truth(*rings), word=word)


def null(drawing: Drawing) -> Expected:
    return drawn(drawing, None, "without geometry")


def empty(drawing: Drawing) -> Expected:
    return drawn(drawing, drawing.random.choice([wkb(LINE, []), wkb(POLYGON), many(MULTIPOLYGON)]), "without geometry")


def degenerate(drawing: Drawing) -> Expected:
    column, row = drawing.free
    point = drawing.on_map([(column, row)])
    ends = drawing.on_map([(column, row), (column + 9, row + 5)])
    shape = drawing.random.choice([
        wkb(LINE, point * 3), wkb(POLYGON, point * 4), wkb(POLYGON, [*ends, ends[0]]),
        wkb(POLYGON, [*ends, ends[0], ends[0]]), wkb(POLYGON, ends), many(MULTIPOLYGON, wkb(POLYGON, point * 4)),
    ])  # fmt: skip
    return drawn(drawing, shape, "without extent")


def unclosed(drawing: Drawing) -> Expected:
    column, row = drawing.free
    ring = corners(column, row, column + 10.3, row + 10.7)[:-1]
    return drawn(drawing, wkb(POLYGON, drawing.on_map(ring)), "closed", ring)


def bow_tie(drawing: Drawing) -> Expected:
    column, row = drawing.free
    ring = [(column, row), (column + 11.2, row + 11.9), (column + 11.2, row), (column, row + 10.6), (column, row)]
    return drawn(drawing, wkb(POLYGON, drawing.on_map(ring)), "cross themselves", ring)


def overlapping_parts(drawing: Drawing) -> Expected:
    column, row = drawing.free
    parts = [corners(column, row, column + 8, row + 8), corners(column + 3, row + 3, column + 11, row + 11)]
    shape = many(MULTIPOLYGON, *(wkb(POLYGON, drawing.on_map(part)) for part in parts))
    return drawn(drawing, shape, "cross themselves", *parts)


def spike(drawing: Drawing) -> Expected:
    column, row = drawing.free
    box = corners(column, row, column + 5, row + 9)
    shape = wkb(POLYGON, drawing.on_map([*box[:2], (column + 12, row), *box[1:]]))
    return drawn(drawing, shape, "cross themselves", box)


def repeated_vertices(drawing: Drawing) -> Expected:
    column, row = drawing.free
    ring = [point for point in corners(column, row, column + 9, row + 9) for _ in range(drawing.random.randint(1, 4))]
    if drawing.random.random() < 0.5:
        ring.reverse()
    return drawn(drawing, wkb(POLYGON, drawing.on_map(ring)), "", ring)


def with_heights(drawing: Drawing) -> Expected:
    """Z, M, or both; also where they are no numbers."""
    column, row = drawing.free
    kind, more = drawing.random.choice([(1000, (5.0,)), (2000, (6.0,)), (3000, (nan, 1.0)), (1000, (inf,))])
    ring = corners(column, row, column + 9, row + 9)
    shape = wkb(kind + POLYGON, drawing.on_map([(*point, *more) for point in ring]))
    return drawn(drawing, shape, "", ring)


def circle(drawing: Drawing) -> Expected:
    """A curve: a polygon of two arcs. Pixels at its border may lie on either side."""
    column, row = drawing.free
    x, y, r = column + 6, row + 6, 5.2
    arcs = drawing.on_map([(x - r, y), (x, y - r), (x + r, y), (x, y + r), (x - r, y)])
    path, _ = with_feature(drawing, many(CURVED_POLYGON, wkb(CURVE, arcs)))
    down, right = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    away = np.hypot(right - x, down - y)
    return Expected(path, drawing.truth() | (away < r), boundary=np.abs(away - r) < 0.05)


def detailed(drawing: Drawing) -> Expected:
    """A hundred thousand vertices."""
    column, row = drawing.free
    ring = corners(column, row, column + 9, row + 9)
    dense = shapely.segmentize(shapely.Polygon(drawing.on_map(ring)), 0.036)
    return drawn(drawing, shapely.to_wkb(dense), "", ring)


def not_finite(drawing: Drawing) -> Expected:
    column, row = drawing.free
    ring = drawing.on_map(corners(column, row, column + 9, row + 9))
    ring[drawing.random.randint(1, 3)] = drawing.random.choice([(nan, ring[0][1]), (ring[0][0], inf), (-inf, nan)])
    return refused_row(drawing, wkb(drawing.random.choice([LINE, POLYGON]), ring), "not a number")


def off_body(drawing: Drawing) -> Expected:
    drawing = replace(drawing, map=drawing.random.choice(["equator", "far side"]))
    far = 10 ** drawing.random.uniform(8, 300)
    ring = [(0.0, 0.0), drawing.random.choice([(0.0, far), (far, 0.0), (-far, -far)]), (1000.0, 0.0), (0.0, 0.0)]
    return refused_row(drawing, wkb(drawing.random.choice([LINE, POLYGON]), ring), "off the body")


def other_type(drawing: Drawing) -> Expected:
    column, row = drawing.free
    (point,) = drawing.on_map([(column, row)])
    box = shapely.to_wkb(shapely.box(0, 0, 1, 1))
    at = struct.pack("<BI2d", 1, POINT, *point)
    shape = drawing.random.choice([at, many(4, at, at), many(COLLECTION, box), many(COLLECTION, at, box), many(TIN)])
    return refused_row(drawing, shape)


def one_vertex(drawing: Drawing) -> Expected:
    return refused_row(drawing, wkb(LINE, drawing.on_map([drawing.free])), "cannot be read")


def refused_row(drawing: Drawing, shape: bytes, *words: str) -> Expected:
    path, row = with_feature(drawing, shape)
    return Expected(path, refusal=(f"row {row}", *words))


def metres_as_degrees(drawing: Drawing) -> Expected:
    path = drawing.path(drawing.random.choice(FORMATS))
    write(path, replace(drawing, map="far side").shapes(), DEGREES)
    return Expected(path, refusal=("row 1", "off the body", "reference system"))


def bad_width(drawing: Drawing) -> Expected:
    column, row = drawing.free
    lines = [shapely.LineString(drawing.on_map([(column, row), (column + 3, row)]))] * 2
    odd = drawing.random.choice([None, "", "thin", "-3", "0", "nan", "inf", "1e9", "3,5"])
    write(drawing.path("gpkg"), lines, MAPS[drawing.map][0], width=["3.5", odd])
    return Expected(drawing.path("gpkg"), refusal=("row 2", "width"))


def no_width(drawing: Drawing) -> Expected:
    line = shapely.LineString(drawing.on_map([drawing.free, (50, 50)]))
    write(drawing.path("gpkg"), [line], MAPS[drawing.map][0], breite=["tiny"])
    return Expected(drawing.path("gpkg"), refusal=("no column 'width'",))


def no_system(drawing: Drawing) -> Expected:
    path = drawing.path(drawing.random.choice(["gpkg", "shp", "fgb", "parquet"]))
    write(path, drawing.shapes(), None)
    return Expected(path, refusal=("coordinate reference system",))


def other_system(drawing: Drawing) -> Expected:
    """Of another body, of no body, or one that refers to a file."""
    path = drawing.path(drawing.random.choice(["gpkg", "shp", "fgb", "parquet"]))
    grids = CRS("+proj=longlat +R=1737400 +nadgrids=/nowhere/grid").to_wkt()
    moon = 'GEOGCS["Moon",DATUM["Moon",SPHEROID["Moon",1737400,0]],PRIMEM["Reference Meridian",0],UNIT["{}",{}]]'
    crs = drawing.random.choice([
        "IAU_2015:49910", "EPSG:4326", "EPSG:4978", grids, 'LOCAL_CS["site",UNIT["metre",1]]',
        moon.format("grad", 0.015707963267949),
    ])  # fmt: skip
    write(path, drawing.shapes(), crs)
    return Expected(path, refusal=("coordinate reference system",))


def no_features(drawing: Drawing) -> Expected:
    path = drawing.path(drawing.random.choice(["gpkg", "shp", "fgb", "parquet"]))
    write(path, [], MAPS[drawing.map][0], width=[])
    return Expected(path, refusal=("empty labels",))


def further_layers(drawing: Drawing) -> Expected:
    """Layers without shapes and without features beside the labels."""
    path = drawing.path("gpkg")
    write(path, drawing.shapes(), MAPS[drawing.map][0])
    frame = geopandas.GeoDataFrame(dict(note=["a"]), geometry=[None])
    pyogrio.write_dataframe(frame.drop(columns="geometry"), path, layer="layer_styles", append=True)
    nothing = geopandas.GeoDataFrame(dict(width=[]), geometry=[], crs=CRS("EPSG:4326"))
    pyogrio.write_dataframe(nothing, path, layer="empty", append=True, geometry_type="Polygon")
    return Expected(path, drawing.truth())


def cut_off(drawing: Drawing) -> Expected:
    path = drawing.path(drawing.random.choice(FORMATS))
    write(path, drawing.shapes(), MAPS[drawing.map][0])
    parts = [path, *([path.with_suffix(".dbf"), path.with_suffix(".shx")] if path.suffix == ".shp" else [])]
    part = drawing.random.choice(parts)
    os.truncate(part, drawing.random.randint(0, part.stat().st_size - 2))
    return Expected(path, refusal=(str(path),))


def parts_of_two(drawing: Drawing) -> Expected:
    """A Shapefile with the table of another one."""
    path = drawing.path("shp")
    write(path, drawing.shapes(), MAPS[drawing.map][0])
    other = drawing.folder / "other.shp"
    write(other, [shapely.box(0, 0, 1, 1)] * 7, MAPS[drawing.map][0])
    other.with_suffix(".dbf").replace(path.with_suffix(".dbf"))
    return Expected(path, refusal=("7 rows",))


def other_format(drawing: Drawing) -> Expected:
    """A file of a format that has GDAL read other files or ask servers, by its own or another suffix."""
    address, secret = "http://127.0.0.1:9/a", drawing.folder.parent / "secret.gpkg"
    source = f"<SrcDataSource>{secret}</SrcDataSource>"
    systems = [
        dict(type="link", properties=dict(href=address)), dict(type="name", properties=dict(name=address)),
        dict(type="name", properties=dict(name="/etc/hostname")),
    ]  # fmt: skip
    text = drawing.random.choice([
        f'<OGRVRTDataSource><OGRVRTLayer name="a">{source}</OGRVRTLayer></OGRVRTDataSource>', address, "[" * 100_000,
        json.dumps(dict(type="gdal_streamed_alg", command_line=f"gdal vector read {secret}")), "PG:host=127.0.0.1",
        json.dumps(dict(type="FeatureCollection", features=[], crs=drawing.random.choice(systems))),
        f"<OGRWFSDataSource><URL>{address}</URL></OGRWFSDataSource>",
        f"<kml><NetworkLink><Link><href>{address}</href></Link></NetworkLink></kml>",
    ])  # fmt: skip
    path = drawing.path(
        drawing.random.choice(["gpkg", "shp", "geojson", "json", "fgb", "parquet", "vrt", "gml", "kml", "csv"])
    )
    path.write_text(text)
    return Expected(path, refusal=(str(path),))


def no_file(drawing: Drawing) -> Expected:
    """A pipe, a device, a folder, in place of a file or of a part of it."""
    path = drawing.path("shp")
    write(path, drawing.shapes(), MAPS[drawing.map][0])
    part = path.with_suffix(drawing.random.choice([".shp", ".dbf", ".shx", ".prj"]))
    part.unlink()
    drawing.random.choice(
        [lambda: os.mkfifo(part), lambda: part.symlink_to("/dev/zero"), lambda: part.symlink_to("/etc/passwd")]
    )()
    return Expected(path, refusal=(part.name,))


def view(drawing: Drawing) -> Expected:
    """A GeoPackage whose layer is a query, or whose tables are."""
    path = drawing.path("gpkg")
    write(path, drawing.shapes(), MAPS[drawing.map][0])
    endless = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n AS fid, NULL AS geom FROM t"
    with sqlite3.connect(path) as database:
        table = drawing.random.choice(["labels", "gpkg_geometry_columns"])
        if table == "labels":
            database.execute(f"CREATE VIEW endless AS {endless}")
            database.execute("UPDATE gpkg_geometry_columns SET table_name = 'endless'")
            database.execute("UPDATE gpkg_contents SET table_name = 'endless'")
        else:
            database.execute("ALTER TABLE gpkg_geometry_columns RENAME TO columns")
            database.execute(f"CREATE VIEW gpkg_geometry_columns AS {endless}")
    database.close()
    return Expected(path, refusal=("view",))


def mutated(drawing: Drawing) -> Expected:
    """Bytes changed at random: whatever comes of it, no traceback."""
    path = drawing.path(drawing.random.choice(FORMATS))
    write(path, drawing.shapes(), MAPS[drawing.map][0])
    content = bytearray(path.read_bytes())
    for _ in range(drawing.random.randint(1, 20)):
        content[drawing.random.randrange(len(content))] = drawing.random.randrange(256)
    path.write_bytes(content)
    return Expected(path)


FAULTS: dict[str, Callable[[Drawing], Expected]] = {
    fault.__name__: fault
    for fault in (
        plain, in_degrees, wrapped, null, empty, degenerate, unclosed, bow_tie, overlapping_parts, spike,
        repeated_vertices, with_heights, circle, detailed, not_finite, off_body, other_type, one_vertex,
        metres_as_degrees, bad_width, no_width, no_system, other_system, no_features, further_layers, cut_off,
        parts_of_two, other_format, no_file, view, mutated,
    )
}  # fmt: skip


class Words(logging.Handler):
    """The warnings that are logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def check(random: Random, folder: Path) -> str:
    """Make a vector file and read it; "refused" or "accepted". AssertionError for a wrong result or a poor message."""
    return check_fault(random.choice(list(FAULTS)), random, folder)


def check_fault(name: str, random: Random, folder: Path) -> str:
    drawing = Drawing.of(random, folder)
    expected = FAULTS[name](drawing)
    words = Words()
    logging.getLogger("orbitile").addHandler(words)
    try:
        return check_read(name, drawing, expected, words)
    finally:
        logging.getLogger("orbitile").removeHandler(words)


def check_read(name: str, drawing: Drawing, expected: Expected, words: Words) -> str:
    moon = find_body("Moon")
    try:
        labels = read_labels(expected.path, moon, LabelFields())
        mask = grid_labels(labels, drawing.grid).burn(drawing.grid.window, np.ones((SIDE, SIDE), bool)) > 0
        FilterArea.read(expected.path, moon)
    except OrbitileError as error:
        check_message(name, str(error), expected)
        return "refused"
    if name == "mutated":
        return "accepted"
    assert not expected.refusal, f"{name}: accepted, {mask.sum()} pixels"
    is_certain = True if expected.boundary is None else ~expected.boundary
    wrong = (mask != expected.mask) & is_certain
    assert not wrong.any(), f"{name}: {wrong.sum()} pixels are wrong on {drawing.map}, {expected.path.name}"
    assert any(expected.word in text for text in words.texts) or not expected.word, f"{name}: no word, {words.texts}"
    assert all(str(expected.path) in text and "\n" not in text for text in words.texts), words.texts
    return "accepted"


def check_message(name: str, text: str, expected: Expected) -> None:
    assert expected.refusal or name == "mutated", f"{name}: refused, {text}"
    missing = [word for word in expected.refusal if word not in text]
    assert not missing, f"{name}: {missing} not in {text}"
    assert str(expected.path.parent) in text and "\n" not in text and len(text) < 500, f"{name}: {text}"
