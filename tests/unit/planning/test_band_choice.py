"""Which bands of their images scenes are used with, and which choices are refused. Images and weights are made up."""

import json

import numpy as np
import pytest
from images import colour_pixels, describe_bands
from rasterio.enums import ColorInterp

from orbitile.base.errors import OrbitileError
from orbitile.planning.band_choice import NetworkBands, choose_bands
from orbitile.planning.plan import current_plan
from orbitile.rasters.data_bands import DataBand
from orbitile.settings import Settings
from orbitile.tables.plan import read_rows

COLOURS = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
RGB = tuple(DataBand(number, "uint8", None, "", role) for number, role in enumerate(("red", "green", "blue"), 1))
WITH_HEIGHTS = (DataBand(1, "uint8", 0.0, "image", "gray"), DataBand(2, "float32", -1.0, "Elevation", "undefined"))
BAND_PLACES = "in the scene table's column bands, in the setting bands or, for a new run, by --bands"
WAY_OUT = f"name the bands to use {BAND_PLACES}"
GREY, THREE, ANY = NetworkBands(1, 1), NetworkBands(3, 3), NetworkBands(1)
"""Networks whose weights state one band, three, and nothing."""


def chosen(bands, named=None, network=None):
    return [band.number for band in choose_bands(bands, named, lambda: network, "x.tif: scene a")]


@pytest.mark.parametrize(
    ("bands", "named", "network", "expected"),
    [
        (RGB[:1], None, THREE, [1]),
        (RGB[1:2], None, GREY, [2]),
        (RGB, None, THREE, [1, 2, 3]),
        (RGB, (2,), GREY, [2]),
        (RGB, (3, 1), None, [3, 1]),
        (RGB, (2, 2, 2), THREE, [2, 2, 2]),
        (RGB, ("Red", "GREEN", "blue"), ANY, [1, 2, 3]),
        (RGB, ("blue", 1), None, [3, 1]),
        (WITH_HEIGHTS, ("elevation",), GREY, [2]),
        (WITH_HEIGHTS, ("IMAGE", "ELEVATION"), ANY, [1, 2]),
        (WITH_HEIGHTS, ("grey",), GREY, [1]),
        (WITH_HEIGHTS, None, NetworkBands(2, 2, ("elevation", "image")), [2, 1]),
        (RGB, None, NetworkBands(2, 2, ("Blue", "red")), [3, 1]),
        (WITH_HEIGHTS, None, NetworkBands(2, 2, ("grey values", "depth")), [1, 2]),
        (WITH_HEIGHTS, (2, 1), NetworkBands(2, 2, ("elevation", "image")), [2, 1]),
        (WITH_HEIGHTS, (1, 1), NetworkBands(2, 2, ("elevation", "image")), [1, 1]),
        (RGB, (3, 1), NetworkBands(2, 2, ("elevation", "image")), [3, 1]),
    ],
)
def test_bands_that_are_used(bands, named, network, expected):
    assert chosen(bands, named, network) == expected


TWICE = (DataBand(1, "uint8", None, "red"), DataBand(2, "uint8", None, "", "red"))


@pytest.mark.parametrize(
    ("bands", "named", "network", "reason"),
    [
        (RGB, None, GREY, f"has 3 bands (1 red, 2 green, 3 blue), but the network takes 1; {WAY_OUT}"),
        (WITH_HEIGHTS, None, THREE, f"has 2 bands (1 image, 2 Elevation), but the network takes 3; {WAY_OUT}"),
        (RGB, None, None, f"has 3 bands (1 red, 2 green, 3 blue); {WAY_OUT}"),
        (RGB, (4,), None, f"has no band 4; it has 3 bands (1 red, 2 green, 3 blue); {WAY_OUT}"),
        (RGB[:1], ("nir",), None, f"has no band 'nir'; it has 1 band (1 red); {WAY_OUT}"),
        (TWICE, ("red",), None, f"has 2 bands called 'red'; it has 2 bands (1 red, 2 red); {WAY_OUT}"),
        (WITH_HEIGHTS, (1, 2), NetworkBands(2, 2, ("elevation", "image")),
         "is to be used with the bands image, Elevation, but the network learnt from elevation, image; name them in "
         f"this order {BAND_PLACES}, or leave them out"),
        (RGB, (1, 2), THREE, "is to be used with 2 bands, but the network takes 3; name as many "
                             f"{BAND_PLACES}, or use other weights"),
    ],
)  # fmt: skip
def test_bands_that_are_refused(bands, named, network, reason):
    with pytest.raises(OrbitileError) as error:
        chosen(bands, named, network)
    assert str(error.value) == f"x.tif: scene a {reason}"


def test_weights_are_read_only_where_they_decide():
    def refuse():
        raise AssertionError("the weights were read")

    assert choose_bands(RGB[:1], None, refuse, "x.tif: scene a") == RGB[:1]


