import json
import shutil

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from pyproj import CRS
from small_catalogues import write_small_catalogue

from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_json
from orbitile.counting.ground_plane import GroundPlane
from orbitile.space.bodies import crs_body, find_body
from orbitile.space.ground import distance
from orbitile.stages.density import NODATA, DensityChoice, DensityOutputs, SearchLimits, density

MOON = find_body("Moon")
SEARCHED = shapely.box(10, 0, 30, 20).difference(shapely.box(10, 0, 20, 5))
LIMITS = SearchLimits(0.8, 0.1)
USUAL = DensityChoice()


def write_footprints(folder, shape, suffix="parquet", **facts):
    frame = geopandas.GeoDataFrame(dict(scene=["a"]), geometry=[shape], crs=MOON.crs)
    write = frame.to_parquet if suffix == "parquet" else frame.to_file
    write(folder / f"completeness.{suffix}")
    file = dict(path=f"completeness.{suffix}", rows=1, bytes=1)
    write_json(folder / "completeness.json", dict(body="Moon", files=[file], **facts))
    return str(folder / "completeness.json")


@pytest.fixture
def mapped(tmp_path):
    """Run the stage on craters (lon, lat, diameter); returns its figures, with the outputs at `mapped.outputs`."""

    def run(craters, choice=USUAL, shape=SEARCHED, limits=LIMITS, parts=None, suffix="parquet", facts=None):
        shutil.rmtree(tmp_path / "catalogue", ignore_errors=True)
        manifest = write_small_catalogue(tmp_path / "catalogue", craters, part_of=parts)
        completeness = write_footprints(tmp_path, shape, suffix, **facts or {})
        names = ("density.json", "density.tif", "kernel.tif", "density.parquet", "density.png")
        run.outputs = DensityOutputs(*(str(tmp_path / "density" / name) for name in names))
        density(manifest, completeness, choice, limits, run.outputs)
        return json.loads((tmp_path / "density" / "density.json").read_text())

    return run


def random_craters(count, seed=0, shape=SEARCHED):
    random = np.random.default_rng(seed)
    ground = GroundPlane.of([shape], MOON)
    lon, lat = ground.lonlat(*ground.random_points(count, random))
    return list(zip(lon, lat, np.minimum(random.random(count) ** -0.5, 90), strict=True))


def test_densities_stand_in_named_bands(mapped):
    craters = random_craters(2000)
    figures = mapped(craters, DensityChoice((1.0, 2.0), 100, 120))
    with rasterio.open(mapped.outputs.cells) as source:
        assert source.descriptions == ("density from 1 km", "error from 1 km", "density from 2 km", "error from 2 km",
                                       "searched km2")  # fmt: skip
        bands, profile = source.read(masked=True), source.profile
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert crs_body(CRS.from_wkt(source.crs.to_wkt())) == MOON
    assert profile["nodata"] == NODATA
    assert bands.mask[:, -1, 0].all() and not bands.mask[:, 0, 0].any()  # nothing was searched in the south-west
    area = GroundPlane.of([SEARCHED], MOON).area_km2
    counted = (bands[0] * bands[4] / 1e6).sum()
    left_out = sum(row["craters"] for row in figures["diameters"][:1]) - counted
    assert 0 <= left_out <= 60  # in cells of which less than a quarter was searched
    assert figures["searched_km2"] == pytest.approx(area)
    assert figures["diameters"][0] == dict(
        diameter_km=1.0, craters=2000, density=pytest.approx(2000 / area * 1e6), is_complete=None,
        error=pytest.approx(2000**0.5 / area * 1e6), most_dense_cell=pytest.approx(float(bands[0].max()), rel=1e-5),
    )  # fmt: skip
    with rasterio.open(mapped.outputs.kernel) as source:
        kernel = source.read(masked=True)
        assert source.descriptions[-1] == "share of the kernel on searched ground"
    assert (kernel.mask == bands.mask).all()
    assert kernel[0].mean() == pytest.approx(2000 / area * 1e6, rel=0.05)
    assert kernel[0].std() < bands[0].std() / 2


def test_craters_beside_the_searched_ground_do_not_count(mapped):
    """As many per area lie in the corner that was not searched, and in cells that were in part."""
    craters = random_craters(8000, shape=shapely.box(10, 0, 30, 20))
    on_ground = [crater for crater in craters if SEARCHED.contains(shapely.Point(crater[:2]))]
    figures = mapped(craters, DensityChoice((1.0,), 100, 120))
    with rasterio.open(mapped.outputs.kernel) as source:
        kernel = source.read(1, masked=True)
    assert figures["craters_outside"] == len(craters) - len(on_ground)
    assert mapped(on_ground, DensityChoice((1.0,), 100, 120)) == figures | dict(craters_outside=0)
    with rasterio.open(mapped.outputs.kernel) as source:
        assert (source.read(1, masked=True) == kernel).all()


