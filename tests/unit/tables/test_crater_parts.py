import json

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.base.provenance import provenance
from orbitile.space.hilbert import hilbert_numbers
from orbitile.tables.crater_parts import (
    CRATERS,
    LAYOUT,
    read_longest_chain,
    read_part,
    read_survivors,
    write_part,
)
from orbitile.tables.detections import DETECTIONS, ORDER
from orbitile.tables.geoparquet import read_geo_metadata

METHODS = {"a": dict(georef_method="spice", error_m=25.0), "b": dict(georef_method="projected", error_m=None)}


@pytest.fixture
def part(detections, moon, tmp_path):
    """Writes made-up survivors, and gives the path."""

    def write(lon, lat, **columns):
        table = detections(lon, lat, 5000, np.full(len(lon), 0.5), **columns)
        write_part(table, METHODS, moon, 3, tmp_path / "g.parquet")
        return tmp_path / "g.parquet"

    return write


def test_it_is_read_as_it_was(part, detections):
    lon, lat = [10.5, -20, 170.25], [1, -2, 30.5]
    path = part(lon, lat, scene=["a", "b", "a"])
    expected = detections(lon, lat, 5000, [0.5] * 3, scene=["a", "b", "a"]).sort_values(ORDER, ignore_index=True)
    found = read_survivors(path).sort_values(ORDER, ignore_index=True)
    assert found.equals(expected[DETECTIONS.names])
    assert read_longest_chain(path) == 3


def test_it_says_how_scenes_came_onto_the_map(part):
    frame = read_survivors(part([1, 2], [3, 4], scene=["a", "b"]), ["scene", "georef_method", "error_m"])
    rows = {row["scene"]: row for row in frame.to_dict("records")}
    assert (rows["a"]["georef_method"], rows["a"]["error_m"]) == ("spice", 25)
    assert rows["b"]["georef_method"] == "projected" and np.isnan(rows["b"]["error_m"])


def test_it_is_geoparquet_with_the_centres_on_the_body(part, moon):
    lon, lat = [10.5, -20.0], [1.0, -2.0]
    frame = geopandas.read_parquet(part(lon, lat))
    assert frame.crs == moon.crs
    assert sorted(frame.geometry.to_wkt()) == sorted(map(shapely.to_wkt, shapely.points(lon, lat)))


def test_only_row_groups_in_a_box_are_read(part):
    """GeoPandas reads by the column of bounds that the metadata name."""
    lon, lat = (axis.ravel() for axis in np.meshgrid(np.linspace(-170, 170, 300), np.linspace(-80, 80, 300)))
    path = part(lon, lat)
    found = geopandas.read_parquet(path, bbox=(10, 10, 20, 20))
    assert len(found) == ((lon >= 10) & (lon <= 20) & (lat >= 10) & (lat <= 20)).sum() > 0
    metadata = pq.read_metadata(path)
    assert metadata.num_row_groups == -(-len(lon) // LAYOUT.rows_per_group)
    column = CRATERS.names.index("lon")
    widths = [(group.column(column).statistics.max - group.column(column).statistics.min)
              for group in map(metadata.row_group, range(metadata.num_row_groups))]  # fmt: skip
    assert np.mean(widths) < 180


def test_rows_lie_along_the_curve(part):
    rng = np.random.default_rng(0)
    frame = read_survivors(part(rng.uniform(-180, 180, 100), rng.uniform(-90, 90, 100)))
    numbers = hilbert_numbers(frame["lon"].to_numpy(), frame["lat"].to_numpy())
    assert (np.diff(numbers.astype(int)) >= 0).all()


def test_the_order_of_rows_does_not_matter(part):
    lon, lat = np.array([10.5, 10.5, 10.5, -20]), np.array([1, 1, 1, 2])
    tile = np.arange(4)
    first = part(lon, lat, tile=tile).read_bytes()
    assert part(lon[::-1], lat[::-1], tile=tile[::-1]).read_bytes() == first


def test_its_metadata(part, moon):
    path = part([10.5, -20], [1, -2])
    geo = read_geo_metadata(path)
    assert geo["bbox"] == [-20, -2, 10.5, 1]
    assert geo["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
    assert geo["crs"] == json.loads(moon.crs.to_json())
    metadata = pq.read_schema(path).metadata
    assert provenance()["orbitile_commit"].encode() == metadata[b"orbitile_commit"]
    assert json.loads(metadata[b"geo"])["version"] == "1.1.0"


def test_no_rows(part, moon):
    path = part([], [])
    assert len(read_survivors(path)) == 0
    assert read_part(path, CRATERS.names).schema.names == CRATERS.names
    assert "bbox" not in read_geo_metadata(path)
    assert geopandas.read_parquet(path).crs == moon.crs


def test_names_are_stored_as_texts(part):
    """GDAL takes Arrow's dictionaries for numbers."""
    schema = pq.read_schema(part([1, 2], [3, 4], scene=["a", "b"]))
    assert [schema.field(name).type for name in ("scene", "class", "georef_method")] == [pa.string()] * 3


def test_a_part_that_another_program_wrote(part):
    """Its rows are read, but what it lacks is missed by name."""
    path = part([1, 2], [3, 4])
    survivors = read_survivors(path)
    survivors.astype({"scene": "category"}).to_parquet(path)
    assert read_survivors(path).equals(survivors)
    for read, name in ((read_longest_chain, "metadata 'longest_chain'"), (read_geo_metadata, "metadata 'geo'")):
        with pytest.raises(OrbitileError, match=f"has no {name}, so another program wrote it; delete it and run again"):
            read(path)
    with pytest.raises(OrbitileError, match="has no column bbox"):
        read_part(path, CRATERS.names)


def test_a_damaged_part_counts_as_missing(part):
    path = part([1], [2])
    content = bytearray(path.read_bytes())
    content[60:80] = bytes(20)
    path.write_bytes(content)
    with pytest.raises(OrbitileError, match="it was removed, run again"):
        read_survivors(path)
    assert not path.exists()