@pytest.fixture
def rgb(geotiff):
    """Writes an image of three colours, or of as many bands as it has roles."""

    def write(name="rgb.tif", left=0, roles=COLOURS):
        pixels = colour_pixels(40, 60)[: len(roles)]
        return describe_bands(geotiff(pixels if len(roles) > 1 else pixels[0], name, left=left), roles=roles)

    return write


@pytest.fixture
def weights(tmp_path):
    """Writes the header of weights that state a number of channels."""

    def write(channels, bands=None):
        described = dict(channels=channels) | (dict(bands=bands) if bands else {})
        header = json.dumps(dict(__metadata__={key: json.dumps(value) for key, value in described.items()})).encode()
        path = tmp_path / f"{channels}{'-with-bands' if bands else ''}.safetensors"
        path.write_bytes(len(header).to_bytes(8, "little") + header)
        return dict(weights=path, sha256=f"{channels:064x}")

    return write


@pytest.fixture
def planned(tmp_path, weights):
    """The rows of the plan of a scene table; the network takes three bands unless another is named."""

    def plan(*rows, columns="scene,path", **change):
        (tmp_path / "scenes.csv").write_text("\n".join([columns, *rows, ""]))
        scale = dict(gsd_m=100, tile_px=32, overlap_px=16)
        fixed = dict(run="r", body="Moon", scenes=tmp_path / "scenes.csv", scales=[scale], model=weights(3))
        current_plan(Settings(**fixed | change), tmp_path / "plan.parquet")
        return read_rows(tmp_path / "plan.parquet")

    return plan


def test_the_plan_holds_bands_and_their_names(planned, rgb):
    (row,) = planned(f"a,{rgb()}")
    assert (row.bands, row.band_names, row.dtype, row.channels) == (
        [1, 2, 3],
        ["red", "green", "blue"],
        "uint8",
        [1, 2, 3],
    )


def test_bands_come_in_the_order_that_the_network_learnt_from(planned, rgb, weights):
    """Colours in another order made another map, without a word; an earlier plan does not keep it."""
    (row,) = planned(f"a,{rgb()}")
    assert row.bands == [1, 2, 3]
    model = weights(3, ["blue", "green", "red"]) | dict(sha256="f" * 64)
    (row,) = planned(f"a,{rgb()}", model=model)
    assert (row.bands, row.band_names) == ([3, 2, 1], ["blue", "green", "red"])
    with pytest.raises(OrbitileError, match="the bands red, green, blue, but the network learnt from blue, green, red"):
        planned(f"a,{rgb()}", model=model, bands=["red", "green", "blue"])


@pytest.mark.parametrize("bands", ["blue", [1, 2], ["a"], ["a", "a", "b"], {"a": 1}])
def test_names_of_bands_that_cannot_be_count_as_none(planned, rgb, weights, bands):
    (row,) = planned(f"a,{rgb()}", model=weights(3, bands))
    assert row.bands == [1, 2, 3]


def test_the_plan_of_one_band_is_as_ever(planned, geotiff, weights):
    (row,) = planned(f"a,{geotiff(np.ones((40, 60), np.int16), nodata=-1)}", model=weights(1))
    assert (row.bands, row.band_names, row.dtype, row.nodata, row.channels) == ([1], [""], "int16", -1, 1)


def test_three_bands_are_refused_where_the_network_takes_one(planned, rgb, weights):
    """They used to be planned, and came out as their first band."""
    path = rgb()
    with pytest.raises(OrbitileError) as error:
        planned(f"a,{path}", model=weights(1))
    assert str(error.value).startswith(
        f"{path}: scene a has 3 bands (1 red, 2 green, 3 blue), but the network takes 1; {WAY_OUT}"
    )


@pytest.mark.parametrize("cell", ["3 1 2", "3;1;2", '"3,1,2"', "3+1+2", "blue red green", "Blue; RED +2"])
def test_the_scene_table_names_bands_before_the_setting(planned, rgb, cell):
    (row,) = planned(f"a,{rgb()},{cell}", columns="scene,path,bands", bands=[1])
    assert (row.bands, row.band_names) == ([3, 1, 2], ["blue", "red", "green"])


def test_the_setting_holds_for_scenes_that_name_none(planned, rgb, weights):
    rows = [f"a,{rgb('a.tif')},", f"b,{rgb('b.tif', 6000)},red"]
    planned_rows = planned(*rows, columns="scene,path,bands", bands="green", model=weights(1))
    assert [row.bands for row in planned_rows] == [[2], [1]]


def test_bands_that_are_named_wrongly_name_the_scene(planned, rgb):
    with pytest.raises(OrbitileError, match=r"rgb\.tif: scene a has no band 'nir'; it has 3 bands \(1 red, 2 green"):
        planned(f"a,{rgb()}", bands=["nir", "red", "green"])


