"""Draw the network's lines of a belt (orange) and the drawn ones (blue) over the relief.

    python recipes/moon_ridges/picture.py LINES.gpkg belt_00N_10N WEST EAST OUT.png

LINES.gpkg is results/moon_ridges_held_out/map/lines.gpkg; west and east are in degrees.
"""

import sys
from pathlib import Path

import geopandas as gpd
import matplotlib.pyplot as plt
import rasterio
import shapely
from rasterio.windows import from_bounds

FOLDER = Path(__file__).parent / "scenes"
PX_PER_INCH = 100


def main(lines_path: str, belt: str, west: float, east: float, out: str) -> None:
    """Write the picture, a pixel of the relief on each of its pixels."""
    with rasterio.open(FOLDER / f"{belt}.tif") as scene:
        corners = gpd.GeoSeries([shapely.box(west, -60, east, 60)], crs="IAU_2015:30100").to_crs(scene.crs)
        left, _, right, _ = corners.total_bounds
        relief = scene.read(1, window=from_bounds(left, scene.bounds.bottom, right, scene.bounds.top, scene.transform))
        extent, crs = (left, right, scene.bounds.bottom, scene.bounds.top), scene.crs
    figure = plt.figure(figsize=(relief.shape[1] / PX_PER_INCH, relief.shape[0] / PX_PER_INCH), dpi=PX_PER_INCH)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(relief, cmap="gray", vmin=125, vmax=175, extent=extent)
    for path, colour, width in ((FOLDER / "held_out.gpkg", "deepskyblue", 1.2), (lines_path, "orange", 1.8)):
        gpd.read_file(path).to_crs(crs).plot(ax=axes, color=colour, linewidth=width)
    axes.set(xlim=extent[:2], ylim=extent[2:], aspect="auto")
    axes.axis("off")
    figure.savefig(out)


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]), sys.argv[5])
