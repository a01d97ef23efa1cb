"""Images that GDAL reads against their labels; all are made up."""

import numpy as np
import pytest
import rasterio
from raw_archive import CTX_LABEL, HIRISE, Archive

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.raw.against_label import check_against_label
from orbitile.georeferencing.raw.label import PvlLabel

RADIUS_KM = 3396.19
PIXELS = np.arange(60 * 80, dtype=np.uint8).reshape(60, 80)
PER_DEGREE = 20.0
"""Pixels per degree of the made-up maps, 4 degrees wide and 3 high, with the upper left corner at 30 E, 12 N."""


def check(path):
    with rasterio.open(path) as source:
        check_against_label(source, PvlLabel.find(path))


@pytest.fixture
def projected(tmp_path):
    """Writes a PDS3 image in a simple cylindrical map, with keywords of IMAGE_MAP_PROJECTION replaced."""

    def write(detached=False, lines=60, **keywords):
        metres = np.radians(1 / PER_DEGREE) * RADIUS_KM
        mapping = dict(
            MAP_PROJECTION_TYPE='"SIMPLE CYLINDRICAL"', A_AXIS_RADIUS=f"{RADIUS_KM} <KM>",
            B_AXIS_RADIUS=f"{RADIUS_KM} <KM>", C_AXIS_RADIUS=f"{RADIUS_KM} <KM>",
            COORDINATE_SYSTEM_NAME="PLANETOCENTRIC", POSITIVE_LONGITUDE_DIRECTION="EAST", CENTER_LATITUDE="0.0 <DEG>",
            CENTER_LONGITUDE="0.0 <DEG>", MAP_SCALE=f"{metres} <KM/PIXEL>", MAP_RESOLUTION=f"{PER_DEGREE} <PIX/DEG>",
            LINE_PROJECTION_OFFSET=12 * PER_DEGREE - 0.5, SAMPLE_PROJECTION_OFFSET=-30 * PER_DEGREE - 0.5,
            MAXIMUM_LATITUDE="12.0 <DEG>", MINIMUM_LATITUDE="9.0 <DEG>", EASTERNMOST_LONGITUDE="34.0 <DEG>",
            WESTERNMOST_LONGITUDE="30.0 <DEG>",
        ) | keywords  # fmt: skip
        label = dict(
            RECORD_TYPE="FIXED_LENGTH", RECORD_BYTES=80, PRODUCT_ID="MAP", TARGET_NAME="MARS",
            IMAGE=dict(LINES=lines, LINE_SAMPLES=80, SAMPLE_BITS=8, SAMPLE_TYPE="UNSIGNED_INTEGER"),
            IMAGE_MAP_PROJECTION={key: value for key, value in mapping.items() if value is not None},
        )  # fmt: skip
        path = Archive(tmp_path).write("map.img", label, PIXELS, 80, detached)
        return path.with_suffix(".lbl") if detached else path

    return write


@pytest.mark.parametrize("detached", [False, True])
def test_gdal_reads_the_made_up_map_where_it_lies(projected, detached):
    with rasterio.open(projected(detached)) as source:
        assert source.driver == "PDS"
        assert np.array_equal(source.read(1), PIXELS)
        assert source.bounds.left / source.transform.a == pytest.approx(600, abs=1)
        check_against_label(source, PvlLabel.find(source.name))


@pytest.mark.parametrize(
    "keywords",
    [
        dict(MAXIMUM_LATITUDE="12.14"),
        dict(WESTERNMOST_LONGITUDE="-330.0", EASTERNMOST_LONGITUDE="394.0"),
        dict(MAXIMUM_LATITUDE=None, EASTERNMOST_LONGITUDE=None),
        dict(POSITIVE_LONGITUDE_DIRECTION="WEST", WESTERNMOST_LONGITUDE="330.0", EASTERNMOST_LONGITUDE="326.0",
             CENTER_LONGITUDE="0.0"),
    ],
)  # fmt: skip
def test_limits_within_three_pixels_pass_whatever_turn_they_are_given_in(projected, keywords):
    check(projected(**keywords))


