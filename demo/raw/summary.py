"""What became of the raw image of the demo, and where to look."""

from pathlib import Path

import pyarrow.parquet as pq
import rasterio

RESULTS = Path("results/raw")
SCENE = "PSP_001446_1790_BG12_0"

if __name__ == "__main__":
    (row,) = pq.read_table(RESULTS / "plan.parquet").to_pylist()
    (raster,) = pq.read_table(RESULTS / "georeferenced" / f"{SCENE}.parquet").to_pylist()
    count = pq.read_metadata(RESULTS / "catalogue" / "craters.parquet").num_rows
    with rasterio.open(raster["path"]) as source:
        tags, size = source.tags(), f"{source.width} x {source.height} px"
    print(
        f"\n{SCENE}: a raw {row['instrument']} image of {row['image_gsd_m']:.2f} m/px, the Sun "
        f"{row['incidence_deg']:.0f} degrees off the vertical.\n"
        f"Way onto the map: {row['georef_method']}; places are expected to be off by {row['error_m']:.0f} m.\n"
        f"Projected to {size} of {raster['scale_m']:g} m, coordinates within {tags['projection_error_px']} px of the "
        f"camera's; corrections: {tags['corrections']}.\n"
        f"{count} craters found by a network that has learnt photographs of the Moon: do not believe them.\n\n"
        f"Raster      {raster['path']}\n"
        f"Picture     {RESULTS}/annotated/{SCENE}.png\n"
        f"Catalogue   {RESULTS}/catalogue/craters.gpkg (.parquet, .shp)"
    )
