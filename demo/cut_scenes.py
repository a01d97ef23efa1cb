"""Cut the demo's and the training's scenes out of the global lunar mosaic.

    python demo/cut_scenes.py MOSAIC.tif CRATERS.csv

MOSAIC.tif is the shaded relief of LROC WAC GLD100, 0-360 E, 60 S-60 N, 23040 x 7680 px;
CRATERS.csv the table of craters of 5 km and more that belongs to it. See demo/README.md.
"""

import sys
from pathlib import Path

import pandas as pd
import rasterio
from affine import Affine
from rasterio.windows import Window

HERE = Path(__file__).parent
MAP = "IAU_2015:30115"
PX_PER_DEG = 64
DEMO = [(lon, lat, 30, 30) for lat in (0, -30, -60) for lon in (150, 180, 210)]
TRAINING = [(lon, lat, width, 60) for lat in (0, -60) for lon, width in ((0, 70), (70, 70), (250, 55), (305, 55))]
"""South-west corner, width and height in degrees. No training scene has a pixel in 140-250 E."""


def name(lon: int, lat: int) -> str:
    """The scene id of a south-west corner, e.g. moon_150E_30S."""
    return f"moon_{lon:03d}E_{abs(lat):02d}{'S' if lat < 0 else 'N'}"


def cut(mosaic: rasterio.DatasetReader, area: tuple[int, int, int, int], path: Path) -> None:
    """Write the scene of an area, on the map whose central meridian is 180 E."""
    lon, lat, width, height = (value * PX_PER_DEG for value in area)
    window = Window(lon, 60 * PX_PER_DEG - lat - height, width, height)
    step = mosaic.transform.a
    corner_x, corner_y = (lon - 180 * PX_PER_DEG) * step, (lat + height) * step
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=1, dtype="uint8", crs=MAP,
        transform=Affine(step, 0, corner_x, 0, -step, corner_y), compress="DEFLATE", predictor=2, zlevel=9,
        tiled=True, blockxsize=512, blockysize=512,
    ) as scene:  # fmt: skip
        scene.write(mosaic.read(1, window=window), 1)


def write_set(mosaic: rasterio.DatasetReader, areas: list, folder: Path) -> None:
    """Cut a set of scenes into a folder and write its scene table."""
    rows = []
    for area in areas:
        scene = name(*area[:2])
        cut(mosaic, area, folder / "scenes" / f"{scene}.tif")
        rows.append(dict(scene=scene, path=f"scenes/{scene}.tif"))
    pd.DataFrame(rows).to_csv(folder / "scenes.csv", index=False)


def write_craters(craters: pd.DataFrame, folder: Path) -> None:
    """Write a crater table with longitudes in -180..180."""
    lon = (craters["lon_deg_e360"] + 180) % 360 - 180
    table = pd.DataFrame(dict(lon=lon.round(6), lat=craters["lat_deg_n"], diameter_km=craters["diam_km"]))
    table.assign(source=craters["source"]).to_csv(folder / "craters.csv", index=False)


def main(mosaic_path: str, craters_path: str) -> None:
    """Write demo/ (scenes and truth) and demo/training/ (scenes and craters, not kept in git)."""
    craters = pd.read_csv(craters_path)
    lon, lat = craters["lon_deg_e360"], craters["lat_deg_n"]
    with rasterio.open(mosaic_path) as mosaic:
        write_set(mosaic, DEMO, HERE)
        write_set(mosaic, TRAINING, HERE / "training")
    write_craters(craters[lon.between(150, 240) & lat.between(-60, 30)], HERE)
    write_craters(craters, HERE / "training")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
