from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS

from orbitile.space.ground import distance
from orbitile.tables.rasters import RasterRow
from orbitile.web.image_tiles import TILE_PX, choose_levels, scenes_of_rasters, tiles_of_scenes, write_pyramid
from orbitile.web.tile_maps import MAPS

RADIUS_M = 1737400.0
GSD_M, SIDE = 2000.0, 300
CYLINDRICAL, NORTH, _ = MAPS
MARS_ELLIPSOID = "+proj=stere +lat_0=90 +a=3396190 +b=3376200"


def write_disc(folder, crs, centre, disc, radius_m=RADIUS_M, name="a", hole=False):
    """A scene around map coordinates, with a bright disc (longitude, latitude, diameter in m) on dark."""
    from orbitile.space.grids import Grid
    from orbitile.space.ground import Ground

    half = SIDE / 2 * GSD_M
    transform = Affine(GSD_M, 0, centre[0] - half, 0, -GSD_M, centre[1] + half)
    wkt = CRS(crs).to_wkt()
    columns, rows = np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5)
    lon, lat = Ground(wkt, radius_m).lonlat(*Grid(wkt, transform, SIDE, SIDE).to_map(columns, rows))
    pixels = np.where(distance(lon, lat, disc[0], disc[1]) * radius_m <= disc[2] / 2, 210, 60).astype(np.uint8)
    if hole:
        pixels[:, : SIDE // 2] = 0
    path = folder / f"{name}.tif"
    with rasterio.open(path, "w", driver="GTiff", width=SIDE, height=SIDE, count=1, dtype="uint8", crs=wkt,
                       transform=transform, nodata=0) as sink:  # fmt: skip
        sink.write(pixels, 1)
    return RasterRow(name, GSD_M, str(path), wkt, list(transform)[:6], SIDE, SIDE, 1.0, [0.0], [255.0], "projected")


def tile_places(tile_map, level, column, row):
    """Longitudes and latitudes of a tile's pixels."""
    centres = (np.arange(TILE_PX) + 0.5) / TILE_PX
    return tile_map.lonlat(*np.meshgrid((column + centres) / 2**level, (row + centres) / 2**level))


def read_tile(folder, level, column, row):
    from PIL import Image

    colours = np.array(Image.open(folder / f"{level}-{column}-{row}.webp"))
    return colours[..., 0].astype(int), colours[..., 3] > 0


@pytest.mark.parametrize(
    ("crs", "centre", "disc", "tile_map", "radius_m"),
    [
        ("+proj=eqc +R=1737400 +lon_0=40", (0, 1_819_000), (40, 60, 200e3), CYLINDRICAL, RADIUS_M),
        ("IAU_2015:30115", (0, 0), (180, 1, 200e3), CYLINDRICAL, RADIUS_M),
        ("IAU_2015:30130", (0, 0), (70, 88, 200e3), CYLINDRICAL, RADIUS_M),
        ("IAU_2015:30130", (0, 0), (70, 88, 200e3), NORTH, RADIUS_M),
        ("+proj=eqc +R=1737400", (0, 2_600_000), (0, 87, 150e3), NORTH, RADIUS_M),
        (MARS_ELLIPSOID, (0, 0), (-30, 88, 200e3), NORTH, 3396190.0),
        (MARS_ELLIPSOID, (0, -1_500_000), (0, 65, 200e3), NORTH, 3396190.0),
    ],
    ids=["60N", "180", "pole, cylindrical", "pole", "pole of a cylindrical image", "ellipsoid", "ellipsoid, 65N"],
)
def test_discs_lie_where_they_are(tmp_path, crs, centre, disc, tile_map, radius_m):
    """On the sphere, planetocentric, whatever the map of the image: to two of its pixels, at the finest level."""
    row = write_disc(tmp_path, crs, centre, disc, radius_m)
    scenes = scenes_of_rasters([row], radius_m)
    finest = choose_levels(scenes, MAPS, 10_000).finest[tile_map.name]
    tiles = [tile for tile in write_pyramid(scenes, tile_map, finest, tmp_path / "tiles") if tile[0] == finest]
    bright = 0
    for tile in tiles:
        grey, valid = read_tile(tmp_path / "tiles", *tile)
        lon, lat = tile_places(tile_map, *tile)
        distance_m = distance(lon, lat, disc[0], disc[1]) * radius_m
        inside = valid & (distance_m < disc[2] / 2 - 2 * GSD_M)
        outside = valid & (distance_m > disc[2] / 2 + 2 * GSD_M)
        bright += int(inside.sum())
        assert not inside.any() or grey[inside].min() > 180
        assert not outside.any() or grey[outside].max() < 90
    assert bright > 500


def test_coarser_levels_are_means_of_what_is_valid(tmp_path):
    row = write_disc(tmp_path, "+proj=eqc +R=1737400", (0, 0), (0, 0, 300e3), hole=True)
    scenes = scenes_of_rasters([row], RADIUS_M)
    written = write_pyramid(scenes, CYLINDRICAL, 3, tmp_path / "tiles")
    assert {level for level, _, _ in written} == {0, 1, 2, 3}
    assert sorted(path.name for path in (tmp_path / "tiles").iterdir()) == sorted(
        "{}-{}-{}.webp".format(*tile) for tile in written
    )
    grey, valid = read_tile(tmp_path / "tiles", 0, 1, 0)
    lon, lat = tile_places(CYLINDRICAL, 0, 1, 0)
    assert valid[(lon < 9) & (np.abs(lat) < 9)].all() and not valid[(lon > 11) | (np.abs(lat) > 11)].any()
    assert grey[valid].min() > 40  # nothing of the hole is mixed in


def test_levels_end_where_there_would_be_too_many_tiles(tmp_path):
    scenes = scenes_of_rasters([write_disc(tmp_path, "+proj=eqc +R=1737400", (0, 0), (0, 0, 9e4))], RADIUS_M)
    all_levels = choose_levels(scenes, MAPS, 10_000)
    assert all_levels.finest == all_levels.needed == dict(cylindrical=3)
    assert choose_levels(scenes, MAPS, 1).finest == dict(cylindrical=0)
    tiles = [len(tiles_of_scenes(scenes, CYLINDRICAL, level)) for level in range(4)]
    assert choose_levels(scenes, MAPS, sum(tiles) - 1).finest == dict(cylindrical=2)
    assert choose_levels(scenes, MAPS, sum(tiles)).finest == dict(cylindrical=3)


def test_finer_scenes_lie_on_top(tmp_path):
    coarse = write_disc(tmp_path, "+proj=eqc +R=1737400", (0, 0), (0, 0, 9e9), name="a")
    fine = write_disc(tmp_path, "+proj=eqc +R=1737400", (0, 0), (90, 0, 10), name="b")
    fine.__dict__["scale_m"] = GSD_M / 2
    write_pyramid(scenes_of_rasters([coarse, fine], RADIUS_M), CYLINDRICAL, 1, tmp_path / "tiles")
    grey, valid = read_tile(tmp_path / "tiles", 1, 2, 0)
    assert valid.any() and grey[valid].max() < 90


def test_no_scene_no_tile(tmp_path):
    assert write_pyramid([], CYLINDRICAL, 0, Path(tmp_path / "tiles")) == []