def test_scenes_of_one_run_have_as_many_bands(planned, rgb):
    """Where the weights do not say it: in a run that only trains."""
    rows = [f"{name},{rgb(f'{name}.tif', 6000 * number)},1 2" for number, name in enumerate("abc")]
    training = dict(craters="craters.csv")
    rest = dict(columns="scene,path,bands", model=None, training=training)
    assert [row.bands for row in planned(*rows, **rest)] == [[1, 2]] * 3
    one_less = [*rows[:2], rows[2].replace("1 2", "1")]
    reason = rf"c\.tif: scene c is to be used with 1 band, but the other scenes with 2; {WAY_OUT}"
    with pytest.raises(OrbitileError, match=reason):
        planned(*one_less, **rest)
    assert [row.scene for row in planned(*one_less, **rest, allow_failures=True)] == ["a", "b"]


def test_a_run_that_only_trains_names_its_bands(planned, rgb):
    training = dict(craters="craters.csv")
    with pytest.raises(OrbitileError, match=rf"rgb\.tif: scene a has 3 bands \(1 red, 2 green, 3 blue\); {WAY_OUT}"):
        planned(f"a,{rgb()}", model=None, training=training)


def test_bands_of_pixels_without_a_map(planned, geotiff):
    path = geotiff(colour_pixels(40, 60), crs=None)
    assert planned(f"a,{path}", pixel_coordinates=True)[0].bands == [1, 2, 3]


def test_bands_of_an_image_that_is_placed_by_its_corners(planned, geotiff):
    path = geotiff(colour_pixels(40, 60), crs=None)
    row = planned(f'a,{path},"1.0 0.0; 1.2 0.0; 1.2 -0.1; 1.0 -0.1"', columns="scene,path,corners", bands=[3, 2, 1])[0]
    assert (row.georef_method, row.bands) == ("corners", [3, 2, 1])


def test_other_bands_are_another_plan(planned, rgb, opened, weights):
    row = f"a,{rgb()}"
    assert planned(row, bands=[1, 2, 3])[0].bands == [1, 2, 3]
    first = planned(row, bands=[1, 2, 3])[0]
    other = planned(row, bands=[3, 2, 1])[0]
    assert (other.bands, opened) == ([3, 2, 1], ["a", "a"])
    assert other.request_key != first.request_key
    planned(row, bands=[3, 2, 1], model=weights(3) | dict(sha256="9" * 64))
    assert opened == ["a", "a"]


def test_a_network_that_takes_fewer_bands_refuses_the_earlier_plan(planned, rgb, weights):
    row = f"a,{rgb()}"
    planned(row)
    with pytest.raises(OrbitileError, match=r"has 3 bands .*but the network takes 1"):
        planned(row, model=weights(1))
    planned(row, bands=[1, 2, 3])
    with pytest.raises(OrbitileError, match="is to be used with 3 bands, but the network takes 1"):
        planned(row, bands=[1, 2, 3], model=weights(1))


def test_bands_of_other_data_types_and_nodata_values(planned, tmp_path, geotiff, weights):
    """As in a virtual raster of an image and its elevation model."""
    image, heights = (
        geotiff(np.ones((40, 60), np.uint8), "i.tif", nodata=0),
        geotiff(np.ones((40, 60), np.float32), "h.tif"),
    )
    with open(tmp_path / "both.vrt", "w") as file:
        file.write(VRT.format(image=image, heights=heights))
    (row,) = planned(f"a,{tmp_path}/both.vrt", bands=["image", "elevation"], model=weights(2))
    assert (row.bands, row.band_names, row.dtype, row.nodata) == ([1, 2], ["image", "elevation"], "float32", None)


VRT = """<VRTDataset rasterXSize="60" rasterYSize="40"><SRS>IAU_2015:30110</SRS>
<GeoTransform>0, 100, 0, 0, 0, -100</GeoTransform>
<VRTRasterBand dataType="Byte" band="1"><Description>image</Description><NoDataValue>0</NoDataValue>
<SimpleSource><SourceFilename>{image}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>
<VRTRasterBand dataType="Float32" band="2"><Description>elevation</Description>
<SimpleSource><SourceFilename>{heights}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>
</VRTDataset>"""


@pytest.mark.parametrize("pairs", [[[0, 1], [0, 2]], [[0, 1]] * 4])
def test_stretch_values_of_another_number_of_bands(planned, rgb, pairs):
    reason = rf"stretch_values: {len(pairs)} pairs are given, but the scenes are used with 3 bands; give one pair for"
    with pytest.raises(OrbitileError, match=reason):
        planned(f"a,{rgb()}", stretch_values=pairs)
    assert planned(f"a,{rgb()}", stretch_values=[0, 1])[0].bands == [1, 2, 3]
    assert planned(f"a,{rgb()}", stretch_values=[[0, 1]] * 3)[0].bands == [1, 2, 3]