@pytest.mark.parametrize(
    "keywords, side, says",
    [
        (dict(MAXIMUM_LATITUDE="12.2"), "north", "12.2 .* by MAXIMUM_LATITUDE of its label"),
        (dict(MINIMUM_LATITUDE="8.8"), "south", "8.8 .* by MINIMUM_LATITUDE of its label"),
        (dict(EASTERNMOST_LONGITUDE="34.2"), "east", "34.2 .* by EASTERNMOST_LONGITUDE of its label"),
        (dict(WESTERNMOST_LONGITUDE="210.0"), "west", "210 .* by WESTERNMOST_LONGITUDE of its label"),
    ],
)
def test_limits_elsewhere_are_refused_with_both_values(projected, keywords, side, says):
    with pytest.raises(OrbitileError, match=rf"{side} side .* degrees as GDAL reads it, but at {says}") as error:
        check(projected(**keywords))
    assert "\n" not in str(error.value)


def geotiff(path, pixels, crs=None, transform=None):
    profile = dict(driver="GTiff", width=pixels.shape[1], height=pixels.shape[0], count=1, dtype=pixels.dtype)
    with rasterio.open(path, "w", crs=crs, transform=transform, **profile) as sink:
        sink.write(pixels, 1)
    return path


def label_beside(path, lines, samples, **mapping):
    image = dict(LINES=lines, LINE_SAMPLES=samples, SAMPLE_BITS=8, SAMPLE_TYPE="UNSIGNED_INTEGER")
    more = dict(IMAGE_MAP_PROJECTION=mapping) if mapping else {}
    path.with_suffix(".lbl").write_text(Archive.text(dict(IMAGE=image) | more))


@pytest.mark.parametrize("lines, samples, says", [(61, 80, "60 as LINES, but .* says 61"),
                                                  (60, 70, "80 as LINE_SAMPLES, but .* says 70")])  # fmt: skip
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_another_size_is_refused(tmp_path, lines, samples, says):
    path = geotiff(tmp_path / "a.tif", PIXELS)
    check(path)
    label_beside(path, 60, 80)
    check(path)
    label_beside(path, lines, samples)
    with pytest.raises(OrbitileError, match=f"GDAL reads {says}"):
        check(path)


ELLIPSOID = "+proj=eqc +a=3396190 +b=3376200 +units=m"


@pytest.mark.parametrize("kind, north, south", [("PLANETOGRAPHIC", 41, 40), ("PLANETOCENTRIC", 40.667276, 39.666789)])
def test_planetographic_latitudes_are_compared_as_planetocentric_ones(tmp_path, kind, north, south):
    """A map from 40 to 41 N, planetographic, with 100 lines: the two kinds differ by 33 of them."""
    degree = np.radians(1) * 3396190
    transform = rasterio.Affine(degree / 100, 0, 10 * degree, 0, -degree / 100, 41 * degree)
    path = geotiff(tmp_path / "a.tif", np.zeros((100, 100), np.uint8), ELLIPSOID, transform)
    where = dict(MAP_PROJECTION_TYPE="EQUIRECTANGULAR", A_AXIS_RADIUS=3396.19, C_AXIS_RADIUS=3376.2)
    label_beside(path, 100, 100, **where, COORDINATE_SYSTEM_NAME=kind, MAXIMUM_LATITUDE=north, MINIMUM_LATITUDE=south)
    check(path)
    other = "PLANETOCENTRIC" if kind == "PLANETOGRAPHIC" else "PLANETOGRAPHIC"
    label_beside(path, 100, 100, **where, COORDINATE_SYSTEM_NAME=other, MAXIMUM_LATITUDE=north, MINIMUM_LATITUDE=south)
    with pytest.raises(OrbitileError, match="north side"):
        check(path)


