"""Map templates, read back by pvl, and by GDAL as the label of a cube."""

import numpy as np
import pvl
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer
from rasterio.enums import Resampling

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.isis.map_file import map_text
from orbitile.rasters.read import opened_raster, read_window
from orbitile.rasters.resample import warped_blocks
from orbitile.space.grids import Grid, Window

EQC = "+proj=eqc +lat_ts=30 +lon_0=20 +R=1737400 +type=crs"
POLAR = "+proj=stere +lat_0=-90 +lat_ts=-71 +lon_0=10 +R=1737400 +type=crs"
MAPS = {
    "IAU_2015:30110": ("Equirectangular", "Moon", 1737400, 0, 0, 180),
    "IAU_2015:49910": ("Equirectangular", "Mars", 3396190, 0, 0, 180),
    "IAU_2015:49915": ("Equirectangular", "Mars", 3396190, 0, 180, 360),
    EQC: ("Equirectangular", None, 1737400, 30, 20, 180),
    EQC.replace("=20", "=-170"): ("Equirectangular", None, 1737400, 30, 190, 360),
    EQC.replace("=20", "=270"): ("Equirectangular", None, 1737400, 30, -90, 180),
    "IAU_2015:30130": ("PolarStereographic", "Moon", 1737400, 90, 0, 180),
    "IAU_2015:49935": ("PolarStereographic", "Mars", 3396190, -90, 0, 180),
    POLAR: ("PolarStereographic", None, 1737400, -71, 10, 180),
    "IAU_2015:19920": ("Sinusoidal", "Mercury", 2440530, None, 0, 180),
}
CUBE = """Object = IsisCube
  Object = Core
    StartByte = 8193
    Format = Tile
    TileSamples = 4
    TileLines = 4
    Group = Dimensions
      Samples = 4
      Lines = 4
      Bands = 1
    End_Group
    Group = Pixels
      Type = Real
      ByteOrder = Lsb
      Base = 0.0
      Multiplier = 1.0
    End_Group
  End_Object
{mapping}
    UpperLeftCornerX = 12000.0 <meters>
    UpperLeftCornerY = -24000.0 <meters>
  End_Group
End_Object
End
"""


@pytest.mark.parametrize("crs", MAPS)
def test_templates(crs):
    name, target, radius, latitude, longitude, domain = MAPS[crs]
    found = pvl.loads(map_text(CRS(crs).to_wkt(), 6.25))["Mapping"]
    assert found["ProjectionName"] == name
    assert found.get("TargetName") == target
    assert found["EquatorialRadius"] == found["PolarRadius"] == (radius, "meters")
    assert (found["LatitudeType"], found["LongitudeDirection"]) == ("Planetocentric", "PositiveEast")
    assert (found.get("CenterLatitude"), found["CenterLongitude"]) == (latitude, longitude)
    assert found["LongitudeDomain"] == domain
    assert found["PixelResolution"] == (6.25, "meters/pixel")


@pytest.mark.parametrize("crs", MAPS)
def test_gdal_finds_the_map_we_meant(tmp_path, crs):
    """In a cube's label, as cam2map copies it: places on the map lie where they should on the body."""
    path, wanted = tmp_path / "a.cub", CRS(crs)
    mapping = map_text(wanted.to_wkt(), 100).partition("End_Group")[0]
    path.write_bytes(CUBE.format(mapping=mapping).encode().ljust(8192, b"\0") + np.zeros(16, "<f4").tobytes())
    with rasterio.open(path) as cube:
        seen, transform = CRS(cube.crs.to_wkt()), cube.transform
    assert (transform.a, transform.e, transform.c, transform.f) == (100, -100, 12000, -24000)
    x, y = np.meshgrid([-300e3, 12000, 250e3], [-200e3, -24000, 120e3])
    places = [Transformer.from_crs(one, one.geodetic_crs, always_xy=True).transform(x, y) for one in (seen, wanted)]
    assert np.allclose(*places, atol=1e-9)
    assert seen.ellipsoid.semi_major_metre == wanted.ellipsoid.semi_major_metre
    assert np.isclose(seen.ellipsoid.semi_minor_metre, wanted.ellipsoid.semi_major_metre)


@pytest.mark.parametrize(
    ("crs", "says"),
    [
        ("IAU_2015:49900", "Ocentric (longitude and latitude); maps it can project to are equidistant"),
        ("IAU_2015:49960", "(Transverse Mercator); maps it can project to are"),
        ("IAU_2015:49912", "its body is not a sphere; take the same map on the body's sphere"),
        ("+proj=eqc +lat_ts=30 +lat_0=5 +R=1737400 +type=crs", "its latitude of natural origin is 5, which must be 0"),
        ("+proj=eqc +x_0=1000 +R=1737400 +type=crs", "its false easting is 1000, which must be 0"),
        ("+proj=stere +lat_0=90 +k=0.994 +R=1737400 +type=crs", "which must be 1"),
        ("+proj=sinu +R=1737400 +units=km +type=crs", "its unit is not the metre"),
        ("+proj=eqc +R=1737400 +axis=wnu +type=crs", "its axes do not point to east and north"),
    ],
)
def test_what_isis_cannot_do_is_told_with_its_name(crs, says):
    with pytest.raises(OrbitileError) as error:
        map_text(CRS(crs).to_wkt(), 6)
    assert str(error.value).startswith(f"crs: ISIS cannot project to {CRS(crs).name}")
    assert says in str(error.value)


@pytest.mark.parametrize("how", ["as it is", "averaged", "warped"])
def test_saturated_pixels_of_cubes_are_no_data(tmp_path, how):
    """ISIS marks them with values of their own beside that of pixels without data, which is the only one GDAL tells."""
    path, crs = tmp_path / "a.cub", CRS("IAU_2015:30110")
    special = np.array([0xFF7FFFFB, 0xFF7FFFFC, 0xFF7FFFFD, 0xFF7FFFFE, 0xFF7FFFFF], "<u4").view("<f4")
    pixels = np.append(special, np.full(11, 0.25, "<f4"))
    mapping = map_text(crs.to_wkt(), 100).partition("End_Group")[0]
    path.write_bytes(CUBE.format(mapping=mapping).encode().ljust(8192, b"\0") + pixels.tobytes())
    with opened_raster(str(path)) as cube:
        if how == "warped":
            grid = Grid(crs.to_wkt(), cube.transform @ Affine.translation(0.25, 0.25), 4, 4)
            ((_, found, valid),) = warped_blocks(cube, grid, Resampling.bilinear)
        else:
            found, valid = read_window(cube, Window(0, 0, 4, 4), shape=(2, 2) if how == "averaged" else None)
    assert valid.sum() == (4 if how == "averaged" else 11)
    assert set(found[valid]) == {0.25}


@given(st.floats(-360, 360))
def test_the_centre_lies_well_inside_its_range_of_longitudes(longitude):
    """So that places up to a quarter turn from it lie on the map where they lie on ours, and not a turn beside."""
    found = pvl.loads(map_text(CRS(f"+proj=sinu +lon_0={longitude:.6f} +R=1737400 +type=crs").to_wkt(), 6))["Mapping"]
    centre, domain = found["CenterLongitude"], found["LongitudeDomain"]
    low, high = (-180, 180) if domain == 180 else (0, 360)
    assert low + 90 - 1e-6 <= centre <= high - 90 + 1e-6
    assert (centre - longitude + 180) % 360 - 180 == pytest.approx(0, abs=1e-5)
