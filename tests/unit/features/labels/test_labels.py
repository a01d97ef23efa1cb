"""Weak labels: read from any file and map, burnt on a scene's grid.

Scenes are 24 x 12 pixels of 100 m on the equator unless said otherwise; labels are drawn in their pixels.
"""

import re
from dataclasses import replace

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from orbitile.base.errors import OrbitileError
from orbitile.features.labels import burn as burning
from orbitile.features.labels.burn import BUFFERS_PX, grid_labels, write_label_raster
from orbitile.features.labels.read import LabelFields, read_labels
from orbitile.rasters import read as reading
from orbitile.space.bodies import find_body
from orbitile.space.grids import Grid, Window

MOON_M = 1_737_400
MAP, DEGREES = "IAU_2015:30110", "IAU_2015:30100"
POLAR = f"+proj=stere +lat_0=90 +lon_0=0 +R={MOON_M}"
WIDTH, HEIGHT = 24, 12


def grid_of(crs=MAP, left=0.0, top=0.0, gsd=100.0, width=WIDTH, height=HEIGHT):
    return Grid(CRS(crs).to_wkt(), Affine(gsd, 0, left, 0, -gsd, top), width, height)


GRID = grid_of()


def on_map(shape, grid=GRID):
    """A shape drawn in pixels of a grid, on its map."""
    return shapely.transform(shape, lambda p: np.column_stack(grid.to_map(*p.T)))


def moved(shape, start, end, step=None):
    """A shape from one map to another, with a vertex at least every `step`."""
    way = Transformer.from_crs(CRS(start), CRS(end), always_xy=True)
    shape = shapely.segmentize(shape, step) if step else shape
    return shapely.transform(shape, lambda p: np.column_stack(way.transform(*p.T)))


def line(*points):
    return shapely.LineString(points)


@pytest.fixture
def write(tmp_path):
    """Writes shapes of a map and columns to a vector file."""

    def to_file(shapes, crs=MAP, name="labels.gpkg", **columns):
        path = tmp_path / name
        frame = geopandas.GeoDataFrame(columns, geometry=list(shapes), crs=crs and CRS(crs))
        if name.endswith("parquet"):
            frame.to_parquet(path)
        else:
            pyogrio.write_dataframe(frame, path)
        return path

    return to_file


@pytest.fixture
def labels(write, moon):
    """Writes shapes drawn in a grid's pixels and reads them back."""

    def make(*shapes, grid=GRID, fields=None, **columns):
        return read_labels(write([on_map(s, grid) for s in shapes], grid.crs, **columns), moon, fields)

    return make


def everywhere(grid=GRID):
    return np.ones((grid.height, grid.width), bool)


def burn_labels(made, grid, valid, *widths, **uncertain):
    return grid_labels(made, grid, *widths, **uncertain).burn(grid.window, valid)


def drawn(pixels):
    return ["".join(".123"[min(value, 3)] if value < 255 else "x" for value in row) for row in pixels]


def in_pixels(shape, half=0.0, grid=GRID):
    """The plain reference: the pixels whose centres lie within `half` of a shape drawn in pixels."""
    cols, rows = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)
    return shapely.distance(shape, shapely.points(cols, rows)) <= half


def test_lines_are_buffered_by_their_class_and_united_with_polygons(labels):
    made = labels(
        line((4.2, 3.5), (12.2, 3.5)), shapely.box(15, 1, 20, 9), line((2, 9), (9, 9)), width=["tiny", None, "2"]
    )
    assert drawn(burn_labels(made, GRID, everywhere())) == [
        "........................",
        "...11111111111.11111....",
        "..111111111111.11111....",
        "..111111111111111111....",
        "..111111111111.11111....",
        "...11111111111.11111....",
        "...............11111....",
        "...............11111....",
        ".111111111.....11111....",
        ".111111111..............",
        "........................",
        "........................",
    ]


