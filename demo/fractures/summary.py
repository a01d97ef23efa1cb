"""What the fracture demo found, and where to look."""

import json
from pathlib import Path

RESULTS = Path("results/fractures")

if __name__ == "__main__":
    proof = json.loads((RESULTS / "map" / "polygons.json").read_text())
    (judged,) = json.loads((RESULTS / "evaluation" / "metrics.json").read_text())["by_scale"]
    pixels, lines = judged["pixels"]["fracture"]["pooled"], judged["lines"]
    print(
        f"\n{proof['rows']:,} polygons of {proof['area_m2'] / 1e6:,.0f} km2, with {proof['lines']:,} centre lines of "
        f"{proof['length_m'] / 1000:,.0f} km. The fractures are made up, the terrain is real.\n"
        f"Pixels: F1 {pixels['f1']:.3f}, precision {pixels['precision']:.3f}, recall {pixels['recall']:.3f}, "
        f"IoU {pixels['iou']:.3f}.\n"
        f"Lines, within {lines['tolerance_m']:g} m: F1 {lines['f1']:.3f}; {100 * lines['precision']:.0f} % of what "
        f"is found is true, {100 * lines['recall']:.0f} % of what is true is found, by length.\n\n"
        f"Map         {RESULTS}/map/polygons.gpkg, lines.gpkg (.parquet, .shp), summary.csv, rose.png\n"
        f"Picture     {RESULTS}/map/map.png\n"
        f"Each scene  {RESULTS}/annotated/*.png (probability, polygons, lines)\n"
        f"Probability {RESULTS}/probability/*/*.tif (0..255)\n"
        f"Figures     {RESULTS}/evaluation/metrics.json, metrics.png"
    )