def test_the_table_holds_the_cells_of_the_raster(mapped):
    mapped(random_craters(500), DensityChoice((1.0,), 150, 150))
    table = pd.read_parquet(mapped.outputs.table)
    with rasterio.open(mapped.outputs.cells) as source:
        bands = source.read(masked=True)
    assert len(table) == (~bands.mask[0]).sum()
    assert bands[0].data[table["row"], table["col"]] == pytest.approx(table["density_1km"].to_numpy(), rel=1e-6)
    assert table["density_1km"].to_numpy() == pytest.approx(1e6 * table["craters_1km"] / table["searched_km2"])


def test_a_dense_quarter_stands_out_beside_180_degrees_and_at_the_pole(mapped):
    shape = shapely.MultiPolygon([shapely.box(150, 60, 180, 90), shapely.box(-180, 60, -150, 90)])
    craters = random_craters(1500, 1, shape)
    dense = [crater for crater in random_craters(2000, 2, shape) if np.degrees(distance(*crater[:2], 180, 88)) < 6]
    figures = mapped(craters + dense, DensityChoice((1.0,), 120), shape)
    table = pd.read_parquet(mapped.outputs.table)
    densest = table.loc[table["kernel_1km"].idxmax()]
    assert densest["lat"] > 80
    assert figures["searched_km2"] == pytest.approx(60 / 360 * (1 - np.sin(np.radians(60))) * 2 * np.pi * 1737.4**2)


def test_parts_of_the_catalogue_in_any_order_give_the_same(mapped):
    craters = random_craters(300)
    first = mapped(craters, DensityChoice((1.0,), 150))
    table = pd.read_parquet(mapped.outputs.table)
    assert mapped(craters[::-1], DensityChoice((1.0,), 150), parts=[i % 3 for i in range(300)]) == first
    assert pd.read_parquet(mapped.outputs.table).equals(table)


def test_defaults_suit_the_catalogue(mapped):
    figures = mapped(random_craters(3000), facts=dict(complete_90_m=1500))
    assert [row["diameter_km"] for row in figures["diameters"]] == [2, 5]
    assert all(row["is_complete"] for row in figures["diameters"])
    area = figures["searched_km2"]
    assert 7 <= figures["diameters"][0]["craters"] * figures["cell_km"] ** 2 / area <= 23
    assert not mapped(random_craters(3000), DensityChoice((1.0,)), facts=dict(complete_90_m=1500))["diameters"][0][
        "is_complete"
    ]


def test_footprints_are_read_from_a_geopackage_too(mapped):
    assert mapped(random_craters(50), DensityChoice((1.0,), 300), suffix="gpkg")["cells"] > 0


@pytest.mark.parametrize(
    ("craters", "choice", "options", "words"),
    [
        ([], DensityChoice(), {}, "holds no craters"),
        (random_craters(9), DensityChoice((100.0,)), {}, r"density.diameters_km: no crater has 100 km; the largest"),
        (random_craters(9), DensityChoice((0.5,)), {}, r"density.diameters_km: 0.5 km is less than the 0.8 km"),
        (random_craters(9), DensityChoice((1.0,), 0.05), {}, r"density.cell_km: cells of 0.05 km are smaller than a"),
        (random_craters(9), DensityChoice((1.0,), 0.2), {}, r"density.bandwidth_km: cells of 0.075 km"),
        (random_craters(9), DensityChoice((1.0,), 0.2, 200), {}, r"density.cell_km: .* choose larger cells"),
        (random_craters(9), DensityChoice((1.0,), 100, 2000), {}, r"density.bandwidth_km: 2000 km is more than half"),
        (random_craters(9), DensityChoice((1.0,), 3000, 300, 1.0), dict(shape=shapely.Point(9, 9).buffer(3)),
         r"density.least_searched: no cell of .* was searched to 100%"),
        (random_craters(9), DensityChoice(), dict(shape=shapely.Polygon()), "searched ground: no footprint covers any"),
    ],
)  # fmt: skip
def test_what_does_not_suit_is_said_in_a_line(mapped, craters, choice, options, words):
    with pytest.raises(OrbitileError, match=words) as error:
        mapped(craters, choice, **options)
    assert "\n" not in str(error.value)


def test_without_a_file_of_footprints(mapped, tmp_path):
    write_json(tmp_path / "completeness.json", dict(body="Moon", files=[]))
    manifest = write_small_catalogue(tmp_path / "catalogue", random_craters(9))
    with pytest.raises(OrbitileError, match=r"names no file with footprints; add parquet to vectors.formats"):
        density(manifest, str(tmp_path / "completeness.json"), DensityChoice(), LIMITS, DensityOutputs(*"abcde"))