def test_later_classes_win_and_what_is_not_valid_is_255(labels):
    fields = LabelFields(class_field="kind", classes=("dyke", "vein", "fault"))
    boxes = shapely.box(0, 0, 6, 2), shapely.box(2, 0, 8, 2), shapely.box(4, 0, 10, 1)
    made = labels(*boxes, kind=["Vein", "dyke ", "fault"], fields=fields)
    valid = everywhere()
    valid[:, :1] = False
    assert drawn(burn_labels(made, GRID, valid))[:3] == [
        "x2223333331".replace("1", ".") + "." * 13,
        "x2222211" + "." * 16,
        "x" + "." * 23,
    ]


@pytest.mark.parametrize("word", BUFFERS_PX)
def test_each_word_has_its_half_width(word, labels):
    grid = grid_of(width=20, height=60)
    made = labels(line((-50, 30), (70, 30)), width=[word], grid=grid)
    assert burn_labels(made, grid, everywhere(grid))[:, 10].sum() == 2 * BUFFERS_PX[word]
    assert burn_labels(made, grid, everywhere(grid), {word: 3.0})[:, 10].sum() == 6


def test_pixels_beside_labels_are_of_no_known_class_unless_they_belong_to_another(labels):
    fields = LabelFields(class_field="kind", classes=("vein", "dyke"))
    shapes = line((2.5, 3.5), (9.5, 3.5)), shapely.box(12, 2, 14, 5), shapely.box(14, 3, 17, 5)
    made = labels(*shapes, width=["1", None, None], kind=["vein", "vein", "dyke"], fields=fields)
    assert drawn(burn_labels(made, GRID, everywhere(), uncertain_px=1))[:7] == [
        "........................",
        "...........xxxx.........",
        ".xxxxxxxxxxx11xxxx......",
        ".x11111111xx11222x......",
        ".xxxxxxxxxxx11222x......",
        "...........xxxxxxx......",
        "........................",
    ]


@pytest.mark.parametrize(("half", "uncertain"), [(0.7, 1.3), (2.2, 3.1), (5.0, 0.6)])
def test_uncertain_pixels_are_those_so_near_that_are_labelled_without(half, uncertain, labels):
    """Beside the plain reference; circles around the ends of lines are polygons."""
    shape = line((3.3, 8.1), (14.7, 2.9))
    found = burn_labels(labels(shape, width=[2 * half]), GRID, everywhere(), uncertain_px=uncertain)
    for is_marked, reach in ((found == 1, half), (found > 0, half + uncertain)):
        assert is_marked[in_pixels(shape, 0.98 * reach)].all()
        assert not is_marked[~in_pixels(shape, reach + 1e-6)].any()


def test_a_label_beyond_the_border_makes_pixels_on_it_uncertain(labels):
    grid = grid_of(width=4, height=4)
    made = labels(line((-7, -5), (-7, 9)), width=["2"], grid=grid)
    assert drawn(burn_labels(made, grid, everywhere(grid), uncertain_px=7.6)) == ["xx..", "xx..", "xx..", "xx.."]
    assert not burn_labels(made, grid, everywhere(grid)).any()


def test_rasters_of_labels_keep_uncertain_pixels_apart_from_classes(labels, raster, tmp_path):
    row = raster(np.full((30, 40), 9, np.uint8))
    made = labels(line((0, 15), (40, 15)), width=["4"], grid=row.grid)
    write_label_raster(row, made, tmp_path / "labels.tif", uncertain_px=3)
    with rasterio.open(tmp_path / "labels.tif") as source:
        pixels = source.read(1)
    assert (pixels == burn_labels(made, row.grid, np.ones((30, 40), bool), uncertain_px=3)).all()
    assert [int((pixels == value).sum()) for value in (0, 1, 255)] == [20 * 40, 4 * 40, 6 * 40]


@pytest.mark.parametrize("width", [3, 3.0, "3", " 3.0"])
def test_a_number_is_a_width_in_pixels(width, labels):
    made = labels(line((-5, 6.5), (30, 6.5)), width=[width])
    assert drawn(burn_labels(made, GRID, everywhere()))[4:9] == ["." * 24, *["1" * 24] * 3, "." * 24]