@pytest.mark.parametrize("north, south, passes", [(90, 80, True), (88, 81, True), (90, 60, False), (-80, -90, False)])
def test_polar_maps_must_reach_their_labels_latitudes(tmp_path, north, south, passes):
    """A polar stereographic map of 600 km on each side of the pole: down to 80 N in the middle of its sides."""
    transform = rasterio.Affine(12000, 0, -600000, 0, -12000, 600000)
    crs = "+proj=stere +lat_0=90 +a=3396190 +b=3396190 +units=m"
    path = geotiff(tmp_path / "a.tif", np.zeros((100, 100), np.uint8), crs, transform)
    where = dict(MAP_PROJECTION_TYPE='"POLAR STEREOGRAPHIC"')
    label_beside(path, 100, 100, **where, MAXIMUM_LATITUDE=north, MINIMUM_LATITUDE=south)
    if passes:
        return check(path)
    with pytest.raises(OrbitileError, match=r"degrees of latitude as GDAL reads it, but M.*_LATITUDE of its label is"):
        check(path)


def isis_cube(folder, samples=80, **mapping):
    """A made-up ISIS cube in a simple cylindrical map, with 4 degrees from 30 E and 3 degrees from 12 N."""
    metres = np.radians(1 / PER_DEGREE) * RADIUS_KM * 1000
    groups = dict(
        ProjectionName="SimpleCylindrical", CenterLongitude=0.0, TargetName="Mars",
        EquatorialRadius="3396190.0 <meters>",
        PolarRadius="3376200.0 <meters>", LatitudeType="Planetocentric", LongitudeDirection="PositiveEast",
        LongitudeDomain=180, MinimumLatitude=9.0, MaximumLatitude=12.0, MinimumLongitude=30.0, MaximumLongitude=34.0,
        UpperLeftCornerX=f"{30 * PER_DEGREE * metres} <meters>",
        UpperLeftCornerY=f"{12 * PER_DEGREE * metres} <meters>",
        PixelResolution=f"{metres} <meters/pixel>", Scale=f"{PER_DEGREE} <pixels/degree>",
    ) | mapping  # fmt: skip
    group = "\n".join(f"    {key} = {value}" for key, value in groups.items())
    text = f"""Object = IsisCube
  Object = Core
    StartByte = 65537
    Format = BandSequential
    Group = Dimensions
      Samples = {samples}
      Lines = 60
      Bands = 1
    End_Group
    Group = Pixels
      Type = UnsignedByte
      ByteOrder = Lsb
      Base = 0.0
      Multiplier = 1.0
    End_Group
  End_Object
  Group = Mapping
{group}
  End_Group
End_Object
End
"""
    path = folder / "a.cub"
    path.write_bytes(text.encode().ljust(65536, b"\0") + PIXELS.tobytes())
    return path


@pytest.mark.parametrize(
    "mapping",
    [dict(), dict(LongitudeDirection="PositiveWest", MinimumLongitude=-34.0, MaximumLongitude=-30.0)],
)
def test_isis_cubes_are_compared_too(tmp_path, mapping):
    check(isis_cube(tmp_path, **mapping))


@pytest.mark.parametrize(
    "mapping, says",
    [
        (dict(MaximumLatitude=13.0), "north side .* at 13 .* by MaximumLatitude of its label"),
        (dict(MinimumLongitude=31.0), "west side .* at 31 .* by MinimumLongitude of its label"),
        (dict(LongitudeDirection="PositiveWest", MinimumLongitude=-34.0, MaximumLongitude=-29.0),
         "west side .* at 29 .* by MaximumLongitude of its label"),
    ],
)  # fmt: skip
def test_isis_cubes_elsewhere_are_refused(tmp_path, mapping, says):
    with pytest.raises(OrbitileError, match=says):
        check(isis_cube(tmp_path, **mapping))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_the_raw_hirise_image_that_gdal_shears_is_refused():
    with pytest.raises(OrbitileError, match="18 bytes before and 16 after the pixels, and GDAL reads them sheared"):
        check(HIRISE)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_the_label_of_another_image_beside_one_is_refused(tmp_path):
    path = geotiff(tmp_path / "B10.tif", PIXELS)
    path.with_suffix(".lbl").write_bytes(CTX_LABEL.read_bytes())
    with pytest.raises(OrbitileError, match=r"B10.tif: GDAL reads 60 as LINES, but .*B10.lbl says 400"):
        check(path)
