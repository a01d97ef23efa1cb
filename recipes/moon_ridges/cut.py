"""Cut the scenes and lines of mare ridges out of the global lunar mosaic and the digital geological maps.

    python recipes/moon_ridges/cut.py MOSAIC.tif STRUCTURES.gpkg

MOSAIC.tif is the shaded relief of LROC WAC GLD100, 0-360 E, 60 S-60 N, 23040 x 7680 px; STRUCTURES.gpkg the lines of
the maps of Fortezzo and Hare (2013), with the column kind. See recipes/moon_ridges/README.md.
"""

import sys
from pathlib import Path

import geopandas as gpd
import pandas as pd
import rasterio
import shapely
from affine import Affine
from rasterio.windows import Window
from snap import snapped

FOLDER = Path(__file__).parent / "scenes"
MAP = "IAU_2015:30115"
PX_PER_DEG = 64
WEST, EAST = -100, -50
KIND = "Mare ridge"
BELTS = {"training": [(-30, 0), (10, 15), (30, 35), (40, 50)], "held_out": [(0, 10), (35, 40)]}
"""South and north in degrees. The lines of 15-30 N are not given, and so neither is trained nor judged there."""


def name(south: int, north: int) -> str:
    """The scene id of a belt, e.g. belt_30S_00N."""
    return "_".join(["belt", *(f"{abs(lat):02d}{'S' if lat < 0 else 'N'}" for lat in (south, north))])


def cut(mosaic: rasterio.DatasetReader, south: int, north: int, path: Path) -> None:
    """Write the scene of a belt, on the map whose central meridian is 180 E."""
    width, height = (EAST - WEST) * PX_PER_DEG, (north - south) * PX_PER_DEG
    window = Window((WEST + 360) * PX_PER_DEG, (60 - north) * PX_PER_DEG, width, height)
    step = mosaic.transform.a
    corner = Affine.translation((WEST + 180) * PX_PER_DEG * step, north * PX_PER_DEG * step)
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=1, dtype="uint8", crs=MAP,
        transform=corner * Affine.scale(step, -step), compress="DEFLATE", predictor=2, tiled=True,
    ) as scene:  # fmt: skip
        scene.write(mosaic.read(1, window=window), 1)


def ridges(structures: gpd.GeoDataFrame, belts: list[tuple[int, int]]) -> gpd.GeoDataFrame:
    """The mare ridges within belts, as lines of a width class whose width the settings say."""
    area = shapely.union_all([shapely.box(WEST, south, EAST, north) for south, north in belts])
    lines = structures[structures["kind"] == KIND].clip(area).explode(ignore_index=True)
    return lines[["kind", "geometry"]].assign(width="tiny")


def main(mosaic_path: str, structures_path: str) -> None:
    """Write scenes/ with the scenes, scene tables and lines of both sets of belts; it is not kept in git."""
    structures = gpd.read_file(structures_path)
    with rasterio.open(mosaic_path) as mosaic:
        for part, belts in BELTS.items():
            rows = [dict(scene=name(*belt), path=f"{name(*belt)}.tif") for belt in belts]
            for row, belt in zip(rows, belts, strict=True):
                cut(mosaic, *belt, FOLDER / row["path"])
            pd.DataFrame(rows).to_csv(FOLDER / f"{part}.csv", index=False)
            lines = ridges(structures, belts)
            lines.to_file(FOLDER / f"{part}.gpkg")
            snapped(lines, [FOLDER / row["path"] for row in rows]).to_file(FOLDER / f"{part}_snapped.gpkg")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