@pytest.mark.parametrize("crs", [MAP, DEGREES, f"+proj=sinu +lon_0=30 +R={MOON_M}", POLAR.replace("90", "-90")])
def test_any_map_of_the_body_gives_the_same_pixels(crs, write, moon):
    shapes = line((1, 2), (11, 7), (22, 4)), shapely.box(2, 8, 7, 11)
    path = write([moved(on_map(s), MAP, crs, step=50) for s in shapes], crs, width=["3", None])
    found = burn_labels(read_labels(path, moon), GRID, everywhere())
    assert (found == (in_pixels(shapes[0], 1.5) | in_pixels(shapes[1]))).all()


@pytest.mark.parametrize("name", ["a.shp", "a.gpkg", "a.geojson", "a.parquet", "a.fgb"])
def test_any_format_is_read(name, write, moon):
    path = write([on_map(line((2, 3), (20, 3)))], name=name, width=["small"])
    if name == "a.geojson":
        pyogrio.write_dataframe(geopandas.read_file(path), path, driver="GeoJSON")
    assert burn_labels(read_labels(path, moon), GRID, everywhere()).sum() > 18 * 7


def test_all_layers_of_several_files_belong_together(write, moon, tmp_path):
    path = write([on_map(line((2, 3), (20, 3)))], width=["2"])
    more = geopandas.GeoDataFrame(geometry=[on_map(shapely.box(0, 6, 3, 8)), None], crs=CRS(MAP))
    pyogrio.write_dataframe(more, path, layer="polygons", append=True)
    other = write([on_map(shapely.box(20, 10, 22, 12))], name="other.shp")
    made = read_labels([path, other], moon)
    assert len(made) == 3
    assert (burn_labels(made, GRID, everywhere())[[7, 11], [1, 21]] == 1).all()


@pytest.mark.parametrize("lons", [(179.99, 180.02), (179.99, -179.98), (-180.01, -179.98)])
def test_the_antimeridian_tears_no_line(lons, write, moon):
    half_turn = np.pi * MOON_M
    degree = half_turn / 180
    grid = grid_of(left=round(half_turn / 100) * 100 - 1200, top=600)
    lons = np.unwrap(lons, period=360) if lons[0] > 0 else lons
    path = write([line((lons[0], 0), (lons[1], 0))], DEGREES, width=["2"])
    found = burn_labels(read_labels(path, moon), grid, everywhere(grid))
    start, end = ((lon % 360 * degree - grid.transform.c) / 100 for lon in lons)
    assert (found == in_pixels(line((start, 6), (end, 6)), 1, grid)).all() and found.any()


def test_a_line_across_the_far_meridian_lies_at_both_edges_of_a_map_of_the_whole_world(write, moon):
    gsd = np.pi * MOON_M / 180 * 5
    grid = grid_of(left=-36 * gsd, top=6 * gsd, gsd=gsd, width=72)
    path = write([line((171, 2.5), (189, 2.5)), line((-4, -12.5), (4, -12.5))], DEGREES, width=["1", "1"])
    row = drawn(burn_labels(read_labels(path, moon), grid, everywhere(grid)))
    assert row[5] == "11" + "." * 68 + "11" and row[8] == "." * 35 + "11" + "." * 35
    assert set("".join(row[:5] + row[6:8] + row[9:])) == {"."}


def test_a_line_and_a_ring_across_the_pole(write, moon):
    grid = grid_of(POLAR, left=-1200, top=1200, height=24)
    ring = shapely.Point(12, 12).buffer(10, quad_segs=64) - shapely.Point(12, 12).buffer(6, quad_segs=64)
    shapes = [line((2, 11), (22, 13)), ring]
    path = write([on_map(s, grid) for s in shapes], POLAR, width=["4", None])
    found = burn_labels(read_labels(path, moon), grid, everywhere(grid))
    assert (found == (in_pixels(shapes[0], 2, grid) | in_pixels(shapes[1], 0, grid))).mean() > 0.995


@pytest.mark.parametrize("centre", [(0, 0), (60_000, 20_000), (30_000, 0), (250_000, 0)])
@pytest.mark.parametrize("lon", [0, 137])
@pytest.mark.parametrize("width_deg", [360, 60])
def test_polygons_of_a_polar_map_around_and_beside_the_pole(centre, lon, width_deg, write, moon):
    """Discs of 100 km with a hole, burnt on cylindrical scenes of 0.1 degrees."""
    disc = shapely.Point(centre).buffer(1e5, quad_segs=200) - shapely.Point(centre).buffer(2e4, quad_segs=200)
    labels = read_labels(write([disc], crs=POLAR), moon)
    degree = np.radians(1) * MOON_M
    grid = grid_of(f"+proj=eqc +lon_0={lon} +R={MOON_M}", left=-width_deg / 2 * degree, top=90 * degree,
                   gsd=degree / 10, width=10 * width_deg, height=120)  # fmt: skip
    burnt = burn_labels(labels, grid, np.ones((120, 10 * width_deg), bool)) == 1
    places = np.meshgrid(np.arange(10 * width_deg) + 0.5, np.arange(120) + 0.5)
    way = Transformer.from_crs(CRS.from_wkt(grid.crs_wkt), CRS(POLAR), always_xy=True)
    x, y = way.transform(*grid.to_map(*places))
    distance = np.hypot(x - centre[0], y - centre[1])
    assert ((burnt != ((distance <= 1e5) & (distance >= 2e4))).sum()) <= 2e-3 * burnt.sum()


def test_a_straight_line_of_one_map_is_bent_on_another(write, moon):
    grid = grid_of(f"+proj=sinu +lon_0=0 +R={MOON_M}", left=0, top=1_600_000, gsd=10_000, width=200, height=60)
    path = write([line((-10, 50), (80, 50)), line((60, 10), (60, 52))], DEGREES, width=["1", "1"])
    found = burn_labels(read_labels(path, moon), grid, everywhere(grid))
    lat = np.linspace(10, 52, 2000)
    curve = np.column_stack(grid.to_pixel(np.radians(60) * MOON_M * np.cos(np.radians(lat)), np.radians(lat) * MOON_M))
    end, row = grid.to_pixel(np.radians(80) * MOON_M * np.cos(np.radians(50)), np.radians(50) * MOON_M)
    expected = in_pixels(line(*curve), 0.5, grid) | in_pixels(line((-9, row), (end, row)), 0.5, grid)
    assert expected.sum() > 220 and (found != expected).sum() <= 3  # between vertices it is 0.03 px off


coordinate = st.floats(-10, 40, allow_nan=False).map(lambda x: round(x, 2) + 0.0037)
points = st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=4, unique=True)
drawings = st.lists(st.tuples(points, st.sampled_from([*BUFFERS_PX, "1.5", "6"])), min_size=1, max_size=5)


def layered(drawing, left=0.0):
    """Labels without a file between, drawn in pixels; `left` moves scene and labels along the equator."""
    from orbitile.features.labels.read import VectorLabels, _layer

    shapes, widths = zip(*((line(*some), word) for some, word in drawing), strict=True)
    grid = grid_of(left=left, top=600)
    frame = geopandas.GeoDataFrame(dict(width=widths), geometry=[on_map(s, grid) for s in shapes], crs=CRS(MAP))
    return VectorLabels(("fracture",), MOON_M, (_layer(frame, "made-up", find_body("Moon"), LabelFields()),)), grid


@given(drawings, st.integers(1, WIDTH - 1), st.sampled_from([0.0, 5_400_000.0]))
def test_two_abutting_scenes_are_labelled_like_the_whole(drawing, split, left):
    made, grid = layered(drawing, left)
    west, east = replace(grid, width=split), grid_of(left=left + split * 100, top=600, width=WIDTH - split)
    parts = [burn_labels(made, part, everywhere(part)) for part in (west, east)]
    assert (np.hstack(parts) == burn_labels(made, grid, everywhere())).all()


@given(drawings, st.integers(1, HEIGHT - 1))
def test_bands_are_labelled_like_the_whole(drawing, split):
    made, grid = layered(drawing)
    placed = grid_labels(made, grid)
    parts = [placed.burn(Window(0, top, WIDTH, rows), everywhere()[:rows])
             for top, rows in ((0, split), (split, HEIGHT - split))]  # fmt: skip
    assert (np.vstack(parts) == burn_labels(made, grid, everywhere())).all()


@given(st.lists(st.tuples(points, st.just("huge")), min_size=1, max_size=3), st.floats(-60, 60), st.floats(-60, 60))
def test_no_label_that_reaches_a_scene_is_passed_over(drawing, cols, rows):
    made, _ = layered([([(x + cols, y + rows) for x, y in some], word) for some, word in drawing])
    grid = grid_of(top=600)
    found = burn_labels(made, grid, everywhere())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(burning, "LARGE_CAP", -1)  # every scene counts as too large to choose for
        assert (burn_labels(made, grid, everywhere()) == found).all()


def test_a_short_broad_line_reaches_a_scene_from_afar(labels):
    made = labels(line((39, 6), (39.5, 6)), width=["huge"])
    assert burn_labels(made, GRID, everywhere()).any(axis=0).tolist() == [False] * 22 + [True] * 2


def test_labels_far_away_cost_nothing(write, moon):
    path = write([line((100, 0), (101, 0)), line((0.01, -0.01), (0.02, -0.01))], DEGREES, width=["3", "3"])
    assert len(grid_labels(read_labels(path, moon), GRID).areas) == 1


def test_a_label_raster_lies_on_its_scene_and_shares_its_validity(raster, labels, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "WINDOW_BYTES", 1)
    valid = np.ones((1100, 40), bool)
    valid[:, 30:] = False
    row = raster(np.full((1100, 40), 9, np.uint8), valid=valid)
    made = labels(line((-5, 511), (60, 513)), line((20.2, -9), (20.2, 1200)), width=["large", "3"], grid=row.grid)
    write_label_raster(row, made, tmp_path / "labels.tif")
    with rasterio.open(tmp_path / "labels.tif") as source:
        assert source.crs == rasterio.open(row.path).crs and source.transform == row.grid.transform
        assert source.nodata == 255 and source.dtypes == ("uint8",)
        pixels = source.read(1)
    assert (pixels == burn_labels(made, row.grid, valid)).all()
    assert np.unique(pixels).tolist() == [0, 1, 255]


def test_overviews_hold_no_class_that_is_not_there(raster, labels, tmp_path):
    row = raster(np.full((1100, 40), 9, np.uint8))
    boxes = [shapely.box(0, 0, 40, 1100), *(shapely.box(col, 0, col + 1, 1100) for col in range(1, 40, 4))]
    fields = LabelFields(class_field="kind", classes=("one", "two", "three"))
    made = labels(*boxes, kind=["one"] + ["three"] * 10, grid=row.grid, fields=fields)
    write_label_raster(row, made, tmp_path / "labels.tif")
    with rasterio.open(tmp_path / "labels.tif", overview_level=0) as source:
        assert set(np.unique(source.read(1))) <= {1, 3}


LINE = on_map(line((1, 1), (9, 9)))
BAD = {
    "no width": (dict(widths=["3"]), {}, "no column 'width' for the width of its lines; its columns are: widths"),
    "a word": (dict(width=["tiny", "wide"]), {}, "row 2: width is 'wide'; allowed are tiny, small, medium, large, hug"),
    "no word": (dict(width=["tiny", None]), {}, "row 2: width is empty; allowed are tiny"),
    "minus": (dict(width=[1.0, -3.0]), {}, "row 2: width is -3.0; allowed are tiny, small, medium, large, huge, or a"),
    "infinite": (dict(width=["tiny", "inf"]), {}, "row 2: width is 'inf'; allowed"),
    "no class": (dict(width=[3]), dict(class_field="kind"), "no column 'kind' for the class of its labels; its"),
    "class": (dict(width=["3", "3"], kind=["rift", "dyke"]), dict(class_field="kind", classes=("rift",)),
              "row 2: kind is 'dyke'; the classes are rift"),
    "which": (dict(width=[3]), dict(classes=("rift", "dyke")),
              "labels may be of the classes rift, dyke; give the name of the column"),
}  # fmt: skip


def told(path, moon, fields=None):
    """The error of reading labels: one line that begins with the file."""
    with pytest.raises(OrbitileError) as caught:
        read_labels(path, moon, fields)
    text = str(caught.value)
    assert "\n" not in text and str(path) in text
    return text


@pytest.mark.parametrize("case", BAD)
def test_wrong_columns_are_named(case, write, moon):
    columns, fields, expected = BAD[case]
    shapes = [LINE] * len(next(iter(columns.values())))
    assert expected in told(write(shapes, **columns), moon, LabelFields(**fields))


def test_files_that_are_no_labels_are_named(write, moon, tmp_path):
    broken = tmp_path / "broken.gpkg"
    broken.write_bytes(b"SQLite format 3\0" + bytes(50))
    assert "cannot be read as vectors" in told(broken, moon)
    broken.with_suffix(".parquet").write_bytes(b"PAR1")
    assert "cannot be read as vectors" in told(broken.with_suffix(".parquet"), moon)
    assert f"no labels at {tmp_path / 'none.shp'}" in told(tmp_path / "none.shp", moon)
    assert "empty labels" in told(write([], width=[]), moon)
    assert "empty labels" in told(write([None], name="null.gpkg", width=["tiny"]), moon)


@pytest.mark.parametrize(
    ("crs", "expected"),
    [(None, "has no coordinate reference system"), ("EPSG:4326", "'WGS 84' is not one of Moon"),
     ("IAU_2015:49910", "is not one of Moon; assign the right one, or change body")],
)  # fmt: skip
def test_the_map_must_be_of_the_body(crs, expected, write, moon):
    assert expected in told(write([LINE], crs, name="a.shp", width=["tiny"]), moon)


@pytest.mark.parametrize("shape", [shapely.Point(1, 1), shapely.MultiPoint([(1, 1), (2, 2)]),
                                   shapely.GeometryCollection([LINE])])  # fmt: skip
def test_other_geometries_are_named_by_row(shape, write, moon):
    text = told(write([LINE, shape], width=["tiny", "tiny"]), moon)
    assert re.search(rf"row 2 is a {shape.geom_type}; labels are lines or polygons", text)


def test_rows_are_counted_as_in_the_file_though_some_hold_nothing(write, moon):
    assert "row 3: width is 'thin'" in told(write([None, LINE, LINE], width=["tiny", "tiny", "thin"]), moon)


def test_without_a_map_labels_belong_to_the_scene_that_they_name(write, moon):
    """All scenes lie at one place; the polygon of the scene b must not be burnt into a."""
    path = write([on_map(shapely.box(2, 2, 6, 6)), on_map(shapely.box(12, 2, 20, 8))], scene=["a", " b"])
    fields, valid = LabelFields(unmapped_scenes=2), np.ones((HEIGHT, WIDTH), bool)
    labels = read_labels(path, moon, fields)
    counts = {name: int((burn_labels(labels.of_scene(name), GRID, valid) == 1).sum()) for name in ("a", "b", "c")}
    assert counts == dict(a=16, b=48, c=0)
    assert (burn_labels(read_labels(path, moon).of_scene("a"), GRID, valid) == 1).sum() == 64


def test_without_a_map_labels_of_several_scenes_must_name_theirs(write, moon):
    box = on_map(shapely.box(2, 2, 6, 6))
    with pytest.raises(OrbitileError, match=r"labels\.gpkg: has no column scene, but the 2 images of this run"):
        read_labels(write([box], n=[1]), moon, LabelFields(unmapped_scenes=2))
    assert len(read_labels(write([box], n=[1], name="lone.gpkg"), moon, LabelFields(unmapped_scenes=1))) == 1
    with pytest.raises(OrbitileError, match="row 2: scene is empty; name the label's scene"):
        read_labels(write([box, box], scene=["a", None], name="e.gpkg"), moon, LabelFields(unmapped_scenes=2))
